//! Bodies that were packed on their way.

use super::*;
use crate::server::at;
use serde_json::json;
use std::io::Write as _;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packing.write_all(text).expect("packs");
    packing.finish().expect("packs")
}

async fn post(scene: &Scene, encoding: &str, body: Vec<u8>) -> Answer {
    let request = scene.signed(Method::POST, "/api/v1/locations").header("content-encoding", encoding);
    send(request.body(body)).await
}

#[tokio::test]
async fn a_body_packed_by_gzip_is_read_and_what_cannot_be_is_refused_in_words() {
    let scene = Scene::begin().await;
    let body = json!({"location": crate::server::fix(at(0), 9.9, 76.2)}).to_string();
    let answer = post(&scene, "gzip", gzip(body.as_bytes())).await;
    assert_eq!((answer.status, &answer.json["accepted"]), (StatusCode::OK, &json!(1)), "{}", answer.text);
    assert_eq!(post(&scene, "identity", body.clone().into_bytes()).await.json["duplicates"], 1);
    let path = format!("/api/v1/units/{UNIT}/location");
    let request = scene.signed(Method::POST, &path).header("content-encoding", "gzip");
    assert_eq!(send(request.body(gzip(body.as_bytes()))).await.json["duplicates"], 1);
    for (encoding, body, status, words) in [
        ("br", body.clone().into_bytes(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "by gzip"),
        ("gzip", body.into_bytes(), StatusCode::BAD_REQUEST, "does not unpack"),
        ("gzip", gzip(&vec![b' '; 9 << 20]), StatusCode::PAYLOAD_TOO_LARGE, "unpacked"),
    ] {
        let answer = post(&scene, encoding, body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.message().contains(words), "{}", answer.text);
    }
    // Of who has shown no credential less is read.
    let large = gzip(format!("{{\"device_id\":\"{}\"{}}}", scene.token, " ".repeat(20_000)).as_bytes());
    let bare = scene.bare(Method::POST, "/").header("content-encoding", "gzip").body(large);
    assert_eq!(send(bare).await.status, StatusCode::UNAUTHORIZED);
}
