//! Positions that come by any node are looked at by one worker at a time: each crossing is told
//! once, whichever worker comes, goes or is killed, and an arrival is noticed.

use crate::{
    server::{Server, eventually, fix, id},
    socket::Socket,
    town::Town,
};
use sentinel_model::{
    Page, Scope, Time,
    alerts::{Alert, AlertKind},
    dispatch::{AssignmentState, Task},
    geo::M_PER_DEG_LATITUDE,
    live::{Event, ServerFrame},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

on_each_ground!(each_crossing_is_told_once_while_workers_come_go_and_are_killed, 2 nodes, 2 workers);
on_each_ground!(an_arrival_is_noticed_by_a_worker, 2 nodes, 2 workers);
on_each_ground!(who_arrives_and_posts_nothing_more_is_noticed_by_a_worker, 2 nodes, 2 workers);

const UNITS: usize = 6;
/// Positions in a row on the same side of the fence.
const STAYS: i64 = 3;

/// So many metres north of the middle.
fn north(time: Time, metres: f64) -> Value {
    fix(time, 9.9 + metres / M_PER_DEG_LATITUDE, 76.2)
}

async fn fence(node: &Server, admin: &str) {
    let fence = json!({"name": "Depot", "scope": "district:1", "on": {"enter": true, "exit": true},
        "shape": {"type": "circle", "latitude": 9.9, "longitude": 76.2, "radius_m": 200.0}});
    let made = node.post(admin, "/api/v1/geofences", fence).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

type Told = BTreeSet<(String, Time, &'static str)>;

async fn told(node: &Server, admin: &str) -> (usize, Told) {
    let page: Page<Alert> = node.get(admin, "/api/v1/alerts?state=all&limit=1000").await.as_a();
    let all = page.items.iter().map(|a| (a.unit_id.to_string(), a.time, a.kind.as_str()));
    (page.items.len(), all.collect())
}

async fn each_crossing_is_told_once_while_workers_come_go_and_are_killed(mut town: Town) {
    let admin = town.nodes[0].sign_in("admin").await;
    fence(&town.nodes[0], &admin).await;
    let (mut watching, _) = Socket::subscribed(&town.nodes[1], &admin, Scope::station(5)).await;
    let mut tokens = Vec::new();
    for n in 0..UNITS {
        tokens.push(town.nodes[0].unit(&format!("PC-{n}"), 5).await);
    }
    let began = town.nodes[0].clock.now();
    let time = |n: i64| began.plus_ms(n * 1000);
    let metres = |n: i64| if n / STAYS % 2 == 0 { 900.0 } else { 0.0 };
    let mut expected = Told::new();
    for n in 0..24 {
        for (unit, token) in tokens.iter().enumerate() {
            let node = &town.nodes[(unit + usize::try_from(n).expect("small")) % 2];
            node.fixes(token, &[north(time(n), metres(n))]).await;
            if n > 0 && n % STAYS == 0 {
                let kind = if n / STAYS % 2 == 0 { AlertKind::Exit } else { AlertKind::Enter };
                expected.insert((id(&format!("PC-{unit}")).to_string(), time(n), kind.as_str()));
            }
        }
        // Among the crossings of what was just posted.
        match n {
            6 => town.workers.remove(0).kill().await,
            10 => town.worker("worker-new").await,
            12 => town.workers.remove(0).end().await,
            16 => town.worker("worker-newer").await,
            18 => town.workers.remove(0).kill().await,
            _ => {}
        }
    }
    eventually("every crossing is told", || async { told(&town.nodes[1], &admin).await.1 == expected }).await;
    town.settled().await;
    let (count, all) = told(&town.nodes[0], &admin).await;
    assert_eq!((count, all), (expected.len(), expected.clone()), "and none twice");
    let mut heard = Told::new();
    while heard.len() < expected.len() {
        let alert = watching.until("an alert", |frame| match frame {
            ServerFrame::Event(Event::Alert(told)) => Some(*told.alert),
            _ => None,
        });
        let alert = alert.await;
        assert!(heard.insert((alert.unit_id.to_string(), alert.time, alert.kind.as_str())), "{alert:?}");
    }
    assert_eq!(heard, expected);
    town.end().await;
}

/// `PC-1`, sent from 2 km away to the middle; it sets out.
async fn sets_out(town: &Town) -> (String, String) {
    let [a, b] = &town.nodes[..] else { panic!("two nodes") };
    let (token, admin) = (a.unit("PC-1", 5).await, a.sign_in("admin").await);
    a.start_patrol("PC-1", 5).await;
    a.fixes(&token, &[north(a.clock.now(), 2_000.0)]).await;
    town.settled().await;
    let new = json!({"kind": "fire", "latitude": 9.9, "longitude": 76.2, "scope": "station:5"});
    assert_eq!(a.post(&admin, "/api/v1/incidents", new).await.status, 201);
    let sent = b.post(&admin, "/api/v1/incidents/inc-1/assign", json!({"unit_id": "PC-1"})).await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    town.ground.clock.turn(30);
    (token, admin)
}

async fn who_arrives_and_posts_nothing_more_is_noticed_by_a_worker(mut town: Town) {
    let (token, admin) = sets_out(&town).await;
    let there = {
        let [a, b] = &town.nodes[..] else { panic!("two nodes") };
        a.fixes(&token, &[north(a.clock.now(), 900.0)]).await;
        town.ground.clock.turn(30);
        let there = b.clock.now();
        b.fixes(&token, &[north(there, 30.0)]).await;
        there
    };
    town.settled().await;
    // Whichever of them has looked at it.
    town.workers.remove(0).end().await;
    town.ground.clock.turn(30);
    let node = &town.nodes[0];
    let read = || async { node.get(&admin, "/api/v1/incidents/inc-1").await.as_a::<Task>() };
    eventually("it is on scene", || async { read().await.assignments[0].state == AssignmentState::OnScene })
        .await;
    assert_eq!(read().await.assignments[0].times.on_scene_at, Some(there));
    town.end().await;
}

async fn an_arrival_is_noticed_by_a_worker(town: Town) {
    let (token, admin) = sets_out(&town).await;
    let [a, b] = &town.nodes[..] else { panic!("two nodes") };
    for (node, metres) in [(a, 1_500.0), (b, 30.0), (a, 20.0)] {
        node.fixes(&token, &[north(town.ground.clock.now(), metres)]).await;
        town.ground.clock.turn(30);
    }
    let is_there = || async {
        let task: Task = b.get(&admin, "/api/v1/incidents/inc-1").await.as_a();
        task.assignments[0].state == AssignmentState::OnScene
    };
    eventually("it is on scene", is_there).await;
    let task: Task = b.get(&admin, "/api/v1/incidents/inc-1").await.as_a();
    let times = task.assignments[0].times;
    assert!(times.en_route_at.is_some_and(|at| Some(at) < times.on_scene_at), "{times:?}");
    town.end().await;
}
