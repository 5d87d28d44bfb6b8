//! What is begun at several nodes at the same time is begun once.

use crate::{
    server::{at, fix, zone},
    socket::Socket,
    town::Town,
};
use futures::future::join_all;
use reqwest::StatusCode;
use sentinel_model::{Scope, live::Event};
use serde_json::json;
use std::collections::BTreeSet;

const UNITS: usize = 6;

/// Reads until all have joined and `mark` has left; each once, without a gap.
async fn joined_once(socket: &mut Socket, offset: u64, mark: &str) -> BTreeSet<String> {
    let (mut joined, mut expected) = (BTreeSet::new(), offset);
    loop {
        let event = socket.event().await;
        expected += 1;
        assert_eq!(event.offset(), expected, "no gap: {event:?}");
        match event {
            Event::UnitJoined(told) if told.unit.id.as_str() == mark => {}
            Event::UnitLeft(left) if left.id.as_str() == mark => return joined,
            Event::UnitJoined(told) => {
                assert!(joined.insert(told.unit.id.to_string()), "told twice: {told:?}");
            }
            event => panic!("nobody left or fell silent: {event:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patrols_and_first_fixes_at_several_nodes_at_once_start_one_patrol_told_once() {
    let Some(town) = Town::start(3, 1).await else { return };
    let [a, b, c] = &town.nodes[..] else { panic!("three nodes") };
    let admin = a.sign_in("admin").await;
    a.unit("mark", 5).await;
    let (mut tokens, mut names) = (Vec::new(), BTreeSet::new());
    for n in 0..UNITS {
        a.unit(&format!("hand-{n}"), 5).await;
        tokens.push(a.unit(&format!("fix-{n}"), 5).await);
        names.extend([format!("hand-{n}"), format!("fix-{n}")]);
    }
    town.settled().await;
    let mut sockets = Vec::new();
    for node in [a, b, c] {
        sockets.push(Socket::subscribed(node, &admin, Scope::station(5)).await);
        sockets.push(Socket::subscribed(node, &admin, zone(3)).await);
    }

    for n in 0..UNITS {
        let body = json!({"unit_id": format!("hand-{n}"), "station": "station:5"});
        let starts = town.nodes.iter().map(|node| node.post(&admin, "/api/v1/patrols", body.clone()));
        let answers = join_all(starts).await;
        let ids: BTreeSet<String> = answers.iter().map(|answer| answer.json["id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "one patrol: {ids:?}");
        let new = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
        assert_eq!(new, 1, "started once");
        assert!(answers.iter().all(|answer| answer.status.is_success()));
    }
    for (n, token) in tokens.iter().enumerate() {
        let fixes: Vec<_> = (0..3).map(|second| [fix(at(second), 9.9, 76.2)]).collect();
        let posts = town.nodes.iter().zip(&fixes).map(|(node, fixes)| node.fixes(token, fixes));
        join_all(posts).await;
        let path = format!("/api/v1/units/fix-{n}");
        let mut patrols = BTreeSet::new();
        town.settled().await;
        for node in &town.nodes {
            let unit = node.get(&admin, &path).await.json;
            assert_eq!(unit["location"]["time"], json!(at(2)), "the newest, whichever node came last");
            patrols.insert(unit["patrol_id"].to_string());
        }
        assert!(patrols.len() == 1 && !patrols.contains("null"), "{patrols:?}");
    }

    let mark = a.start_patrol("mark", 5).await;
    b.sentinel.directory.catch_up().await.expect("reads");
    b.end_patrol(mark).await;
    for (socket, snapshot) in &mut sockets {
        assert!(snapshot.units.is_empty());
        assert_eq!(joined_once(socket, snapshot.offset, "mark").await, names);
    }
    town.end().await;
}
