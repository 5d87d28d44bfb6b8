//! Units that fall silent, and readers that do.

use crate::{
    server::{DEADLINE, Server, at, fix, id, positions_in, unit, within, zone},
    socket::{Form, Socket, subscribe_to},
};
use futures::SinkExt as _;
use sentinel_model::{
    Patrol, PatrolId, Scope, UnitStatus,
    live::{self, ClientFrame, Event},
};
use sentinel_server::ports::Change;
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

/// The next status event of a unit.
async fn status(socket: &mut Socket, of: &str) -> UnitStatus {
    loop {
        if let Event::Status(changed) = socket.event().await
            && changed.id == id(of)
        {
            return changed.status;
        }
    }
}

#[tokio::test]
async fn stale_and_offline_come_by_the_server_s_clock_and_end_with_the_next_word() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let (mut socket, snapshot) = Socket::subscribed(&server, &chief, Scope::station(5)).await;
    assert_eq!(snapshot.units[0].status, UnitStatus::Available);
    let read = async || server.get(&chief, "/api/v1/units/PC-1").await.json["status"].clone();

    server.clock.turn(61);
    assert_eq!(status(&mut socket, "PC-1").await, UnitStatus::Stale);
    assert_eq!(read().await, "stale");
    server.clock.turn(240);
    assert_eq!(status(&mut socket, "PC-1").await, UnitStatus::Offline);
    assert_eq!(read().await, "offline");
    let (_, snapshot) = Socket::subscribed(&server, &chief, Scope::station(5)).await;
    assert_eq!(snapshot.units[0].status, UnitStatus::Offline);

    // A late fix moves no marker but is a word from the unit.
    server.fixes(&token, &[fix(at(-10), 9.9, 76.2)]).await;
    assert_eq!(status(&mut socket, "PC-1").await, UnitStatus::Available);
    assert_eq!(read().await, "available");

    server.clock.turn(301);
    assert_eq!(status(&mut socket, "PC-1").await, UnitStatus::Offline);
    server.fixes(&token, &[fix(at(600), 9.9, 76.2)]).await;
    let moved = socket.until("it moves", |frame| positions_in(&frame).pop()).await;
    assert_eq!((moved.time, moved.status), (Some(at(600)), UnitStatus::Available));
}

#[tokio::test]
async fn a_unit_that_never_spoke_falls_silent_from_its_patrol_s_start() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    let (mut socket, snapshot) = Socket::subscribed(&server, &chief, Scope::station(5)).await;
    assert_eq!(snapshot.units[0].status, UnitStatus::Available);
    server.clock.turn(61);
    assert_eq!(status(&mut socket, "PC-1").await, UnitStatus::Stale);
}

#[tokio::test]
async fn silence_goes_on_through_a_restart() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    server.clock.turn(120);
    let server = server.restart().await;
    let chief = server.sign_in("chief5").await;
    let (mut socket, snapshot) = Socket::subscribed(&server, &chief, Scope::station(5)).await;
    assert_eq!(snapshot.units[0].status, UnitStatus::Stale);
    server.clock.turn(240);
    loop {
        // The first look after a restart may tell "stale" again.
        if status(&mut socket, "PC-1").await == UnitStatus::Offline {
            break;
        }
    }
}

#[tokio::test]
async fn a_slow_reader_is_cut_off_and_delays_nobody() {
    const UNITS: u64 = 1500;
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    // A room large enough that its snapshots fill what lies between two sockets.
    let names: Vec<String> = (0..UNITS).map(|n| format!("crowd-{n}")).collect();
    server.change(names.iter().map(|name| unit(name, 5, format!("no token {name}"))).collect()).await;
    let patrol = |(n, name): (u64, &String)| {
        let station = Scope::station(5);
        Patrol { id: PatrolId(n + 1), unit_id: id(name), station, started_at: at(0), ended_at: None }
    };
    server.change((0..UNITS).zip(&names).map(patrol).map(Change::PutPatrol).collect()).await;
    server.sentinel.patrols.mend().await.expect("they enter their rooms");

    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("it may be small");
    let stream = socket.connect(server.address).await.expect("connects");
    let mut request = format!("ws://{}/api/v1/ws", server.address).into_client_request().expect("a request");
    let bearer = format!("Bearer {admin}").parse().expect("a header value");
    request.headers_mut().insert("authorization", bearer);
    let (mut slow, _) = tokio_tungstenite::client_async(request, stream).await.expect("it opens");
    let subscribe = ClientFrame::Subscribe(subscribe_to(zone(3)));
    let ask = Message::text(live::to_json(&subscribe).expect("encodes"));
    // Of many asks at once most are replaced by the next before their snapshot is sent; this
    // one goes on asking, and reads nothing, until it is cut off.
    let asking = tokio::spawn(async move {
        while slow.send(ask.clone()).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        slow
    });

    let (mut quick, snapshot) = Socket::subscribed(&server, &admin, zone(3)).await;
    assert_eq!(snapshot.units.len() as u64, UNITS + 1);
    for n in 1..=50 {
        server.fixes(&token, &[fix(at(n), 9.9, 76.2)]).await;
        let wanted = Some(at(n));
        let arrival =
            quick.until("the move", |frame| positions_in(&frame).into_iter().find(|u| u.time == wanted));
        tokio::time::timeout(DEADLINE / 4, arrival).await.expect("the slow one is not waited for");
    }
    // Fifteen seconds for a frame, as many for the farewell.
    within(3 * DEADLINE, "the slow reader is cut off", || async { server.sentinel.hub.sessions() == 1 })
        .await;
    drop(asking.await.expect("it is told by its socket"));
    let mut socket = Socket::open(&server, &admin, Form::Postcard).await;
    assert_eq!(socket.subscribe(subscribe_to(zone(3))).await.units.len() as u64, UNITS + 1);
}
