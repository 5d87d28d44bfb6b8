//! A node listens to just what its own sockets may see, as Redis counts it, while sockets,
//! patrols and rights come and go. A room that everybody left is let go of here within a
//! tenth of a second; in the product within a minute, for those who come back.

use crate::{
    server::{eventually, send, zone},
    socket::Socket,
    town::Town,
};
use reqwest::Method;
use sentinel_model::{Permission, Scope};

impl Town {
    /// Waits until each node listens to so many channels.
    async fn listens_to(&self, what: &str, expected: [u64; 3]) {
        let counts = || [0, 1, 2].map(|node| self.subscriptions(node));
        eventually(&format!("{what}: {expected:?}"), || async { counts() == expected }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_go_up_and_down_with_sockets_patrols_and_rights() {
    let Some(town) = Town::start(3, 1).await else { return };
    let [a, b, c] = &town.nodes[..] else { panic!("three nodes") };
    for (unit, station) in [("A-5", 5), ("B-5", 5), ("A-6", 6), ("B-6", 6), ("A-9", 9)] {
        a.unit(unit, station).await;
    }
    let first = a.start_patrol("A-5", 5).await;
    a.start_patrol("B-5", 5).await;
    a.start_patrol("A-6", 6).await;
    a.start_patrol("A-9", 9).await;
    town.settled().await;
    // Each listens to what others commit, and to nothing else without a socket.
    town.listens_to("nobody watches", [1, 1, 1]).await;

    let chief5 = b.sign_in("chief5").await;
    let sockets = [
        Socket::subscribed(b, &chief5, Scope::station(5)).await,
        Socket::subscribed(b, &chief5, Scope::station(5)).await,
    ];
    let of_first = format!("live:patrol:{}", first.0);
    town.listens_to("a station and its two patrols", [1, 4, 1]).await;
    assert_eq!(town.listeners(&of_first), 1, "two sockets of one node are one subscription");
    assert_eq!(town.listeners("control:station:5"), 1);

    let zone3 = Socket::subscribed(b, &b.sign_in("zone3").await, zone(3)).await;
    town.listens_to("a zone shares patrols with its station", [1, 6, 1]).await;
    assert_eq!(town.listeners(&of_first), 1, "and so are two rooms");
    let patrol = c.start_patrol("B-6", 6).await;
    town.listens_to("a patrol came to the zone", [1, 7, 1]).await;
    a.end_patrol(patrol).await;
    town.listens_to("and went", [1, 6, 1]).await;
    drop(zone3);
    town.listens_to("the zone's last socket went", [1, 4, 1]).await;

    let key = a.key_named("the-key", Scope::station(9), &[Permission::Read]).await;
    let (by_key, _) = Socket::subscribed(c, &key, Scope::station(9)).await;
    let _same = Socket::subscribed(a, &a.sign_in("chief9").await, Scope::station(9)).await;
    town.listens_to("a station on two nodes", [3, 4, 3]).await;
    assert_eq!(town.listeners("control:station:9"), 2);
    let admin = b.sign_in("admin").await;
    let revoked = send(b.request(Method::DELETE, &admin, "/api/v1/api-keys/the-key")).await;
    assert!(revoked.status.is_success(), "{}", revoked.text);
    by_key.closed().await;
    town.listens_to("the right went", [3, 4, 1]).await;

    let [one, other] = sockets;
    drop(one);
    // Another room that empties later and closes: by then the station's would have, too.
    let zone4 = Socket::subscribed(b, &b.sign_in("zone4").await, zone(4)).await;
    town.listens_to("the other zone and its patrol", [3, 6, 1]).await;
    drop(zone4);
    town.listens_to("one of a station's two sockets went, which changes nothing", [3, 4, 1]).await;
    drop(other);
    town.listens_to("and the other", [3, 1, 1]).await;
    assert!(town.clients().iter().all(|client| client.psub == 0 && client.ssub == 0), "no pattern anywhere");
    town.end().await;
}
