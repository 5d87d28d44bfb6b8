//! Today's way of the selected unit: drawn on the map, told as a distance.

use super::whole::{IntoWhole, effect};
use crate::{
    console::Console,
    format::fixed,
    live::rest::{self, RestError},
    map_place::with_map,
    platform::maths,
};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::{RoutePoint, UnitId, fix::is_nowhere};

/// Points asked for: more than a screen can tell apart.
const MAX_POINTS: u32 = 1_000;

#[derive(Debug, Clone, Default, PartialEq)]
pub enum Trail {
    #[default]
    Loading,
    Ready {
        fixes: u64,
        distance_m: f64,
        /// Speeds along the way, metres per second, at even steps.
        speeds: Vec<f32>,
    },
    Failed(RestError),
}

/// Length of a way, in metres, on a sphere: good to half a percent.
fn length_m(points: &[RoutePoint]) -> f64 {
    const EARTH_M: f64 = 6_371_000.0;
    points
        .windows(2)
        .map(|pair| {
            let [a, b] = pair else { return 0.0 };
            let (lat_a, lat_b) = (a.latitude.to_radians(), b.latitude.to_radians());
            let (d_lat, d_lon) = (lat_b - lat_a, (b.longitude - a.longitude).to_radians());
            let h = maths::sin(d_lat / 2.0).powi(2)
                + maths::cos(lat_a) * maths::cos(lat_b) * maths::sin(d_lon / 2.0).powi(2);
            2.0 * EARTH_M * maths::asin(h.sqrt().min(1.0))
        })
        .sum()
}

fn told(fixes: u64, points: &[RoutePoint]) -> Trail {
    const STEPS: usize = 60;
    let step = points.len().div_ceil(STEPS).max(1);
    let speeds =
        points.chunks(step).map(|c| c.iter().filter_map(|p| p.speed_mps).fold(0.0, f32::max)).collect();
    Trail::Ready { fixes, distance_m: length_m(points), speeds }
}

/// Reads and draws the trail of `id`, and goes on drawing as the unit moves. Off patrol
/// the unit is not on the map, and its trail neither.
pub fn follow_trail(console: Console, id: &UnitId) -> RwSignal<Trail> {
    let trail = RwSignal::new(Trail::Loading);
    let points = StoredValue::new(Vec::<RoutePoint>::new());
    let unit = id.clone();
    let on_patrol = Memo::new(move |_| console.unit(&unit, |e| e.patrol.is_some()).unwrap_or_default());
    let draw = move || {
        if on_patrol.get_untracked() {
            points.with_value(|p| with_map(|m| m.show_trail(p)));
        } else {
            with_map(|m| m.clear_trail());
        }
    };
    effect(move || {
        on_patrol.track();
        draw();
    });
    let unit = id.clone();
    let again = RwSignal::new(0u32);
    effect(move || {
        again.track();
        let unit = unit.clone();
        let now = console.now.get_untracked();
        let midnight = console.wall.get_untracked().midnight(now);
        spawn_local(async move {
            let answer = rest::route(&unit, midnight, now, MAX_POINTS).await;
            if trail.is_disposed() {
                return;
            }
            match answer {
                Ok(mut route) => {
                    route.points.retain(|p| !is_nowhere(p.latitude, p.longitude));
                    trail.set(told(route.total, &route.points));
                    points.set_value(route.points);
                    draw();
                }
                Err(e) => {
                    trail.set(Trail::Failed(e));
                    rest::ask_later(again);
                }
            }
        });
    });
    let unit = id.clone();
    effect(move || {
        let place = console.unit(&unit, |e| e.place).flatten();
        let place = place.filter(|p| !p.is_nowhere());
        let (Some(place), true) = (place, trail.with_untracked(|t| matches!(t, Trail::Ready { .. }))) else {
            return;
        };
        let next = RoutePoint {
            time: place.time,
            latitude: place.lat,
            longitude: place.lon,
            speed_mps: place.speed_mps,
            heading_deg: place.heading_deg,
        };
        let newer = points.with_value(|p| p.last().is_none_or(|last| last.time < next.time));
        if newer {
            let step_m = points.with_value(|p| p.last().map_or(0.0, |last| length_m(&[*last, next])));
            points.update_value(|p| p.push(next));
            draw();
            trail.update(|t| {
                if let Trail::Ready { fixes, distance_m, .. } = t {
                    *fixes += 1;
                    *distance_m += step_m;
                }
            });
        }
    });
    on_cleanup(|| with_map(|m| m.clear_trail()));
    trail
}

/// The day's speeds as one line.
#[component]
pub fn SpeedLine(speeds: Vec<f32>) -> impl IntoView {
    const HEIGHT: f32 = 32.0;
    let most = speeds.iter().copied().fold(1.0_f32, f32::max);
    let step = 240.0 / (speeds.len().max(2) - 1) as f32;
    let tenth = |n: f32| fixed(n.into(), 1);
    let dots: String = speeds
        .iter()
        .enumerate()
        .map(|(i, v)| {
            format!("{},{} ", tenth(i as f32 * step), tenth(HEIGHT - 1.0 - v / most * (HEIGHT - 3.0)))
        })
        .collect();
    let ground = format!("0,32 {dots} 240,32");
    view! {
        <svg class="speed-line" viewBox="0 0 240 32" preserveAspectRatio="none" aria-hidden="true">
            <polygon points=ground></polygon>
            <polyline points=dots></polyline>
        </svg>
    }
    .whole()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::Time;

    fn at(latitude: f64, longitude: f64) -> RoutePoint {
        RoutePoint { time: Time(0), latitude, longitude, speed_mps: None, heading_deg: None }
    }

    #[test]
    fn a_degree_of_latitude_is_111_kilometres() {
        let m = length_m(&[at(9.0, 76.0), at(10.0, 76.0)]);
        assert!((m - 111_195.0).abs() < 50.0, "{m}");
        assert_eq!(length_m(&[at(9.0, 76.0)]), 0.0);
    }
}
