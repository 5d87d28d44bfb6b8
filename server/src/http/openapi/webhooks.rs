//! What endpoints of webhooks are sent, for the document alone: `webhooks::enqueue` writes it.

#![expect(dead_code, reason = "described, not built")]

use sentinel_model::{
    PatrolId, Scope, Time, UnitId, UnitStatus,
    alerts::AlertKind,
    dispatch::{By, Incident, NewTask, Order, Place, Priority, Task, What},
    webhook::WebhookEvent,
};
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        ContentBuilder, HttpMethod, ObjectBuilder, PathItem, Paths, Ref, Required, Response,
        path::{OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{AllOfBuilder, Type},
    },
};

/// The body of every delivery; `data` is by the event.
#[derive(ToSchema)]
pub struct WebhookBody<T> {
    #[schema(rename = "type")]
    event: WebhookEvent,
    /// When it happened; deliveries may overtake each other.
    timestamp: Time,
    data: T,
}

/// A unit's patrol began or ended.
#[derive(serde::Serialize, ToSchema)]
pub struct PatrolTold {
    #[serde(flatten)]
    of: ToldOfUnit,
    started_at: Time,
    ended_at: Option<Time>,
}

/// A unit on patrol fell silent, or is heard of again.
#[derive(serde::Serialize, ToSchema)]
pub struct StatusTold {
    #[serde(flatten)]
    of: ToldOfUnit,
    status: UnitStatus,
    /// When the unit was last heard of.
    heard_at: Time,
}

/// A unit asks for attention, on patrol or not.
#[derive(serde::Serialize, ToSchema)]
pub struct AlertTold {
    #[serde(flatten)]
    of: ToldOfUnit,
    /// As live streams tell it.
    alert_id: String,
    unit_name: Option<String>,
    /// Degrees; none where no place is known.
    #[schema(example = 9.9624)]
    latitude: Option<f64>,
    #[schema(example = 76.2995)]
    longitude: Option<f64>,
    /// When the unit was there, where it could not say where it is.
    place_time: Option<Time>,
    /// By the device's name for it, or by that of Sentinel's own.
    fence: Option<String>,
    /// Of one of Sentinel's own.
    fence_id: Option<String>,
    /// The device's clock.
    time: Time,
}

/// Nobody has taken an alert in time, and it has gone up a level.
#[derive(serde::Serialize, ToSchema)]
pub struct EscalationTold {
    #[serde(flatten)]
    of: AlertTold,
    kind: AlertKind,
    escalated_to: Scope,
}

/// Which unit, and where in the hierarchy it was then.
#[derive(serde::Serialize, ToSchema)]
pub struct ToldOfUnit {
    unit_id: UnitId,
    /// None where the unit is off duty.
    patrol_id: Option<PatrolId>,
    station: Scope,
    division: Scope,
    zone: Scope,
    district: Scope,
}

/// A try of the endpoint, asked for by hand.
#[derive(ToSchema)]
pub struct PingTold {
    webhook_id: String,
    scope: Scope,
}

const VERIFY: &str = "Signed as the [Standard Webhooks](https://www.standardwebhooks.com/) specification \
    says, so that its libraries verify it: the base64 part of the endpoint's secret (`whsec_…`), decoded, is the \
    key of an HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body as it came}`, and one of the signatures in \
    the header is `v1,` and its base64. Refuse a timestamp that is minutes off, and pass over an id that came \
    before.";

const HEADERS: [(&str, &str); 3] = [
    ("webhook-id", "The same with every try of this delivery"),
    ("webhook-timestamp", "When this try was sent: seconds since 1970"),
    ("webhook-signature", "`v1,` and base64; several with spaces between while a secret is changed"),
];

/// One entry for each event.
pub fn described() -> Paths {
    let events = WebhookEvent::OFFERED.into_iter().chain([WebhookEvent::Ping]);
    events.fold(Paths::new(), |mut all, event| {
        all.paths.insert(event.as_str().into(), PathItem::new(HttpMethod::Post, operation(event)));
        all
    })
}

fn operation(event: WebhookEvent) -> OperationBuilder {
    let (schema, summary, example) = told(event);
    let which = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([event.as_str()]));
    let which = ObjectBuilder::new().schema_type(Type::Object).property("type", which);
    let body = AllOfBuilder::new().item(Ref::from_schema_name(format!("WebhookBody_{schema}"))).item(which);
    let example = json!({ "type": event, "timestamp": "2026-11-21T02:00:00.000Z", "data": example });
    let content = ContentBuilder::new().schema(Some(body)).example(Some(example)).build();
    let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
    let header = |(name, words): (&str, &str)| {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
        header.required(Required::True).schema(Some(text)).description(Some(words))
    };
    OperationBuilder::new()
        .operation_id(Some(format!("told_{}", event.as_str().replace('.', "_"))))
        .tag("Webhooks")
        .summary(Some(summary))
        .description(Some(VERIFY))
        .parameters(Some(HEADERS.map(header)))
        .request_body(Some(body.build()))
        .response("2XX", Response::new("Taken, within 15 seconds"))
        .response("410", Response::new("Not wanted any more: the endpoint is switched off"))
        .response("default", Response::new("Not taken: tried again, for a day"))
}

/// The shape of an event's data, what it tells, and an example.
fn told(event: WebhookEvent) -> (&'static str, &'static str, Value) {
    let of_unit = |more: Value| {
        let mut data = json!({
            "unit_id": "PC-001", "patrol_id": "1795226400123", "station": "station:5", "division": "division:2",
            "zone": "zone:3", "district": "district:1",
        });
        let more = more.as_object().cloned().unwrap_or_default();
        data.as_object_mut().expect("it is one").extend(more);
        data
    };
    let (began, ended) = ("2026-11-21T02:00:00.000Z", "2026-11-21T10:00:00.000Z");
    match event {
        WebhookEvent::PatrolStarted => {
            ("PatrolTold", "A unit came on duty.", of_unit(json!({ "started_at": began })))
        }
        WebhookEvent::PatrolEnded => {
            let data = of_unit(json!({ "started_at": began, "ended_at": ended }));
            ("PatrolTold", "A unit went off duty.", data)
        }
        WebhookEvent::UnitStale => {
            let data = of_unit(json!({ "status": "stale", "heard_at": began }));
            ("StatusTold", "Nothing was heard of a unit on patrol for a while.", data)
        }
        WebhookEvent::UnitOffline => {
            let data = of_unit(json!({ "status": "offline", "heard_at": began }));
            ("StatusTold", "Nothing was heard of a unit on patrol for longer.", data)
        }
        WebhookEvent::UnitAvailable => {
            let data = of_unit(json!({ "status": "available", "heard_at": began }));
            ("StatusTold", "A unit on patrol is heard of again.", data)
        }
        WebhookEvent::Ping => {
            let data = json!({ "webhook_id": "5f1c9e0a7b3d2468", "scope": "zone:3" });
            ("PingTold", "Somebody tries the endpoint.", data)
        }
        WebhookEvent::IncidentChanged => {
            let what = What::Incident(Incident { kind: "accident".into(), priority: Priority::High });
            ("Task", "An incident was made or changed: all of it, as it is then.", task("inc-17", what))
        }
        WebhookEvent::OrderChanged => {
            let what = What::Order(Order { customer: Some("Marine Drive Bakery".into()), pickup: None });
            ("Task", "An order was made or changed: all of it, as it is then.", task("A-7731", what))
        }
        WebhookEvent::AlertEscalated => {
            let data = of_unit(json!({
                "alert_id": "5f1c9e0a7b3d2468", "latitude": 9.9624, "longitude": 76.2995, "time": began,
                "kind": "sos", "escalated_to": "division:2",
            }));
            ("EscalationTold", "Nobody has taken an alert in time, and it goes up a level.", data)
        }
        // What is left are alerts.
        _ => {
            let data = of_unit(json!({
                "alert_id": "5f1c9e0a7b3d2468", "latitude": 9.9624, "longitude": 76.2995, "time": began,
            }));
            let summary = match event {
                WebhookEvent::AlertSos => "Somebody in a unit asks for help.",
                WebhookEvent::AlertOverspeed => "A unit is faster than its scope or a fence lets it be.",
                WebhookEvent::AlertStale => {
                    "A unit fell silent, and the alert rules of its scope or a fence ask for an alert."
                }
                WebhookEvent::AlertOffline => {
                    "A unit has been silent for longer, and the alert rules of its scope ask for an alert."
                }
                WebhookEvent::AlertLowBattery => "The battery of a unit's device is nearly empty.",
                _ => "A unit came into a fence, left it, or stays in it.",
            };
            ("AlertTold", summary, data)
        }
    }
}

fn task(id: &str, what: What) -> Value {
    let place = Place { latitude: 9.9624, longitude: 76.2995, text: Some("Kadavanthra junction".into()) };
    let new = NewTask { what, scope: Scope::station(5), place, notes: String::new() };
    let by = By { by: "user:dispatcher".into(), name: "Control room".into() };
    let task = Task::create(id.parse().expect("letters and digits"), new, &by, Time(1_795_226_400_000));
    json!(task.expect("it is within its limits"))
}
