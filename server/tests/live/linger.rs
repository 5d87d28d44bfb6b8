//! How long a node goes on to listen for somebody who has left.

use crate::stage::{STATION_5, STATION_6, Stage, ZONE_3};
use sentinel_server::{config::ServeArgs, live::LINGER};
use std::time::{Duration, Instant};

/// In place of the half minute of the product.
const SHORT: Duration = Duration::from_secs(1);
/// For a busy machine.
const LATE: Duration = Duration::from_secs(30);

#[test]
fn a_node_holds_on_to_an_empty_room_for_half_a_minute_and_for_a_minute_at_most() {
    let config = ServeArgs::default().settle().expect("settles");
    assert_eq!(config.room_linger, LINGER);
    assert_eq!(2 * LINGER, Duration::from_secs(60), "and see how long that makes a channel stay");
}

#[tokio::test]
async fn the_channels_of_a_room_that_everybody_left_stay_for_twice_its_linger_at_most() {
    let stage = Stage::set_with(SHORT).await;
    let units = stage.units(["A".into(), "B".into()]).await;
    let (gone, kept) = (stage.start(&units[0], 5).await, stage.start(&units[1], 6).await);
    let _stays = stage.view(STATION_6).await;
    let (of_zone, of_station) = (stage.view(ZONE_3).await, stage.view(STATION_5).await);
    assert_eq!(stage.bus.watched_patrols(), [gone.patrol, kept.patrol].into());
    drop((of_zone, of_station));
    let left = Instant::now();
    while stage.bus.watched_patrols() != [kept.patrol].into()
        || stage.bus.watched_scopes() != [STATION_6].into()
    {
        let waited = left.elapsed();
        assert!(waited <= 2 * SHORT + LATE, "still listens after {waited:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
