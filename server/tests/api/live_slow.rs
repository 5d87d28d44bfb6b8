//! Readers that fall behind, or read nothing at all.

use crate::{
    over_every_form,
    server::{DEADLINE, Server, Turned, at, city, fix, id, positions_in, unit, within, zone},
    socket::{Form, Socket, subscribe_to},
};
use sentinel_model::{
    Patrol, PatrolId, Scope, Time,
    live::{ClientFrame, ServerFrame},
};
use sentinel_server::{config::ServeArgs, ports::Change};
use std::sync::Arc;
use tokio::net::TcpSocket;

over_every_form!(json Json:
    what_a_reader_was_too_slow_for_conflates_to_the_latest
    a_reader_that_stands_still_is_cut_off_and_delays_nobody
);
over_every_form!(events Events:
    what_a_reader_was_too_slow_for_conflates_to_the_latest
    a_reader_that_stands_still_is_cut_off_and_delays_nobody
);

/// Units whose snapshot is more JSON than what lies between two sockets takes: it is on its
/// way for as long as it is not read.
const CROWD: u64 = 3000;
const MOVES: i64 = 20;

struct Square {
    server: Server,
    admin: String,
    /// Of the one unit that moves.
    token: String,
}

impl Square {
    async fn fill() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Connections have what the listener has.
        socket.set_send_buffer_size(4096).expect("it may be small");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let listener = socket.listen(64).expect("it listens");
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let config = ServeArgs::default().settle().expect("settles");
        let server = Server::at(listener, folder, config, Turned::new()).await;
        server.change(city()).await;
        let admin = server.sign_in("admin").await;
        let token = server.unit("PC-1", 5).await;
        server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
        let names: Vec<String> = (0..CROWD).map(|n| format!("crowd-{n}")).collect();
        server.change(names.iter().map(|name| unit(name, 5, format!("no token {name}"))).collect()).await;
        let patrol = |(n, name): (u64, &String)| {
            let station = Scope::station(5);
            Patrol { id: PatrolId(n + 1), unit_id: id(name), station, started_at: at(0), ended_at: None }
        };
        server.change((0..CROWD).zip(&names).map(patrol).map(Change::PutPatrol).collect()).await;
        server.sentinel.patrols.mend().await.expect("they enter their rooms");
        Self { server, admin, token }
    }

    /// One that has asked, and reads nothing yet.
    async fn slow(&self, form: Form) -> Socket {
        let mut slow = Socket::open(&self.server, &self.admin, form).await;
        slow.say(ClientFrame::Subscribe(subscribe_to(zone(3)))).await;
        within(DEADLINE, "it is in the room", || async { self.server.sentinel.hub.sessions() == 1 }).await;
        slow
    }

    async fn watched_by_another(&self, form: Form) -> Socket {
        let (quick, snapshot) = Socket::subscribed_as(form, &self.server, &self.admin, zone(3)).await;
        assert_eq!(snapshot.units.len() as u64, CROWD + 1);
        quick
    }

    /// The unit moves, and who reads sees each move.
    async fn moves(&self, quick: &mut Socket) {
        for n in 1..=MOVES {
            self.server.fixes(&self.token, &[fix(at(n), 9.9, 76.2)]).await;
            quick.until("the move", |frame| (time_in(&frame) == Some(at(n))).then_some(())).await;
        }
    }
}

/// When the unit that moves was where a frame says that it is.
fn time_in(frame: &ServerFrame) -> Option<Time> {
    positions_in(frame).into_iter().find(|unit| unit.id == id("PC-1")).and_then(|unit| unit.time)
}

async fn what_a_reader_was_too_slow_for_conflates_to_the_latest(form: Form) {
    let square = Square::fill().await;
    let mut slow = square.slow(form).await;
    let mut quick = square.watched_by_another(form).await;
    square.moves(&mut quick).await;
    let ServerFrame::Snapshot(snapshot) = slow.frame().await else { panic!("a snapshot comes first") };
    assert_eq!(snapshot.units.len() as u64, CROWD + 1);
    let mut told = 0;
    while time_in(&slow.frame().await) < Some(at(MOVES)) {
        told += 1;
    }
    assert!(told < MOVES / 2, "it was told of {told} moves that were long past");
}

async fn a_reader_that_stands_still_is_cut_off_and_delays_nobody(form: Form) {
    let square = Square::fill().await;
    let still = square.slow(form).await;
    let mut quick = square.watched_by_another(form).await;
    square.moves(&mut quick).await;
    // Half a minute for a frame, and for the farewell.
    let is_alone = || async { square.server.sentinel.hub.sessions() == 1 };
    within(3 * DEADLINE, "who does not read is cut off", is_alone).await;
    drop(still);
    square.watched_by_another(form).await;
}
