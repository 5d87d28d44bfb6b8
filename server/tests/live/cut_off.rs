//! A node that is cut off from its bus, and back.

use crate::stage::{NOW, STATION_5, STATION_6, STATION_9, Stage, ZONE_3, eventually};
use sentinel_model::UnitStatus;
use sentinel_server::live::{Encoding, JoinError};

#[tokio::test]
async fn after_a_cut_everybody_sees_what_is() {
    let stage = Stage::set().await;
    let units = stage.units((0..4).map(|n| format!("PC-{n}"))).await;
    let (moves, goes) = (stage.start(&units[0], 5).await, stage.start(&units[1], 5).await);
    let transferred = stage.start(&units[2], 5).await;
    let mut viewers = [stage.view(STATION_5).await, stage.view(STATION_6).await, stage.view(ZONE_3).await];
    for waits in [false, true] {
        stage.bus.cut(waits);
        assert_eq!(stage.hub.cut_off_since(), Some(NOW));
        stage.fix(&moves, if waits { 20 } else { 10 }).await;
        if !waits {
            stage.end(&goes).await;
            stage.end(&transferred).await;
            stage.start(&units[2], 6).await;
            stage.fix(&stage.start(&units[3], 6).await, 1).await;
            stage.status(&moves, UnitStatus::Stale).await;
        }
        stage.bus.resume();
        assert_eq!(stage.hub.cut_off_since(), None);
        for viewer in &mut viewers {
            stage.until_true(viewer).await;
            if !waits && viewer.units.contains_key(&moves.patrol) {
                viewer.until("how it is", |v| v.status(moves.patrol) == Some(UnitStatus::Stale)).await;
            }
        }
    }
    assert!(viewers.iter().all(|viewer| viewer.snapshots == 1), "what they missed was enough");
    let here: Vec<_> = viewers[2].units.keys().copied().collect();
    eventually("whoever is here is listened to, and nobody else", || {
        stage.bus.watched_patrols().into_iter().eq(here.iter().copied())
    })
    .await;
}

#[tokio::test]
async fn while_cut_off_open_rooms_show_what_they_have_and_no_other_opens() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into()]).await;
    let member = stage.start(&units[0], 5).await;
    let mut viewer = stage.view(STATION_5).await;
    stage.status(&member, UnitStatus::Stale).await;
    stage.bus.deliver_all();
    viewer.until("the event", |viewer| viewer.offset == Some(2)).await;
    stage.bus.cut(false);
    let mut late = stage.view(STATION_5).await;
    assert_eq!(late.times(), viewer.times());
    // Who comes back goes on where this node can tell what they missed.
    late.offset = Some(1);
    stage.subscribe(&mut late, Encoding::Json).await.expect("joins");
    late.until("the event", |viewer| viewer.offset == Some(2)).await;
    assert_eq!((late.snapshots, late.events.len()), (1, 1));
    // Others begin anew: whose events are gone here, and who knows of more than this node.
    for (snapshots, offset) in [(2, 0), (3, 7)] {
        late.offset = Some(offset);
        stage.subscribe(&mut late, Encoding::Json).await.expect("joins");
        late.until("a snapshot", |viewer| viewer.snapshots == snapshots).await;
    }

    let mut refused = crate::viewer::Viewer::new(STATION_9);
    let error = stage.subscribe(&mut refused, Encoding::Json).await.expect_err("it cannot be opened");
    assert!(matches!(error, JoinError::Engine(_)), "{error:?}");
    assert!(!stage.bus.watched_scopes().contains(&STATION_9));
    stage.bus.resume();
    stage.subscribe(&mut refused, Encoding::Json).await.expect("joins");
    let next = stage.start(&units[0], 9).await;
    stage.bus.deliver_all();
    refused.until("who joined", |viewer| viewer.units.contains_key(&next.patrol)).await;
}

#[tokio::test]
async fn channels_that_could_not_be_watched_are_watched_once_they_can() {
    for waits in [false, true] {
        let stage = Stage::set().await;
        let units = stage.units(["A".into(), "B".into()]).await;
        let goes = stage.start(&units[0], 5).await;
        let mut viewer = stage.view(ZONE_3).await;
        let comes = stage.start(&units[1], 5).await;
        stage.end(&goes).await;
        stage.bus.deliver_all();
        // Heard of just before the line went.
        stage.bus.cut(waits);
        viewer.until("who joined", |viewer| viewer.times() == [(comes.patrol, None)].into()).await;
        eventually("it was tried", || stage.bus.was_asked_in_vain()).await;
        tokio::task::yield_now().await;
        stage.fix(&comes, 1).await;
        stage.bus.resume();
        stage.until_true(&mut viewer).await;
        eventually("one is watched", || stage.bus.watched_patrols() == [comes.patrol].into()).await;
        stage.fix(&comes, 2).await;
        stage.bus.deliver_all();
        stage.until_true(&mut viewer).await;
    }
}

#[tokio::test]
async fn a_hub_that_is_cut_off_stops_nevertheless() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into(), "B".into()]).await;
    stage.start(&units[0], 5).await;
    let viewer = stage.view(ZONE_3).await;
    stage.bus.cut(true);
    stage.bus.resume();
    stage.bus.cut(true);
    let stopped = tokio::time::timeout(crate::stage::PATIENCE / 4, stage.hub.stop()).await;
    assert!(stopped.is_ok(), "mending and watching wait for the bus, and still end");
    let mut refused = crate::viewer::Viewer::new(STATION_9);
    let error = stage.subscribe(&mut refused, Encoding::Json).await.expect_err("it is stopping");
    assert!(matches!(error, JoinError::Stopping), "{error:?}");
    drop(viewer);
}

#[tokio::test]
async fn a_cut_that_lasts_is_told_to_whoever_looks_on_and_nobody_is_let_in_until_it_is_over() {
    let stage = Stage::set().await;
    let mut viewer = stage.view(STATION_5).await;
    let blind = stage.hub.blind();
    stage.bus.cut(false);
    assert!(!*blind.borrow(), "a short one is sat out");
    eventually("it is told", || *blind.borrow()).await;
    let error = stage.subscribe(&mut viewer, Encoding::Json).await.expect_err("nobody sees anything");
    assert!(matches!(error, JoinError::Blind), "{error:?}");
    stage.bus.resume();
    eventually("it is over", || !*blind.borrow()).await;
    stage.subscribe(&mut viewer, Encoding::Json).await.expect("joins");
}
