//! Deliveries of webhooks, beside the records: so they are put in the records' own commits.
//!
//! The file is one process's, so a lease that is found when it is opened is nobody's: what
//! the last process was delivering when it ended is due at once.

use super::{records::RecordError, registry::SqliteRegistry};
use crate::ports::{DueOf, EngineError, NewDelivery, Outbox, Queued};
use async_trait::async_trait;
use rusqlite::{Connection, Row, ToSql, params};
use sentinel_model::{
    Time,
    webhook::{DeliveryState, WebhookEvent},
};

pub const SCHEMA: &str = "
    CREATE TABLE webhook (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE delivery (
        id TEXT PRIMARY KEY,
        webhook TEXT NOT NULL,
        event TEXT NOT NULL,
        about TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        body TEXT NOT NULL,
        state TEXT NOT NULL,
        due INTEGER NOT NULL,
        leased INTEGER NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL,
        attempts TEXT NOT NULL
    );
    CREATE INDEX delivery_due ON delivery (due) WHERE state = 'pending';
    CREATE INDEX delivery_of_webhook ON delivery (webhook, created_at, id);
    CREATE INDEX delivery_created ON delivery (created_at);
    CREATE TABLE webhook_turn (webhook TEXT PRIMARY KEY, turn INTEGER NOT NULL) WITHOUT ROWID;
";

/// In the order in which [`queued_of`] reads them.
const COLUMNS: &str = "id, webhook, event, created_at, body, state, due, tries, attempts, about";

/// Ends the leases of the process that had the file before.
pub fn end_leases(db: &Connection) -> rusqlite::Result<()> {
    db.execute("UPDATE delivery SET leased = 0, due = created_at WHERE leased", []).map(drop)
}

/// Puts a delivery where there is none of its id.
pub fn put(db: &Connection, queued: &Queued) -> Result<(), RecordError> {
    let Queued { delivery, state, due, tries, attempts } = queued;
    let NewDelivery { id, webhook, event, about, created_at, body } = delivery;
    db.prepare_cached(
        "INSERT INTO delivery (id, webhook, event, created_at, body, state, due, tries, attempts, about)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING",
    )?
    .execute(params![
        id,
        webhook,
        event.as_str(),
        created_at.ms(),
        body,
        word(*state),
        due.ms(),
        tries,
        serde_json::to_string(attempts)?,
        about
    ])?;
    Ok(())
}

#[async_trait]
impl Outbox for SqliteRegistry {
    async fn due(&self, now: Time, of: DueOf<'_>, limit: usize) -> Result<Vec<Queued>, EngineError> {
        let (condition, ids) = match of {
            DueOf::AllBut(ids) => ("NOT IN", ids.to_vec()),
            DueOf::Only(id) => ("IN", vec![id.to_owned()]),
        };
        let ids = serde_json::Value::from_iter(ids).to_string();
        self.read("looking for deliveries that are due", move |db| {
            let condition = format!(
                "state = 'pending' AND due <= ?1 AND webhook {condition} (SELECT value FROM json_each(?2))
                 ORDER BY due, id LIMIT ?3"
            );
            find(db, &condition, &[&now.ms(), &ids, &rows(limit)])
        })
        .await
    }

    async fn lease(&self, due: Vec<Queued>, until: Time) -> Result<Vec<Queued>, EngineError> {
        self.run("taking deliveries", move |db| {
            let tx = db.transaction()?;
            let mut leased = Vec::with_capacity(due.len());
            for queued in due {
                let taken = tx
                    .prepare_cached(
                        "UPDATE delivery SET due = ?3, leased = 1 WHERE id = ?1 AND due = ?2 AND state = 'pending'",
                    )?
                    .execute(params![queued.delivery.id, queued.due.ms(), until.ms()])?;
                if taken == 1 {
                    leased.push(Queued { due: until, ..queued });
                }
            }
            tx.commit()?;
            Ok(leased)
        })
        .await
    }

    async fn settle(&self, leased: &Queued, after: Queued) -> Result<(), EngineError> {
        let (id, until) = (leased.delivery.id.clone(), leased.due);
        self.run("settling a delivery", move |db| {
            db.prepare_cached(
                "UPDATE delivery SET state = ?3, due = ?4, tries = ?5, attempts = ?6, leased = 0
                 WHERE id = ?1 AND due = ?2 AND leased",
            )?
            .execute(params![
                id,
                until.ms(),
                word(after.state),
                after.due.ms(),
                after.tries,
                serde_json::to_string(&after.attempts)?
            ])?;
            Ok(())
        })
        .await
    }

    async fn redeliver(&self, webhook: &str, id: &str, now: Time) -> Result<Option<Queued>, EngineError> {
        let (webhook, id) = (webhook.to_owned(), id.to_owned());
        self.run("sending a delivery again", move |db| {
            db.execute(
                "UPDATE delivery SET state = 'pending', due = ?3, tries = 0
                 WHERE webhook = ?1 AND id = ?2 AND NOT leased",
                params![webhook, id, now.ms()],
            )?;
            Ok(find(db, "webhook = ?1 AND id = ?2", &[&webhook, &id])?.pop())
        })
        .await
    }

    async fn log(
        &self,
        webhook: &str,
        behind: Option<(Time, String)>,
        limit: usize,
    ) -> Result<Vec<Queued>, EngineError> {
        let webhook = webhook.to_owned();
        self.read("reading the log of a webhook", move |db| {
            let (at, id) = behind.unwrap_or((Time(i64::MAX), String::new()));
            let condition = "webhook = ?1 AND (created_at, id) < (?2, ?3)
                ORDER BY created_at DESC, id DESC LIMIT ?4";
            find(db, condition, &[&webhook, &at.ms(), &id, &rows(limit)])
        })
        .await
    }

    async fn take_turn(&self, webhook: &str, turn: i64) -> Result<bool, EngineError> {
        let webhook = webhook.to_owned();
        self.run("taking the turn to try a webhook", move |db| {
            let taken = db.execute(
                "INSERT INTO webhook_turn (webhook, turn) VALUES (?1, ?2)
                 ON CONFLICT (webhook) DO UPDATE SET turn = ?2 WHERE turn < ?2",
                params![webhook, turn],
            )?;
            Ok(taken == 1)
        })
        .await
    }

    async fn pending(&self, behind: Option<&str>, limit: usize) -> Result<Vec<Queued>, EngineError> {
        let behind = behind.unwrap_or_default().to_owned();
        self.read("reading deliveries that wait", move |db| {
            find(db, "state = 'pending' AND id > ?1 ORDER BY id LIMIT ?2", &[&behind, &rows(limit)])
        })
        .await
    }

    async fn crowded(&self, more_than: u64) -> Result<Vec<(String, u64)>, EngineError> {
        self.read("counting deliveries that wait", move |db| {
            let mut query = db.prepare_cached(
                "SELECT webhook, COUNT(*) FROM delivery WHERE state = 'pending' GROUP BY webhook HAVING COUNT(*) > ?1",
            )?;
            let found = query.query_map([more_than.cast_signed()], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn longest_waiting(
        &self,
        webhook: &str,
        but: WebhookEvent,
        limit: u64,
    ) -> Result<Vec<Queued>, EngineError> {
        let webhook = webhook.to_owned();
        self.read("looking for what has waited longest", move |db| {
            let condition = "webhook = ?1 AND state = 'pending' AND NOT leased AND event <> ?2
                             ORDER BY created_at, id LIMIT ?3";
            find(db, condition, &[&webhook, &but.as_str(), &limit.cast_signed()])
        })
        .await
    }

    async fn give_up(&self, given_up: Vec<(Time, Queued)>) -> Result<u64, EngineError> {
        self.run("giving deliveries up", move |db| {
            let (tx, mut changed) = (db.transaction()?, 0);
            for (due, after) in given_up {
                changed += tx
                    .prepare_cached(
                        "UPDATE delivery SET state = ?3, due = ?4, tries = ?5, attempts = ?6
                         WHERE id = ?1 AND due = ?2 AND state = 'pending' AND NOT leased",
                    )?
                    .execute(params![
                        after.delivery.id,
                        due.ms(),
                        word(after.state),
                        after.due.ms(),
                        after.tries,
                        serde_json::to_string(&after.attempts)?
                    ])?;
            }
            tx.commit()?;
            Ok(changed as u64)
        })
        .await
    }

    async fn put(&self, deliveries: Vec<Queued>) -> Result<(), EngineError> {
        self.run("putting deliveries", move |db| {
            let tx = db.transaction()?;
            deliveries.iter().try_for_each(|queued| put(&tx, queued))?;
            Ok(tx.commit()?)
        })
        .await
    }

    async fn drop_before(&self, before: Time) -> Result<(), EngineError> {
        self.run("forgetting old deliveries", move |db| {
            db.execute("DELETE FROM delivery WHERE created_at < ?1", [before.ms()])?;
            Ok(())
        })
        .await
    }

    async fn drop_about(&self, about: &str, event: WebhookEvent) -> Result<(), EngineError> {
        let about = about.to_owned();
        self.run("forgetting what was told of a unit", move |db| {
            db.execute(
                "DELETE FROM delivery WHERE about = ?1 AND event = ?2",
                params![about, event.as_str()],
            )?;
            // What was written before lies in the log too, until that is folded and cut.
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })
        .await
    }

    async fn drop_of(&self, webhook: &str) -> Result<(), EngineError> {
        let webhook = webhook.to_owned();
        self.run("forgetting a webhook's deliveries", move |db| {
            db.execute("DELETE FROM delivery WHERE webhook = ?1", [&webhook])?;
            db.execute("DELETE FROM webhook_turn WHERE webhook = ?1", [&webhook])?;
            Ok(())
        })
        .await
    }
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn find(db: &Connection, condition: &str, values: &[&dyn ToSql]) -> Result<Vec<Queued>, RecordError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM delivery WHERE {condition}"))?;
    let mut rows = query.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(queued_of(row)?);
    }
    Ok(found)
}

fn queued_of(row: &Row<'_>) -> Result<Queued, RecordError> {
    let id: String = row.get(0)?;
    let damaged = |source| RecordError::Body { table: "delivery", id: id.clone(), source };
    let json = |column: usize| -> Result<serde_json::Value, RecordError> {
        Ok(serde_json::Value::String(row.get::<_, String>(column)?))
    };
    let attempts: String = row.get(8)?;
    Ok(Queued {
        state: serde_json::from_value(json(5)?).map_err(damaged)?,
        due: Time(row.get(6)?),
        tries: row.get(7)?,
        attempts: serde_json::from_str(&attempts).map_err(damaged)?,
        delivery: NewDelivery {
            webhook: row.get(1)?,
            event: serde_json::from_value(json(2)?).map_err(damaged)?,
            created_at: Time(row.get(3)?),
            body: row.get(4)?,
            about: row.get(9)?,
            id: id.clone(),
        },
    })
}

fn word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Failed => "failed",
    }
}
