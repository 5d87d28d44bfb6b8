//! `GET /ws/track/{unit}`: where one unit is, each time it has moved, as an earlier system
//! told it: `{car_id, lat, lng, speed (mph), heading}`.
//!
//! It watches the caller's own scope and is shown one unit of it: so it sees the unit come
//! back from elsewhere, and nothing of it while it is there.

use super::{
    line::{Line, Stop},
    subscriber::{Next, Subscriber},
    websocket::within_limits,
};
use crate::{
    auth::Signed,
    http::{earlier::mph, error::ApiError},
    live::{Encoding, Filter, Frame, Wanted},
    state::Sentinel,
};
use axum::{
    extract::{Path, State, WebSocketUpgrade, ws::Message},
    response::Response,
};
use sentinel_model::{
    Time, UnitId,
    live::{self, Event, LiveUnit, ServerFrame, Subscribe},
};
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Update<'a> {
    car_id: &'a UnitId,
    lat: f64,
    lng: f64,
    speed: Option<f64>,
    heading: Option<f32>,
}

/// Where one unit is, each time it has moved, over a WebSocket: `{car_id, lat, lng, speed (mph), heading}`.
#[utoipa::path(get, path = "/ws/track/{car_id}", operation_id = "open_track", tag = "Earlier systems",
    params(("car_id" = UnitId, Path, description = "Which unit")),
    security(("session" = []), ("bearer" = []), ("api_key" = []), ("token" = [])),
    responses(
        (status = 101, description = "The socket is open"),
        (status = 400, description = "No WebSocket was asked for"),
        (status = 404, description = "No unit of that id that you may see"),
        (status = 426, description = "This connection cannot become a WebSocket"),
    ))]
pub async fn open(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let visible = || id.parse().ok().and_then(|id: UnitId| sentinel.reads.visible(&caller, &id));
    let unit = match visible() {
        // Another node may have made it just now.
        None if sentinel.directory.freshen().await => visible(),
        unit => unit,
    };
    let unit = unit.ok_or_else(|| ApiError::not_found("there is no such unit that you may see"))?;
    let scope = caller.home_scope();
    let subscribe = Subscribe { scope, interval_ms: None, epoch: None, offset: None };
    let mut wanted = Wanted::of(&subscribe, Encoding::Postcard);
    wanted.view.filter = Filter {
        units: Some(Arc::new([unit.record.id.clone()].into())),
        kinds: Some(Arc::new(["unit_joined"].into())),
        no_positions: false,
    };
    let mut subscriber = Subscriber::new(sentinel, caller);
    subscriber.subscribe(scope, wanted).await?;
    Ok(within_limits(upgrade).on_upgrade(async move |socket| {
        Tracking { subscriber, line: Line::new(socket), sent: None }.run().await;
    }))
}

struct Tracking {
    subscriber: Subscriber,
    line: Line,
    /// The device time of what was sent last.
    sent: Option<Time>,
}

impl Tracking {
    async fn run(mut self) {
        let why = loop {
            let step = tokio::select! {
                // What the client says means nothing here.
                heard = self.line.hear() => heard.map(drop),
                next = self.subscriber.next() => match next {
                    Next::Frames(frames) => self.send_all(&frames).await,
                    Next::Beat => self.line.beat().await,
                    Next::End(end) => Err(Stop::End(end)),
                },
            };
            if let Err(stop) = step {
                break stop;
            }
        };
        self.subscriber.leave();
        self.line.close(why).await;
    }

    async fn send_all(&mut self, frames: &[Frame]) -> Result<(), Stop> {
        for frame in frames {
            let Frame::Binary(bytes) = frame else { continue };
            let units = match live::from_binary(bytes) {
                Ok(ServerFrame::Snapshot(snapshot)) => snapshot.units,
                Ok(ServerFrame::Positions(positions)) => positions.units,
                Ok(ServerFrame::Event(Event::UnitJoined(joined))) => vec![joined.unit],
                _ => Vec::new(),
            };
            for unit in units {
                self.send(&unit).await?;
            }
        }
        Ok(())
    }

    /// Where the unit is, if it was not there already: a snapshot and who joins may repeat it.
    async fn send(&mut self, unit: &LiveUnit) -> Result<(), Stop> {
        let (Some(lat), Some(lng)) = (unit.lat, unit.lon) else { return Ok(()) };
        if unit.time <= self.sent {
            return Ok(());
        }
        self.sent = unit.time;
        let speed = unit.speed_mps.map(mph);
        let update = Update { car_id: &unit.id, lat, lng, speed, heading: unit.heading_deg };
        let json = serde_json::to_string(&update).expect("an update always encodes");
        self.line.send(Message::text(json)).await
    }
}
