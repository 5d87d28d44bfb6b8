//! Who may open a stream, and what ends it.

use crate::{
    over_every_form,
    server::{DISTRICT, Server, at, eventually, fix, id, positions_in, send, user, zone},
    socket::{Form, Socket, subscribe_to},
};
use reqwest::Method;
use sentinel_model::{
    Permission, Role, Scope,
    live::{ClientFrame, Event, ServerFrame, Subscribe, close},
};
use sentinel_server::ports::{Change, UserRecord};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

async fn a_scope_that_is_not_the_caller_s_is_an_error_and_a_close_without_return(form: Form) {
    let server = Server::start().await;
    let token = server.unit("PC-5", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let chief6 = server.sign_in("chief6").await;
    let zone4 = server.sign_in("zone4").await;
    let ingest_only = server.key(DISTRICT, &[Permission::Ingest]).await;
    let reader = server.key(Scope::station(6), &[Permission::Read]).await;
    let nowhere = Scope::station(404);
    for (credential, scope) in [
        (&chief6, Scope::station(5)),
        (&chief6, zone(3)),
        (&chief6, DISTRICT),
        (&chief6, nowhere),
        (&zone4, zone(3)),
        (&zone4, Scope::station(5)),
        (&ingest_only, Scope::station(5)),
        (&reader, Scope::station(5)),
        (&token, Scope::station(5)),
    ] {
        let mut socket = Socket::open(&server, credential, form).await;
        socket.say(ClientFrame::Subscribe(subscribe_to(scope))).await;
        let (code, frames) = socket.closed().await;
        assert_eq!(code, close::FORBIDDEN, "{scope}");
        assert!(!close::may_reconnect(code));
        let [ServerFrame::Error(error)] = frames.as_slice() else { panic!("nothing but why: {frames:?}") };
        assert_eq!(error.code, "forbidden");
        let said = if credential == &token {
            "a unit's token posts positions and does nothing else".to_owned()
        } else {
            format!("{scope} is not within what you may see")
        };
        assert_eq!(error.message, said, "the unknown answers alike");
    }
}

async fn a_second_subscription_beyond_the_scope_ends_the_first_too(form: Form) {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let (mut socket, _) = Socket::subscribed_as(form, &server, &chief, Scope::station(5)).await;
    socket.say(ClientFrame::Subscribe(subscribe_to(zone(3)))).await;
    assert_eq!(socket.closed().await.0, close::FORBIDDEN);
}

async fn without_a_good_credential_no_socket_opens(form: Form) {
    let server = Server::start().await;
    for credential in ["", "nonsense", "snt_key_nonsense", "sentinel_session=nonsense"] {
        let refused = Socket::open_with(&server, credential, form, &[]).await;
        assert_eq!(refused.err(), Some(401), "{credential}");
    }
}

#[tokio::test]
async fn what_is_no_frame_is_an_error_and_a_close_without_return() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let bad = [
        Message::text("hello"),
        Message::text(r#"{"type":"subscribe"}"#),
        Message::text(r#"{"type":"subscribe","scope":"galaxy:1"}"#),
        Message::text(r#"{"type":"publish"}"#),
        Message::binary(vec![]),
        Message::binary(vec![1, 77]),
        Message::binary(vec![9, 0, 0]),
    ];
    for message in bad {
        let (mut socket, _) = Socket::subscribed(&server, &chief, Scope::station(5)).await;
        socket.send(message.clone()).await;
        let (code, frames) = socket.closed().await;
        assert_eq!(code, close::BAD_FRAME, "{message:?}");
        let [ServerFrame::Error(error)] = frames.as_slice() else { panic!("nothing but why: {frames:?}") };
        assert_eq!(error.code, "bad_frame");
        assert!(error.message.contains("subscribe, unsubscribe and ping"), "{}", error.message);
    }
}

over_every_form!(
    a_scope_that_is_not_the_caller_s_is_an_error_and_a_close_without_return
    without_a_good_credential_no_socket_opens
    losing_the_right_ends_the_stream
    a_right_that_is_lost_ends_nobody_else_s_stream
    of_a_unit_that_moves_out_of_the_scope_it_is_told_that_it_left_and_no_more
    a_sign_in_that_runs_out_ends_the_stream
    a_closed_socket_is_counted_out
    a_disabled_person_is_not_let_in_by_being_first
    a_second_subscription_beyond_the_scope_ends_the_first_too
    a_key_that_runs_out_ends_the_stream
    a_stop_tells_each_stream_to_come_back
);

/// Opens a stream with the credential, takes the right away, and expects the end.
async fn ends_with(
    form: Form,
    server: &Server,
    credential: &str,
    scope: Scope,
    take_away: impl AsyncFnOnce(),
) {
    let (socket, _) = Socket::subscribed_as(form, server, credential, scope).await;
    take_away().await;
    let (code, _) = socket.closed().await;
    assert_eq!(code, close::UNAUTHORIZED);
    assert_eq!(
        Socket::open_with(server, credential, form, &[]).await.err(),
        Some(401),
        "nor does a new one open"
    );
}

async fn losing_the_right_ends_the_stream(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let patch = async |name: &str, body: serde_json::Value| {
        let request = server.request(Method::PATCH, &admin, &format!("/api/v1/users/{name}")).json(&body);
        let answer = send(request).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    };

    let cookie = server.cookie("chief5").await;
    ends_with(form, &server, &cookie, Scope::station(5), async || {
        let out = server.request(Method::POST, &cookie, "/logout");
        assert!(send(out).await.status.is_redirection());
    })
    .await;

    let key = server.key_named("the-key", zone(3), &[Permission::Read]).await;
    ends_with(form, &server, &key, zone(3), async || {
        let revoke = server.request(Method::DELETE, &admin, "/api/v1/api-keys/the-key");
        assert!(send(revoke).await.status.is_success());
    })
    .await;

    for (name, scope, body) in [
        ("chief5", Scope::station(5), json!({"disabled": true})),
        ("chief6", Scope::station(6), json!({"password": "a new password for tests"})),
        ("zone3", zone(3), json!({"scope": "zone:4"})),
        ("viewer5", Scope::station(5), json!({"role": "chief"})),
    ] {
        let token = server.sign_in(name).await;
        ends_with(form, &server, &token, scope, async || patch(name, body).await).await;
    }
}

async fn a_right_that_is_lost_ends_nobody_else_s_stream(form: Form) {
    let server = Server::start().await;
    server.unit("mark", 5).await;
    let admin = server.sign_in("admin").await;
    let (mut other, _) =
        Socket::subscribed_as(form, &server, &server.sign_in("viewer5").await, Scope::station(5)).await;
    let cookies = [server.cookie("chief5").await, server.cookie("chief5").await];
    let (mut second, _) = Socket::subscribed_as(form, &server, &cookies[1], Scope::station(5)).await;
    ends_with(form, &server, &cookies[0], Scope::station(5), async || {
        send(server.request(Method::POST, &cookies[0], "/logout")).await;
    })
    .await;
    second.settled(&server, "mark", 5).await;
    let body = json!({"disabled": true});
    send(server.request(Method::PATCH, &admin, "/api/v1/users/chief5").json(&body)).await;
    assert_eq!(second.closed().await.0, close::UNAUTHORIZED);
    other.settled(&server, "mark", 5).await;
}

async fn of_a_unit_that_moves_out_of_the_scope_it_is_told_that_it_left_and_no_more(form: Form) {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.unit("mark", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let zone3 = server.sign_in("zone3").await;
    let (mut stream, snapshot) = Socket::subscribed_as(form, &server, &zone3, zone(3)).await;
    let first = snapshot.units[0].patrol;
    server.start_patrol("PC-1", 9).await;
    server.fixes(&token, &[fix(at(1), 1.0, 1.0)]).await;
    let frames = stream.settled(&server, "mark", 5).await;
    let [ServerFrame::Event(Event::UnitLeft(left))] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(left.patrol, first);
    // Nor is more told to who comes back for what it missed.
    let (epoch, offset) = (Some(snapshot.epoch), Some(snapshot.offset));
    let mut again = Socket::open(&server, &zone3, form).await;
    again.say(ClientFrame::Subscribe(Subscribe { epoch, offset, ..subscribe_to(zone(3)) })).await;
    let frames = again.settled(&server, "mark", 5).await;
    let units: Vec<_> = frames.iter().flat_map(positions_in).filter(|unit| unit.id == id("PC-1")).collect();
    assert!(units.is_empty(), "{units:?}");
    let back = server.start_patrol("PC-1", 6).await;
    let joined = stream.until("it is back", |frame| match frame {
        ServerFrame::Event(Event::UnitJoined(joined)) if joined.unit.id == id("PC-1") => Some(joined),
        _ => None,
    });
    assert_eq!(joined.await.unit.patrol, back);
}

async fn a_sign_in_that_runs_out_ends_the_stream(form: Form) {
    let server = Server::start().await;
    let token = server.sign_in("chief5").await;
    // Half a second before its end: what is left is counted on the machine's own clock.
    let expires_at = server.get(&token, "/api/v1/auth/me").await.json["expires_at"].clone();
    let expires_at: sentinel_model::Time = serde_json::from_value(expires_at).expect("a time");
    let left_s = expires_at.ms_since(server.clock.now()) / 1000;
    server.clock.turn(left_s - 1);
    let (socket, _) = Socket::subscribed_as(form, &server, &token, Scope::station(5)).await;
    assert_eq!(socket.closed().await.0, close::UNAUTHORIZED);
}

#[tokio::test]
async fn a_socket_opened_before_a_sign_in_ran_out_shows_nothing_after_it() {
    let server = Server::start().await;
    let device = server.unit("PC-5", 5).await;
    server.fixes(&device, &[fix(at(0), 9.9, 76.2)]).await;
    let token = server.sign_in("chief5").await;
    let mut socket = Socket::open(&server, &token, Form::Json).await;
    server.clock.turn(13 * 3600);
    socket.say(ClientFrame::Subscribe(subscribe_to(Scope::station(5)))).await;
    let (code, frames) = socket.closed().await;
    assert_eq!(code, close::UNAUTHORIZED);
    assert!(frames.is_empty(), "{frames:?}");
}

async fn a_stop_tells_each_stream_to_come_back(form: Form) {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let (stream, _) = Socket::subscribed_as(form, &server, &chief, Scope::station(5)).await;
    let idle = Socket::open(&server, &chief, Form::Postcard).await;
    server.ask_to_stop();
    for stream in [stream, idle] {
        let (code, _) = stream.closed().await;
        assert_eq!(code, close::RESTART);
        assert!(close::may_reconnect(code));
    }
}

async fn a_key_that_runs_out_ends_the_stream(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    // Counted on the machine's own clock from when the stream is opened.
    let expires_at = server.clock.now().plus_ms(3_600_000);
    let new = json!({"name": "k", "scope": "zone:3", "permissions": ["read"], "expires_at": expires_at});
    let key =
        server.post(&admin, "/api/v1/api-keys", new).await.json["key"].as_str().expect("a key").to_owned();
    server.clock.turn(3600 - 1);
    let (stream, _) = Socket::subscribed_as(form, &server, &key, zone(3)).await;
    assert_eq!(stream.closed().await.0, close::UNAUTHORIZED);
    server.clock.turn(2);
    assert_eq!(Socket::open_with(&server, &key, form, &[]).await.err(), Some(401));
}

#[tokio::test]
async fn another_site_s_page_cannot_use_the_cookie() {
    let server = Server::start().await;
    let cookie = server.cookie("chief5").await;
    let own = format!("http://{}", server.address);
    for headers in [
        vec![("origin", "http://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "http://127.0.0.1:1")],
        vec![("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
    ] {
        let refused = Socket::open_with(&server, &cookie, Form::Json, &headers).await;
        assert_eq!(refused.err(), Some(403), "{headers:?}");
    }
    for headers in
        [vec![("origin", own.as_str())], vec![("origin", own.as_str()), ("sec-fetch-site", "same-origin")]]
    {
        assert!(Socket::open_with(&server, &cookie, Form::Json, &headers).await.is_ok(), "{headers:?}");
    }
    // A token that a program holds was not attached by a browser.
    let token = server.sign_in("chief5").await;
    let headers = [("origin", "http://evil.example")];
    assert!(Socket::open_with(&server, &token, Form::Json, &headers).await.is_ok());
}

async fn a_closed_socket_is_counted_out(form: Form) {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let sockets = async || server.get(&chief, "/api/v1/stats").await.json["sockets"].as_u64();
    let (socket, _) = Socket::subscribed_as(form, &server, &chief, Scope::station(5)).await;
    eventually("it is counted", || async { sockets().await == Some(1) }).await;
    drop(socket);
    eventually("it is counted out", || async { sockets().await == Some(0) }).await;
    eventually("its seat is given back", || async { server.sentinel.hub.sessions() == 0 }).await;
}

async fn a_disabled_person_is_not_let_in_by_being_first(form: Form) {
    let server = Server::start().await;
    let token = server.sign_in("chief5").await;
    let record = UserRecord {
        disabled: true,
        credentials_version: 2,
        ..user("chief5", Role::Chief, Scope::station(5))
    };
    server.change(vec![Change::PutUser(record)]).await;
    assert_eq!(Socket::open_with(&server, &token, form, &[]).await.err(), Some(401));
}
