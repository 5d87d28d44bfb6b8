//! Alerts, beside the records: found by who sees them, newest first.

use super::records::RecordError;
use crate::ports::{AlertRecord, AlertsOf, OPEN_ALERTS_MAX, most_pressing};
use rusqlite::{Connection, ToSql, params, types::ToSqlOutput};
use sentinel_model::{Level, Time, alerts::AlertKind};

pub const SCHEMA: &str = "
    CREATE TABLE alert (
        id TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        open INTEGER NOT NULL,
        kind TEXT NOT NULL,
        unit TEXT NOT NULL,
        district TEXT NOT NULL,
        zone TEXT NOT NULL,
        division TEXT NOT NULL,
        station TEXT NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX alert_open ON alert (at, id) WHERE open;
    CREATE INDEX alert_acknowledged ON alert (at) WHERE NOT open;
    CREATE INDEX alert_at ON alert (at, id);
    CREATE INDEX alert_of_unit ON alert (unit, at, id);
    CREATE INDEX alert_of_district ON alert (district, at, id);
    CREATE INDEX alert_of_zone ON alert (zone, at, id);
    CREATE INDEX alert_of_division ON alert (division, at, id);
    CREATE INDEX alert_of_station ON alert (station, at, id);
";

pub fn put(db: &Connection, record: &AlertRecord) -> Result<(), RecordError> {
    let AlertRecord { alert, path } = record;
    let [district, zone, division, station] = path.scopes().map(|scope| scope.to_string());
    db.prepare_cached(
        "INSERT OR REPLACE INTO alert (id, at, open, kind, unit, district, zone, division, station, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        alert.id,
        alert.at.ms(),
        alert.is_open(),
        alert.kind.as_str(),
        alert.unit_id.as_str(),
        district,
        zone,
        division,
        station,
        serde_json::to_string(record)?,
    ])?;
    Ok(())
}

pub fn remove(db: &Connection, id: &str) -> Result<(), RecordError> {
    db.prepare_cached("DELETE FROM alert WHERE id = ?1")?.execute([id])?;
    Ok(())
}

pub fn open_ones(db: &Connection) -> Result<Vec<AlertRecord>, RecordError> {
    let open = AlertsOf { is_open: Some(true), ..AlertsOf::default() };
    let calls = AlertsOf { kind: Some(AlertKind::Sos), ..open.clone() };
    let mut all = find(db, &calls, None, OPEN_ALERTS_MAX)?;
    all.extend(find(db, &open, None, OPEN_ALERTS_MAX)?);
    Ok(most_pressing(all))
}

pub fn by_id(db: &Connection, ids: &[String]) -> Result<Vec<AlertRecord>, RecordError> {
    let ids = serde_json::to_string(ids)?;
    read(db, "SELECT body FROM alert WHERE id IN (SELECT value FROM json_each(?1))", &[&ids])
}

pub fn find(
    db: &Connection,
    of: &AlertsOf,
    behind: Option<(Time, String)>,
    limit: usize,
) -> Result<Vec<AlertRecord>, RecordError> {
    let mut conditions = vec!["1"];
    let mut values: Vec<ToSqlOutput<'_>> = Vec::new();
    // Said as it is, so that the index of the open ones is seen to do.
    conditions.extend(of.is_open.map(|is_open| if is_open { "open" } else { "NOT open" }));
    if let Some(scope) = of.scope {
        conditions.push(match scope.level {
            Level::District => "district = ?",
            Level::Zone => "zone = ?",
            Level::Division => "division = ?",
            Level::Station => "station = ?",
        });
        values.push(scope.to_string().into());
    }
    if let Some(kind) = of.kind {
        conditions.push("kind = ?");
        values.push(kind.as_str().into());
    }
    if let Some(unit) = &of.unit {
        conditions.push("unit = ?");
        values.push(unit.as_str().into());
    }
    if let Some((at, id)) = behind {
        conditions.push("(at, id) < (?, ?)");
        values.extend([at.ms().into(), id.into()]);
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let conditions = conditions.join(" AND ");
    let sql = format!("SELECT body FROM alert WHERE {conditions} ORDER BY at DESC, id DESC LIMIT ?");
    let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    read(db, &sql, &values)
}

pub fn drop_acknowledged(db: &Connection, before: Time) -> Result<(), RecordError> {
    db.execute("DELETE FROM alert WHERE NOT open AND at < ?1", [before.ms()])?;
    Ok(())
}

fn read(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<AlertRecord>, RecordError> {
    let mut query = db.prepare_cached(sql)?;
    let bodies = query.query_map(values, |row| row.get::<_, String>(0))?;
    bodies.map(|body| Ok(serde_json::from_str(&body?)?)).collect()
}
