//! Geofences and alert rules in words.

use super::sketch::near;
use crate::{
    format::{Measure, battery, count, distance, fixed, plural, speed},
    platform::maths,
};
use sentinel_model::{
    alert_rules::AlertRules,
    geo::M_PER_DEG_LATITUDE,
    geofence::{FenceRules, Geofence, GeofenceError, NAME_MAX, POINTS_MAX, Polygon, Shape},
};

/// `15 min`, `90 s`, `1.5 h`.
pub fn minutes(seconds: u32) -> String {
    match seconds {
        s if s < 120 && !s.is_multiple_of(60) => format!("{s} s"),
        s if s < 7_200 => format!("{} min", short(f64::from(s) / 60.0)),
        s => format!("{} h", short(f64::from(s) / 3_600.0)),
    }
}

/// With a digit after the point where there is something behind it.
pub fn short(n: f64) -> String {
    let text = fixed(n, 1);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn over(limit_mps: f64, measure: Measure) -> String {
    speed(limit_mps as f32, measure)
}

/// What a fence tells of: `enters`, `stays 15 min`, …
pub fn tells(on: &FenceRules, measure: Measure) -> Vec<String> {
    let told = [
        on.enter.then(|| "enters".to_string()),
        on.exit.then(|| "leaves".to_string()),
        on.dwell_s.map(|s| format!("stays {}", minutes(s))),
        on.speed_limit_mps.map(|limit| format!("goes faster than {}", over(limit, measure))),
        on.silent.then(|| "falls silent".to_string()),
    ];
    told.into_iter().flatten().collect()
}

/// The same in a row of a list.
pub fn brief(fence: &Geofence, measure: Measure) -> String {
    let told = tells(&fence.on, measure);
    match (fence.enabled, told.is_empty()) {
        (false, _) => "Switched off".into(),
        (true, true) => "Alerts of nothing".into(),
        (true, false) => first_upper(told.join(", ")),
    }
}

fn first_upper(mut text: String) -> String {
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// `Circle, 150 m radius, 70,686 m²`
pub fn size(shape: &Shape, measure: Measure) -> String {
    let area = area(area_m2(shape), measure);
    match shape {
        Shape::Circle(circle) => format!("Circle, {} radius, {area}", distance(circle.radius_m, measure)),
        Shape::Polygon(polygon) => format!("{}, {area}", plural(polygon.points.len(), "point", "points")),
    }
}

/// In square metres; of an outline as on a plane, which is near enough for words.
pub fn area_m2(shape: &Shape) -> f64 {
    match shape {
        Shape::Circle(circle) => std::f64::consts::PI * circle.radius_m * circle.radius_m,
        Shape::Polygon(polygon) => outline_m2(polygon),
    }
}

fn outline_m2(polygon: &Polygon) -> f64 {
    let points = &polygon.points;
    let Some(&(_, first)) = points.first() else { return 0.0 };
    let middle = points.iter().map(|(lat, _)| lat).sum::<f64>() / points.len() as f64;
    let wide = M_PER_DEG_LATITUDE * maths::cos(middle.to_radians());
    let flat = |&(lat, lon): &(f64, f64)| ((near(lon, first) - first) * wide, lat * M_PER_DEG_LATITUDE);
    let ends = points.iter().cycle().skip(1);
    let twice: f64 = points
        .iter()
        .zip(ends)
        .map(|(a, b)| {
            let ((ax, ay), (bx, by)) = (flat(a), flat(b));
            ax * by - bx * ay
        })
        .sum();
    twice.abs() / 2.0
}

fn area(m2: f64, measure: Measure) -> String {
    const ACRE_M2: f64 = 4_046.856;
    const MILE_M2: f64 = 2_589_988.11;
    let whole = |n: f64| count(n.round().max(0.0) as u64);
    match measure {
        Measure::Metric if m2 < 100_000.0 => format!("{} m²", whole(m2)),
        Measure::Metric if m2 < 1e7 => format!("{} km²", fixed(m2 / 1e6, 2)),
        Measure::Metric => format!("{} km²", whole(m2 / 1e6)),
        Measure::Imperial if m2 < MILE_M2 => format!("{} acres", short(m2 / ACRE_M2)),
        Measure::Imperial => format!("{} sq mi", short(m2 / MILE_M2)),
    }
}

/// What is wrong with a shape, as the one who draws it needs it. Points count from 1.
pub fn problem(error: &GeofenceError, measure: Measure) -> String {
    match error {
        GeofenceError::Name(0) => "Give it a name.".into(),
        GeofenceError::Name(_) => format!("At most {NAME_MAX} characters."),
        GeofenceError::Points(n) => format!("An outline has 3 to {POINTS_MAX} points; this one has {n}."),
        GeofenceError::Place { point, .. } => format!("Point {point} is not where a geofence can be."),
        GeofenceError::Twice { point, same } => {
            format!("Point {point} is where point {same} is: name each once, the outline closes by itself.")
        }
        GeofenceError::TurnsBack(point) => format!("At point {point} the outline turns back upon itself."),
        GeofenceError::Crossing { first, second } => {
            format!("The line after point {first} crosses the one after point {second}.")
        }
        GeofenceError::Wide(_) => "The outline is wider than half the globe.".into(),
        GeofenceError::Range { name: "radius_m", least, most, .. } => {
            format!("From {} to {}.", distance(*least, measure), distance(*most, measure))
        }
        GeofenceError::Range { least, most, .. } => {
            format!("From {} to {} degrees.", short(*least), short(*most))
        }
    }
}

/// What rules of a scope tell of, each a sentence's end.
pub fn rules(rules: &AlertRules, measure: Measure) -> Vec<String> {
    let told = [
        rules.stale.then(|| "A unit is not heard of for a while".to_string()),
        rules.offline.then(|| "A unit is not heard of for long".to_string()),
        rules.low_battery.map(|share| format!("A battery is down to {}", battery(share))),
        rules.speed_limit_mps.map(|limit| format!("A unit is faster than {}", over(limit, measure))),
        rules.escalate_after_s.map(|s| format!("Passed on to the area above after {}", minutes(s))),
    ];
    told.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::fences::tests::fence;
    use sentinel_model::geofence::Circle;

    #[test]
    fn what_a_fence_tells_of_is_said_in_the_person_s_units() {
        let on = FenceRules {
            enter: true,
            exit: true,
            dwell_s: Some(900),
            speed_limit_mps: Some(13.9),
            silent: true,
        };
        let all = Geofence { on, ..fence("a", "Depot") };
        assert_eq!(
            brief(&all, Measure::Metric),
            "Enters, leaves, stays 15 min, goes faster than 50 km/h, falls silent"
        );
        assert!(brief(&all, Measure::Imperial).contains("faster than 31 mph"));
        assert_eq!(brief(&Geofence { enabled: false, ..all }, Measure::Metric), "Switched off");
        let none = Geofence { on: FenceRules::default(), ..fence("a", "Depot") };
        assert_eq!(brief(&none, Measure::Metric), "Alerts of nothing");
    }

    #[test]
    fn lengths_of_time_are_said_shortly() {
        for (s, said) in [
            (90, "90 s"),
            (60, "1 min"),
            (900, "15 min"),
            (150, "2.5 min"),
            (5_400, "90 min"),
            (9_000, "2.5 h"),
        ] {
            assert_eq!(minutes(s), said);
        }
    }

    #[test]
    fn areas_are_those_of_a_plane() {
        let circle = Shape::Circle(Circle { latitude: 9.9, longitude: 76.2, radius_m: 150.0 });
        assert_eq!(size(&circle, Measure::Metric), "Circle, 150 m radius, 70,686 m²");
        assert_eq!(size(&circle, Measure::Imperial), "Circle, 492 ft radius, 17.5 acres");
        let square = |lat: f64, west: f64, east: f64| {
            Shape::Polygon(Polygon {
                points: vec![(lat, west), (lat, east), (lat + 0.01, east), (lat + 0.01, west)],
            })
        };
        let side = 0.01 * M_PER_DEG_LATITUDE;
        for shape in [square(0.0, 76.0, 76.01), square(0.0, 179.995, -179.995)] {
            assert!((area_m2(&shape) / (side * side) - 1.0).abs() < 0.001, "{}", area_m2(&shape));
        }
        assert_eq!(size(&square(0.0, 76.0, 76.01), Measure::Metric), "4 points, 1.24 km²");
        assert!((area_m2(&square(60.0, 0.0, 0.01)) / (side * side) - 0.5).abs() < 0.01);
    }

    #[test]
    fn what_cannot_be_watched_is_said_by_its_points() {
        let bow = Shape::Polygon(Polygon { points: vec![(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)] });
        let refused = bow.check().expect_err("it crosses itself");
        assert_eq!(
            problem(&refused, Measure::Metric),
            "The line after point 1 crosses the one after point 3."
        );
        let small = Shape::Circle(Circle { latitude: 0.0, longitude: 0.0, radius_m: 1.0 });
        let refused = small.check().expect_err("it is too small");
        assert_eq!(problem(&refused, Measure::Metric), "From 10 m to 100.0 km.");
    }

    #[test]
    fn rules_of_a_scope_are_sentences() {
        let some = AlertRules {
            offline: true,
            low_battery: Some(0.15),
            escalate_after_s: Some(300),
            ..AlertRules::default()
        };
        assert_eq!(
            rules(&some, Measure::Metric),
            [
                "A unit is not heard of for long",
                "A battery is down to 15 %",
                "Passed on to the area above after 5 min"
            ]
        );
    }
}
