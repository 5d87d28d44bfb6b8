//! Files of positions taken in: into history alone, each fix once.

use crate::server::{Answer, DISTRICT, Server, at, eventually, fix, id, send};
use reqwest::{Method, StatusCode};
use sentinel_model::{Fix, Permission, Scope, UnitStatus, fix::ImportAnswer};
use sentinel_server::ports::TimeRange;
use serde_json::json;
use std::io::Write as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const ALL: &str = "start_time=2020-01-01T00:00:00Z&end_time=2026-11-30T00:00:00Z";

async fn told(server: &Server, unit: &str) -> Vec<Fix> {
    server.sentinel.reads.archive.fixes(&id(unit), TimeRange::ALL, usize::MAX).await.expect("reads")
}

async fn import(server: &Server, who: &str, path: &str, file: impl Into<reqwest::Body>) -> Answer {
    send(server.request(Method::POST, who, path).body(file)).await
}

fn packed(file: &str) -> Vec<u8> {
    let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packing.write_all(file.as_bytes()).expect("packs");
    packing.finish().expect("packs")
}

#[tokio::test]
async fn what_was_exported_is_imported_as_it_was() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    let mut posts: Vec<_> =
        (0..30).map(|n| fix(at(n - 100), 9.9 + n as f64 / 7.0, 76.25 - n as f64 / 3.0)).collect();
    for (n, event) in
        [(3, "-1+1"), (4, "'quoted'"), (5, "a,\"b\"\nc"), (6, " heart & beat "), (7, "a\r\nb\rc\u{1}")]
    {
        posts[n] = json!({
            "timestamp": at(n as i64 - 100), "uuid": format!("@{n}\u{2}"), "event": event, "odometer": 7.25,
            "coords": {"latitude": 0.1 + 0.2, "longitude": -1e-7, "speed": 1.1, "heading": 359.9, "accuracy": 0.3,
                "altitude": -0.7},
            "battery": {"level": 0.33, "is_charging": true}, "extras": {"k": "<v> & 'w'"},
        });
    }
    server.fixes(&token, &posts).await;
    let stored = told(&server, "PC-1").await;
    let admin = server.sign_in("admin").await;
    for (n, format) in ["csv", "gpx"].into_iter().enumerate() {
        let path = format!("/api/v1/units/PC-1/route?{ALL}&format={format}");
        let file = server.get(&admin, &path).await.text;
        let (whole, zipped) = (format!("COPY-{n}"), format!("ZIP-{n}"));
        for (unit, body) in [(&whole, file.clone().into_bytes()), (&zipped, packed(&file))] {
            server.unit(unit, 9).await;
            let path = format!("/api/v1/units/{unit}/import");
            let expected = ImportAnswer { total: 30, accepted: 30, ..ImportAnswer::default() };
            assert_eq!(import(&server, &admin, &path, body.clone()).await.as_a::<ImportAnswer>(), expected);
            let again = ImportAnswer { total: 30, duplicates: 30, ..ImportAnswer::default() };
            assert_eq!(import(&server, &admin, &path, body).await.as_a::<ImportAnswer>(), again);
            assert_eq!(told(&server, unit).await, stored, "{format}");
        }
    }
    let server = server.restart().await;
    assert_eq!(told(&server, "COPY-0").await.len(), 30);
}

#[tokio::test]
async fn a_scope_s_file_finds_each_unit_by_its_name() {
    let (from, to) = (Server::start().await, Server::start().await);
    // Nothing was received later than the clock says of who imports.
    to.clock.turn(60);
    for unit in ["PC-1", "PC-2", "PC-3"] {
        let token = from.unit(unit, 5).await;
        from.fixes(&token, &(0..5).map(|n| fix(at(n - 50), 9.9, 76.2)).collect::<Vec<_>>()).await;
    }
    for unit in ["PC-1", "PC-2"] {
        to.unit(unit, 5).await;
    }
    let admin = from.sign_in("admin").await;
    for (format, at_first) in [("csv", true), ("gpx", false)] {
        let file = from.get(&admin, &format!("/api/v1/history/export?{ALL}&format={format}")).await.text;
        let answer: ImportAnswer =
            import(&to, &to.sign_in("admin").await, "/api/v1/import", file).await.as_a();
        let (accepted, duplicates) = if at_first { (10, 0) } else { (0, 10) };
        assert_eq!((answer.total, answer.accepted, answer.duplicates), (15, accepted, duplicates));
        assert_eq!((answer.rejected_total, answer.rejected.len()), (5, 5));
        assert!(answer.rejected[0].reason.contains("PC-3"), "{:?}", answer.rejected[0]);
        for unit in ["PC-1", "PC-2"] {
            assert_eq!(told(&to, unit).await, told(&from, unit).await);
        }
    }
}

#[tokio::test]
async fn files_of_others_are_read_and_what_is_wrong_in_them_set_aside_by_its_line() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let admin = server.sign_in("admin").await;
    let csv = "\u{feff}Time, occupied, LAT,lng,speed\n1500000000,1,9.5,76.5,3.25\nnever,0,1,1,\n\
               1500000001,1,95,76.5,\n1500000002,,9.6,76.6,-1\n1500000003,,x,76.6,\n\"1500000004\",,9.7,76.7,fast\n";
    let answer: ImportAnswer = import(&server, &admin, "/api/v1/import?unit_id=PC-1", csv).await.as_a();
    assert_eq!((answer.total, answer.accepted, answer.rejected_total), (6, 2, 4));
    assert_eq!(answer.rejected.iter().map(|one| one.line).collect::<Vec<_>>(), [3, 4, 6, 7]);
    let stored = told(&server, "PC-1").await;
    assert_eq!((stored[0].speed_mps, stored[1].speed_mps), (Some(3.25), None), "-1 is unknown");
    let gpx = r#"<?xml version="1.0"?><gpx version="1.0" creator="x" xmlns="http://www.topografix.com/GPX/1/0">
        <metadata><name>A trip</name><time>2017-01-01T00:00:00Z</time></metadata>
        <wpt lat="1" lon="1"><time>2017-01-01T00:00:00Z</time></wpt>
        <trk><name>Track &amp; Co</name><trkseg>
        <trkpt lat="9.1" lon="76.1"><ele>12.5</ele><time>2017-07-14T02:40:10Z</time><course>90</course><speed>2.5</speed></trkpt>
        <trkpt lat="9.2" lon="76.2"><time>2017-07-14T02:40:11.250Z</time>
          <extensions><ns3:TrackPointExtension xmlns:ns3="u"><ns3:speed>3.5</ns3:speed><ns3:hr>99</ns3:hr></ns3:TrackPointExtension></extensions></trkpt>
        <trkpt lat="9.3" lon="76.3"/>
        </trkseg></trk></gpx>"#;
    let answer: ImportAnswer = import(&server, &admin, "/api/v1/units/PC-1/import", gpx).await.as_a();
    assert_eq!((answer.total, answer.accepted, answer.rejected_total), (3, 2, 1));
    assert_eq!((answer.rejected[0].line, answer.rejected[0].reason.as_str()), (3, "timestamp is missing"));
    let stored = &told(&server, "PC-1").await[2..];
    let known = |fix: &Fix| (fix.latitude, fix.altitude_m, fix.speed_mps, fix.heading_deg);
    assert_eq!(
        stored.iter().map(known).collect::<Vec<_>>(),
        [(9.1, Some(12.5), Some(2.5), Some(90.0)), (9.2, None, Some(3.5), None)]
    );
}

#[tokio::test]
async fn what_is_no_such_file_is_refused_in_words_and_what_stood_before_the_fault_is_kept() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let admin = server.sign_in("admin").await;
    let endless = format!("time,lat,lon\n1,{}", "9".repeat(3 << 20));
    let cut =
        "<gpx version='1.1'><trk><trkseg><trkpt lat='1' lon='2'><time>2017-01-01T00:00:00Z</time></trkpt>";
    for (file, words) in [
        ("", "no column \"time\""),
        ("a,b\n1,2\n", "no column \"time\""),
        ("time,lat\n1,2\n", "no column \"longitude\""),
        ("<html><body>no</body></html>", "holds no GPX"),
        ("<gpx><trk></wrong></gpx>", "does not read as GPX"),
        (cut, "behind point 1"),
        (&endless, "longer than"),
        ("\u{1f}\u{8b}", "no column"),
    ] {
        let answer = import(&server, &admin, "/api/v1/units/PC-1/import", file.to_owned()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert!(answer.message().contains(words), "{words}: {}", answer.text);
    }
    assert_eq!(told(&server, "PC-1").await.len(), 1, "the point of the file that was cut");
}

#[tokio::test]
async fn an_import_is_into_history_alone() {
    let server = Server::start().await;
    server.unit("OLD", 5).await;
    let token = server.unit("LIVE", 5).await;
    server.fixes(&token, &[fix(at(-60), 9.9, 76.2)]).await;
    let admin = server.sign_in("admin").await;
    for unit in ["OLD", "LIVE"] {
        let file = format!("time,lat,lon\n{},1,2\n{},3,4\n", at(-3600 * 24 * 400), at(-30));
        let answer: ImportAnswer =
            import(&server, &admin, &format!("/api/v1/units/{unit}/import"), file).await.as_a();
        assert_eq!(answer.accepted, 2);
    }
    let unit = async |id: &str| -> sentinel_model::Unit {
        server.get(&admin, &format!("/api/v1/units/{id}")).await.as_a()
    };
    let old = unit("OLD").await;
    assert_eq!((old.status, old.patrol_id, old.location), (UnitStatus::OffDuty, None, None));
    assert_eq!(unit("LIVE").await.location.expect("it posted").time, at(-60));
    let server = server.restart().await;
    let old: sentinel_model::Unit = server.get(&admin, "/api/v1/units/OLD").await.as_a();
    assert_eq!((old.status, old.patrol_id), (UnitStatus::OffDuty, None), "nor does a restart start one");
}

#[tokio::test]
async fn who_posts_for_a_unit_or_manages_it_imports_for_it_and_nobody_else() {
    let server = Server::start().await;
    let token = server.unit("PC-5", 5).await;
    server.unit("PC-9", 9).await;
    let ingests = server.key(Scope::station(5), &[Permission::Ingest]).await;
    let manages = server.key(DISTRICT, &[Permission::Manage]).await;
    let reads = server.key(DISTRICT, &[Permission::Read, Permission::Dispatch]).await;
    let file = format!("unit_id,time,lat,lon\nPC-5,{},1,2\nPC-9,{},1,2\n", at(-9), at(-9));
    for (who, path, status, accepted) in [
        ("", "/api/v1/units/PC-5/import", StatusCode::UNAUTHORIZED, 0),
        (token.as_str(), "/api/v1/units/PC-5/import", StatusCode::FORBIDDEN, 0),
        (&reads, "/api/v1/units/PC-5/import", StatusCode::NOT_FOUND, 0),
        (&reads, "/api/v1/import", StatusCode::FORBIDDEN, 0),
        (&server.sign_in("chief5").await, "/api/v1/import?unit_id=PC-5", StatusCode::NOT_FOUND, 0),
        (&ingests, "/api/v1/units/PC-9/import", StatusCode::NOT_FOUND, 0),
        (&ingests, "/api/v1/units/PC-404/import", StatusCode::NOT_FOUND, 0),
        (&ingests, "/api/v1/import", StatusCode::OK, 1),
        (&manages, "/api/v1/import", StatusCode::OK, 1),
    ] {
        let answer = import(&server, who, path, file.clone()).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        if status == StatusCode::OK {
            assert_eq!(answer.as_a::<ImportAnswer>().accepted, accepted, "{path}");
        }
    }
}

#[tokio::test]
async fn a_quotation_mark_that_is_not_closed_swallows_nothing_in_silence() {
    let server = Server::start().await;
    server.unit("PC-5", 5).await;
    let admin = server.sign_in("admin").await;
    let line = |n: i64, event: &str| format!("{},1,2,{event}\n", at(-9000 + n));
    let file = |lines: i64, odd: &str| -> String {
        let line = |n| line(n, if n == 3 { odd } else { "x" });
        std::iter::once("time,lat,lon,event\n".to_owned()).chain((0..lines).map(line)).collect()
    };
    for lines in [10, 200] {
        let refused = import(&server, &admin, "/api/v1/units/PC-5/import", file(lines, "\"a")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        assert!(refused.message().contains("line 5"), "{}", refused.message());
        assert_eq!(told(&server, "PC-5").await.len(), 3, "what stood before it is there");
    }
    // A text of two lines that is closed is one, and costs nobody.
    let answer = import(&server, &admin, "/api/v1/units/PC-5/import", file(10, "\"a\nb\"")).await;
    let answer: ImportAnswer = answer.as_a();
    assert_eq!((answer.total, answer.accepted, answer.duplicates), (10, 7, 3));
}

#[tokio::test]
async fn an_import_ends_with_the_key_behind_it_and_says_where() {
    let server = Server::start().await;
    server.unit("PC-5", 5).await;
    let admin = server.sign_in("admin").await;
    let new = json!({"name": "k", "scope": "station:5", "permissions": ["ingest"]});
    let key = server.post(&admin, "/api/v1/api-keys", new).await.json;
    let (id, key) = (key["id"].as_str().expect("an id"), key["key"].as_str().expect("a key"));
    let mut upload = TcpStream::connect(server.address).await.expect("connects");
    let head = format!(
        "POST /api/v1/units/PC-5/import HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\
         Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let piece = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let first = head + &piece(&format!("time,lat,lon\n{},1,2\n", at(-9)));
    upload.write_all(first.as_bytes()).await.expect("sends");
    // Begun, as the audit log has it.
    let begun = || async { server.get(&admin, "/api/v1/audit").await.text.contains("history_imported") };
    eventually("it is begun", begun).await;
    let revoked = send(server.request(Method::DELETE, &admin, &format!("/api/v1/api-keys/{id}"))).await;
    assert_eq!(revoked.status, StatusCode::OK);
    upload.write_all(piece(&format!("{},1,2\n", at(-8))).as_bytes()).await.expect("sends");
    let mut answer = String::new();
    upload.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("the sign-in or key behind it has ended"), "{answer}");
    assert!(!told(&server, "PC-5").await.iter().any(|fix| fix.time == at(-8)));
}

#[tokio::test]
async fn one_caller_sends_one_file_after_the_other_and_leaves_room_for_others() {
    let server = Server::start().await;
    server.unit("PC-5", 5).await;
    let admin = server.sign_in("admin").await;
    let key = server.key(Scope::station(5), &[Permission::Ingest]).await;
    let (path, file) = ("/api/v1/units/PC-5/import", format!("time,lat,lon\n{},1,2\n", at(-9)));
    let mut upload = TcpStream::connect(server.address).await.expect("connects");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        file.len()
    );
    upload.write_all(head.as_bytes()).await.expect("sends");
    eventually("it is begun", async || server.sentinel.imports.available_permits() == 1).await;
    let refused = import(&server, &admin, path, file.clone()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "10"));
    assert_eq!(import(&server, &key, path, file.clone()).await.status, StatusCode::OK);
    upload.write_all(file.as_bytes()).await.expect("sends");
    let mut answer = String::new();
    upload.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(import(&server, &admin, path, file).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_hundred_thousand_lines_are_imported_once_however_often_they_come() {
    let server = Server::start().await;
    for unit in ["A", "B"] {
        server.unit(unit, 5).await;
    }
    let admin = server.sign_in("admin").await;
    let mut file = String::from("unit_id,time,lat,lon,speed\n");
    for n in 0..100_000i64 {
        let line = format!(
            "{},{},{},{},5\n",
            ["A", "B"][n as usize % 2],
            1_700_000_000 + n / 2,
            9.0 + n as f64 / 1e6,
            76.0
        );
        file.push_str(&line);
    }
    for expected in [(100_000, 0), (0, 100_000)] {
        let answer: ImportAnswer = import(&server, &admin, "/api/v1/import", file.clone()).await.as_a();
        assert_eq!((answer.accepted, answer.duplicates), expected);
    }
    assert_eq!((told(&server, "A").await.len(), told(&server, "B").await.len()), (50_000, 50_000));
}

#[tokio::test]
async fn files_of_spreadsheets_are_read_whatever_they_put_between_columns_and_how_they_say_speeds() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for (n, (file, speed_mps)) in [
        ("time;lat;lon;speed_kmh;event\r\n1500000000;9,5;76,25;36;a,b\r\n", Some(10.0)),
        ("time\tlat\tlon\tspeed_knots\n1500000000\t9,5\t76.25\t3600\n", Some(1852.0)),
        ("time,lat,lon,speed_mph\n1500000000,9.5,76.25,1000\n", Some(447.04)),
        ("time,lat,lon,speed,speed_kmh\n1500000000,9.5,76.25,2.5,9\n", Some(2.5)),
        ("time,lat,lon,speed_kmh\n1500000000,9.5,76.25,-1\n", None),
    ]
    .into_iter()
    .enumerate()
    {
        let unit = format!("PC-{n}");
        server.unit(&unit, 5).await;
        let answer: ImportAnswer =
            import(&server, &admin, &format!("/api/v1/units/{unit}/import"), file).await.as_a();
        assert_eq!((answer.accepted, answer.rejected_total), (1, 0), "{file}: {answer:?}");
        let [fix] = &told(&server, &unit).await[..] else { panic!("one fix of {file}") };
        assert_eq!((fix.latitude, fix.longitude, fix.speed_mps), (9.5, 76.25, speed_mps), "{file}");
    }
    assert_eq!(told(&server, "PC-0").await[0].event.as_deref(), Some("a,b"));
    // Between commas a comma may be one of thousands.
    let file = "time,lat,lon\n1500000001,\"9,5\",76.25\n";
    let answer: ImportAnswer = import(&server, &admin, "/api/v1/units/PC-0/import", file).await.as_a();
    assert!(answer.rejected[0].reason.contains("is not a number"), "{answer:?}");
}

#[tokio::test]
async fn what_is_sent_in_another_form_than_a_file_of_text_is_told_what_to_send() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let admin = server.sign_in("admin").await;
    let path = "/api/v1/units/PC-1/import";
    let utf16: Vec<u8> = "\u{feff}time,lat,lon\n1,2,3\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin1 = b"zeit\xe4,time,lat,lon\n1,1,2,3\n".to_vec();
    let gpx =
        b"<?xml version='1.0' encoding='ISO-8859-1'?><gpx><trk><name>K\xf6ln</name></trk></gpx>".to_vec();
    for file in [utf16[2..].to_vec(), utf16, latin1, gpx] {
        let refused = import(&server, &admin, path, file).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        assert!(refused.message().contains("save it as UTF-8"), "{}", refused.text);
    }
    let one_line = b"time,lat,lon,event\n1,2,3,\xe4\n2,2,3,a\n".to_vec();
    let answer: ImportAnswer = import(&server, &admin, path, one_line).await.as_a();
    assert_eq!((answer.accepted, answer.rejected_total), (1, 1));
    assert!(answer.rejected[0].reason.contains("UTF-8"), "{answer:?}");
    let form =
        server.request(Method::POST, &admin, path).header("content-type", "multipart/form-data; boundary=x");
    let refused = send(form.body("--x\r\n\r\ntime,lat,lon\r\n--x--")).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(refused.message().contains("--data-binary"), "{}", refused.text);
}

#[tokio::test]
async fn empty_elements_between_points_do_not_add_up_to_one_that_is_too_long() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    let admin = server.sign_in("admin").await;
    let file =
        format!("<gpx><trk><trkseg>{}</trkseg></trk></gpx>", "<trkpt lat='1' lon='2'/>".repeat(100_000));
    let answer: ImportAnswer = import(&server, &admin, "/api/v1/units/PC-1/import", file).await.as_a();
    assert_eq!((answer.total, answer.rejected_total), (100_000, 100_000), "without a time");
}

#[tokio::test]
async fn who_asks_for_it_is_told_while_the_file_still_arrives_how_far_it_is() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let server = Server::start().await;
    server.unit("PC-5", 5).await;
    let admin = server.sign_in("admin").await;
    for ends_well in [true, false] {
        let mut upload = TcpStream::connect(server.address).await.expect("connects");
        let head = format!(
            "POST /api/v1/units/PC-5/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\n\
             Accept: application/x-ndjson\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let piece = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let lines: String = (0..2_500).map(|n| format!("{},1,2\n", at(n - 9_000))).collect();
        upload.write_all((head + &piece(&format!("time,lat,lon\n{lines}"))).as_bytes()).await.expect("sends");
        let (read, mut write) = upload.split();
        let mut answer = BufReader::new(read).lines();
        let mut status = async || loop {
            let line = answer.next_line().await.expect("reads").expect("goes on");
            if let Ok(line) = serde_json::from_str::<serde_json::Value>(&line)
                && line.is_object()
            {
                return line;
            }
        };
        let far = status().await;
        assert_eq!((&far["status"], &far["total"]), (&json!("reading"), &json!(2_000)), "{far}");
        let rest = if ends_well { "never,1,2\n" } else { "1,2,\"\n3,4,5\n" };
        write.write_all((piece(rest) + "0\r\n\r\n").as_bytes()).await.expect("sends");
        let end = loop {
            let line = status().await;
            if line["status"] != "reading" {
                break line;
            }
        };
        if ends_well {
            assert_eq!(
                (&end["status"], &end["accepted"], &end["rejected_total"]),
                (&json!("done"), &json!(2_500), &json!(1))
            );
        } else {
            assert_eq!((&end["status"], &end["code"]), (&json!("failed"), &json!("bad_request")), "{end}");
            assert!(end["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{end}");
        }
    }
}
