//! What records promise that many nodes share, beyond what every registry does.

use crate::{
    NOW, alerts, at_stations, contract, fences,
    mongo::{Kind, OnMongo},
    registry::{ids, patrol, session, unit, unit_id},
};
use futures::future::join_all;
use sentinel_model::{Patrol, PatrolId, Time, alerts::AlertKind};
use sentinel_server::{
    mongo::MongoRegistry,
    ports::{AlertsOf, Change, Commit, Records, Registry, TimeRange},
};
use std::sync::Arc;

contract!(ferretdb, where_installed OnMongo::of(Kind::FerretDb),
    what_another_node_commits_is_read_here
    a_commit_on_top_of_an_older_one_is_behind_and_changes_nothing
    every_commit_of_two_nodes_is_kept_once_and_in_order
    two_nodes_that_start_a_patrol_of_one_unit_start_one
    two_nodes_that_ask_at_once_get_one_secret
    folding_changes_nothing_that_is_read
    two_who_fold_at_once_leave_what_one_would
    a_dropped_session_stays_dropped_when_it_is_folded
    alerts_are_the_same_before_and_after_they_are_folded
    a_dropped_fence_stays_dropped_when_it_is_folded
    what_is_folded_and_old_is_forgotten_and_who_needed_it_is_told
);

contract!(mongo_java, where_installed OnMongo::of(Kind::JavaServer),
    what_another_node_commits_is_read_here
    a_commit_on_top_of_an_older_one_is_behind_and_changes_nothing
    every_commit_of_two_nodes_is_kept_once_and_in_order
    two_nodes_that_start_a_patrol_of_one_unit_start_one
    two_nodes_that_ask_at_once_get_one_secret
    folding_changes_nothing_that_is_read
    two_who_fold_at_once_leave_what_one_would
    a_dropped_session_stays_dropped_when_it_is_folded
    alerts_are_the_same_before_and_after_they_are_folded
    a_dropped_fence_stays_dropped_when_it_is_folded
    what_is_folded_and_old_is_forgotten_and_who_needed_it_is_told
);

async fn commit(registry: &MongoRegistry, at: u64, changes: Vec<Change>) {
    assert_eq!(registry.commit(at, changes).await.expect("commits"), Commit::Done, "on top of {at}");
}

/// Commits on top of whatever is there, as a node does; answers as which commit.
async fn commit_on(registry: &MongoRegistry, mut at: u64, change: Change) -> u64 {
    loop {
        if registry.commit(at, vec![change.clone()]).await.expect("commits") == Commit::Done {
            return at + 1;
        }
        at = registry.since(at).await.expect("reads").last().map_or(at, |commit| commit.at);
    }
}

/// A day of a small fleet: units, and patrols that start and end.
async fn many_commits(registry: &MongoRegistry, from: u64, count: u64) {
    for at in from..from + count {
        let name = format!("PC-{:03}", at / 2 % 20);
        let time = i64::try_from(at).expect("few") * 10;
        let id = at / 40 * 20 + at / 2 % 20 + 1;
        let started = patrol(id, &name, time / 10 / 2 * 20, None);
        let changes = if at % 2 == 0 {
            vec![Change::PutUnit(unit(&name)), Change::PutPatrol(started)]
        } else {
            vec![Change::PutPatrol(Patrol { ended_at: Some(Time(time + 5)), ..started })]
        };
        commit(registry, at, changes).await;
    }
}

/// All that can be read of it.
async fn all_of(registry: &MongoRegistry) -> (Records, Vec<Vec<Patrol>>) {
    let mut patrols = Vec::new();
    for n in (0..20).step_by(3) {
        let of = unit_id(&format!("PC-{n:03}"));
        patrols.push(registry.patrols_of(&of, TimeRange::ALL).await.expect("reads"));
    }
    for at in (0..4000).step_by(700) {
        patrols.push(at_stations(registry, at).await);
        let moments = (0..20).map(|n| (unit_id(&format!("PC-{n:03}")), Time(at + n * 7))).collect();
        patrols.push(registry.patrols_of_each(moments).await.expect("reads").concat());
    }
    for id in (0..200).step_by(41) {
        patrols.push(registry.patrol(PatrolId(id)).await.expect("reads").into_iter().collect());
    }
    (registry.load(NOW).await.expect("loads"), patrols)
}

fn assert_same((a, of_a): &(Records, Vec<Vec<Patrol>>), (b, of_b): &(Records, Vec<Vec<Patrol>>)) {
    assert_eq!((a.at, &a.units, &a.patrols), (b.at, &b.units, &b.patrols));
    assert_eq!((&a.sessions, &a.scopes, &a.users, &a.keys), (&b.sessions, &b.scopes, &b.users, &b.keys));
    assert_eq!(of_a, of_b);
}

async fn what_another_node_commits_is_read_here(on: &OnMongo) {
    let (here, there) = (on.registry().await, on.registry().await);
    assert!(here.since(0).await.expect("reads").is_empty());
    assert_eq!(at_stations(&here, 5).await, []);
    commit(&there, 0, vec![Change::PutUnit(unit("PC-001"))]).await;
    commit(&there, 1, vec![Change::PutPatrol(patrol(1, "PC-001", 0, None))]).await;
    assert_eq!(ids(&at_stations(&here, 5).await), [1]);
    let commits = here.since(0).await.expect("reads");
    assert_eq!(commits.iter().map(|commit| commit.at).collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(&commits[0].changes[..], [Change::PutUnit(put)] if *put == unit("PC-001")));
    assert!(matches!(&commits[1].changes[..], [Change::PutPatrol(put)] if put.id == PatrolId(1)));
    assert_eq!(here.since(1).await.expect("reads").len(), 1);
    assert!(here.since(2).await.expect("reads").is_empty());
}

async fn a_commit_on_top_of_an_older_one_is_behind_and_changes_nothing(on: &OnMongo) {
    let (here, there) = (on.registry().await, on.registry().await);
    commit(&there, 0, vec![Change::PutUnit(unit("PC-001"))]).await;
    let late = [Change::PutUnit(unit("PC-002")), Change::PutPatrol(patrol(1, "PC-002", 0, None))];
    for change in late {
        assert_eq!(here.commit(0, vec![change]).await.expect("answers"), Commit::Behind);
    }
    let records = here.load(NOW).await.expect("loads");
    assert_eq!((records.at, records.units), (1, vec![unit("PC-001")]));
    assert_eq!(here.patrol(PatrolId(1)).await.expect("reads"), None);
    commit(&here, 1, vec![Change::PutUnit(unit("PC-002"))]).await;
}

async fn every_commit_of_two_nodes_is_kept_once_and_in_order(on: &OnMongo) {
    let nodes = [Arc::new(on.registry().await), Arc::new(on.registry().await)];
    let tasks = (0..16).map(|task| {
        let node = nodes[task % 2].clone();
        tokio::spawn(async move {
            let mut made = Vec::new();
            for n in 0..10 {
                let name = format!("PC-{task:02}-{n}");
                let at = made.last().map_or(0, |(at, _)| *at);
                made.push((commit_on(&node, at, Change::PutUnit(unit(&name))).await, name));
            }
            made
        })
    });
    let mut made = Vec::new();
    for task in join_all(tasks).await {
        made.extend(task.expect("it ends"));
    }
    made.sort();
    assert_eq!(made.iter().map(|(at, _)| *at).collect::<Vec<_>>(), (1..=160).collect::<Vec<_>>());
    for node in nodes {
        let read = node.since(0).await.expect("reads").into_iter().map(|commit| match &commit.changes[..] {
            [Change::PutUnit(unit)] => (commit.at, unit.id.to_string()),
            other => panic!("{other:?}"),
        });
        assert_eq!(read.collect::<Vec<_>>(), made);
        assert_eq!(node.load(NOW).await.expect("loads").units.len(), 160);
    }
}

async fn two_nodes_that_start_a_patrol_of_one_unit_start_one(on: &OnMongo) {
    let (here, there) = (on.registry().await, on.registry().await);
    for round in 0..10 {
        let at = here.load(NOW).await.expect("loads").at;
        let name = format!("PC-{round:03}");
        let start = |id| vec![Change::PutPatrol(patrol(id, &name, 0, None))];
        let (a, b) = (here.commit(at, start(round * 2)), there.commit(at, start(round * 2 + 1)));
        let (a, b) = tokio::join!(a, b);
        let answers = [a.expect("answers"), b.expect("answers")];
        assert!(answers.contains(&Commit::Done) && answers.contains(&Commit::Behind), "{answers:?}");
        let loser = if answers[0] == Commit::Behind { &here } else { &there };
        loser.commit(at + 1, start(round * 2 + 100)).await.expect_err("the unit has one");
        let patrols = loser.patrols_of(&unit_id(&name), TimeRange::ALL).await.expect("reads");
        assert_eq!(patrols.len(), 1);
    }
}

async fn two_nodes_that_ask_at_once_get_one_secret(on: &OnMongo) {
    let nodes = join_all((0..8).map(|_| on.registry())).await;
    let secrets = join_all(nodes.iter().map(|node| node.secret("jwt"))).await;
    let secrets: Vec<_> = secrets.into_iter().map(|secret| secret.expect("reads")).collect();
    assert!(secrets.iter().all(|secret| *secret == secrets[0]), "{secrets:?}");
}

async fn folding_changes_nothing_that_is_read(on: &OnMongo) {
    let (here, folder) = (on.registry().await, on.registry().await);
    let mut sessions = vec![Change::PutSession(session("open", NOW.plus_ms(1)))];
    sessions.push(Change::PutSession(session("expired", NOW)));
    for (from, count) in [(0, 99), (99, 2), (101, 99)] {
        many_commits(&here, from, count).await;
        let before = all_of(&here).await;
        assert_eq!(folder.fold(NOW).await.expect("folds"), (from + count) / 100 * 100);
        assert_same(&all_of(&here).await, &before);
        assert_same(&all_of(&folder).await, &before);
        assert_same(&all_of(&on.registry().await).await, &before);
    }
    commit(&here, 200, sessions).await;
    assert_eq!(here.load(NOW).await.expect("loads").sessions, [session("open", NOW.plus_ms(1))]);
}

async fn two_who_fold_at_once_leave_what_one_would(on: &OnMongo) {
    let nodes = join_all((0..3).map(|_| on.registry())).await;
    let committing = many_commits(&nodes[0], 0, 300);
    let folding = async |node: &MongoRegistry| {
        while node.fold(NOW).await.expect("folds") < 300 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::join!(committing, folding(&nodes[1]), folding(&nodes[2]));
    let folded = all_of(&nodes[1]).await;
    assert_same(&all_of(&on.registry().await).await, &folded);
    // As the log alone has it.
    let mut ended = 0;
    for commit in nodes[0].since(0).await.expect("reads") {
        for change in commit.changes {
            if let Change::PutPatrol(put) = change
                && put.ended_at.is_some()
            {
                let stored = nodes[1].patrol(put.id).await.expect("reads");
                assert_eq!(stored.as_ref(), Some(&put));
                ended += 1;
            }
        }
    }
    assert_eq!((ended, folded.0.patrols.len(), folded.0.units.len()), (150, 0, 20));
}

async fn a_dropped_session_stays_dropped_when_it_is_folded(on: &OnMongo) {
    let node = on.registry().await;
    commit(&node, 0, vec![Change::PutSession(session("s", NOW.plus_ms(1000)))]).await;
    many_commits(&node, 1, 99).await;
    assert_eq!(node.fold(NOW).await.expect("folds"), 100);
    assert_eq!(node.load(NOW).await.expect("loads").sessions.len(), 1);
    commit(&node, 100, vec![Change::DropSession { hash: "s".into() }]).await;
    assert_eq!(node.load(NOW).await.expect("loads").sessions, []);
    many_commits(&node, 101, 99).await;
    assert_eq!(node.fold(NOW).await.expect("folds"), 200);
    assert_eq!(node.load(NOW).await.expect("loads").sessions, []);
}

async fn a_dropped_fence_stays_dropped_when_it_is_folded(on: &OnMongo) {
    let (here, there) = (on.registry().await, on.registry().await);
    let fence = |n| fences::fence(n, fences::circle());
    commit(&here, 0, vec![Change::PutFence(fence(1)), Change::PutFence(fence(2))]).await;
    many_commits(&here, 1, 99).await;
    assert_eq!(there.fold(NOW).await.expect("folds"), 100);
    assert_eq!(here.load(NOW).await.expect("loads").fences, [fence(1), fence(2)]);
    commit(&here, 100, vec![Change::DropFence { id: "fence-1".into() }]).await;
    let read = there.since(100).await.expect("reads");
    assert!(matches!(&read[0].changes[..], [Change::DropFence { id }] if id == "fence-1"));
    for from in [101, 200] {
        assert_eq!(there.load(NOW).await.expect("loads").fences, [fence(2)]);
        many_commits(&here, from, 99 + u64::from(from > 101)).await;
        there.fold(NOW).await.expect("folds");
    }
    assert_eq!(on.registry().await.load(NOW).await.expect("loads").fences, [fence(2)]);
}

async fn alerts_are_the_same_before_and_after_they_are_folded(on: &OnMongo) {
    let (here, there) = (on.registry().await, on.registry().await);
    let call = |n| alerts::alert(n, AlertKind::Sos, "PC-1", 15);
    commit(&here, 0, (1..4).map(|n| Change::PutAlert(call(n))).collect()).await;
    commit(&there, 1, vec![Change::PutAlert(alerts::acknowledged(&call(1)))]).await;
    commit(&here, 2, vec![Change::DropAlert { id: "a2".into() }]).await;
    let seen = async |node: &MongoRegistry| {
        let open: Vec<_> = node.load(NOW).await.expect("loads").alerts;
        (open, node.alerts(&AlertsOf::default(), None, 10).await.expect("reads"))
    };
    let expected = (vec![call(3)], vec![call(3), alerts::acknowledged(&call(1))]);
    assert_eq!(seen(&there).await, expected);
    many_commits(&here, 3, 97).await;
    assert_eq!(there.fold(NOW).await.expect("folds"), 100);
    for node in [&here, &there, &on.registry().await] {
        assert_eq!(seen(node).await, expected);
    }
}

async fn what_is_folded_and_old_is_forgotten_and_who_needed_it_is_told(on: &OnMongo) {
    let (node, asleep) = (on.registry().await, on.registry().await);
    many_commits(&node, 0, 199).await;
    assert_eq!(asleep.since(0).await.expect("reads").len(), 199);
    let before = all_of(&node).await;
    let now =
        Time(i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis()).expect("fits"));
    let in_eight_days = now.plus_ms(8 * 24 * 3600 * 1000);
    assert_eq!(node.fold(in_eight_days).await.expect("folds"), 100);
    assert_same(&all_of(&node).await, &before);
    assert_same(&all_of(&asleep).await, &before);
    assert_eq!(node.since(99).await.expect("reads").len(), 100);
    let error = asleep.since(50).await.expect_err("they are gone");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(cause.contains("started again"), "{cause}");
    assert_eq!(asleep.commit(100, vec![]).await.expect("answers"), Commit::Behind);
}
