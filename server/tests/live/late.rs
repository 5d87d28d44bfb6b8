//! Nodes that know of a unit or a patrol at different moments.

use crate::stage::{STATION_5, STATION_6, Stage, ZONE_3, eventually};

#[tokio::test]
async fn a_patrol_that_this_node_has_not_read_of_is_shown_with_its_position() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into()]).await;
    let member = stage.start(&units[0], 5).await;
    stage.store(&member, 1).await;
    assert!(!stage.knows(member.patrol));
    let mut viewer = stage.view(ZONE_3).await;
    assert!(stage.knows(member.patrol), "it was looked up");
    stage.until_true(&mut viewer).await;
}

#[tokio::test]
async fn a_member_whom_no_record_knows_is_shown_without_a_position() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into()]).await;
    let mut member = stage.commit_patrol(&units[0], 5).await;
    stage.store(&member, 1).await;
    member.patrol.0 += 1000;
    stage.enter(&member).await;
    let viewer = stage.view(ZONE_3).await;
    assert_eq!(viewer.times(), [(member.patrol, None)].into(), "whose position it is nobody can tell");
}

#[tokio::test]
async fn a_position_that_was_stored_and_told_to_nobody_is_seen_a_little_later() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into(), "B".into()]).await;
    let earlier = stage.start(&units[0], 5).await;
    let mut viewer = stage.view(ZONE_3).await;
    let joins = stage.start(&units[1], 5).await;
    stage.bus.deliver_all();
    let both = [earlier.patrol, joins.patrol];
    eventually("both are watched", || stage.bus.watched_patrols() == both.into()).await;
    viewer.until("who joined", |viewer| viewer.units.len() == 2).await;
    tokio::task::yield_now().await;
    // The node that takes these does not know of the patrols yet.
    stage.store(&earlier, 1).await;
    stage.store(&joins, 1).await;
    stage.until_true(&mut viewer).await;
}

#[tokio::test]
async fn a_unit_that_went_elsewhere_is_not_seen_from_where_it_was() {
    let stage = Stage::set().await;
    let units = stage.units(["A".into(), "B".into()]).await;
    let before = stage.start(&units[0], 5).await;
    stage.fix(&before, 1).await;
    let mut here = stage.view(STATION_5).await;
    stage.until_true(&mut here).await;
    // It changes station; the rooms will hear of it later than the records.
    stage.commit_end(&before).await;
    let after = stage.commit_patrol(&units[0], 6).await;
    stage.store(&after, 2).await;
    stage.bus.cut(false);
    stage.bus.resume();
    let mut fresh = stage.view(ZONE_3).await;
    fresh.until("the room as it is", |viewer| viewer.units.contains_key(&before.patrol)).await;
    assert_eq!(fresh.times()[&before.patrol], None, "it is there, but where is another station's affair");
    // What was read again has come before this is heard.
    let marker = stage.start(&units[1], 5).await;
    stage.fix(&marker, 3).await;
    stage.bus.deliver_all();
    here.until("the marker moved", |viewer| viewer.times().get(&marker.patrol).is_some_and(Option::is_some))
        .await;
    assert_eq!(here.times()[&before.patrol], Some(crate::stage::at(1)));
    stage.leave(&before).await;
    stage.enter(&after).await;
    stage.bus.deliver_all();
    stage.until_true(&mut here).await;
    stage.until_true(&mut fresh).await;
    let mut there = stage.view(STATION_6).await;
    stage.until_true(&mut there).await;
}
