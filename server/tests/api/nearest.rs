//! Who would be first at an incident: of the units that the asker sees those that are on patrol,
//! heard of lately and on no task, and nobody else.

use crate::{
    incidents::{assign, incident},
    server::{Server, fix, id, unit},
};
use axum::http::StatusCode;
use futures::StreamExt as _;
use sentinel_model::{Page, dispatch::NearestUnit, fix::Nearby};
use sentinel_server::{auth::secret, geo::M_PER_DEG_LATITUDE};
use serde_json::{Value, json};

const PLACE: (f64, f64) = (9.9, 76.2);
/// More are on patrol than are looked up without looking around.
const UNITS: usize = 640;

/// Each unit stands farther away than the one before.
fn standing(server: &Server, n: usize) -> Value {
    fix(server.clock.now(), PLACE.0 + (n + 1) as f64 * 40.0 / M_PER_DEG_LATITUDE, PLACE.1)
}

fn name(n: usize) -> String {
    format!("U-{n:03}")
}

/// The stations in turn, and most of them at station 9.
fn station(n: usize) -> u32 {
    match n % 20 {
        3 => 5,
        8 | 13 => 6,
        _ => 9,
    }
}

fn is_silent(n: usize) -> bool {
    n % 3 == 1
}

fn is_off_duty(n: usize) -> bool {
    n % 7 == 2
}

fn is_on_task(n: usize) -> bool {
    n % 40 == 3
}

fn free_of(stations: &[u32]) -> Vec<String> {
    let free =
        |n: &usize| stations.contains(&station(*n)) && !is_silent(*n) && !is_off_duty(*n) && !is_on_task(*n);
    (0..UNITS).filter(free).map(name).collect()
}

#[tokio::test]
async fn the_first_at_an_incident_are_the_free_units_of_the_asker_and_nobody_else() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let tokens: Vec<_> = (0..UNITS).map(|_| secret::mint(secret::Kind::Unit)).collect();
    let made = (0..).zip(&tokens).map(|(n, token)| unit(&name(n), station(n), token.hash.clone()));
    server.change(made.collect()).await;
    for silent in [true, false] {
        let posts = (0..UNITS).filter(|n| is_silent(*n) == silent).map(async |n| {
            // The first position begins a patrol.
            server.fixes(&tokens[n].text, &[standing(&server, n)]).await;
            if is_off_duty(n) {
                let patrol = server.sentinel.directory.unit(&id(&name(n))).and_then(|unit| unit.patrol);
                server.end_patrol(patrol.expect("it is on patrol").id).await;
            }
        });
        futures::stream::iter(posts).buffer_unordered(16).for_each(|()| async {}).await;
        if silent {
            // Until these are stale; the others are heard of after that.
            server.clock.turn(120);
        }
    }
    let made = incident(&server, &admin, json!({})).await;
    let other = incident(&server, &admin, json!({"scope": "district:1"})).await;
    for n in (0..UNITS).filter(|n| is_on_task(*n) && !is_off_duty(*n)) {
        assert_eq!(assign(&server, &admin, &other, &name(n)).await.status, StatusCode::CREATED, "{n}");
    }
    for (who, stations) in [("admin", &[5, 6, 9][..]), ("zone3", &[5, 6]), ("chief5", &[5])] {
        let token = server.sign_in(who).await;
        let free = free_of(stations);
        for limit in [1, 8, 50] {
            let path = format!("/api/v1/incidents/{}/nearest?limit={limit}", made.id);
            let found: Page<NearestUnit> = server.get(&token, &path).await.as_a();
            let found: Vec<String> = found.items.iter().map(|unit| unit.unit_id.to_string()).collect();
            assert_eq!(found, free[..limit.min(free.len())], "{who}, {limit}");
        }
        let near = format!("/api/v1/units/nearby?lat={}&lng={}&radius=50000&limit=1000", PLACE.0, PLACE.1);
        let found: Page<Nearby> = server.get(&token, &format!("{near}&free=true")).await.as_a();
        let found: Vec<String> = found.items.iter().map(|at| at.location.unit_id.to_string()).collect();
        assert_eq!(found, free, "{who}");
        let found: Page<Nearby> = server.get(&token, &near).await.as_a();
        let found: Vec<String> = found.items.iter().map(|at| at.location.unit_id.to_string()).collect();
        let on_patrol = (0..UNITS).filter(|n| stations.contains(&station(*n)) && !is_off_duty(*n));
        assert_eq!(found, on_patrol.map(name).collect::<Vec<_>>(), "{who}");
    }
    server.end().await;
}
