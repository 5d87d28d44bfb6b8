//! The links of an order: who steers it makes them for its customer, and revokes them.

use super::{Dispatch, DispatchError, Right};
use crate::{
    audit,
    auth::{Caller, secret},
    ports::{Change, LinkRecord, TaskRecord},
};
use sentinel_model::{
    TaskId, Time,
    dispatch::{Refusal, What},
};

/// How long a link holds, seconds: at least, at most, and where nothing is said.
pub const EXPIRES_IN_S: std::ops::RangeInclusive<u32> = 60..=2_592_000;
pub const EXPIRES_IN_DEFAULT_S: u32 = 86_400;
/// Of one order; those that hold no more make room.
pub const LINKS_MAX: usize = 20;

pub fn holds(link: &LinkRecord, now: Time) -> bool {
    link.revoked_at.is_none() && now < link.expires_at
}

impl Dispatch {
    /// The order with its links, where the caller steers it: who knows a link sees what it shows.
    pub async fn links(&self, caller: &Caller, order: &TaskId) -> Result<TaskRecord, DispatchError> {
        let found = self.visible(caller, order, true).await?;
        self.ensure(caller, &found, Right::Steer)?;
        Ok(found)
    }

    /// Makes a link of an order that is not closed.
    pub async fn make_link(
        &self,
        caller: &Caller,
        order: &TaskId,
        expires_in_s: u32,
    ) -> Result<LinkRecord, DispatchError> {
        let now = self.clock.now();
        let link = LinkRecord {
            id: secret::random_id(),
            created_at: now,
            created_by: caller.to_string(),
            expires_at: now.plus_ms(i64::from(expires_in_s) * 1000),
            revoked_at: None,
        };
        let made = self
            .change_links(caller, order, "link_made", |record| {
                if record.task.is_closed() {
                    return Err(Refusal::Closed.into());
                }
                if record.links.iter().filter(|link| holds(link, now)).count() >= LINKS_MAX {
                    return Err(Refusal::TooMany { what: "links that hold", most: LINKS_MAX }.into());
                }
                while record.links.len() >= LINKS_MAX {
                    let ended = record.links.iter().position(|link| !holds(link, now));
                    record.links.remove(ended.unwrap_or_default());
                }
                record.links.push(link.clone());
                Ok(link.clone())
            })
            .await?;
        Ok(made)
    }

    /// Ends a link; one that was revoked before stays as it is.
    pub async fn revoke_link(
        &self,
        caller: &Caller,
        order: &TaskId,
        link: &str,
    ) -> Result<LinkRecord, DispatchError> {
        let now = self.clock.now();
        self.change_links(caller, order, "link_revoked", |record| {
            let held = record.links.iter_mut().find(|held| held.id == link);
            let held = held.ok_or(DispatchError::NoLink)?;
            held.revoked_at = held.revoked_at.or(Some(now));
            Ok(held.clone())
        })
        .await
    }

    /// Changes the links of the newest record, and tells the audit log.
    async fn change_links(
        &self,
        caller: &Caller,
        order: &TaskId,
        action: &str,
        change: impl Fn(&mut TaskRecord) -> Result<LinkRecord, DispatchError>,
    ) -> Result<LinkRecord, DispatchError> {
        let found = self.visible(caller, order, true).await?;
        self.directory
            .change(|| {
                // One that is not open and was not closed of late nobody else has changed since it was found.
                let held = self.directory.recent_task(order);
                let before = held.as_deref().unwrap_or(&found);
                if !matches!(before.task.what, What::Order(_)) {
                    return Err(DispatchError::NoTask("order"));
                }
                self.ensure(caller, before, Right::Steer)?;
                let mut after = before.clone();
                let link = change(&mut after)?;
                if after == *before {
                    return Ok((Vec::new(), link));
                }
                let detail = Some(format!("{}, until {}", link.id, link.expires_at));
                let told = audit::entry(&self.clock, caller, action, order, after.task.scope, detail);
                Ok((vec![Change::PutTask(after), told], link))
            })
            .await
    }
}
