//! What every registry engine promises of incidents and orders.

use crate::{NOW, registry::Store};
use sentinel_model::{
    Level, Scope, TaskId, Time,
    dispatch::{
        AssignmentState, By, Incident, NewAssignment, NewTask, Order, Outcome, Place, Priority, Step, Task,
        What,
    },
    report::{GroupBy, TaskKind},
};
use sentinel_server::{
    ports::{Change, Commit, LinkRecord, Registry, TaskRecord, TasksOf},
    reports,
};

fn id(text: &str) -> TaskId {
    text.parse().expect("a good id")
}

fn zone(id: u32) -> Scope {
    Scope::new(Level::Zone, id)
}

fn upwards(station: u32) -> [Scope; 4] {
    let above = [Scope::new(Level::District, 1), zone(station / 5), Scope::new(Level::Division, station)];
    [above[0], above[1], above[2], Scope::station(station)]
}

/// Made at this many milliseconds, of a station.
fn task(name: &str, number: u64, at: i64, station: u32, what: What) -> TaskRecord {
    let place = Place { latitude: 9.966_123_456, longitude: -76.25, text: Some("Gate “2”".into()) };
    let new = NewTask { what, scope: Scope::station(station), place, notes: "two\nlines".into() };
    let task = Task::create(id(name), new, &By::sentinel(), NOW.plus_ms(at)).expect("makes");
    TaskRecord { task, number, scopes: upwards(station).to_vec(), links: Vec::new() }
}

fn incident() -> What {
    What::Incident(Incident { kind: "accident".into(), priority: Priority::High })
}

fn order() -> What {
    What::Order(Order { customer: Some("Amélie".into()), pickup: None })
}

/// A unit of a station, which sees the task from then on.
fn assigned(record: &TaskRecord, unit: &str, station: u32) -> TaskRecord {
    let assignment = NewAssignment {
        id: format!("{}.1", record.task.id),
        unit_id: unit.parse().expect("a good id"),
        unit_name: unit.into(),
        station: Scope::station(station),
        patrol_id: None,
        distance_m: Some(1_234.5),
        eta_s: None,
    };
    let step = Step::Assign { assignment };
    let task = record.task.apply(step, &By::sentinel(), NOW.plus_ms(50)).expect("assigns");
    let mut scopes = record.scopes.clone();
    scopes.extend(upwards(station));
    scopes.sort_unstable();
    scopes.dedup();
    TaskRecord { task, scopes, ..record.clone() }
}

fn closed(record: &TaskRecord) -> TaskRecord {
    let step = Step::Close { outcome: Outcome::Cancelled, note: Some("nobody there".into()) };
    let task = record.task.apply(step, &By::sentinel(), NOW.plus_ms(60)).expect("closes");
    TaskRecord { task, ..record.clone() }
}

async fn commit(registry: &dyn Registry, at: &mut u64, records: &[&TaskRecord]) {
    let changes = records.iter().map(|record| Change::PutTask((*record).clone())).collect();
    assert_eq!(registry.commit(*at, changes).await.expect("commits"), Commit::Done);
    *at += 1;
}

fn ids(records: &[TaskRecord]) -> Vec<&str> {
    records.iter().map(|record| record.task.id.as_str()).collect()
}

fn all() -> TasksOf {
    TasksOf::default()
}

pub async fn tasks_are_found_by_who_sees_them_and_whom_they_were_assigned_to_newest_first(
    store: &impl Store,
) {
    let registry = store.open().await;
    let mut at = registry.load(NOW).await.expect("loads").at;
    let one = task("inc-1", 1, 1, 15, incident());
    let two = task("inc-2", 2, 2, 16, incident());
    let mut far = task("A-77", 0, 3, 25, order());
    far.links.push(LinkRecord {
        id: "l1".into(),
        created_at: NOW,
        created_by: "user:zone5".into(),
        expires_at: NOW.plus_ms(1_000),
        revoked_at: Some(NOW.plus_ms(5)),
    });
    commit(&*registry, &mut at, &[&one, &two, &far]).await;
    let (one, two) = (assigned(&one, "PC-1", 25), closed(&assigned(&two, "PC-1", 16)));
    commit(&*registry, &mut at, &[&one]).await;
    commit(&*registry, &mut at, &[&two]).await;

    let find = async |of: TasksOf| registry.tasks(&of, None, 10).await.expect("reads");
    assert_eq!(find(all()).await, [far.clone(), two.clone(), one.clone()]);
    assert_eq!(ids(&find(TasksOf { scope: Some(zone(3)), ..all() }).await), ["inc-2", "inc-1"]);
    assert_eq!(ids(&find(TasksOf { scope: Some(zone(5)), ..all() }).await), ["A-77", "inc-1"]);
    assert_eq!(ids(&find(TasksOf { scope: Some(zone(4)), ..all() }).await), Vec::<&str>::new());
    assert_eq!(ids(&find(TasksOf { is_order: Some(true), ..all() }).await), ["A-77"]);
    assert_eq!(ids(&find(TasksOf { is_order: Some(false), is_open: Some(true), ..all() }).await), ["inc-1"]);
    assert_eq!(ids(&find(TasksOf { is_open: Some(false), scope: Some(zone(3)), ..all() }).await), ["inc-2"]);
    let of_unit = || TasksOf { unit: Some("PC-1".parse().expect("a good id")), ..all() };
    assert_eq!(ids(&find(of_unit()).await), ["inc-2", "inc-1"]);
    assert_eq!(ids(&find(TasksOf { scope: Some(zone(5)), ..of_unit() }).await), ["inc-1"]);
    assert_eq!(registry.task(&id("inc-2")).await.expect("reads"), Some(two));
    assert_eq!(registry.task(&id("inc-9")).await.expect("reads"), None);

    let reopened = {
        drop(registry);
        store.open().await
    };
    let mut loaded = reopened.load(NOW).await.expect("loads");
    loaded.tasks.sort_by_key(|record| record.task.created_at);
    assert_eq!((loaded.tasks, loaded.last_task), (vec![one, far], 2), "only open ones are loaded");
}

pub async fn a_page_of_tasks_goes_on_behind_its_last_also_within_a_millisecond(store: &impl Store) {
    let registry = store.open().await;
    let mut at = registry.load(NOW).await.expect("loads").at;
    let made: Vec<_> = (0..7)
        .map(|n| task(&format!("t{n}"), n, i64::try_from(n / 3).unwrap_or(0), 15, incident()))
        .collect();
    commit(&*registry, &mut at, &made.iter().collect::<Vec<_>>()).await;
    for of in [all(), TasksOf { scope: Some(zone(3)), ..all() }] {
        let (mut behind, mut read) = (None, Vec::new());
        loop {
            let page = registry.tasks(&of, behind, 2).await.expect("reads");
            let Some(last) = page.last() else { break };
            behind = Some((last.task.created_at, last.task.id.clone()));
            read.extend(ids(&page).into_iter().map(str::to_owned));
        }
        assert_eq!(read, ["t6", "t5", "t4", "t3", "t2", "t1", "t0"]);
    }
}

pub async fn a_report_counts_the_tasks_of_its_time_that_the_scope_sees(store: &impl Store) {
    let registry = store.open().await;
    let mut at = registry.load(NOW).await.expect("loads").at;
    // More than are read at once, three within each millisecond.
    let mut made: Vec<_> = (0..520)
        .map(|n| task(&format!("t{n}"), n, i64::try_from(n / 3).unwrap_or(0), 15, incident()))
        .collect();
    made.push(task("far", 0, 5, 25, incident()));
    made.push(task("parcel", 0, 5, 15, order()));
    commit(&*registry, &mut at, &made.iter().collect::<Vec<_>>()).await;
    let one = closed(&assigned(&made[3], "PC-1", 25));
    commit(&*registry, &mut at, &[&one]).await;

    let of = async |scope, from, to, kind| {
        let (from, to) = (NOW.plus_ms(from), NOW.plus_ms(to));
        let wanted = reports::Wanted { scope, kind, group_by: GroupBy::Station, from, to };
        reports::response_times(&*registry, wanted).await.expect("is made")
    };
    let all = of(zone(3), 0, 1_000, TaskKind::Incident).await;
    assert_eq!((all.total.opened, all.total.cancelled, all.total.still_open), (520, 1, 519));
    assert_eq!((all.total.to_assigned.count, all.total.to_assigned.median_s), (1, Some(0.049)));
    assert_eq!(of(zone(3), 1, 2, TaskKind::Incident).await.total.opened, 6);
    assert_eq!(of(zone(3), 0, 0, TaskKind::Incident).await.total.opened, 3);
    assert_eq!(of(zone(3), 0, 1_000, TaskKind::Order).await.total.opened, 1);
    assert_eq!(of(zone(4), 0, 1_000, TaskKind::Incident).await.total.opened, 0);
    let shared = of(zone(5), 0, 1_000, TaskKind::Incident).await;
    let groups: Vec<_> = shared.groups.iter().map(|group| group.key.as_str()).collect();
    assert_eq!((groups, shared.total.opened), (vec!["station:15", "station:25"], 2));
}

pub async fn old_tasks_go_once_they_are_closed_and_no_number_is_given_twice(store: &impl Store) {
    let registry = store.open().await;
    let mut at = registry.load(NOW).await.expect("loads").at;
    let some: Vec<_> = (1..=4)
        .map(|n| task(&format!("inc-{n}"), n, i64::try_from(n).unwrap_or(0), 15, incident()))
        .collect();
    commit(&*registry, &mut at, &some.iter().collect::<Vec<_>>()).await;
    commit(&*registry, &mut at, &[&closed(&some[0]), &closed(&some[1]), &closed(&some[3])]).await;
    registry.drop_ended(NOW.plus_ms(2)).await.expect("forgets");
    assert_eq!(ids(&registry.tasks(&all(), None, 10).await.expect("reads")), ["inc-4", "inc-3", "inc-2"]);
    registry.drop_ended(Time(i64::MAX)).await.expect("forgets");
    let of_scope = TasksOf { scope: Some(zone(3)), ..all() };
    assert_eq!(ids(&registry.tasks(&of_scope, None, 10).await.expect("reads")), ["inc-4", "inc-3"]);
    let reopened = {
        drop(registry);
        store.open().await
    };
    assert_eq!(reopened.load(NOW).await.expect("loads").last_task, 4);
}

pub async fn old_orders_go_also_where_each_brought_its_own_id(store: &impl Store) {
    let registry = store.open().await;
    let mut at = registry.load(NOW).await.expect("loads").at;
    let some: Vec<_> = (1..=3).map(|n| task(&format!("A-{n}"), 0, n, 15, order())).collect();
    commit(&*registry, &mut at, &some.iter().collect::<Vec<_>>()).await;
    commit(&*registry, &mut at, &[&closed(&some[0]), &closed(&some[2])]).await;
    registry.drop_ended(NOW.plus_ms(2)).await.expect("forgets");
    assert_eq!(ids(&registry.tasks(&all(), None, 10).await.expect("reads")), ["A-3", "A-2"]);
    registry.drop_ended(Time(i64::MAX)).await.expect("forgets");
    let of_scope = TasksOf { scope: Some(zone(3)), ..all() };
    assert_eq!(ids(&registry.tasks(&of_scope, None, 10).await.expect("reads")), ["A-2"], "which is open");
    // Beside one that was numbered here they go as well.
    commit(&*registry, &mut at, &[&closed(&task("inc-1", 1, 4, 15, incident())), &closed(&some[1])]).await;
    registry.drop_ended(Time(i64::MAX)).await.expect("forgets");
    assert_eq!(ids(&registry.tasks(&all(), None, 10).await.expect("reads")), ["inc-1"]);
}

pub async fn a_task_goes_through_every_state_and_reads_back_as_it_was(store: &impl Store) {
    let registry = store.open().await;
    let mut at = registry.load(NOW).await.expect("loads").at;
    let mut record = assigned(&task("inc-1", 1, 0, 15, incident()), "PC-1", 15);
    for state in [AssignmentState::EnRoute, AssignmentState::OnScene, AssignmentState::Cleared] {
        let step = Step::Status { assignment: "inc-1.1".into(), state };
        record.task = record.task.apply(step, &By::sentinel(), NOW.plus_ms(70)).expect("goes on");
        commit(&*registry, &mut at, &[&record]).await;
        assert_eq!(registry.task(&id("inc-1")).await.expect("reads").as_ref(), Some(&record));
    }
    assert!(record.task.is_closed(), "the last one cleared, and was there");
}
