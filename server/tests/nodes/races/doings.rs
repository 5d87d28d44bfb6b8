//! What units, dispatchers and administrators do, each at whichever node, and what it makes
//! of the account.

use super::{
    HOMES, STATIONS, Scene, TURNS,
    account::{Place, latitude, unit_id},
    mark,
    onlooker::Right,
    right,
};
use crate::server::{Answer, Server, fix, path, send, zone};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};
use reqwest::{Method, StatusCode};
use sentinel_model::{Patrol, PatrolId, Scope};
use serde_json::{Value, json};
use std::{sync::Arc, time::Instant};

/// Posts at every node, also at two at once, until the scene is done.
pub async fn post(scene: Arc<Scene>, unit: usize, mut random: StdRng) {
    let mut next = 1_000;
    while !*scene.done.borrow() {
        // Now and then one that is late and moves no marker.
        let late = if random.random_bool(0.1) { 300 } else { 0 };
        let mut fixes = Vec::new();
        for _ in 0..random.random_range(1..4) {
            next += 1;
            let time = crate::server::START.plus_ms(next - late);
            scene.account.lock().posts(unit, time);
            fixes.push(fix(time, latitude(unit, time), 76.25));
        }
        let (first, rest) = fixes.split_at(random.random_range(0..=fixes.len()));
        let posts = [first, rest].into_iter().filter(|fixes| !fixes.is_empty());
        let posts: Vec<_> = posts.map(|fixes| (scene.any_node(&mut random), fixes)).collect();
        let posts = posts.into_iter().map(|(node, fixes)| node.fixes(&scene.tokens[unit], fixes));
        futures::future::join_all(posts).await;
        scene.posts.send_modify(|posts| *posts += 1);
    }
}

/// Starts, moves and ends a unit's patrols, also two things at once; in the end it is known
/// where the unit is.
pub async fn turn(scene: Arc<Scene>, unit: usize, mut random: StdRng) {
    let mut now: Option<PatrolId> = None;
    for _ in 0..TURNS {
        scene.more_posts(random.random_range(1..25)).await;
        let stations: Vec<u32> = STATIONS.sample(&mut random, 2).copied().collect();
        let (here, there) = (scene.any_node(&mut random), scene.any_node(&mut random));
        let begun = Instant::now();
        let off: Place = (None, path(HOMES[unit]));
        let (after, meanwhile) = match (random.random_range(0..10), now) {
            (0..2, Some(patrol)) => {
                assert_eq!(end(&scene, here, patrol).await, StatusCode::OK);
                (vec![off], vec![])
            }
            (2..4, Some(patrol)) => {
                let ending = end(&scene, there, patrol);
                let (started, ended) = tokio::join!(start(&scene, here, unit, stations[0]), ending);
                assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&ended), "{ended}");
                // It was under that station already, and then its patrol was ended.
                if started.0 == Some(patrol) { (vec![off], vec![]) } else { (vec![started], vec![off]) }
            }
            (4..6, _) => {
                let first = start(&scene, here, unit, stations[0]);
                let (one, other) = tokio::join!(first, start(&scene, there, unit, stations[1]));
                (vec![one, other], vec![])
            }
            _ => (vec![start(&scene, here, unit, stations[0]).await], vec![]),
        };
        scene.account.lock().turns(unit, begun, &after, &meanwhile);
        scene.has_changed();
        now = if let [(patrol, _)] = after[..] { patrol } else { None };
    }
    scene.more_posts(random.random_range(1..25)).await;
    let (node, station) = (scene.any_node(&mut random), *STATIONS.choose(&mut random).expect("three"));
    let begun = Instant::now();
    let last = start(&scene, node, unit, station).await;
    scene.account.lock().turns(unit, begun, &[last], &[]);
    scene.has_changed();
}

async fn start(scene: &Scene, node: &Server, unit: usize, station: u32) -> Place {
    let body = json!({"unit_id": unit_id(unit), "station": Scope::station(station)});
    let patrol: Patrol = node.post(&scene.admin, "/api/v1/patrols", body).await.as_a();
    assert_eq!((patrol.unit_id, patrol.station), (unit_id(unit), Scope::station(station)));
    (Some(patrol.id), path(station))
}

async fn end(scene: &Scene, node: &Server, patrol: PatrolId) -> StatusCode {
    node.post(&scene.admin, &format!("/api/v1/patrols/{patrol}/end"), json!({})).await.status
}

/// Takes rights away, one after the other; answers what the one whose scope is changed has then.
pub async fn take_away(scene: &Scene, rights: &[Arc<Right>], mut random: StdRng) -> Arc<Right> {
    let mut changed = None;
    for right in rights {
        scene.more_posts(random.random_range(20..100)).await;
        let node = scene.any_node(&mut random);
        let name = &right.name;
        let by = |method, address: String, body: Value| async move {
            let answer: Answer = send(node.request(method, &scene.admin, &address).json(&body)).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        };
        right.asked_away.set(Instant::now()).expect("once");
        match name.as_str() {
            "moved" => {
                by(Method::PATCH, format!("/api/v1/users/{name}"), json!({"scope": zone(4)})).await;
            }
            "disabled" => by(Method::DELETE, format!("/api/v1/users/{name}"), json!({})).await,
            "renewed" => {
                let body = json!({"password": "another password for tests"});
                by(Method::PATCH, format!("/api/v1/users/{name}"), body).await;
            }
            key => by(Method::DELETE, format!("/api/v1/api-keys/{key}"), json!({})).await,
        }
        right.taken_away.set(Instant::now()).expect("once");
        scene.has_changed();
        if name == "moved" {
            let credential = node.sign_in(name).await;
            changed = Some(self::right("moved on", credential, zone4(), Some(zone(3)), false));
        }
    }
    changed.expect("one of them was moved")
}

fn zone4() -> Vec<Scope> {
    vec![zone(4), Scope::station(9)]
}

/// Has a unit of each station come and go, so that all that was on its way has come before.
pub async fn mark_all(scene: &Scene, mut random: StdRng) {
    for station in STATIONS {
        let node = scene.any_node(&mut random);
        let patrol = node.start_patrol(mark(station).as_str(), station).await;
        node.end_patrol(patrol).await;
    }
}
