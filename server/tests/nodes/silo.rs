//! A station chief hears of the own station, whichever node a unit posts to; and the chief's
//! node is sent nothing of any other.

use crate::{
    server::{at, fix, positions_in, zone},
    socket::Socket,
    town::Town,
};
use sentinel_model::{Scope, live::ServerFrame};
use std::collections::BTreeSet;

on_each_ground!(what_is_posted_to_one_node_is_seen_on_another_and_in_no_other_station, 3 nodes, 2 workers);

async fn what_is_posted_to_one_node_is_seen_on_another_and_in_no_other_station(town: Town) {
    let [a, b, c] = &town.nodes[..] else { panic!("three nodes") };
    let (car, far) = (a.unit("PC-5", 5).await, a.unit("PC-9", 9).await);
    a.unit("mark", 9).await;
    a.fixes(&far, &[fix(at(0), 9.1, 76.1)]).await;
    let patrol = a.start_patrol("PC-5", 5).await;
    town.settled().await;

    let (mut dashboard, _) = Socket::subscribed(b, &b.sign_in("chief5").await, Scope::station(5)).await;
    let (mut other, snapshot) = Socket::subscribed(c, &c.sign_in("chief9").await, Scope::station(9)).await;
    let shown: Vec<_> = snapshot.units.iter().map(|unit| unit.id.as_str()).collect();
    assert_eq!(shown, ["PC-9"]);
    for second in 1..=20 {
        a.fixes(&car, &[fix(at(second), 9.9 + second as f64 / 1e4, 76.2)]).await;
        let seen = dashboard.until("the car moves", |frame| {
            positions_in(&frame).into_iter().find(|unit| unit.time == Some(at(second)))
        });
        let seen = seen.await;
        assert_eq!((seen.patrol, seen.lat), (patrol, Some(9.9 + second as f64 / 1e4)));
    }

    // Redis's own word on who is sent what.
    let far = c.sentinel.directory.unit(&crate::server::id("PC-9")).and_then(|unit| unit.patrol);
    let far = format!("live:patrol:{}", far.expect("on patrol").id.0);
    let near = format!("live:patrol:{}", patrol.0);
    let expected = [
        ("control:records", 5),
        ("control:station:5", 1),
        ("control:station:9", 1),
        (near.as_str(), 1),
        (far.as_str(), 1),
    ];
    let channels: BTreeSet<String> = expected.iter().map(|(channel, _)| (*channel).to_owned()).collect();
    assert_eq!(town.channels(), channels);
    for (channel, nodes) in expected {
        assert_eq!(town.listeners(channel), nodes, "{channel}");
    }
    assert_eq!([0, 1, 2].map(|node| town.subscriptions(node)), [1, 3, 3]);
    assert!(town.clients().iter().all(|client| client.psub == 0 && client.ssub == 0), "no pattern anywhere");

    assert_eq!(other.settled(a, "mark", 9).await, Vec::<ServerFrame>::new(), "of the other station nothing");
    let (mut zone3, snapshot) = Socket::subscribed(c, &c.sign_in("zone3").await, zone(3)).await;
    assert_eq!(snapshot.units.iter().map(|unit| unit.time).collect::<Vec<_>>(), [Some(at(20))]);
    b.fixes(&car, &[fix(at(21), 9.9, 76.2)]).await;
    zone3
        .until("the car moves", |frame| {
            positions_in(&frame).into_iter().find(|unit| unit.time == Some(at(21)))
        })
        .await;
    town.end().await;
}
