//! `GET /t/{token}/live`: an order as its customer sees it, each time that it is another.

use super::{OVER, Tail, Told};
use crate::{
    auth::{Follower, links::LinkHolder},
    dispatch::followed::FollowedOrder,
    gateway::{
        line::{Line, Stop},
        websocket::within_limits,
    },
    http::error::ApiError,
    state::Sentinel,
};
use axum::{
    extract::{WebSocketUpgrade, ws::Message},
    response::Response,
};
use std::sync::Arc;

/// Who was found to hold a link that holds is told of its order from now on.
pub fn open(
    sentinel: Arc<Sentinel>,
    link: LinkHolder,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let order = link.task().clone();
    let tail = Tail::new(sentinel, Follower::Link(link), order)?;
    Ok(within_limits(upgrade).on_upgrade(async move |socket| {
        Page { tail, line: Line::new(socket), sent: None }.run().await;
    }))
}

struct Page {
    tail: Tail,
    line: Line,
    sent: Option<FollowedOrder>,
}

impl Page {
    async fn run(mut self) {
        let first = self.tail.look().await;
        let mut went = self.tell(first).await;
        while went.is_ok() {
            went = tokio::select! {
                // What the page says means nothing here.
                heard = self.line.hear() => heard.map(drop),
                told = self.tail.next() => self.tell(told).await,
            };
        }
        self.tail.leave();
        self.line.close(went.err().unwrap_or(Stop::Gone)).await;
    }

    async fn tell(&mut self, told: Told) -> Result<(), Stop> {
        let found = match told {
            Told::Now(found) => found,
            Told::Beat => return self.line.beat().await,
            Told::End(end) => return Err(Stop::End(end)),
        };
        let order = found.order;
        if self.sent.as_ref() != Some(&order) {
            let json = serde_json::to_string(&order).expect("an order always encodes");
            self.line.send(Message::text(json)).await?;
        }
        let is_over = order.state.is_over();
        self.sent = Some(order);
        if is_over { Err(Stop::End(OVER)) } else { Ok(()) }
    }
}
