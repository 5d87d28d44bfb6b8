//! Which credentials count, and when they stop.

use super::*;
use base64::{Engine as _, engine::general_purpose::STANDARD};

#[tokio::test]
async fn a_session_ends_with_its_streams_when_it_is_signed_out() {
    let world = World::small().await;
    let user = world.user("chief5", Role::Chief, Scope::station(5)).await;
    let (cookie, other) = (world.session(&user).await, world.session(&user).await);
    let stream = world.view(&world.caller("cookie", &cookie), Scope::station(5));
    let other_stream = world.view(&world.caller("cookie", &other), Scope::station(5));
    let ended = stream.ended();
    world.access.close_session(&headers(&[("cookie", &cookie)])).await.expect("closes");
    assert!(ended.is_cancelled() && stream.ended().is_cancelled());
    assert!(!other_stream.ended().is_cancelled(), "another sign-in of the same person goes on");
    assert!(matches!(world.get("cookie", &cookie), Ok(None)));
}

#[tokio::test]
async fn sessions_and_tokens_end_when_the_person_is_disabled_or_changed() {
    let world = World::small().await;
    let user = world.user("chief5", Role::Chief, Scope::station(5)).await;
    let cookie = world.session(&user).await;
    let who = world.access.sign_in("chief5", "sentinel-demo".into(), None).await.expect("signs in");
    let (jwt, _) = world.access.issue_token(&who).expect("signs");
    let streams = [
        world.view(&world.caller("cookie", &cookie), Scope::station(5)),
        world.view(&world.caller("authorization", &bearer(&jwt)), Scope::station(5)),
    ];
    let changed = UserRecord { credentials_version: 2, ..user.clone() };
    world.put(vec![Change::PutUser(changed)]).await;
    assert!(streams.iter().all(|stream| stream.ended().is_cancelled()));
    assert!(matches!(world.get("cookie", &cookie), Ok(None)));
    assert_eq!(world.get("authorization", &bearer(&jwt)).err(), Some(StatusCode::UNAUTHORIZED));

    world.put(vec![Change::PutUser(UserRecord { disabled: true, ..user })]).await;
    assert!(matches!(world.get("cookie", &cookie), Ok(None)), "same version, but disabled");
    assert!(world.get("authorization", &bearer(&jwt)).is_err());
}

#[tokio::test]
async fn a_key_ends_with_its_streams_when_it_is_revoked() {
    let world = World::small().await;
    let (key, text) = world.key(Scope::station(5), &[Permission::Read]).await;
    let caller = world.caller("x-api-key", &text);
    let stream = world.view(&caller, Scope::station(5));
    world.put(vec![Change::PutKey(KeyRecord { revoked: true, ..key.clone() })]).await;
    assert!(stream.ended().is_cancelled());
    assert_eq!(world.get("x-api-key", &text).err(), Some(StatusCode::UNAUTHORIZED));
    let late = caller.view(&world.directory, Scope::station(5));
    assert_eq!(late.err(), Some(Denied::Ended), "a request that ran meanwhile opens no stream");
}

#[tokio::test]
async fn what_expires_says_when_and_then_is_worth_nothing() {
    let world = World::small().await;
    let user = world.user("chief5", Role::Chief, Scope::station(5)).await;
    let cookie = world.session(&user).await;
    let (_, key) = world.key(Scope::station(5), &[Permission::Read]).await;
    let who = world.access.sign_in("chief5", "sentinel-demo".into(), None).await.expect("signs in");
    let (jwt, jwt_ends) = world.access.issue_token(&who).expect("signs");
    assert_eq!(jwt_ends, Time(START + 12 * HOUR_MS));
    let credentials = [("cookie", &*cookie), ("x-api-key", &*key), ("authorization", &*bearer(&jwt))];
    for ((name, value), ends) in credentials.into_iter().zip([HOUR_MS, HOUR_MS, 12 * HOUR_MS]) {
        let grant = world.view(&world.caller(name, value), Scope::station(5));
        assert_eq!(grant.expires_at(), Some(Time(START + ends)), "{name}");
    }
    let early = credentials.map(|(name, value)| world.caller(name, value));
    world.later(HOUR_MS);
    assert!(matches!(world.get("cookie", &cookie), Ok(None)));
    assert!(world.get("x-api-key", &key).is_err());
    world.later(11 * HOUR_MS);
    assert!(world.get("authorization", &bearer(&jwt)).is_err());
    for (caller, (name, _)) in early.iter().zip(credentials) {
        let late = caller.view(&world.directory, Scope::station(5));
        assert_eq!(late.err(), Some(Denied::Ended), "a socket opened in time begins no stream later: {name}");
    }
}

#[tokio::test]
async fn a_token_is_taken_wherever_devices_put_it() {
    let world = World::small().await;
    let unit = world.unit("PC-001", PATH).await;
    let (_, key) = world.key(Scope::station(5), &[Permission::Ingest]).await;
    let basic = |token: &str| format!("Basic {}", STANDARD.encode(format!("anyone:{token}")));
    for token in [&unit, &key] {
        let ways =
            [("authorization", bearer(token)), ("authorization", basic(token)), ("x-api-key", token.clone())];
        for (name, value) in ways {
            assert!(matches!(world.get(name, &value), Ok(Some(_))), "{name}");
            assert!(world.access.ingest_caller(&headers(&[(name, &value)]), None).is_ok());
        }
        let query = format!("lat=1&token={token}&lon=2");
        assert!(world.access.ingest_caller(&HeaderMap::new(), Some(&query)).is_ok());
    }
}

#[tokio::test]
async fn a_wrong_credential_is_refused_even_beside_a_good_one() {
    let world = World::small().await;
    let user = world.user("chief5", Role::Chief, Scope::station(5)).await;
    let cookie = world.session(&user).await;
    let basic = format!("Basic {}", STANDARD.encode("anyone:snt_key_x"));
    for wrong in ["Bearer", "Bearer x", &basic, &bearer("snt_key_x"), &bearer("snt_session_x")] {
        let both = [("authorization", wrong), ("cookie", &*cookie)];
        assert_eq!(world.ask(&Method::GET, "/", &both).err(), Some(StatusCode::UNAUTHORIZED), "{wrong}");
    }
}

#[tokio::test]
async fn what_was_meant_for_a_proxy_hides_no_good_credential_and_is_none_itself() {
    let world = World::small().await;
    let user = world.user("chief5", Role::Chief, Scope::station(5)).await;
    let cookie = world.session(&user).await;
    let (_, key) = world.key(Scope::station(5), &[Permission::Read]).await;
    let basic = format!("Basic {}", STANDARD.encode("someone:sentinel-demo"));
    for foreign in [&*basic, "Basic !", "Basic", "Digest x", "Negotiate YII", ""] {
        for (name, value) in [("cookie", &*cookie), ("x-api-key", &*key)] {
            let both = [("authorization", foreign), (name, value)];
            assert!(matches!(world.ask(&Method::GET, "/", &both), Ok(Some(_))), "{foreign} and {name}");
        }
        assert!(matches!(world.get("authorization", foreign), Ok(None)), "{foreign} opens nothing");
        let posts = world.access.ingest_caller(&headers(&[("authorization", foreign)]), None);
        assert!(!matches!(posts, Ok(Some(_))), "{foreign} posts nothing");
        let from_elsewhere = [
            ("authorization", foreign),
            ("cookie", &*cookie),
            ("origin", "http://evil.example"),
            ("host", "fleet.lan"),
        ];
        let posted = world.ask(&Method::POST, "/", &from_elsewhere);
        assert_eq!(posted.err(), Some(StatusCode::FORBIDDEN), "the cookie counts as a cookie");
    }
    let ask = |uri| world.ask(&Method::GET, uri, &[("cookie", &*cookie)]);
    assert!(matches!(ask("/?token=x"), Ok(Some(_))));
    assert_eq!(ask("/?token=snt_key_x").err(), Some(StatusCode::UNAUTHORIZED));
}

#[tokio::test]
async fn a_session_is_no_bearer_token_and_a_jwt_does_not_belong_into_an_address() {
    let world = World::small().await;
    let user = world.user("chief5", Role::Chief, Scope::station(5)).await;
    let cookie = world.session(&user).await;
    let token = cookie.strip_prefix("sentinel_session=").expect("a cookie");
    assert!(world.get("authorization", &bearer(token)).is_err());
    let who = world.access.sign_in("chief5", "sentinel-demo".into(), None).await.expect("signs in");
    let (jwt, _) = world.access.issue_token(&who).expect("signs");
    assert!(matches!(world.ask(&Method::GET, &format!("/?token={jwt}"), &[]), Ok(None)));
    assert!(matches!(world.access.ingest_caller(&headers(&[("cookie", &cookie)]), None), Ok(None)));
}

#[tokio::test]
async fn unknown_revoked_and_expired_answer_alike() {
    let world = World::small().await;
    let (revoked, revoked_text) = world.key(Scope::station(5), &[Permission::Read]).await;
    let (_, expired_text) = world.key(Scope::station(5), &[Permission::Read]).await;
    world.put(vec![Change::PutKey(KeyRecord { revoked: true, ..revoked })]).await;
    world.later(2 * HOUR_MS);
    let unknown = secret::mint(Kind::Key).text;
    let answer = |text: &str| {
        let headers = headers(&[("x-api-key", text)]);
        format!("{:?}", world.access.caller(&Method::GET, &Uri::from_static("/"), &headers).map(|_| ()))
    };
    assert!(answer(&unknown).contains("not known here"));
    assert_eq!(answer(&unknown), answer(&revoked_text));
    assert_eq!(answer(&unknown), answer(&expired_text));
}

#[tokio::test]
async fn a_cookie_changes_something_only_from_our_own_pages() {
    let world = World::small().await;
    let user = world.user("chief5", Role::Chief, Scope::station(5)).await;
    let cookie = world.session(&user).await;
    let own = [("cookie", &*cookie), ("origin", "http://fleet.lan"), ("host", "fleet.lan")];
    let foreign = [("cookie", &*cookie), ("origin", "http://evil.example"), ("host", "fleet.lan")];
    assert!(world.ask(&Method::POST, "/", &own).is_ok());
    assert_eq!(world.ask(&Method::POST, "/", &foreign).err(), Some(StatusCode::FORBIDDEN));
    assert!(world.ask(&Method::GET, "/", &foreign).is_ok(), "following a link is no change");
    let socket = [foreign.as_slice(), &[("upgrade", "websocket")]].concat();
    assert_eq!(world.ask(&Method::GET, "/", &socket).err(), Some(StatusCode::FORBIDDEN));
    let (_, key) = world.key(Scope::station(5), &[Permission::Read]).await;
    let with_key = [("x-api-key", &*key), ("origin", "http://evil.example"), ("host", "fleet.lan")];
    assert!(world.ask(&Method::POST, "/", &with_key).is_ok(), "no browser adds a key by itself");
}

#[tokio::test]
async fn a_wrong_password_an_unknown_name_and_a_disabled_person_answer_alike() {
    let world = World::small().await;
    world.user("chief5", Role::Chief, Scope::station(5)).await;
    let gone = world.user("gone", Role::Chief, Scope::station(5)).await;
    world.put(vec![Change::PutUser(UserRecord { disabled: true, ..gone })]).await;
    for (name, password) in
        [("chief5", "wrong"), ("nobody", "sentinel-demo"), ("gone", "sentinel-demo"), ("", "")]
    {
        let answer = world.access.sign_in(name, password.into(), None).await;
        assert_eq!(answer.err(), Some(SignInError::Wrong), "{name}");
    }
}

#[tokio::test]
async fn failed_sign_ins_are_throttled_even_with_the_right_password_at_last() {
    let world = World::small().await;
    world.user("chief5", Role::Chief, Scope::station(5)).await;
    for _ in 0..10 {
        assert!(world.access.sign_in("chief5", "wrong".into(), None).await.is_err());
    }
    let refused = world.access.sign_in("chief5", "sentinel-demo".into(), None).await;
    let Err(SignInError::Throttled { retry_after_s }) = refused else { panic!("not throttled") };
    world.later(i64::from(retry_after_s) * 1000);
    assert!(world.access.sign_in("chief5", "sentinel-demo".into(), None).await.is_ok());
}

#[tokio::test]
async fn a_person_has_a_bounded_number_of_sessions_and_dead_ones_are_swept() {
    let world = World::small().await;
    world.user("chief5", Role::Chief, Scope::station(5)).await;
    for _ in 0..40 {
        let who = world.access.sign_in("chief5", "sentinel-demo".into(), None).await.expect("signs in");
        world.access.open_session(&who).await.expect("opens");
        world.later(1);
    }
    assert_eq!(world.directory.sessions(|_| true).len(), 32);
    world.later(13 * HOUR_MS);
    let who = world.access.sign_in("chief5", "sentinel-demo".into(), None).await.expect("signs in");
    world.access.open_session(&who).await.expect("opens");
    assert_eq!(world.directory.sessions(|_| true).len(), 1);
}
