//! Ways that units really went, or would over real roads: what is told of fences and of arrivals
//! is what plain geometry over the whole track says, with no difference at all, in whatever order
//! the positions of a post stand and however often they are sent.

mod plain;
mod tracks;

use crate::server::{Answer, START, Server, eventually, fix, id};
use axum::http::StatusCode;
use plain::Way;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use sentinel_model::{
    Page, Scope, ScopePath, Time,
    alerts::{Alert, AlertKind},
    dispatch::{AssignmentState, Task, TaskState},
    geofence::{Circle, FenceRules, Geofence, Polygon, Shape},
};
use sentinel_server::watch::{Sighting, crossing::State, index::FenceIndex};
use serde_json::{Value, json};
use std::{f64::consts::TAU, ops::Range, sync::Arc};
use tracks::{Seen, Track, apart_m, moved, sources};

const PATH: ScopePath = ScopePath { district: 1, zone: 3, division: 2, station: 5 };
/// Of all units and fences alone; through a server.
const FENCES: usize = 60;
const FENCES_SERVED: usize = 6;
const UNITS_SERVED: usize = 8;
/// Positions of a unit that are worth it.
const HEARD_MIN: usize = 50;
/// How much of the tracks goes through a server.
const SERVED_MS: i64 = 3 * 3_600_000;
/// So much is posted before the clock goes on.
const PART_MS: i64 = 900_000;
/// At the beginning of each part nobody is heard of: the server's clock moves while it is asked.
const SILENT_MS: i64 = 30_000;
/// The part before which units are sent somewhere.
const SENT_AT: i64 = 2;
/// Positions of a post.
const POSTED: usize = 80;

/// A fence around or across where units drive: circles, outlines with and without dents, and
/// strips along a way.
fn laid(n: usize, tracks: &[Track], random: &mut StdRng) -> Shape {
    loop {
        let track = &tracks[random.random_range(0..tracks.len())].seen;
        let at = random.random_range(0..track.len());
        let middle =
            moved(track[at].place, random.random_range(-80.0..80.0), random.random_range(-80.0..80.0));
        let shape = match n % 4 {
            0 => {
                let (latitude, longitude) = middle;
                Shape::Circle(Circle { latitude, longitude, radius_m: random.random_range(40.0..500.0) })
            }
            1 => outline(middle, |_| random.random_range(60.0..600.0), 7),
            2 => outline(middle, |corner| if corner % 2 == 0 { 500.0 } else { 90.0 }, 8),
            _ => {
                let ahead = &track[(at + 6).min(track.len() - 1)];
                strip(middle, ahead.place, random.random_range(30.0..120.0))
            }
        };
        if shape.check().is_ok() {
            return shape;
        }
    }
}

fn outline(middle: (f64, f64), mut reach_m: impl FnMut(usize) -> f64, corners: usize) -> Shape {
    let point = |corner: usize| {
        let (up, aside) = ((corner as f64 + 0.3) / corners as f64 * TAU).sin_cos();
        let reach_m = reach_m(corner);
        moved(middle, up * reach_m, aside * reach_m)
    };
    Shape::Polygon(Polygon { points: (0..corners).map(point).collect() })
}

/// From one place to another, and a little farther.
fn strip(from: (f64, f64), to: (f64, f64), half_m: f64) -> Shape {
    let (north_m, east_m) = apart_m(from, to);
    let length_m = north_m.hypot(east_m).max(1.0);
    let (north, east) = (north_m / length_m, east_m / length_m);
    let corner = |along_m: f64, aside_m: f64| {
        moved(from, north * along_m - east * aside_m, east * along_m + north * aside_m)
    };
    let end_m = length_m + half_m;
    Shape::Polygon(Polygon {
        points: vec![
            corner(-half_m, -half_m),
            corner(end_m, -half_m),
            corner(end_m, half_m),
            corner(-half_m, half_m),
        ],
    })
}

fn fences(count: usize, tracks: &[Track]) -> Vec<Geofence> {
    let mut random = StdRng::seed_from_u64(2008);
    let fence = |n: usize| Geofence {
        id: format!("F{n}"),
        name: format!("F{n}"),
        scope: Scope::station(5),
        shape: laid(n, tracks, &mut random),
        on: FenceRules {
            enter: true,
            exit: true,
            dwell_s: (n % 3 != 1).then_some(120 + 60 * (n as u32 % 5)),
            speed_limit_mps: (n.is_multiple_of(2)).then_some(9.0),
            silent: false,
        },
        enabled: true,
        created_at: Time(0),
        updated_at: Time(0),
        created_by: "user:chief5".into(),
    };
    (0..count).map(fence).collect()
}

/// Unit, time, fence and kind.
type Told = (String, Time, String, &'static str);

fn expected(tracks: &[Track], fences: &[Geofence]) -> Vec<Told> {
    let mut all = Vec::new();
    for Track { unit, seen } in tracks {
        for fence in fences {
            let told = plain::crossings(seen, &fence.shape, &fence.on);
            let named =
                |(kind, time): (AlertKind, Time)| (unit.clone(), time, fence.name.clone(), kind.as_str());
            all.extend(told.into_iter().map(named));
        }
    }
    all.sort();
    all
}

/// That something was told of everything, so that no difference means something.
fn assert_worth(told: &[Told], kinds: &[&str], least: usize) {
    assert!(told.len() >= least, "only {} crossings", told.len());
    for kind in kinds {
        assert!(told.iter().any(|told| told.3 == *kind), "no {kind}");
    }
}

/// As the watcher shows it a unit's positions.
fn sighting(seen: &Seen) -> Sighting {
    let Seen { time, place: (latitude, longitude), speed_mps, accuracy_m } = *seen;
    Sighting { time, latitude, longitude, speed_mps, accuracy_m, battery: None }
}

#[test]
fn every_crossing_of_every_track_is_what_plain_geometry_says() {
    for (source, tracks) in sources() {
        let fences = fences(FENCES, &tracks);
        let expected = expected(&tracks, &fences);
        assert_worth(&expected, &["enter", "exit", "dwell"], 200);
        let index = FenceIndex::new(fences.into_iter().map(Arc::new));
        let mut told: Vec<Told> = Vec::new();
        for Track { unit, seen } in &tracks {
            let mut state = State::default();
            for seen in seen {
                let crossings = state.step(&sighting(seen), &index, &PATH);
                told.extend(crossings.into_iter().map(|crossing| {
                    (unit.clone(), crossing.at.time, crossing.fence.name.clone(), crossing.kind.as_str())
                }));
            }
        }
        told.sort();
        assert_no_difference(&source, &told, &expected);
    }
}

/// Says the first that differ; all of them would be a book.
fn assert_no_difference(source: &str, told: &[Told], expected: &[Told]) {
    let lacks = expected.iter().filter(|one| told.binary_search(one).is_err());
    let lacks: Vec<&Told> = lacks.take(5).collect();
    let more = told.iter().filter(|one| expected.binary_search(one).is_err());
    let more: Vec<&Told> = more.take(5).collect();
    assert!(lacks.is_empty() && more.is_empty(), "of {source} not told: {lacks:?}, but told: {more:?}");
    assert_eq!(told.len(), expected.len(), "of {source} something is told twice");
}

/// The tracks of some units as they go through a server: their first hours, and between two parts
/// a silence.
fn served(tracks: Vec<Track>) -> Vec<Track> {
    let since = |seen: &Seen| seen.time.ms_since(START);
    let is_served = |seen: &Seen| since(seen) < SERVED_MS && since(seen) % PART_MS > SILENT_MS;
    let cut = |Track { unit, seen }: Track| {
        let seen = seen.into_iter().filter(is_served).collect();
        Track { unit, seen }
    };
    let is_heard = |track: &Track| track.seen.len() >= HEARD_MIN;
    tracks.into_iter().map(cut).filter(is_heard).take(UNITS_SERVED).collect()
}

/// Of a unit that is at `from` when it is sent: a place where it comes to stay later, beside its
/// way there, and how it comes there.
fn goal(from: (f64, f64), ahead: &[Seen], random: &mut StdRng) -> Option<((f64, f64), Way)> {
    let stays = ahead.windows(2).filter(|pair| plain::distance_m(pair[0].place, pair[1].place) < 30.0);
    stays
        .filter(|pair| plain::distance_m(from, pair[0].place) > 500.0)
        .map(|pair| moved(pair[0].place, random.random_range(-25.0..25.0), random.random_range(-25.0..25.0)))
        .find_map(|goal| Some((goal, plain::way(from, ahead, goal)?)))
}

struct Sent {
    unit: String,
    incident: String,
    way: Way,
}

#[tokio::test]
async fn fences_and_arrivals_are_told_of_posts_in_any_order_as_plain_geometry_says() {
    for (source, tracks) in sources() {
        let tracks = served(tracks);
        let fences = fences(FENCES_SERVED, &tracks);
        let expected = expected(&tracks, &fences);
        assert_worth(&expected, &["enter", "exit"], 20);
        let server = Server::start().await;
        let admin = server.sign_in("admin").await;
        for fence in &fences {
            let body =
                json!({"name": fence.name, "scope": "station:5", "shape": fence.shape, "on": fence.on});
            let answer: Answer = server.post(&admin, "/api/v1/geofences", body).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        }
        let mut tokens = Vec::new();
        for track in &tracks {
            tokens.push(server.unit(&track.unit, 5).await);
            server.start_patrol(&track.unit, 5).await;
        }
        let mut random = StdRng::seed_from_u64(7);
        let mut sent = Vec::new();
        for part in 0..SERVED_MS / PART_MS {
            let begin = START.plus_ms(part * PART_MS);
            if part == SENT_AT {
                for track in &tracks {
                    sent.extend(send(&server, track, begin, &mut random).await);
                }
            }
            let end = begin.plus_ms(PART_MS);
            server.clock.turn(end.ms_since(server.clock.now()).max(0) / 1000 + 1);
            for (track, token) in tracks.iter().zip(&tokens) {
                post_part(&server, track, token, begin..end, &mut random).await;
            }
        }
        let admin = server.sign_in("admin").await;
        eventually("everything is told", || async { alerts(&server, &admin).await.len() >= expected.len() })
            .await;
        assert_no_difference(&source, &alerts(&server, &admin).await, &expected);
        assert!(sent.len() >= 3, "only {} were sent somewhere", sent.len());
        for sent in sent {
            assert_arrived(&server, &admin, &source, &sent).await;
        }
        server.end().await;
    }
}

/// The positions of a part, in posts of some, in no order, some of them sent twice.
async fn post_part(server: &Server, track: &Track, token: &str, part: Range<Time>, random: &mut StdRng) {
    let seen: Vec<&Seen> = track.seen.iter().filter(|seen| part.contains(&seen.time)).collect();
    let mut before: Vec<&Seen> = Vec::new();
    for some in seen.chunks(POSTED) {
        let mut posted: Vec<Value> = some.iter().chain(&before).map(|seen| record(seen)).collect();
        posted.shuffle(random);
        server.fixes(token, &posted).await;
        before = some.iter().rev().take(random.random_range(0..9)).copied().collect();
    }
}

fn record(seen: &Seen) -> Value {
    let mut record = fix(seen.time, seen.place.0, seen.place.1);
    if let Some(speed_mps) = seen.speed_mps {
        record["coords"]["speed"] = json!(f64::from(speed_mps));
    }
    if let Some(accuracy_m) = seen.accuracy_m {
        record["coords"]["accuracy"] = json!(f64::from(accuracy_m));
    }
    record
}

/// Sends a unit to where it will go of itself, before a part is posted.
async fn send(server: &Server, track: &Track, now: Time, random: &mut StdRng) -> Option<Sent> {
    let (behind, ahead) = track.seen.split_at(track.seen.partition_point(|seen| seen.time < now));
    let (place, way) = goal(behind.last()?.place, ahead, random)?;
    let admin = server.sign_in("admin").await;
    let body = json!({"kind": "accident", "scope": "station:5", "latitude": place.0, "longitude": place.1});
    let made: Task = server.post(&admin, "/api/v1/incidents", body).await.as_a();
    let assign = format!("/api/v1/incidents/{}/assign", made.id);
    let answer = server.post(&admin, &assign, json!({"unit_id": id(&track.unit)})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    Some(Sent { unit: track.unit.clone(), incident: made.id.to_string(), way })
}

async fn assert_arrived(server: &Server, admin: &str, source: &str, sent: &Sent) {
    let Sent { unit, incident, way } = sent;
    let task: Task = server.get(admin, &format!("/api/v1/incidents/{incident}")).await.as_a();
    let assignment = &task.assignments[0];
    assert!(assignment.times.dispatched_at < way.en_route, "{source}, {unit}: it is sent before it drives");
    let state = (task.state, assignment.state);
    assert_eq!(state, (TaskState::OnScene, AssignmentState::OnScene), "{source}, {unit}: {way:?}");
    assert_eq!(assignment.times.en_route_at, Some(way.en_route), "{source}, {unit}: {way:?}");
    // Between when it came and when that could be seen.
    let on_scene_at = assignment.times.on_scene_at.expect("it is there");
    assert!((way.near..=way.shown).contains(&on_scene_at), "{source}, {unit}: {on_scene_at}, {way:?}");
}

async fn alerts(server: &Server, admin: &str) -> Vec<Told> {
    let mut told = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/alerts?state=all&limit=1000{cursor}");
        let page: Page<Alert> = server.get(admin, &path).await.as_a();
        let of = |alert: Alert| {
            (alert.unit_id.to_string(), alert.time, alert.fence.unwrap_or_default(), alert.kind.as_str())
        };
        told.extend(page.items.into_iter().map(of));
        let Some(next) = page.next else { break };
        cursor = format!("&cursor={next}");
    }
    told.sort();
    told
}
