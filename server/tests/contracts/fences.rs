//! What every registry engine promises of fences and of what scopes are set to.

use crate::{NOW, registry::Store};
use sentinel_model::{
    Level, Scope,
    alert_rules::AlertRules,
    geofence::{Circle, FenceRules, Geofence, Polygon, Shape},
};
use sentinel_server::ports::{Change, Commit, Registry, ScopeRecord};

pub fn fence(n: i64, shape: Shape) -> Geofence {
    Geofence {
        id: format!("fence-{n}"),
        name: "Depot “north”".into(),
        scope: Scope::station(5),
        shape,
        on: FenceRules {
            enter: true,
            dwell_s: Some(900),
            speed_limit_mps: Some(13.9),
            ..FenceRules::default()
        },
        enabled: true,
        created_at: NOW,
        updated_at: NOW.plus_ms(n),
        created_by: "user:chief5".into(),
    }
}

pub fn circle() -> Shape {
    Shape::Circle(Circle { latitude: 9.966_123_456_789, longitude: -76.25, radius_m: 150.5 })
}

fn polygon() -> Shape {
    Shape::Polygon(Polygon { points: vec![(0.1 + 0.2, 76.25), (9.5, 76.5), (9.75, -179.999_999_9)] })
}

async fn commit(registry: &dyn Registry, changes: Vec<Change>) {
    let at = registry.load(NOW).await.expect("loads").at;
    assert_eq!(registry.commit(at, changes).await.expect("commits"), Commit::Done);
}

async fn fences(store: &impl Store) -> Vec<Geofence> {
    let mut fences = store.open().await.load(NOW).await.expect("loads").fences;
    fences.sort_by(|a, b| a.id.cmp(&b.id));
    fences
}

pub async fn a_fence_is_kept_to_the_letter_replaced_and_dropped(store: &impl Store) {
    let registry = store.open().await;
    let (one, two) = (fence(1, circle()), fence(2, polygon()));
    commit(&*registry, vec![Change::PutFence(one.clone()), Change::PutFence(two.clone())]).await;
    drop(registry);
    assert_eq!(fences(store).await, [one.clone(), two.clone()]);
    let smaller = Geofence { enabled: false, updated_at: NOW.plus_ms(9), ..one };
    let registry = store.open().await;
    let drops = |id: &str| Change::DropFence { id: id.into() };
    commit(&*registry, vec![Change::PutFence(smaller.clone()), drops("fence-2"), drops("never")]).await;
    drop(registry);
    assert_eq!(fences(store).await, [smaller]);
    let registry = store.open().await;
    commit(&*registry, vec![drops("fence-1")]).await;
    commit(&*registry, vec![Change::PutFence(two.clone())]).await;
    drop(registry);
    assert_eq!(fences(store).await, [two], "one that was dropped may come again");
}

pub async fn what_a_scope_is_told_of_is_kept_with_it(store: &impl Store) {
    let scope = Scope::new(Level::Zone, 3);
    let none = ScopeRecord {
        scope,
        name: "Three".into(),
        parent: None,
        path: None,
        site: None,
        filters: None,
        alert_rules: None,
    };
    let rules = AlertRules {
        stale: true,
        low_battery: Some(0.15),
        speed_limit_mps: Some(33.3),
        escalate_after_s: Some(300),
        ..AlertRules::default()
    };
    for alert_rules in [Some(rules), Some(AlertRules::default()), None] {
        let registry = store.open().await;
        let record = ScopeRecord { alert_rules, ..none.clone() };
        commit(&*registry, vec![Change::PutScope(record.clone())]).await;
        drop(registry);
        let held = store.open().await.load(NOW).await.expect("loads").scopes;
        assert_eq!(held, [record]);
    }
}
