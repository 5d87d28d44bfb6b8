//! OsmAnd's protocol: Traccar Client up to 8, and whatever else speaks it.

use super::*;
use crate::server::START;
use serde_json::json;

/// As Traccar Client 8 for Android writes it.
const QUERY: &str = "timestamp=1795226400&lat=9.9312&lon=76.2673&speed=19.438444924406&bearing=271.5&altitude=12.0&accuracy=4.5&batt=64.0&charge=true&mock=false";

#[tokio::test]
async fn a_point_comes_by_get_or_post_in_query_or_form_at_every_address() {
    let scene = Scene::begin().await;
    let mut seconds = 0;
    for path in ["/", "/locations", "/api/v1/locations", "/telemetry", "/log"] {
        for form in [false, true] {
            for method in [Method::GET, Method::POST] {
                if form && method == Method::GET {
                    continue;
                }
                let query = QUERY.replace("1795226400", &(1_795_226_400 + seconds).to_string());
                let credential = format!("id={}&{query}", scene.token);
                let request = if form {
                    let request = scene.bare(method, path);
                    request.header("content-type", "application/x-www-form-urlencoded").body(credential)
                } else {
                    scene.bare(method, &format!("{path}?{credential}"))
                };
                assert_answer(&send(request).await, "");
                seconds += 1;
            }
        }
    }
    let times: Vec<Time> = scene.fixes().await.iter().map(|fix| fix.time).collect();
    assert_eq!(times, (0..15).map(crate::server::at).collect::<Vec<_>>());
}

#[tokio::test]
async fn knots_and_percent_are_converted_and_the_rest_is_kept() {
    let scene = Scene::begin().await;
    let query = format!(
        "/?id=whatever&{QUERY}&valid=true&hdop=1.5&driverUniqueId=D-7&note=n%C3%A4chste&token={}",
        scene.token
    );
    assert_answer(&send(scene.bare(Method::POST, &query)).await, "");
    let fix = scene.fix().await;
    assert_eq!((fix.time, fix.latitude, fix.longitude), (START, 9.9312, 76.2673));
    assert_eq!(measured(&fix), [Some(10.0), Some(271.5), Some(4.5), Some(12.0), Some(0.64)]);
    assert_eq!((fix.event.as_deref(), fix.uuid.as_deref()), (None, None));
    let kept = json!({"charge": true, "mock": false, "valid": true, "hdop": 1.5, "driverUniqueId": "D-7", "note": "nächste"});
    assert_eq!(extras(&fix), kept, "and no token");
}

#[tokio::test]
async fn a_time_may_be_written_in_every_way_and_is_now_where_there_is_none() {
    let scene = Scene::begin().await;
    for (n, text) in [
        "1795226400",
        "1795226401000",
        "2026-11-21T02:00:02Z",
        "2026-11-21T02:00:03.000Z",
        "2026-11-21T07:30:04+05:30",
        "2026-11-20T19:00:05-0700",
        "2026-11-21%2002:00:06",
        "2026-11-21+02:00:07",
    ]
    .iter()
    .enumerate()
    {
        let query = format!("/?deviceid={}&location=9.9,76.2&timestamp={text}", scene.token);
        assert_answer(&send(scene.bare(Method::GET, &query)).await, "");
        let fixes = scene.fixes().await;
        assert_eq!(fixes.last().map(|fix| fix.time), Some(START.plus_ms(1000 * n as i64)), "{text}");
    }
    scene.server.clock.turn(3600);
    assert_answer(&send(scene.signed(Method::GET, "/?lat=9.9&lon=76.2")).await, "");
    let fixes = scene.fixes().await;
    let newest = fixes.last().expect("it is stored");
    assert_eq!((fixes.len(), newest.time), (9, newest.received_at));
}

#[tokio::test]
async fn a_point_that_makes_no_sense_is_answered_as_a_good_one_and_its_reason_kept() {
    let scene = Scene::begin().await;
    for query in ["lat=91&lon=76.2", "lat=north&lon=76.2", "lat=9.9&lon=", "lat=9.9&lon=76.2&timestamp=soon"]
    {
        assert_answer(&send(scene.signed(Method::GET, &format!("/?{query}"))).await, "");
    }
    assert_eq!(scene.fixes().await, []);
    let chief = scene.server.sign_in("chief5").await;
    let rejected = scene.server.get(&chief, "/api/v1/units/PC-1/rejected").await.json;
    let reasons: Vec<&str> = rejected["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|item| item["reason"].as_str())
        .collect();
    assert_eq!(reasons.len(), 4, "{rejected}");
    assert!(reasons[0].contains("soon") && reasons[3] == "latitude 91 is outside -90..90", "{reasons:?}");
    let stranger = scene.server.sign_in("chief9").await;
    let refused = scene.server.get(&stranger, "/api/v1/units/PC-1/rejected").await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn negative_values_are_unknown_and_a_resent_point_is_stored_once() {
    let scene = Scene::begin().await;
    let query = "/?timestamp=1795226400&lat=9.9&lon=76.2&speed=-1.94&bearing=-1&accuracy=-1&batt=-100";
    for _ in 0..3 {
        assert_answer(&send(scene.signed(Method::GET, query)).await, "");
    }
    assert_eq!(measured(&scene.fix().await), [None; 5]);
}

#[tokio::test]
async fn the_page_is_there_for_browsers_all_the_same() {
    let scene = Scene::begin().await;
    for path in ["/", "/?scope=zone:3", "/?scope=zone:3&unit=PC-1"] {
        let page = send(scene.bare(Method::GET, path)).await;
        assert!(
            page.header("content-type").starts_with("text/html") || page.status.is_redirection(),
            "{path}: {}",
            page.text
        );
        assert_ne!(page.status, StatusCode::UNAUTHORIZED);
    }
    let cookie = scene.server.cookie("admin").await;
    let page = send(scene.server.request(Method::GET, &cookie, "/?scope=zone:3")).await;
    assert!(page.status == StatusCode::OK && page.text.contains("<!DOCTYPE html>"), "{}", page.status);
    let position = send(scene.server.request(Method::GET, &cookie, "/?lat=9.9&lon=76.2")).await;
    assert_eq!(position.status, StatusCode::UNAUTHORIZED, "a cookie posts no positions");
}
