//! GPSLogger's custom URL.

use super::*;
use crate::server::START;
use serde_json::json;

#[tokio::test]
async fn the_app_s_own_template_is_read_with_speed_in_m_s() {
    let scene = Scene::begin().await;
    let path = "/log?lat=9.9312&longitude=76.2673&time=2026-11-21T02:00:00.000Z&s=10.25";
    for _ in 0..2 {
        let request = scene.bare(Method::GET, path).basic_auth("phone", Some(&scene.token));
        assert_answer(&send(request).await, "");
    }
    let fix = scene.fix().await;
    assert_eq!((fix.time, fix.latitude, fix.longitude), (START, 9.9312, 76.2673));
    assert_eq!(measured(&fix), [Some(10.25), None, None, None, None]);
}

#[tokio::test]
async fn all_parameters_are_read_in_query_and_body() {
    let scene = Scene::begin().await;
    let all = "lat=9.9312&lon=76.2673&sat=11&desc=&alt=12.5&acc=4.0&dir=271.5&prov=gps&spd=10.25&timestamp=1795226400&timeoffset=2026-11-21T07:30:00+05:30&time=2026-11-21T02:00:00Z&starttimestamp=1795220000&date=2026-11-21&batt=64.0&ischarging=false&aid=4b1f9a0c&ser=unknown&act=IN_VEHICLE&filename=20261121&profile=Default+Profile&hdop=0.9&vdop=&pdop=&dist=1204";
    let posted =
        scene.signed(Method::POST, "/log").header("content-type", "application/x-www-form-urlencoded");
    assert_answer(&send(posted.body(all)).await, "");
    assert_answer(&send(scene.signed(Method::GET, &format!("/log?{all}"))).await, "");
    let fix = scene.fix().await;
    assert_eq!((fix.time, fix.latitude, fix.longitude), (START, 9.9312, 76.2673));
    assert_eq!(measured(&fix), [Some(10.25), Some(271.5), Some(4.0), Some(12.5), Some(0.64)]);
    let kept = extras(&fix);
    assert_eq!(
        (&kept["sat"], &kept["act"], &kept["profile"]),
        (&json!(11), &json!("IN_VEHICLE"), &json!("Default Profile"))
    );
    assert_eq!((&kept["aid"], &kept["desc"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_plus_that_was_not_encoded_is_one_all_the_same() {
    let scene = Scene::begin().await;
    let path = "/log?lat=+9.9312&longitude=+76.2673&time=2026-11-21T07:30:00.000+05:30&speed=3";
    assert_answer(&send(scene.signed(Method::GET, path)).await, "");
    let fix = scene.fix().await;
    assert_eq!((fix.time, fix.latitude, fix.speed_mps), (START, 9.9312, Some(3.0)));
}

#[tokio::test]
async fn with_a_key_the_android_id_or_serial_names_the_unit() {
    let scene = Scene::begin().await;
    let key = scene.server.key(crate::server::DISTRICT, &[sentinel_model::Permission::Ingest]).await;
    for (n, whom) in ["aid=PC-1", "ser=PC-1", "aid=unknown&ser=PC-1"].iter().enumerate() {
        let path =
            format!("/log?lat=9.9&longitude=76.2&time={}&{whom}&token={key}", crate::server::at(n as i64));
        assert_answer(&send(scene.bare(Method::GET, &path)).await, "");
        assert_eq!(scene.fixes().await.len(), n + 1, "{whom}");
    }
}
