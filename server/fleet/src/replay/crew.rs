//! The units that a trace names: there, or made.

use super::{KIND, ReplayArgs, progress::counted, trace::Trace};
use crate::client::{Api, CallError};
use anyhow::Context;
use futures::{TryStreamExt, stream};
use sentinel_model::{
    Scope, Unit, UnitId,
    scope::Level,
    unit::{NewUnit, NewUnitAnswer},
};
use std::collections::HashSet;

/// Where a demo server's missing units are made, so that trying a trace needs no preparation.
const DEMO_STATION: Scope = Scope::station(5);
/// Units made at once.
const MAKERS: usize = 8;

pub async fn ready(api: &Api, args: &ReplayArgs, trace: &Trace) -> anyhow::Result<()> {
    let units: Vec<Unit> = api
        .list("/api/v1/units")
        .await
        .map_err(|error| explain(error, args))
        .context("the server's units could not be listed")?;
    let known: HashSet<UnitId> = units.into_iter().map(|unit| unit.id).collect();
    let missing: Vec<&UnitId> = trace
        .used_units()
        .into_iter()
        .map(|unit| &trace.units[unit])
        .filter(|id| !known.contains(*id))
        .collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let under = args.create_under.or_else(|| args.access.is_demo().then_some(DEMO_STATION));
    let Some(station) = under else {
        anyhow::bail!(
            "the trace has {} that the server does not know, such as {first}; \
             make them, or let --create-under station:N do it",
            counted(missing.len(), "unit", "units")
        );
    };
    anyhow::ensure!(station.level == Level::Station, "--create-under {station}: units belong to a station");
    println!("making {} at {station}", counted(missing.len(), "unit", "units"));
    stream::iter(missing.into_iter().map(Ok::<_, anyhow::Error>))
        .try_for_each_concurrent(MAKERS, |id| async move {
            let unit = NewUnit { id: id.clone(), name: None, kind: Some(KIND.into()), station };
            match api.post::<NewUnitAnswer>("/api/v1/units", &unit).await {
                Ok(_) => Ok(()),
                Err(error) => Err(explain(error, args))
                    .with_context(|| format!("unit {id} could not be made at {station}")),
            }
        })
        .await
}

fn explain(error: CallError, args: &ReplayArgs) -> anyhow::Error {
    let advice = args.access.advice(&error);
    let error = anyhow::Error::from(error);
    match advice {
        Some(advice) => error.context(advice),
        None => error,
    }
}
