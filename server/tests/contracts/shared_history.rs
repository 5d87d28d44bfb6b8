//! What an archive promises that many workers write and tidy, beyond what every archive does.

use crate::{
    NOW, contract, fix,
    intake::points,
    mongo::{Kind, OnMongo},
    unit,
};
use futures::TryStreamExt;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sentinel_model::{Fix, Time};
use sentinel_server::{
    mongo::MongoArchive,
    ports::{Archive, ArchiveWriter, TimeRange},
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

contract!(ferretdb, where_installed OnMongo::of(Kind::FerretDb),
    what_is_delivered_again_in_other_company_is_there_once
    compaction_leaves_few_segments_and_the_same_history
    an_hour_that_does_not_read_keeps_no_other_from_being_compacted
    compaction_ends_when_it_is_told_to_and_goes_on_another_time
    redelivered_and_compacted_at_random_it_is_as_a_sorted_map_would_have_it
    whoever_reads_while_others_store_and_compact_misses_nothing_and_sees_nothing_twice
    what_is_too_old_is_dropped_and_nothing_else
    retention_may_change_from_start_to_start
    what_is_erased_is_gone_and_compaction_brings_nothing_of_it_back
);

contract!(mongo_java, where_installed OnMongo::of(Kind::JavaServer),
    what_is_delivered_again_in_other_company_is_there_once
    compaction_leaves_few_segments_and_the_same_history
    an_hour_that_does_not_read_keeps_no_other_from_being_compacted
    compaction_ends_when_it_is_told_to_and_goes_on_another_time
    redelivered_and_compacted_at_random_it_is_as_a_sorted_map_would_have_it
    whoever_reads_while_others_store_and_compact_misses_nothing_and_sees_nothing_twice
    what_is_too_old_is_dropped_and_nothing_else
    retention_may_change_from_start_to_start
    what_is_erased_is_gone_and_compaction_brings_nothing_of_it_back
);

/// So much later that every hour of these stories is over and quiet.
fn later() -> Time {
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
    Time(i64::try_from(now).expect("fits")).max(NOW).plus_ms(24 * 3_600_000)
}

/// Until nothing is left to do.
fn always() -> bool {
    true
}

async fn store(archive: &MongoArchive, of: &str, fixes: Vec<Fix>) {
    archive.store(vec![(unit(of), fixes)]).await.expect("stores");
}

async fn fixes(archive: &MongoArchive, of: &str) -> Vec<Fix> {
    archive.fixes(&unit(of), TimeRange::ALL, usize::MAX).await.expect("reads")
}

async fn what_is_delivered_again_in_other_company_is_there_once(on: &OnMongo) {
    let (a, b) = (on.archive().await, on.archive().await);
    let all: Vec<Fix> = (0..50).map(fix).collect();
    let deliveries = [&all[0..20], &all[0..20], &all[10..30], &all[5..6], &all[20..50], &all[0..50]];
    for (n, part) in deliveries.iter().enumerate() {
        let archive = if n % 2 == 0 { &a } else { &b };
        let batch = vec![(unit("a"), part.to_vec()), (unit("b"), vec![fix(1)]), (unit("a"), part.to_vec())];
        archive.store(batch).await.expect("stores");
    }
    assert_eq!(fixes(&a, "a").await, all);
    assert_eq!(fixes(&b, "b").await, [fix(1)]);
    a.store(Vec::new()).await.expect("nothing is stored as nothing");
    a.store(vec![(unit("a"), Vec::new())]).await.expect("nothing is stored as nothing");
}

async fn compaction_leaves_few_segments_and_the_same_history(on: &OnMongo) {
    let archive = on.archive().await;
    let all: Vec<Fix> = (0..400).map(|n| fix(n * 20)).collect();
    for one in &all {
        store(&archive, "a", vec![one.clone()]).await;
    }
    assert_eq!(on.segments("a").await, 400);
    assert_eq!(archive.compact(NOW, always).await.expect("compacts"), 0, "the hours are not over");
    let hours = archive.compact(later(), always).await.expect("compacts");
    assert_eq!(hours, 3);
    assert_eq!(fixes(&archive, "a").await, all);
    archive.drop_replaced(later(), always).await.expect("drops");
    assert!(on.segments("a").await > 400, "reads that began before may still need them");
    archive.drop_replaced(later().plus_ms(16 * 60_000), always).await.expect("drops");
    // An hour of 180 is two segments.
    assert_eq!(on.segments("a").await, 5);
    assert_eq!(fixes(&archive, "a").await, all);
    assert_eq!(archive.compact(later(), always).await.expect("compacts"), 0, "there is nothing more to do");
    let last = archive.last_before(&[unit("a")], Time(i64::MAX)).await.expect("reads");
    assert_eq!(last, [(unit("a"), all[399].clone())]);
    // A late one makes it work again. Another worker's, for whom the notes that are gone by a
    // clock set forward were never made.
    store(&on.archive().await, "a", vec![fix(1)]).await;
    assert_eq!(archive.compact(later(), always).await.expect("compacts"), 1);
    archive.drop_replaced(later().plus_ms(16 * 60_000), always).await.expect("drops");
    assert_eq!(on.segments("a").await, 5);
    assert_eq!(fixes(&archive, "a").await.len(), 401);
}

async fn what_is_erased_is_gone_and_compaction_brings_nothing_of_it_back(on: &OnMongo) {
    let archive = on.archive().await;
    let all: Vec<Fix> = (0..300).map(|n| fix(n * 20)).collect();
    for (n, one) in all.iter().enumerate() {
        store(&archive, if n % 2 == 0 { "a" } else { "b" }, vec![one.clone()]).await;
    }
    assert_eq!(archive.erase(&unit("nobody")).await.expect("erases"), 0);
    // Others erase and compact at once, and more comes meanwhile; whoever is first.
    for round in 0..10 {
        store(&archive, "a", all.clone()).await;
        let others = on.archive().await;
        let a = unit("a");
        let (erased, compacted) = tokio::join!(archive.erase(&a), others.compact(later(), always));
        erased.expect("erases");
        // One that met the erasure goes on the next time.
        compacted.ok();
        assert_eq!(fixes(&archive, "a").await, [], "round {round}");
        others.compact(later(), always).await.expect("compacts");
        archive.drop_replaced(later().plus_ms(16 * 60_000), always).await.expect("drops");
        assert_eq!(fixes(&archive, "a").await, [], "round {round}");
        // What comes after stays, however often it is compacted.
        store(&archive, "a", all[..50].to_vec()).await;
        archive.compact(later(), always).await.expect("compacts");
        store(&others, "a", all[20..70].to_vec()).await;
        others.compact(later(), always).await.expect("compacts");
        archive.drop_replaced(later().plus_ms(16 * 60_000), always).await.expect("drops");
        assert_eq!(fixes(&archive, "a").await, all[..70], "round {round}");
    }
    assert_eq!(fixes(&archive, "b").await.len(), 150, "another's is untouched");
}

async fn an_hour_that_does_not_read_keeps_no_other_from_being_compacted(on: &OnMongo) {
    let archive = on.archive().await;
    // As many as are read at once, and more.
    let spoilt: Vec<String> = (0..120).map(|n| format!("a{n}")).collect();
    for of in spoilt.iter().map(String::as_str).chain(["b"]) {
        store(&archive, of, vec![fix(0)]).await;
        store(&archive, of, vec![fix(1)]).await;
    }
    for of in &spoilt {
        on.damage(of).await;
    }
    assert_eq!(archive.compact(later(), always).await.expect("compacts"), 1);
    archive.drop_replaced(later().plus_ms(16 * 60_000), always).await.expect("drops");
    assert_eq!((on.segments("a7").await, on.segments("b").await), (2, 1));
    assert_eq!(fixes(&archive, "b").await, [fix(0), fix(1)]);
    assert_eq!(archive.compact(later(), || panic!("nothing is left to do")).await.expect("compacts"), 0);
}

async fn compaction_ends_when_it_is_told_to_and_goes_on_another_time(on: &OnMongo) {
    let archive = on.archive().await;
    for n in 0..10 {
        store(&archive, "a", vec![fix(n * 3600), fix(n * 3600 + 1)]).await;
    }
    let looks = AtomicUsize::new(0);
    let three = || looks.fetch_add(1, Ordering::Relaxed) < 3;
    assert_eq!(archive.compact(later(), three).await.expect("compacts"), 3);
    assert_eq!(archive.compact(later(), || false).await.expect("compacts"), 0);
    assert_eq!(archive.compact(later(), always).await.expect("compacts"), 7);
    for n in 0..2 {
        store(&archive, "b", vec![fix(n)]).await;
    }
    assert_eq!(on.archive().await.compact(later(), always).await.expect("compacts"), 1);
    let past = later().plus_ms(16 * 60_000);
    archive.drop_replaced(past, || false).await.expect("does nothing");
    assert_eq!(on.segments("b").await, 3);
    archive.drop_replaced(past, always).await.expect("drops");
    assert_eq!(on.segments("b").await, 1);
}

/// Some fixes of the first three hours, a few of the same instant, a few that are the same
/// as others by identity and yet say something else.
fn any_fixes(random: &mut StdRng) -> Vec<Fix> {
    let count = random.random_range(1..40);
    let from = random.random_range(0..10_000);
    let uuids = [None, Some("x"), Some("y")];
    let mut any = || {
        let n = from + random.random_range(0..600);
        let uuid = uuids.choose(random).copied().flatten().map(Into::into);
        Fix { uuid, latitude: random.random_range(-90.0..90.0), ..fix(n) }
    };
    (0..count).map(|_| any()).collect()
}

async fn redelivered_and_compacted_at_random_it_is_as_a_sorted_map_would_have_it(on: &OnMongo) {
    let workers = [on.archive().await, on.archive().await];
    let mut random = StdRng::seed_from_u64(7);
    let mut model: BTreeMap<(Time, Option<Box<str>>), Fix> = BTreeMap::new();
    let mut given: Vec<Vec<Fix>> = Vec::new();
    let mut now = later();
    for step in 0..250 {
        let worker = &workers[random.random_range(0..2)];
        now = now.plus_ms(60_000);
        match random.random_range(0..10) {
            0..4 => given.push(any_fixes(&mut random)),
            // The same again, of which some reached only half way, with others between.
            4..7 if !given.is_empty() => {
                let mut again = given.choose(&mut random).expect("some").clone();
                again.truncate(random.random_range(1..=again.len()));
                again.extend(given.choose(&mut random).expect("some").iter().step_by(2).cloned());
                given.push(again);
            }
            7 => {
                worker.compact(now, always).await.expect("compacts");
                continue;
            }
            8 => {
                worker.drop_replaced(now, always).await.expect("drops");
                continue;
            }
            // A run that died after it had compacted and before it had said so.
            _ => {
                store(worker, "a", any_fixes(&mut StdRng::seed_from_u64(step % 5))).await;
                for fix in any_fixes(&mut StdRng::seed_from_u64(step % 5)) {
                    model.entry((fix.time, fix.uuid.clone())).or_insert(fix);
                }
                continue;
            }
        }
        let batch = given.last().cloned().unwrap_or_default();
        for fix in &batch {
            model.entry((fix.time, fix.uuid.clone())).or_insert_with(|| fix.clone());
        }
        store(worker, "a", batch).await;
        if step % 5 == 0 {
            assert_as(&model, &workers[0], &mut random).await;
        }
    }
    for worker in &workers {
        assert_as(&model, worker, &mut random).await;
    }
}

async fn assert_as(
    model: &BTreeMap<(Time, Option<Box<str>>), Fix>,
    archive: &MongoArchive,
    random: &mut StdRng,
) {
    assert_eq!(fixes(archive, "a").await, model.values().cloned().collect::<Vec<_>>());
    let from = NOW.plus_ms(random.random_range(0..10_000) * 1000);
    let range = TimeRange { from, to: from.plus_ms(random.random_range(0..4_000_000)) };
    let read: Vec<Time> = points(archive, "a", range).await.into_iter().map(|point| point.time).collect();
    let expected = model.values().map(|fix| fix.time).filter(|time| range.contains(*time));
    assert_eq!(read, expected.collect::<Vec<_>>());
    let last = archive.last_before(&[unit("a")], from).await.expect("reads");
    let expected = model.values().rfind(|fix| fix.time <= from);
    assert_eq!(last.first().map(|(_, fix)| fix), expected);
}

async fn whoever_reads_while_others_store_and_compact_misses_nothing_and_sees_nothing_twice(on: &OnMongo) {
    let archives = [on.archive().await, on.archive().await, on.archive().await];
    let mut stored = 0;
    for round in 0..4 {
        let until = stored + 200;
        let writing = async {
            for n in stored..until {
                store(&archives[0], "a", vec![fix(n * 17), fix((n - 3).max(0) * 17)]).await;
            }
        };
        let compacting = async |archive: &MongoArchive| {
            for _ in 0..4 {
                archive.compact(later(), always).await.expect("compacts");
            }
        };
        let reading = async {
            for _ in 0..15 {
                let read: Vec<_> =
                    archives[2].points(&unit("a"), TimeRange::ALL).try_collect().await.expect("reads");
                let times: Vec<i64> =
                    read.concat().iter().map(|point| point.time.ms_since(NOW) / 17_000).collect();
                let in_order = (0..i64::try_from(times.len()).expect("few")).collect::<Vec<_>>();
                assert!(times.len() >= usize::try_from(stored).expect("few"));
                assert_eq!(times, in_order);
            }
        };
        tokio::join!(writing, compacting(&archives[1]), compacting(&archives[2]), reading);
        stored = until;
        // Nobody reads that began before.
        let past = later().plus_ms((round + 1) * 16 * 60_000);
        let dropping = (archives[1].drop_replaced(past, always), archives[2].drop_replaced(past, always));
        let (a, b) = tokio::join!(dropping.0, dropping.1);
        a.and(b).expect("drops");
        assert_eq!(fixes(&archives[0], "a").await, (0..stored).map(|n| fix(n * 17)).collect::<Vec<_>>());
    }
}

async fn what_is_too_old_is_dropped_and_nothing_else(on: &OnMongo) {
    let archive = on.archive().await;
    store(&archive, "a", (0..100).map(|n| fix(n * 360)).collect()).await;
    store(&archive, "b", vec![fix(0)]).await;
    archive.drop_before(NOW.plus_ms(5 * 3_600_000)).await.expect("drops");
    assert_eq!(fixes(&archive, "a").await, (50..100).map(|n| fix(n * 360)).collect::<Vec<_>>());
    assert_eq!(fixes(&archive, "b").await, []);
}

async fn retention_may_change_from_start_to_start(on: &OnMongo) {
    let mongo = on.connect().await;
    for days in [Some(36_500), Some(40_000), None, Some(36_500)] {
        let retention = days.map(|days| Duration::from_secs(days * 24 * 3600));
        let archive = MongoArchive::open(&mongo, retention).await.expect("opens");
        store(&archive, "a", vec![fix(1)]).await;
        assert_eq!(fixes(&archive, "a").await, [fix(1)]);
    }
}
