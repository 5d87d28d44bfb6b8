//! What stands in the fields of a fence's form, and what it comes to. Pure.

use super::{sketch::Sketch, words};
use crate::format::{Measure, coordinates, fixed, read_place};
use sentinel_model::{
    Scope,
    geofence::{FenceRules, Geofence, GeofenceError, GeofencePatch, NAME_MAX, NewGeofence, Shape},
};

const KMH: f64 = 3.6;
const MPH: f64 = 2.236_936_3;
const FOOT_M: f64 = 0.3048;

/// A field that something is wrong with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Name,
    Scope,
    Dwell,
    Speed,
    Middle,
    Radius,
    Points,
    /// Nothing is drawn.
    Shape,
    /// None of them.
    Whole,
}

pub type Refusal = (Field, String);

#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    pub name: String,
    pub scope: String,
    pub enter: bool,
    pub exit: bool,
    /// Minutes; empty where it is not told.
    pub dwell: String,
    /// In the person's unit; empty where there is none.
    pub speed: String,
    pub silent: bool,
    pub enabled: bool,
    pub middle: String,
    pub radius: String,
    /// A line each.
    pub points: String,
}

impl Form {
    pub fn new(scope: Scope) -> Self {
        Self {
            name: String::new(),
            scope: scope.to_string(),
            enter: true,
            exit: true,
            dwell: String::new(),
            speed: String::new(),
            silent: false,
            enabled: true,
            middle: String::new(),
            radius: String::new(),
            points: String::new(),
        }
    }

    pub fn of(fence: &Geofence, measure: Measure) -> Self {
        let mut form = Self {
            name: fence.name.clone(),
            scope: fence.scope.to_string(),
            enter: fence.on.enter,
            exit: fence.on.exit,
            dwell: dwell_text(fence.on.dwell_s),
            speed: speed_text(fence.on.speed_limit_mps, measure),
            silent: fence.on.silent,
            enabled: fence.enabled,
            ..Self::new(fence.scope)
        };
        form.take_shape(&Sketch::of(&fence.shape), measure);
        form
    }

    /// Writes what the map shows into the fields.
    pub fn take_shape(&mut self, sketch: &Sketch, measure: Measure) {
        self.middle = sketch.middle.map(|(lat, lon)| place_text(lat, lon)).unwrap_or_default();
        self.radius =
            if sketch.middle.is_some() { radius_text(sketch.radius_m, measure) } else { String::new() };
        let lines: Vec<String> = sketch.points.iter().map(|(lat, lon)| place_text(*lat, *lon)).collect();
        self.points = lines.join("\n");
    }

    /// What the fields say; what it was `before` stays exact where its field says the same.
    pub fn read(
        &self,
        sketch: &Sketch,
        measure: Measure,
        before: Option<&Geofence>,
    ) -> Result<Said, Refusal> {
        let name = self.name.split_whitespace().collect::<Vec<_>>().join(" ");
        match name.chars().count() {
            0 => return Err((Field::Name, "Give it a name.".into())),
            n if n > NAME_MAX => return Err((Field::Name, format!("At most {NAME_MAX} characters."))),
            _ => {}
        }
        let scope = self.scope.parse().map_err(|_| (Field::Scope, "Choose whose it is.".to_string()))?;
        let shape = self.read_shape(sketch, measure)?;
        let held = before.map(|fence| fence.on).unwrap_or_default();
        let on = FenceRules {
            enter: self.enter,
            exit: self.exit,
            dwell_s: read_minutes(&self.dwell, held.dwell_s).map_err(|why| (Field::Dwell, why))?,
            speed_limit_mps: read_speed(&self.speed, held.speed_limit_mps, measure)
                .map_err(|why| (Field::Speed, why))?,
            silent: self.silent,
        };
        Ok(Said { name, scope, shape, on, enabled: self.enabled })
    }

    fn read_shape(&self, sketch: &Sketch, measure: Measure) -> Result<Shape, Refusal> {
        if sketch.tool == super::sketch::Tool::Circle {
            if read_place(&self.middle).is_none() && !self.middle.trim().is_empty() {
                return Err((Field::Middle, "Write it as latitude, longitude: 9.9633, 76.2995".into()));
            }
            if sketch.middle.is_some() && read_radius(&self.radius, measure).is_none() {
                return Err((Field::Radius, "Write a number.".into()));
            }
        } else if let Err(why) = read_points(&self.points) {
            return Err((Field::Points, why));
        }
        let shape = sketch
            .shape()
            .ok_or_else(|| (Field::Shape, "Draw it on the map, or write where it is.".to_string()))?;
        let is_circle = matches!(shape, Shape::Circle(_));
        shape.check().map_err(|error| {
            let field = match &error {
                GeofenceError::Range { name: "radius_m", .. } => Field::Radius,
                _ if is_circle => Field::Middle,
                _ => Field::Points,
            };
            (field, words::problem(&error, measure))
        })?;
        Ok(shape)
    }
}

/// What a form comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub name: String,
    pub scope: Scope,
    pub shape: Shape,
    pub on: FenceRules,
    pub enabled: bool,
}

impl Said {
    pub fn new_fence(self) -> NewGeofence {
        let Self { name, scope, shape, on, enabled } = self;
        NewGeofence { name, scope: Some(scope), shape, on, enabled }
    }

    /// What is another than `before`: what somebody else changes meanwhile stays theirs.
    pub fn changes(self, before: &Geofence) -> GeofencePatch {
        GeofencePatch {
            name: (self.name != before.name).then_some(self.name),
            scope: (self.scope != before.scope).then_some(self.scope),
            shape: (self.shape != before.shape).then_some(self.shape),
            on: (self.on != before.on).then_some(self.on),
            enabled: (self.enabled != before.enabled).then_some(self.enabled),
        }
    }
}

/// To six digits where there are as many: a form gives back what it was given.
fn place_text(lat: f64, lon: f64) -> String {
    let is_short = |n: f64| (n * 1e5 - (n * 1e5).round()).abs() < 1e-6;
    match is_short(lat) && is_short(lon) {
        true => coordinates(lat, lon),
        false => format!("{}, {}", fixed(lat, 6), fixed(lon, 6)),
    }
}

fn radius_text(radius_m: f64, measure: Measure) -> String {
    match measure {
        Measure::Metric => words::short(radius_m),
        Measure::Imperial => words::short(radius_m / FOOT_M),
    }
}

/// In metres.
pub fn read_radius(text: &str, measure: Measure) -> Option<f64> {
    let n: f64 = text.trim().parse().ok().filter(|n: &f64| n.is_finite())?;
    Some(if measure == Measure::Imperial { n * FOOT_M } else { n })
}

pub fn radius_unit(measure: Measure) -> &'static str {
    if measure == Measure::Imperial { "ft" } else { "m" }
}

/// A place a line; which line is none is said.
pub fn read_points(text: &str) -> Result<Vec<(f64, f64)>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let read = |(n, line): (usize, &str)| {
        read_place(line).ok_or_else(|| format!("Line {}: write it as latitude, longitude.", n + 1))
    };
    lines.enumerate().map(read).collect()
}

fn dwell_text(dwell_s: Option<u32>) -> String {
    dwell_s.map(|s| words::short(f64::from(s) / 60.0)).unwrap_or_default()
}

fn number(text: &str) -> Result<Option<f64>, String> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().ok().filter(|n: &f64| n.is_finite()).map(Some).ok_or("Write a number.".into()),
    }
}

/// Minutes as seconds; 30 seconds to a day.
pub fn read_minutes(text: &str, held: Option<u32>) -> Result<Option<u32>, String> {
    if text == dwell_text(held) {
        return Ok(held);
    }
    match number(text)? {
        None => Ok(None),
        Some(n) if (0.5..=1_440.0).contains(&n) => Ok(Some((n * 60.0).round() as u32)),
        Some(_) => Err("From 0.5 to 1,440 minutes.".into()),
    }
}

fn factor(measure: Measure) -> f64 {
    if measure == Measure::Imperial { MPH } else { KMH }
}

pub fn speed_unit(measure: Measure) -> &'static str {
    if measure == Measure::Imperial { "mph" } else { "km/h" }
}

pub fn speed_text(limit_mps: Option<f64>, measure: Measure) -> String {
    limit_mps.map(|mps| words::short(mps * factor(measure))).unwrap_or_default()
}

/// In metres per second, 1 to 100.
pub fn read_speed(text: &str, held: Option<f64>, measure: Measure) -> Result<Option<f64>, String> {
    if text == speed_text(held, measure) {
        return Ok(held);
    }
    let Some(n) = number(text)? else { return Ok(None) };
    let mps = n / factor(measure);
    match (1.0..=100.0).contains(&mps) {
        true => Ok(Some(mps)),
        false => {
            let (least, most) =
                ((factor(measure) * 10.0).ceil() / 10.0, (factor(measure) * 1_000.0).floor() / 10.0);
            Err(format!("From {} to {} {}.", words::short(least), words::short(most), speed_unit(measure)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::fences::tests::fence;
    use sentinel_model::geofence::Circle;

    fn held() -> Geofence {
        let on = FenceRules {
            enter: true,
            dwell_s: Some(100),
            speed_limit_mps: Some(13.9),
            ..FenceRules::default()
        };
        let shape = Shape::Circle(Circle { latitude: 9.962_412_3, longitude: 76.29, radius_m: 150.25 });
        Geofence { on, shape, ..fence("a", "Depot") }
    }

    #[test]
    fn a_form_that_nobody_wrote_into_changes_nothing() {
        for measure in [Measure::Metric, Measure::Imperial] {
            let form = Form::of(&held(), measure);
            let said = form.read(&Sketch::of(&held().shape), measure, Some(&held())).expect("it is good");
            assert_eq!(said.changes(&held()), GeofencePatch::default());
        }
    }

    #[test]
    fn only_what_was_changed_is_sent() {
        let mut form = Form::of(&held(), Measure::Metric);
        form.name = "  Yard  1 ".into();
        form.dwell = "15".into();
        let said = form.read(&Sketch::of(&held().shape), Measure::Metric, Some(&held())).expect("it is good");
        let on = FenceRules { dwell_s: Some(900), ..held().on };
        let expected =
            GeofencePatch { name: Some("Yard 1".into()), on: Some(on), ..GeofencePatch::default() };
        assert_eq!(said.changes(&held()), expected);
    }

    #[test]
    fn each_refusal_is_of_the_field_that_it_is_about() {
        let refused = |change: fn(&mut Form, &mut Sketch)| {
            let (mut form, mut sketch) = (Form::of(&held(), Measure::Metric), Sketch::of(&held().shape));
            change(&mut form, &mut sketch);
            form.read(&sketch, Measure::Metric, None).expect_err("it is bad")
        };
        assert_eq!(refused(|form, _| form.name = " ".into()).0, Field::Name);
        assert_eq!(refused(|form, _| form.scope = String::new()).0, Field::Scope);
        assert_eq!(
            refused(|form, _| form.dwell = "0.2".into()),
            (Field::Dwell, "From 0.5 to 1,440 minutes.".into())
        );
        assert_eq!(refused(|form, _| form.speed = "fast".into()), (Field::Speed, "Write a number.".into()));
        assert_eq!(
            refused(|form, _| form.speed = "2".into()),
            (Field::Speed, "From 3.6 to 360 km/h.".into())
        );
        assert_eq!(refused(|form, _| form.middle = "here".into()).0, Field::Middle);
        assert_eq!(
            refused(|_, sketch| sketch.radius_m = 3.0),
            (Field::Radius, "From 10 m to 100.0 km.".into())
        );
        assert_eq!(
            refused(|form, sketch| {
                sketch.middle = None;
                form.middle.clear();
            })
            .0,
            Field::Shape
        );
    }

    #[test]
    fn an_outline_is_read_line_by_line() {
        assert_eq!(read_points("9.9, 76.2\n\n 9.8 76.3\n"), Ok(vec![(9.9, 76.2), (9.8, 76.3)]));
        assert_eq!(read_points("9.9, 76.2\nthere"), Err("Line 2: write it as latitude, longitude.".into()));
    }

    #[test]
    fn speeds_are_read_in_the_person_s_unit() {
        let read = |text: &str, measure| read_speed(text, None, measure).expect("reads").expect("some");
        assert!((read("50", Measure::Metric) - 13.889).abs() < 0.001);
        assert!((read("50", Measure::Imperial) - 22.352).abs() < 0.001);
        assert_eq!(read_speed("50", Some(13.9), Measure::Metric), Ok(Some(13.9)), "as it was");
        assert_eq!(read_speed(" ", Some(13.9), Measure::Metric), Ok(None));
    }
}
