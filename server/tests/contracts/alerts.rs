//! What every registry engine promises of alerts.

use crate::{NOW, registry::Store};
use sentinel_model::{
    Scope, ScopePath, Time,
    alerts::{Acknowledgement, Alert, AlertKind, AlertPlace},
};
use sentinel_server::ports::{AlertRecord, AlertsOf, Change, Commit, Registry};

pub fn alert(n: i64, kind: AlertKind, unit: &str, station: u32) -> AlertRecord {
    let path = ScopePath { district: 1, zone: station / 5, division: station, station };
    let alert = Alert {
        id: format!("a{n}"),
        kind,
        unit_id: unit.parse().expect("a good id"),
        unit_name: "Car “1”".into(),
        patrol_id: None,
        station: path.station(),
        at: NOW.plus_ms(n),
        time: NOW.plus_ms(n - 5),
        place: (n % 2 == 0).then_some(AlertPlace { latitude: 9.966_123_456, longitude: 76.25, time: NOW }),
        fence: (kind != AlertKind::Sos).then(|| "depot".into()),
        acknowledged: None,
        fence_id: None,
        escalated: Vec::new(),
    };
    AlertRecord { alert, path }
}

pub fn acknowledged(record: &AlertRecord) -> AlertRecord {
    let (by, name, note) = ("user:chief5".into(), "Chief".into(), "on it".into());
    let acknowledged = Some(Acknowledgement { at: NOW.plus_ms(99), by, name, note });
    AlertRecord { alert: Alert { acknowledged, ..record.alert.clone() }, ..record.clone() }
}

async fn commit(registry: &dyn Registry, at: &mut u64, changes: Vec<Change>) {
    assert_eq!(registry.commit(*at, changes).await.expect("commits"), Commit::Done);
    *at += 1;
}

fn ids(records: &[AlertRecord]) -> Vec<&str> {
    records.iter().map(|record| record.alert.id.as_str()).collect()
}

fn all() -> AlertsOf {
    AlertsOf::default()
}

pub async fn alerts_are_found_by_who_sees_them_newest_first_and_only_open_ones_are_loaded(
    store: &impl Store,
) {
    let registry = store.open().await;
    let mut at = registry.load(NOW).await.expect("loads").at;
    let some = [
        alert(1, AlertKind::Sos, "PC-1", 15),
        alert(2, AlertKind::Enter, "PC-1", 15),
        alert(3, AlertKind::Sos, "PC-2", 16),
        alert(4, AlertKind::Exit, "PC-9", 25),
    ];
    commit(&*registry, &mut at, some.iter().cloned().map(Change::PutAlert).collect()).await;
    let taken = acknowledged(&some[1]);
    commit(&*registry, &mut at, vec![Change::PutAlert(taken.clone())]).await;

    let find = async |of: AlertsOf| registry.alerts(&of, None, 10).await.expect("reads");
    assert_eq!(find(all()).await, [some[3].clone(), some[2].clone(), taken.clone(), some[0].clone()]);
    let zone = |id| Some(Scope::new(sentinel_model::Level::Zone, id));
    assert_eq!(ids(&find(AlertsOf { scope: zone(3), ..all() }).await), ["a3", "a2", "a1"]);
    assert_eq!(ids(&find(AlertsOf { scope: Some(Scope::station(15)), ..all() }).await), ["a2", "a1"]);
    assert_eq!(ids(&find(AlertsOf { scope: zone(3), is_open: Some(true), ..all() }).await), ["a3", "a1"]);
    assert_eq!(ids(&find(AlertsOf { is_open: Some(false), ..all() }).await), ["a2"]);
    assert_eq!(ids(&find(AlertsOf { kind: Some(AlertKind::Sos), ..all() }).await), ["a3", "a1"]);
    let unit = Some("PC-1".parse().expect("a good id"));
    assert_eq!(ids(&find(AlertsOf { unit, scope: zone(3), ..all() }).await), ["a2", "a1"]);

    let wanted = ["a1".to_owned(), "a2".to_owned(), "none".to_owned()];
    let mut found = registry.alerts_by_id(&wanted).await.expect("reads");
    found.sort_by_key(|record| record.alert.at);
    assert_eq!(found, [some[0].clone(), taken]);
    assert_eq!(registry.alerts_by_id(&[]).await.expect("reads"), []);

    let reopened = {
        drop(registry);
        store.open().await
    };
    let mut loaded = reopened.load(NOW).await.expect("loads").alerts;
    loaded.sort_by_key(|record| record.alert.at);
    assert_eq!(ids(&loaded), ["a1", "a3", "a4"]);
}

pub async fn a_page_of_alerts_goes_on_behind_its_last_also_within_a_millisecond(store: &impl Store) {
    let registry = store.open().await;
    let mut at = registry.load(NOW).await.expect("loads").at;
    let made = (0..7).map(|n| {
        let record = alert(n, AlertKind::Sos, "PC-1", 15);
        AlertRecord { alert: Alert { at: NOW.plus_ms(n / 3), ..record.alert }, ..record }
    });
    commit(&*registry, &mut at, made.map(Change::PutAlert).collect()).await;
    let (mut behind, mut read) = (None, Vec::new());
    loop {
        let page = registry.alerts(&all(), behind, 2).await.expect("reads");
        let Some(last) = page.last() else { break };
        behind = Some((last.alert.at, last.alert.id.clone()));
        read.extend(ids(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(read, ["a6", "a5", "a4", "a3", "a2", "a1", "a0"]);
}

pub async fn dropped_alerts_are_gone_and_old_ones_go_once_they_are_acknowledged(store: &impl Store) {
    let registry = store.open().await;
    let mut at = registry.load(NOW).await.expect("loads").at;
    let some: Vec<_> = (0..4).map(|n| alert(n, AlertKind::Sos, "PC-1", 15)).collect();
    commit(&*registry, &mut at, some.iter().cloned().map(Change::PutAlert).collect()).await;
    let drop_it = vec![Change::PutAlert(acknowledged(&some[0])), Change::DropAlert { id: "a3".into() }];
    commit(&*registry, &mut at, drop_it).await;
    assert_eq!(ids(&registry.alerts(&all(), None, 10).await.expect("reads")), ["a2", "a1", "a0"]);
    registry.drop_ended(NOW.plus_ms(2)).await.expect("forgets");
    assert_eq!(ids(&registry.alerts(&all(), None, 10).await.expect("reads")), ["a2", "a1"], "open ones stay");
    registry.drop_ended(Time(0)).await.expect("forgets");
    let reopened = {
        drop(registry);
        store.open().await
    };
    assert_eq!(ids(&reopened.alerts(&all(), None, 10).await.expect("reads")), ["a2", "a1"]);
    assert_eq!(reopened.load(NOW).await.expect("loads").alerts.len(), 2);
}
