//! Events that are lost or late.

use crate::{
    lagging::Channel,
    stage::{STATION_5, STATION_9, Stage, ZONE_3, eventually},
};
use sentinel_model::UnitStatus;
use sentinel_server::{live::Encoding, ports::EVENT_HISTORY};
use std::sync::Arc;

#[tokio::test]
async fn a_lost_event_is_asked_for_when_the_next_one_comes() {
    let stage = Stage::set().await;
    let [unit, other] = &stage.units(["A".into(), "B".into()]).await[..] else { panic!("two") };
    let mut viewer = stage.view(ZONE_3).await;
    let member = stage.start(unit, 5).await;
    stage.bus.lose(Channel::Events(ZONE_3));
    stage.status(&member, UnitStatus::Stale).await;
    stage.start(other, 6).await;
    stage.bus.deliver_all();
    viewer.until("all three", |viewer| viewer.events.len() == 3).await;
    assert_eq!(viewer.status(member.patrol), Some(UnitStatus::Stale));
    assert_eq!((viewer.snapshots, viewer.units.len()), (1, 2), "it went on where it was");
    stage.fix(&member, 5).await;
    eventually("its channel is watched", || stage.bus.watched_patrols().contains(&member.patrol)).await;
    stage.bus.deliver_all();
    stage.until_true(&mut viewer).await;
}

#[tokio::test]
async fn a_lost_event_that_none_follows_is_noticed_all_the_same() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into()]).await;
    let mut viewer = stage.view(ZONE_3).await;
    let member = stage.start(&units[0], 5).await;
    stage.bus.lose(Channel::Events(ZONE_3));
    viewer.until("it has joined", |viewer| viewer.units.len() == 1).await;
    stage.end(&member).await;
    stage.bus.lose(Channel::Events(ZONE_3));
    viewer.until("it has left", |viewer| viewer.units.is_empty()).await;
    assert_eq!(viewer.snapshots, 1, "it went on where it was");
}

#[tokio::test]
async fn an_event_that_comes_while_the_lost_ones_are_read_follows_them() {
    let stage = Arc::new(Stage::set().await);
    let units = stage.units(["A".into()]).await;
    let member = stage.start(&units[0], 5).await;
    let mut viewer = stage.view(ZONE_3).await;
    stage.status(&member, UnitStatus::Stale).await;
    stage.bus.lose(Channel::Events(ZONE_3));
    stage.status(&member, UnitStatus::Offline).await;
    let (beside, moving) = (stage.clone(), member.clone());
    stage.bus.meanwhile(async move {
        beside.status(&moving, UnitStatus::Available).await;
        beside.bus.deliver_all();
    });
    stage.bus.deliver_all();
    viewer.until("all three", |viewer| viewer.events.len() == 3).await;
    assert_eq!(viewer.snapshots, 1);
}

#[tokio::test]
async fn where_more_was_lost_than_is_kept_everybody_begins_with_a_new_snapshot() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into()]).await;
    let member = stage.start(&units[0], 5).await;
    let mut viewers = [stage.view(ZONE_3).await, stage.view(ZONE_3).await];
    stage.bus.cut(false);
    for _ in 0..EVENT_HISTORY + 50 {
        stage.status(&member, UnitStatus::Stale).await;
    }
    stage.end(&member).await;
    let next = stage.start(&units[0], 6).await;
    stage.bus.resume();
    for viewer in &mut viewers {
        viewer.until("another snapshot", |viewer| viewer.snapshots == 2).await;
        assert_eq!(viewer.times(), [(next.patrol, None)].into());
    }
    stage.fix(&next, 1).await;
    stage.bus.deliver_all();
    stage.status(&next, UnitStatus::Stale).await;
    stage.bus.deliver_all();
    for viewer in &mut viewers {
        stage.until_true(viewer).await;
        viewer.until("the event", |viewer| viewer.status(next.patrol) == Some(UnitStatus::Stale)).await;
        assert_eq!(viewer.snapshots, 2);
    }
}

#[tokio::test]
async fn a_stream_that_begins_anew_brings_a_new_snapshot() {
    let stage = Stage::set().await;
    let units = stage.units((0..3).map(|n| format!("PC-{n}"))).await;
    let stays = stage.start(&units[0], 5).await;
    let goes = stage.start(&units[1], 5).await;
    let mut viewer = stage.view(ZONE_3).await;
    stage.fix(&stays, 5).await;
    stage.bus.deliver_all();
    stage.until_true(&mut viewer).await;
    stage.bus.begin_anew();
    stage.end(&goes).await;
    // Lost with the stream that was: only the first event of the new one tells of it.
    stage.bus.lose(Channel::Events(ZONE_3));
    stage.start(&units[2], 6).await;
    stage.bus.deliver_all();
    viewer.until("another snapshot", |viewer| viewer.snapshots == 2).await;
    assert_eq!(viewer.epoch, "epoch 1");
    stage.until_true(&mut viewer).await;
    // Offsets count from one again, and so do the subscribers'.
    stage.status(&stays, UnitStatus::Stale).await;
    stage.bus.deliver_all();
    viewer.until("the third event", |viewer| viewer.offset == Some(3)).await;
    eventually("who went is let go", || !stage.bus.watched_patrols().contains(&goes.patrol)).await;
}

#[tokio::test]
async fn mending_one_room_disturbs_no_other() {
    let stage = Stage::set().await;
    let units = stage.units((0..3).map(|n| format!("PC-{n}"))).await;
    let (near, far) = (stage.start(&units[0], 5).await, stage.start(&units[1], 9).await);
    let (mut mended, mut other) = (stage.view(STATION_5).await, stage.view(STATION_9).await);
    stage.bus.refuse_events_of(STATION_5, true);
    stage.status(&near, UnitStatus::Stale).await;
    stage.bus.lose(Channel::Events(STATION_5));
    stage.status(&near, UnitStatus::Offline).await;
    stage.status(&far, UnitStatus::Stale).await;
    stage.bus.deliver_all();
    other.until("its event", |viewer| viewer.status(far.patrol) == Some(UnitStatus::Stale)).await;
    stage.fix(&far, 1).await;
    stage.fix(&near, 1).await;
    stage.bus.deliver_all();
    stage.until_true(&mut other).await;
    // Positions go on in the room that lacks an event.
    stage.until_true(&mut mended).await;
    assert!(mended.events.is_empty(), "what is missing comes first: {:?}", mended.events);
    stage.bus.refuse_events_of(STATION_5, false);
    mended.until("both events", |viewer| viewer.events.len() == 2).await;
    assert_eq!((mended.snapshots, other.snapshots, other.events.len()), (1, 1, 1));
}

#[tokio::test]
async fn what_cannot_be_mended_yet_is_not_heaped_up() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into()]).await;
    let member = stage.start(&units[0], 5).await;
    let mut viewer = stage.view(STATION_5).await;
    stage.bus.refuse_events_of(STATION_5, true);
    stage.status(&member, UnitStatus::Stale).await;
    stage.bus.lose(Channel::Events(STATION_5));
    for n in 0..3 * EVENT_HISTORY {
        stage.status(&member, [UnitStatus::Offline, UnitStatus::Stale][n % 2]).await;
        stage.bus.deliver_all();
    }
    assert!(stage.bus.events_held() <= EVENT_HISTORY, "{} are held", stage.bus.events_held());
    stage.bus.refuse_events_of(STATION_5, false);
    viewer.until("a snapshot, as the events are gone", |viewer| viewer.snapshots == 2).await;
    assert_eq!(viewer.offset, Some(3 * EVENT_HISTORY as u64 + 2));
}

#[tokio::test]
async fn who_comes_back_ahead_of_this_node_gets_each_event_once_and_sees_nobody_who_left() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into(), "B".into()]).await;
    let (gone, stays) = (stage.start(&units[0], 5).await, stage.start(&units[1], 5).await);
    let other = stage.view(ZONE_3).await;
    let mut viewer = stage.view(ZONE_3).await;
    stage.fix(&gone, 1).await;
    stage.end(&gone).await;
    stage.status(&stays, UnitStatus::Stale).await;
    // All of it is still on its way here; the stream has it.
    stage.subscribe(&mut viewer, Encoding::Json).await.expect("joins");
    viewer.until("both events", |viewer| viewer.events.len() == 2).await;
    // Another node has told it even more.
    stage.status(&stays, UnitStatus::Offline).await;
    viewer.session = None;
    viewer.offset = viewer.offset.map(|offset| offset + 1);
    stage.subscribe(&mut viewer, Encoding::Postcard).await.expect("joins");
    stage.bus.deliver_all();
    stage.status(&stays, UnitStatus::Available).await;
    stage.bus.deliver_all();
    viewer.until("the last", |viewer| viewer.events.len() == 3).await;
    stage.until_true(&mut viewer).await;
    assert_eq!(viewer.snapshots, 1);
    drop(other);
}
