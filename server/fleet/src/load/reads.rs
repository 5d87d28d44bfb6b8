//! How long reads take: one unit's current position, the units near a point, the free ones that
//! would be first at an incident, and one unit's day as a route of 2,000 points.
//!
//! One connection, one read after another: what a person's click waits for.

use super::{
    LoadArgs,
    api::Api,
    body::PostWriter,
    course::{Course, Place},
    figures::{Percentiles, Times},
    http::{Http, Target},
    now, write_json,
};
use anyhow::Context;
use sentinel_model::{
    RouteAnswer, TaskId, Unit, UnitId,
    dispatch::Task,
    fix::IngestAnswer,
    scope::{Level, Scope, ScopeNode},
    unit::{NewUnit, NewUnitAnswer},
};
use serde::Serialize;
use serde_json::json;
use std::time::{Duration, Instant};

/// Reads of each kind, and routes.
const READS: usize = 5_000;
const ROUTES: usize = 20;
/// Places that units are sent to.
const INCIDENTS: usize = 50;
/// A day of one fix a second, and how it is posted and read.
const DAY_FIXES: u64 = 86_400;
const DAY_BATCH: u32 = 800;
const DAY_POINTS: u64 = 2_000;
const NEARBY_RADIUS_M: u32 = 2_000;
/// Connections that place the units before they are looked for.
const PLACERS: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Serialize, Default)]
struct ReadReport {
    units: usize,
    current_position: Option<Percentiles>,
    nearby: Option<Percentiles>,
    nearest_free: Option<Percentiles>,
    nearest_free_of_a_station: Option<Percentiles>,
    /// Units of that station.
    station_units: usize,
    day_route: Option<Percentiles>,
    day_route_points: usize,
}

/// The units that reads are of, by their places in each list.
pub struct Fleet {
    pub ids: Vec<String>,
    pub stations: Vec<Scope>,
    /// Where each is.
    pub sites: Vec<Place>,
}

/// Blocks.
pub fn run(args: &LoadArgs, target: &Target, key: &str, fleet: Fleet) -> anyhow::Result<()> {
    let mut api = Api::new(target.clone(), TIMEOUT);
    api.authorize(key.to_string());
    let mut report = ReadReport::default();
    if args.read {
        let Fleet { ids, stations, sites } = fleet;
        report.units = ids.len();
        place_all(target, key, &ids, sites.clone())?;
        let current = ids.iter().cycle().map(|id| format!("/api/v1/units/{id}/location"));
        report.current_position = time(&mut api, current.take(READS))?;
        let near = sites.iter().cycle().enumerate().map(|(i, site)| {
            // Off the stations themselves, another point each time.
            let lat = site.lat_e6 + i64::try_from(i % 997).unwrap_or(0);
            format!(
                "/api/v1/units/nearby?lat={}&lng={}&radius={NEARBY_RADIUS_M}",
                degrees(lat),
                degrees(site.lon_e6)
            )
        });
        report.nearby = time(&mut api, near.take(READS))?;
        let mut admin = Api::new(target.clone(), TIMEOUT);
        let (_, top) = super::setup::sign_in(&mut admin, args)?;
        report.nearest_free = nearest_free(&mut admin, &mut api, top, &sites)?;
        if let Some(station) = stations.first().copied() {
            report.station_units = stations.iter().filter(|of| **of == station).count();
            report.nearest_free_of_a_station = nearest_of_station(&mut admin, target, station, &sites)?;
        }
    }
    if let Some(unit) = &args.prepare_day {
        (report.day_route, report.day_route_points) = day(args, &mut api, target, key, unit)?;
    }
    print(&report);
    write_json(args, &report)
}

/// The units that would be first at incidents here and there, which are closed again. The
/// incidents are of `scope`; `api` is who asks.
fn nearest_free(
    admin: &mut Api,
    api: &mut Api,
    scope: Scope,
    sites: &[Place],
) -> anyhow::Result<Option<Percentiles>> {
    let step = (sites.len() / INCIDENTS).max(1);
    let incidents = sites.iter().step_by(step).take(INCIDENTS).map(|site| {
        let (latitude, longitude) = (degrees(site.lat_e6), degrees(site.lon_e6));
        let (latitude, longitude): (f64, f64) = (latitude.parse()?, longitude.parse()?);
        let body = json!({"kind": "load", "scope": scope, "latitude": latitude, "longitude": longitude});
        Ok(admin.post::<Task>("/api/v1/incidents", &body)?.id)
    });
    let incidents: Vec<TaskId> = incidents.collect::<anyhow::Result<_>>()?;
    let paths = incidents.iter().cycle().map(|id| format!("/api/v1/incidents/{id}/nearest"));
    let times = time(api, paths.take(READS));
    for id in incidents {
        admin.post::<Task>(&format!("/api/v1/incidents/{id}/close"), &json!({"outcome": "cancelled"}))?;
    }
    times
}

/// The same asked by a dispatcher of one station, among whose few units those have to be: the
/// incidents are everywhere, and around most of them are the units of others.
fn nearest_of_station(
    admin: &mut Api,
    target: &Target,
    station: Scope,
    sites: &[Place],
) -> anyhow::Result<Option<Percentiles>> {
    let (key_id, key) = super::setup::make_key(admin, station)?;
    let mut api = Api::new(target.clone(), TIMEOUT);
    api.authorize(key);
    let times = nearest_free(admin, &mut api, station, sites);
    admin.delete(&format!("/api/v1/api-keys/{key_id}"))?;
    times
}

fn degrees(e6: i64) -> String {
    format!("{}{}.{:06}", if e6 < 0 { "-" } else { "" }, e6.abs() / 1_000_000, e6.abs() % 1_000_000)
}

fn time(api: &mut Api, paths: impl Iterator<Item = String>) -> anyhow::Result<Option<Percentiles>> {
    let mut times = Times::default();
    for path in paths {
        let request = api.request("GET", &path, None);
        let begun = Instant::now();
        api.touch(&request).with_context(|| path.clone())?;
        times.record(begun.elapsed());
    }
    Ok(times.percentiles())
}

/// One fix of every unit, now.
fn place_all(target: &Target, key: &str, ids: &[String], sites: Vec<Place>) -> anyhow::Result<()> {
    let course = Course::new(now(), 1, 1, sites);
    let units: Vec<(usize, u64, &str)> =
        ids.iter().enumerate().map(|(unit, id)| (unit, 0, id.as_str())).collect();
    std::thread::scope(|threads| {
        let share = units.len().div_ceil(PLACERS).max(1);
        let placers: Vec<_> = units
            .chunks(share)
            .map(|part| threads.spawn(|| post_all(target, key, &course, part.iter().copied())))
            .collect();
        placers.into_iter().try_for_each(|p| p.join().unwrap_or_else(|_| anyhow::bail!("a poster failed")))
    })
}

fn post_all<'a>(
    target: &Target,
    key: &str,
    course: &Course,
    posts: impl Iterator<Item = (usize, u64, &'a str)>,
) -> anyhow::Result<()> {
    let mut http = Http::new(target.clone(), TIMEOUT);
    let mut writer = PostWriter::new(&target.authority);
    for (unit, post, id) in posts {
        let answer = http.exchange(writer.post(course, unit, post, key, Some(id)))?;
        let text = || String::from_utf8_lossy(answer.body).into_owned();
        anyhow::ensure!(
            answer.status != 429,
            "refused with 429: start the server with --unit-rate-limit off"
        );
        anyhow::ensure!(answer.is_success(), "posting for {id}: {} {}", answer.status, text());
        let counts: IngestAnswer =
            serde_json::from_slice(answer.body).context("an unknown answer to a post")?;
        anyhow::ensure!(counts.rejected.is_empty(), "fixes of {id} were set aside: {}", text());
    }
    Ok(())
}

/// Gives the unit the last 24 hours and times reading them.
fn day(
    args: &LoadArgs,
    api: &mut Api,
    target: &Target,
    key: &str,
    unit: &UnitId,
) -> anyhow::Result<(Option<Percentiles>, usize)> {
    ensure_unit(args, target, unit)?;
    let day_ms = i64::try_from(DAY_FIXES * 1000)?;
    let site = Place { lat_e6: 9_931_200, lon_e6: 76_267_300 };
    let course = Course::new(now().plus_ms(-day_ms), 1000, DAY_BATCH, vec![site]);
    let posts = DAY_FIXES / u64::from(DAY_BATCH);
    post_all(target, key, &course, (0..posts).map(|post| (0, post, unit.as_str())))?;
    let (from, to) = (course.base(), course.time(DAY_FIXES));
    let path = format!("/api/v1/units/{unit}/route?start_time={from}&end_time={to}&max_points={DAY_POINTS}");
    let route: RouteAnswer = api.get(&path)?;
    anyhow::ensure!(
        route.total >= DAY_FIXES,
        "{DAY_FIXES} fixes were answered and the route counts {}",
        route.total
    );
    let times = time(api, std::iter::repeat_n(path, ROUTES))?;
    Ok((times, route.points.len()))
}

/// Makes the unit where it does not exist.
fn ensure_unit(args: &LoadArgs, target: &Target, unit: &UnitId) -> anyhow::Result<()> {
    let mut admin = Api::new(target.clone(), TIMEOUT);
    let (token, top) = super::setup::sign_in(&mut admin, args)?;
    admin.authorize(token);
    let there: Vec<Unit> = admin.list(&format!("/api/v1/units?scope={top}"))?;
    if there.iter().any(|u| u.id == *unit) {
        return Ok(());
    }
    let nodes: Vec<ScopeNode> = admin.list("/api/v1/scopes")?;
    let station = nodes.iter().map(|n| n.scope).find(|s| s.level == Level::Station);
    let station = station.context("the server has no station")?;
    let body = NewUnit { id: unit.clone(), name: None, kind: Some("load".into()), station };
    admin.post::<NewUnitAnswer>("/api/v1/units", &body).map(|_| ())
}

fn print(report: &ReadReport) {
    let line = |name: &str, p: &Option<Percentiles>| {
        if let Some(p) = p {
            println!(
                "{name:<28} p50 {:.3}  p99 {:.3}  p99.9 {:.3}  max {:.3} ms  ({} reads)",
                p.p50_ms, p.p99_ms, p.p999_ms, p.max_ms, p.count
            );
        }
    };
    if report.units > 0 {
        println!("{} units", report.units);
    }
    line("current position", &report.current_position);
    line("nearby, 2 km", &report.nearby);
    line("nearest free, of all", &report.nearest_free);
    let of_a_station = format!("nearest free, of {} units", report.station_units);
    line(&of_a_station, &report.nearest_free_of_a_station);
    line(&format!("a day as {} points", report.day_route_points), &report.day_route);
}
