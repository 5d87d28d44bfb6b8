//! That what is asked of the database is found by an index, where the server says how it
//! looks: a MongoDB by `TEST_MONGODB_URI` does.

use super::{
    MongoArchive, MongoRegistry,
    alerts::{self, Alerts},
    archive, compact,
    connect::Mongo,
    registry,
    segment::{HOUR_MS, date},
    store::Writer,
    tail::Patrols,
    tasks::{self, Tasks},
};
use crate::ports::{AlertsOf, TasksOf, TimeRange};
use mongodb::{
    Client,
    bson::{Bson, Document, doc},
};
use sentinel_model::{Scope, Time, UnitId};
use std::time::Duration;

const NOW: Time = Time(1_795_226_400_000);
/// By an index, or by `_id`.
const LOOKED_UP: [&str; 3] = ["IXSCAN", "EXPRESS_IXSCAN", "IDHACK"];
const READ_THROUGH: &str = "COLLSCAN";

/// Everything that is asked of large collections: what for, where, the filter, the order.
fn asked() -> Vec<(&'static str, &'static str, Document, Document)> {
    let unit: UnitId = "PC-1".parse().expect("a good id");
    let (segments, patrols) = (MongoArchive::SEGMENTS, Patrols::FOLDED);
    let day = TimeRange { from: NOW.plus_ms(-24 * HOUR_MS), to: NOW };
    let hour = TimeRange { from: NOW.plus_ms(-HOUR_MS), to: NOW };
    let until_now = || doc! { "$lte": NOW.ms() };
    let lasting = |whose: Document| registry::lasting(&whose, until_now(), NOW.ms());
    let (of_unit, of_units) = (doc! { "unit": "PC-1" }, doc! { "unit": { "$in": ["PC-1", "PC-2"] } });
    let of_stations = doc! { "station": { "$in": ["station:1", "station:2"] } };
    let of_scope = AlertsOf { scope: Some(Scope::station(1)), is_open: Some(true), ..AlertsOf::default() };
    let of_one = AlertsOf { unit: Some(unit.clone()), ..AlertsOf::default() };
    let open_tasks = TasksOf { is_open: Some(true), ..TasksOf::default() };
    let mut of_key = tasks::filter(&open_tasks, "task", None);
    of_key.insert("key", "station:1");
    let behind = || Some((NOW, "a1".to_owned()));
    let by_first = || doc! { "first": 1 };
    vec![
        ("a day of a unit", segments, archive::within_range(&unit, day.from, day.to), by_first()),
        ("a unit's last segment", segments, archive::begun(&unit, NOW), doc! { "first": -1 }),
        ("others beside it", segments, archive::within_range(&unit, NOW, NOW.plus_ms(1)), doc! {}),
        ("an hour to compact", segments, compact::of_hour(&unit, hour), by_first()),
        ("what is too old", segments, archive::ended_before(NOW), doc! {}),
        ("hours to compact", Writer::DIRTY, compact::quiet(NOW), doc! {}),
        ("what is replaced", Writer::REPLACED, compact::replaced_before(NOW), doc! {}),
        ("the patrols of stations then", patrols, lasting(of_stations), doc! {}),
        ("the patrols of units then", patrols, lasting(of_units), doc! {}),
        ("a unit's patrols", patrols, lasting(of_unit), doc! {}),
        ("who is active", patrols, doc! { "ended_at": null }, doc! {}),
        ("whether a patrol may be put", patrols, registry::concerned(&[1, 2], &["PC-1"]), doc! {}),
        (
            "the open alerts of a scope",
            Alerts::DOCS,
            alerts::filter(&of_scope, behind()),
            alerts::newest_first(),
        ),
        ("alerts of a unit", Alerts::DOCS, alerts::filter(&of_one, behind()), alerts::newest_first()),
        ("all alerts", Alerts::DOCS, alerts::filter(&AlertsOf::default(), behind()), alerts::newest_first()),
        ("the open tasks of a scope", Tasks::KEYS, of_key, doc! { "at": -1, "task": -1 }),
        ("all open tasks", Tasks::DOCS, tasks::filter(&open_tasks, "_id", None), tasks::newest_first()),
        ("the last task's number", Tasks::DOCS, doc! {}, doc! { "number": -1 }),
        ("expired sessions", MongoRegistry::RECORDS, doc! { "expires": { "$lte": date(NOW) } }, doc! {}),
    ]
}

/// The stages of a plan, wherever the server's version puts them.
fn stages(plan: &Bson, into: &mut Vec<String>) {
    match plan {
        Bson::Document(plan) => {
            into.extend(plan.get_str("stage").map(str::to_owned));
            plan.values().for_each(|part| stages(part, into));
        }
        Bson::Array(parts) => parts.iter().for_each(|part| stages(part, into)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_large_collections_is_found_by_an_index() {
    let Some(database) = sentinel_services::mongo() else { return };
    let mongo = Mongo::connect(database.uri(), None).await.expect("connects");
    MongoArchive::open(&mongo, Some(Duration::from_secs(1_000_000_000))).await.expect("opens");
    MongoRegistry::open(&mongo).await.expect("opens");
    let client = Client::with_uri_str(database.uri()).await.expect("connects");
    let on = client.database(database.name());
    for (what, collection, filter, sort) in asked() {
        let find = doc! { "find": collection, "filter": filter, "sort": sort };
        let explained = on.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await;
        let mut found = Vec::new();
        if let Ok(answer) = &explained {
            answer.get("queryPlanner").into_iter().for_each(|plan| stages(plan, &mut found));
        }
        let is = |stage: &str| found.iter().any(|found| found == stage);
        if !is(READ_THROUGH) && !LOOKED_UP.iter().any(|stage| is(stage)) {
            return sentinel_services::skip("a MongoDB that explains its plans, by TEST_MONGODB_URI");
        }
        assert!(!is(READ_THROUGH), "{what}: {explained:?}");
    }
}
