//! Units that fall silent.

use crate::{
    over_every_form,
    server::{Server, at, fix, id, positions_in},
    socket::{Form, Socket},
};
use sentinel_model::{Scope, UnitStatus, live::Event};

over_every_form!(
    stale_and_offline_come_by_the_server_s_clock_and_end_with_the_next_word
    a_unit_that_never_spoke_falls_silent_from_its_patrol_s_start
    silence_goes_on_through_a_restart
);

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

async fn stale_and_offline_come_by_the_server_s_clock_and_end_with_the_next_word(form: Form) {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let (mut socket, snapshot) = Socket::subscribed_as(form, &server, &chief, Scope::station(5)).await;
    assert_eq!(snapshot.units[0].status, UnitStatus::Available);
    let read = async || server.get(&chief, "/api/v1/units/PC-1").await.json["status"].clone();

    server.clock.turn(61);
    assert_eq!(status(&mut socket, "PC-1").await, UnitStatus::Stale);
    assert_eq!(read().await, "stale");
    server.clock.turn(240);
    assert_eq!(status(&mut socket, "PC-1").await, UnitStatus::Offline);
    assert_eq!(read().await, "offline");
    let (_, snapshot) = Socket::subscribed_as(form, &server, &chief, Scope::station(5)).await;
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

async fn a_unit_that_never_spoke_falls_silent_from_its_patrol_s_start(form: Form) {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    let (mut socket, snapshot) = Socket::subscribed_as(form, &server, &chief, Scope::station(5)).await;
    assert_eq!(snapshot.units[0].status, UnitStatus::Available);
    server.clock.turn(61);
    assert_eq!(status(&mut socket, "PC-1").await, UnitStatus::Stale);
}

async fn silence_goes_on_through_a_restart(form: Form) {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    server.clock.turn(120);
    let server = server.restart().await;
    let chief = server.sign_in("chief5").await;
    let (mut socket, snapshot) = Socket::subscribed_as(form, &server, &chief, Scope::station(5)).await;
    assert_eq!(snapshot.units[0].status, UnitStatus::Stale);
    server.clock.turn(240);
    loop {
        // The first look after a restart may tell "stale" again.
        if status(&mut socket, "PC-1").await == UnitStatus::Offline {
            break;
        }
    }
}
