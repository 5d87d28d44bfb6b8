//! Moving house: what an embedded installation holds is there again over Redis and MongoDB,
//! and back in a folder, whatever was asked of it before.

use crate::{
    Shared,
    answers::{Answers, lines_of},
    household::Household,
    of_folder,
    program::{Node, sentinel, succeeds, worker},
};
use std::path::Path;

pub fn backup(place: &[String], file: &Path) -> String {
    succeeds(sentinel("backup").args(place).arg(file))
}

pub fn restore(place: &[String], file: &Path) -> String {
    succeeds(sentinel("restore").args(place).arg(file))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_to_redis_and_mongodb_and_back_with_nothing_lost() {
    let Some(shared) = Shared::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let (first, second) = (of_folder(&at("first")), of_folder(&at("second")));

    // A folder that people lived in.
    let mut household = Household::begin(&first);
    let server = Node::start(&first, &at("log"));
    household.move_in(&server).await;
    server.stop();
    backup(&first, &at("1.gz"));
    let server = Node::start(&first, &at("log"));
    let before = Answers::of(&server, &household).await;
    server.stop();
    let lived = lines_of(&at("1.gz"));
    assert!(lived.fixes() > 50_000, "{} fixes", lived.fixes());

    // The same over Redis and MongoDB, by three nodes.
    restore(&shared.flags(), &at("1.gz"));
    let nodes: Vec<Node> = (0..3).map(|_| Node::start(&shared.flags(), &at("log"))).collect();
    let hand = worker(&shared.flags(), &at("log"));
    for node in &nodes {
        Answers::of(node, &household).await.assert_equal(&before);
    }
    backup(&shared.flags(), &at("2.gz"));
    lived.assert_equal(&lines_of(&at("2.gz")));

    // Life goes on there; what the archive does not have yet, or would not take, comes along.
    household.add_somebody_beside_nodes(&shared.flags(), &nodes[0]).await;
    household.live_on(&nodes[0]).await;
    household.until_archived(&nodes[1]).await;
    drop(hand);
    household.post_some_more(&nodes[2]).await;
    shared.redis.cli(&["XADD", "in:{3}", "*", "b", "no entry"]);
    let said = backup(&shared.flags(), &at("3.gz"));
    assert!(said.contains("120 that waited") && said.contains("1 dead letters"), "{said}");
    let hand = worker(&shared.flags(), &at("log"));
    household.until_archived(&nodes[1]).await;
    let after = Answers::of(&nodes[1], &household).await;
    drop((nodes, hand));

    // Back into a folder.
    let said = restore(&second, &at("3.gz"));
    assert!(said.contains("NOT RESTORED: 1 dead letters"), "{said}");
    let server = Node::start(&second, &at("log"));
    Answers::of(&server, &household).await.assert_equal(&after);
    server.stop();
    backup(&second, &at("4.gz"));
    lines_of(&at("3.gz")).settled().assert_equal(&lines_of(&at("4.gz")));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_move_from_one_redis_to_another() {
    let Some(shared) = Shared::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("backup.gz");
    let letter = [
        "XADD",
        "dead:{0}",
        "*",
        "id",
        "7-1",
        "tries",
        "5",
        "error",
        "too odd",
        "at",
        "1795226400000",
        "b",
        "x",
    ];
    shared.redis.cli(&letter);
    backup(&shared.flags(), &file);
    shared.redis.cli(&["FLUSHALL"]);
    restore(&shared.flags(), &file);
    let listed = succeeds(sentinel("dead").arg("list").args(&shared.flags()[..2]).arg("--json"));
    for part in ["\"was\":\"7-1\"", "\"tries\":5", "too odd", "\"bytes\":1"] {
        assert!(listed.contains(part), "{listed}");
    }
}
