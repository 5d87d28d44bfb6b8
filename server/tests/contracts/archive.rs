//! What every archive promises of what an intake took.

use crate::{
    NOW, contract, fix,
    intake::{History, engines, points, receipt},
    mongo::{Kind, OnMongo},
    unit,
};
use futures::TryStreamExt;
use proptest::prelude::*;
use sentinel_model::{Fix, Time};
use sentinel_server::ports::{Archive, Intake, TimeRange};
use std::{collections::BTreeMap, sync::Arc};

contract!(sqlite, engines::Sqlite::new(),
    points_come_in_order_of_device_time_whatever_order_they_came_in
    of_one_time_they_come_in_order_of_uuid
    a_range_holds_its_start_and_not_its_end
    a_long_range_comes_in_pieces_that_leave_nothing_out_and_nothing_twice
    what_is_stored_while_a_range_is_read_takes_nothing_from_it
    a_late_fix_stands_where_it_belongs
    every_value_reads_back_bit_for_bit
    whole_fixes_are_as_many_as_asked_for_from_the_start
    units_and_times_without_fixes_are_empty
    the_last_before_a_moment_is_not_after_it
    it_is_as_a_sorted_map_would_have_it
);

contract!(ferretdb, where_installed OnMongo::of(Kind::FerretDb),
    points_come_in_order_of_device_time_whatever_order_they_came_in
    of_one_time_they_come_in_order_of_uuid
    a_range_holds_its_start_and_not_its_end
    a_long_range_comes_in_pieces_that_leave_nothing_out_and_nothing_twice
    what_is_stored_while_a_range_is_read_takes_nothing_from_it
    a_late_fix_stands_where_it_belongs
    every_value_reads_back_bit_for_bit
    whole_fixes_are_as_many_as_asked_for_from_the_start
    units_and_times_without_fixes_are_empty
    the_last_before_a_moment_is_not_after_it
    it_is_as_a_sorted_map_would_have_it
);

contract!(mongo_java, where_installed OnMongo::of(Kind::JavaServer),
    points_come_in_order_of_device_time_whatever_order_they_came_in
    of_one_time_they_come_in_order_of_uuid
    a_range_holds_its_start_and_not_its_end
    a_long_range_comes_in_pieces_that_leave_nothing_out_and_nothing_twice
    what_is_stored_while_a_range_is_read_takes_nothing_from_it
    a_late_fix_stands_where_it_belongs
    every_value_reads_back_bit_for_bit
    whole_fixes_are_as_many_as_asked_for_from_the_start
    units_and_times_without_fixes_are_empty
    the_last_before_a_moment_is_not_after_it
    it_is_as_a_sorted_map_would_have_it
);

fn between(from: i64, to: i64) -> TimeRange {
    TimeRange { from: NOW.plus_ms(from * 1000), to: NOW.plus_ms(to * 1000) }
}

async fn seconds(archive: &dyn Archive, of: &str, range: TimeRange) -> Vec<i64> {
    let points = points(archive, of, range).await;
    let fixes = archive.fixes(&unit(of), range, usize::MAX).await.expect("reads");
    let whole: Vec<_> = archive.whole(&unit(of), range).try_collect().await.expect("reads");
    assert!(whole.iter().all(|piece| !piece.is_empty()));
    assert_eq!(whole.concat(), fixes);
    assert_eq!(
        points.iter().map(|p| p.time).collect::<Vec<_>>(),
        fixes.iter().map(|f| f.time).collect::<Vec<_>>()
    );
    points.iter().map(|point| point.time.ms_since(NOW) / 1000).collect()
}

async fn open(history: &impl History) -> (Arc<dyn Intake>, Arc<dyn Archive>) {
    history.open(1000).await
}

async fn points_come_in_order_of_device_time_whatever_order_they_came_in(history: &impl History) {
    let (intake, archive) = open(history).await;
    for n in [5, 3, 9, 1, 7] {
        receipt(&*intake, "a", vec![fix(n), fix(n - 1)]).await;
    }
    assert_eq!(seconds(&*archive, "a", TimeRange::ALL).await, (0..10).collect::<Vec<_>>());
}

async fn of_one_time_they_come_in_order_of_uuid(history: &impl History) {
    let (intake, archive) = open(history).await;
    let with = |uuid: &str| Fix { uuid: Some(uuid.into()), ..fix(1) };
    receipt(&*intake, "a", vec![with("c"), with("a"), fix(1)]).await;
    receipt(&*intake, "a", vec![with("b"), fix(0), fix(2)]).await;
    let fixes = archive.fixes(&unit("a"), between(1, 2), 10).await.expect("reads");
    let uuids: Vec<Option<&str>> = fixes.iter().map(|fix| fix.uuid.as_deref()).collect();
    assert_eq!(uuids, [None, Some("a"), Some("b"), Some("c")]);
}

async fn a_range_holds_its_start_and_not_its_end(history: &impl History) {
    let (intake, archive) = open(history).await;
    // More than any engine keeps in one piece.
    receipt(&*intake, "a", (0..1000).map(fix).collect()).await;
    for (from, to) in [(0, 1), (0, 1000), (1, 999), (127, 129), (128, 128), (500, 501), (999, 2000), (-50, 3)]
    {
        let expected: Vec<i64> = (from.max(0)..to.min(1000)).collect();
        assert_eq!(seconds(&*archive, "a", between(from, to)).await, expected, "{from}..{to}");
    }
    assert_eq!(seconds(&*archive, "a", TimeRange::ALL).await.len(), 1000);
}

/// More than any engine reads at once; of every instant two, told apart by uuid, so that
/// pieces end within one too.
const MANY: i64 = 250_000;

async fn store_many(intake: &dyn Intake) -> Vec<Time> {
    let of = |n: i64| Fix { uuid: (n % 2 == 1).then(|| "x".into()), ..fix(n / 2) };
    let all: Vec<Fix> = (0..MANY).map(of).collect();
    for batch in all.chunks(10_000) {
        receipt(intake, "a", batch.to_vec()).await;
    }
    all.iter().map(|fix| fix.time).collect()
}

async fn a_long_range_comes_in_pieces_that_leave_nothing_out_and_nothing_twice(history: &impl History) {
    let (intake, archive) = open(history).await;
    let times = store_many(&*intake).await;
    let of = unit("a");
    let pieces: Vec<_> = archive.points(&of, TimeRange::ALL).try_collect().await.expect("reads");
    assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() < times.len() / 2), "{}", pieces.len());
    assert_eq!(pieces.concat().iter().map(|point| point.time).collect::<Vec<_>>(), times);
    let whole: Vec<_> = archive.whole(&of, TimeRange::ALL).try_collect().await.expect("reads");
    assert!(whole.len() > 1 && whole.iter().all(|piece| piece.len() < times.len() / 4), "{}", whole.len());
    assert_eq!(whole.concat().iter().map(|fix| fix.time).collect::<Vec<_>>(), times);
    // From and to within the range.
    let (from, to) = (20_001, 49_999);
    let part = points(&*archive, "a", between(from, to)).await;
    let expected: Vec<Time> = times.into_iter().filter(|time| between(from, to).contains(*time)).collect();
    assert_eq!(part.iter().map(|point| point.time).collect::<Vec<_>>(), expected);
}

async fn what_is_stored_while_a_range_is_read_takes_nothing_from_it(history: &impl History) {
    let (intake, archive) = open(history).await;
    let times = store_many(&*intake).await;
    let mut pieces = archive.points(&unit("a"), TimeRange::ALL);
    let mut read = Vec::new();
    let mut late = -1;
    while let Some(piece) = pieces.try_next().await.expect("reads") {
        let (first, last) = (piece[0].time, piece[piece.len() - 1].time);
        read.extend(piece.into_iter().map(|point| point.time));
        // Late ones before, within and behind what was read, which moves what is stored.
        for near in [first, last, last.plus_ms(10_000)] {
            let fixes = (1..300).map(|n| Fix { time: near.plus_ms(n * 20 + 1), ..fix(late) }).collect();
            receipt(&*intake, "a", fixes).await;
        }
        late -= 1;
    }
    assert!(read.is_sorted());
    let stored_before: std::collections::HashSet<Time> = times.iter().copied().collect();
    read.retain(|time| stored_before.contains(time));
    assert_eq!(read, times);
}

async fn a_late_fix_stands_where_it_belongs(history: &impl History) {
    let (intake, archive) = open(history).await;
    receipt(&*intake, "a", (0..1000).map(|n| fix(n * 2)).collect()).await;
    receipt(&*intake, "a", (0..1000).rev().step_by(7).map(|n| fix(n * 2 + 1)).collect()).await;
    receipt(&*intake, "a", vec![fix(-100)]).await;
    receipt(&*intake, "a", vec![fix(5000)]).await;
    let times = seconds(&*archive, "a", TimeRange::ALL).await;
    assert!(times.is_sorted());
    assert_eq!(times.len(), 1000 + 143 + 2);
    assert_eq!((times.first(), times.last()), (Some(&-100), Some(&5000)));
    assert_eq!(seconds(&*archive, "a", between(1998, 2000)).await, [1998, 1999]);
}

async fn every_value_reads_back_bit_for_bit(history: &impl History) {
    let (intake, archive) = open(history).await;
    let full = Fix {
        latitude: -89.999_999_999_999_99,
        longitude: 179.123_456_789_012_34,
        speed_mps: Some(0.1),
        heading_deg: Some(359.99),
        accuracy_m: Some(f32::MIN_POSITIVE),
        altitude_m: Some(-12.5),
        battery: Some(1.0),
        uuid: Some("0b9c-കൊച്ചി".into()),
        event: Some("motionchange".into()),
        extras: Some(r#"{"shift":"late","n":[1,2.50]}"#.into()),
        ..fix(1)
    };
    let plain = Fix { latitude: 0.0, longitude: -0.0, speed_mps: None, ..fix(2) };
    let before_1970 = Fix { received_at: Time(0), ..fix(3) };
    let all = vec![full, plain, before_1970];
    receipt(&*intake, "a", all.clone()).await;
    let fixes = archive.fixes(&unit("a"), TimeRange::ALL, 10).await.expect("reads");
    assert_eq!(fixes, all);
    let points = points(&*archive, "a", TimeRange::ALL).await;
    for ((point, read), sent) in points.iter().zip(&fixes).zip(&all) {
        for (a, b) in [
            (point.latitude, sent.latitude),
            (point.longitude, sent.longitude),
            (read.longitude, sent.longitude),
        ] {
            assert_eq!(a.to_bits(), b.to_bits());
        }
        assert_eq!((point.speed_mps, point.heading_deg), (sent.speed_mps, sent.heading_deg));
    }
}

async fn whole_fixes_are_as_many_as_asked_for_from_the_start(history: &impl History) {
    let (intake, archive) = open(history).await;
    receipt(&*intake, "a", (0..500).map(fix).collect()).await;
    for limit in [0, 1, 128, 129, 300, 500, 1000] {
        let fixes = archive.fixes(&unit("a"), TimeRange::ALL, limit).await.expect("reads");
        assert_eq!(fixes, (0..500).take(limit).map(fix).collect::<Vec<_>>(), "{limit}");
    }
}

async fn units_and_times_without_fixes_are_empty(history: &impl History) {
    let (intake, archive) = open(history).await;
    receipt(&*intake, "a", vec![fix(10)]).await;
    receipt(&*intake, "b", vec![fix(20)]).await;
    assert_eq!(seconds(&*archive, "nobody", TimeRange::ALL).await, [0; 0]);
    assert_eq!(seconds(&*archive, "a", between(11, 100)).await, [0; 0]);
    assert_eq!(seconds(&*archive, "a", TimeRange::ALL).await, [10]);
    assert_eq!(seconds(&*archive, "b", TimeRange::ALL).await, [20]);
}

async fn the_last_before_a_moment_is_not_after_it(history: &impl History) {
    let (intake, archive) = open(history).await;
    receipt(&*intake, "a", (0..1000).map(|n| fix(n * 10)).collect()).await;
    receipt(&*intake, "b", vec![fix(500)]).await;
    let units = [unit("b"), unit("nobody"), unit("a")];
    for (at, of_a, of_b) in [
        (-1, None, None),
        (0, Some(0), None),
        (9, Some(0), None),
        (499, Some(490), None),
        (500, Some(500), Some(500)),
        (100_000, Some(9990), Some(500)),
    ] {
        let found: BTreeMap<_, _> =
            archive.last_before(&units, NOW.plus_ms(at * 1000)).await.expect("reads").into_iter().collect();
        assert_eq!(found.get(&unit("a")), of_a.map(fix).as_ref(), "at {at}");
        assert_eq!(found.get(&unit("b")), of_b.map(fix).as_ref(), "at {at}");
        assert_eq!(found.get(&unit("nobody")), None);
    }
    let forever = archive.last_before(&units, Time(i64::MAX)).await.expect("reads");
    assert_eq!(forever.len(), 2);
}

type Batches = Vec<Vec<(i64, Option<u8>)>>;

/// Random batches and questions, against a sorted map. The same ones each time.
async fn it_is_as_a_sorted_map_would_have_it(history: &impl History) {
    use proptest::{
        strategy::ValueTree as _,
        test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
    };
    let (intake, archive) = open(history).await;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let batch = prop::collection::vec((0i64..400, prop::option::of(0u8..2)), 1..150);
    let story = (prop::collection::vec(batch, 1..12), prop::collection::vec((-10i64..420, 0i64..200), 8));
    for case in 0..25 {
        let (batches, questions): (Batches, Vec<(i64, i64)>) =
            story.new_tree(&mut runner).expect("draws").current();
        let name = format!("unit-{case}");
        let mut model = BTreeMap::new();
        for batch in batches {
            let fixes: Vec<Fix> = batch
                .iter()
                .map(|(n, uuid)| Fix { uuid: uuid.map(|u| u.to_string().into()), ..fix(*n) })
                .collect();
            let mut new = 0;
            for fix in &fixes {
                let key = (fix.time, fix.uuid.clone().unwrap_or_default());
                new += u64::from(model.insert(key, fix.clone()).is_none());
            }
            assert_eq!(receipt(&*intake, &name, fixes.clone()).await, (new, fixes.len() as u64 - new));
        }
        for (from, length) in questions {
            let range = between(from, from + length);
            let expected: Vec<Fix> = model.values().filter(|fix| range.contains(fix.time)).cloned().collect();
            assert_eq!(archive.fixes(&unit(&name), range, usize::MAX).await.expect("reads"), expected);
            assert_eq!(seconds(&*archive, &name, range).await.len(), expected.len());
            let last = model.values().rfind(|fix| fix.time <= range.from).cloned();
            let found = archive.last_before(&[unit(&name)], range.from).await.expect("reads");
            assert_eq!(found.into_iter().next().map(|(_, fix)| fix), last);
        }
    }
}
