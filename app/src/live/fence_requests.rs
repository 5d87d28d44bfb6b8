//! What a page asks and says of geofences, and of the alert rules of a scope.

use super::{
    dispatch::Fields,
    rest::{RestError, encoded, get, send},
};
use js_sys::Array;
use sentinel_model::{
    Page, Scope,
    alert_rules::{AlertRules, ScopeAlertRules},
    geofence::{FenceRules, Geofence, GeofencePatch, NewGeofence, Shape},
};
use wasm_bindgen::JsValue;

const ADDRESS: &str = "/api/v1/geofences";
const LIMIT: usize = 1_000;

/// All that can concern units of a scope.
pub async fn fences(scope: Scope) -> Result<Vec<Geofence>, RestError> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page: Page<Geofence> = get(&format!("{ADDRESS}?scope={scope}&limit={LIMIT}{after}")).await?;
        all.extend(page.items);
        let Some(next) = page.next else { return Ok(all) };
        after = format!("&cursor={}", encoded(&next));
    }
}

/// One of them, whatever scope is on show.
pub async fn fence(id: &str) -> Result<Geofence, RestError> {
    get(&address(id)).await
}

fn address(id: &str) -> String {
    format!("{ADDRESS}/{}", encoded(id))
}

fn shape(shape: &Shape) -> JsValue {
    let fields = match shape {
        Shape::Circle(circle) => Fields::none()
            .with("type", "circle")
            .with("latitude", circle.latitude)
            .with("longitude", circle.longitude)
            .with("radius_m", circle.radius_m),
        Shape::Polygon(polygon) => {
            let points = Array::new();
            for (latitude, longitude) in &polygon.points {
                points.push(&Array::of2(&(*latitude).into(), &(*longitude).into()));
            }
            Fields::none().with("type", "polygon").with("points", points)
        }
    };
    fields.object().into()
}

fn rules(on: &FenceRules) -> JsValue {
    let mut fields = Fields::none().with("enter", on.enter).with("exit", on.exit).with("silent", on.silent);
    if let Some(dwell_s) = on.dwell_s {
        fields = fields.with("dwell_s", dwell_s);
    }
    if let Some(limit) = on.speed_limit_mps {
        fields = fields.with("speed_limit_mps", limit);
    }
    fields.object().into()
}

fn read(body: &[u8]) -> Option<Geofence> {
    postcard::from_bytes(body).ok()
}

pub async fn make(new: &NewGeofence) -> Result<Geofence, RestError> {
    let mut fields = Fields::none()
        .with("name", new.name.as_str())
        .with("shape", shape(&new.shape))
        .with("on", rules(&new.on))
        .with("enabled", new.enabled);
    if let Some(scope) = new.scope {
        fields = fields.with("scope", scope.to_string());
    }
    send("POST", ADDRESS, fields.text(), read).await
}

/// Says what is to be another; what is absent stays.
pub async fn change(id: &str, patch: &GeofencePatch) -> Result<Geofence, RestError> {
    let mut fields = Fields::none();
    if let Some(name) = &patch.name {
        fields = fields.with("name", name.as_str());
    }
    if let Some(scope) = patch.scope {
        fields = fields.with("scope", scope.to_string());
    }
    if let Some(now) = &patch.shape {
        fields = fields.with("shape", shape(now));
    }
    if let Some(on) = &patch.on {
        fields = fields.with("on", rules(on));
    }
    if let Some(enabled) = patch.enabled {
        fields = fields.with("enabled", enabled);
    }
    send("PATCH", &address(id), fields.text(), read).await
}

pub async fn remove(id: &str) -> Result<(), RestError> {
    send("DELETE", &address(id), String::new(), |_| Some(())).await
}

fn rules_address(scope: Scope) -> String {
    format!("/api/v1/scopes/{scope}/alert-rules")
}

pub async fn alert_rules(scope: Scope) -> Result<ScopeAlertRules, RestError> {
    get(&rules_address(scope)).await
}

/// Gives a scope rules of its own.
pub async fn put_alert_rules(scope: Scope, rules: &AlertRules) -> Result<ScopeAlertRules, RestError> {
    let mut fields = Fields::none().with("stale", rules.stale).with("offline", rules.offline);
    if let Some(share) = rules.low_battery {
        fields = fields.with("low_battery", share);
    }
    if let Some(limit) = rules.speed_limit_mps {
        fields = fields.with("speed_limit_mps", limit);
    }
    if let Some(after_s) = rules.escalate_after_s {
        fields = fields.with("escalate_after_s", after_s);
    }
    send("PUT", &rules_address(scope), fields.text(), |body| postcard::from_bytes(body).ok()).await
}

/// Takes its own away: those above it hold again.
pub async fn remove_alert_rules(scope: Scope) -> Result<(), RestError> {
    send("DELETE", &rules_address(scope), String::new(), |_| Some(())).await
}
