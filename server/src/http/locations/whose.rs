//! For whom a request posts: by its credential, and where that is not one unit's own, by
//! whom the body names.

use super::{Sentinel, accept};
use crate::{
    auth::Caller,
    directory::{Directory, UnitEntry},
    http::error::ApiError,
    ingest::decode::{Call, Named, Posted},
};
use futures::{StreamExt as _, stream};
use sentinel_model::{
    Fix, PatrolId, UnitId,
    fix::{IngestAnswer, RejectedPoint},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, atomic::Ordering},
};

/// Units of one body that are stored at once: they share commits, and one request
/// does not fill the queue.
const UNITS_AT_ONCE: usize = 64;

/// The one unit that a body is of; none where its records name units themselves.
pub async fn of_body(
    sentinel: &Sentinel,
    caller: &Caller,
    posted: &Posted,
) -> Result<Option<Arc<UnitEntry>>, ApiError> {
    // A device posts for itself, whatever its body says; a key or person names the unit.
    match (caller, &posted.named) {
        (Caller::Unit(unit), _) => Ok(Some(unit.entry().clone())),
        (_, Some(named)) => the_unit(sentinel, caller, named).await.map(Some),
        (_, None) => Ok(None),
    }
}

/// The unit that a name means, refused where the caller may not post for it.
pub async fn the_unit(
    sentinel: &Sentinel,
    caller: &Caller,
    named: &Named,
) -> Result<Arc<UnitEntry>, ApiError> {
    meant(sentinel, caller, named, &mut false).await?.ok_or_else(|| ApiError::forbidden(not_meant(named)))
}

/// A body whose records name their units themselves: what is of a unit that the caller
/// may post for is stored, the rest set aside. Refused where that leaves nothing.
pub async fn each_for_its_own(
    sentinel: Arc<Sentinel>,
    caller: &Caller,
    posted: Posted,
) -> Result<IngestAnswer, ApiError> {
    let by_record = posted.by_record.ok_or_else(|| {
        ApiError::bad_request(
            "with an API key the body names its unit: put \"unit_id\" (or \"patrol_id\") beside \"location\", or into each record",
        )
    })?;
    let mut looked = false;
    let mut named: HashMap<Option<Named>, Own> = HashMap::new();
    for ((index, name), fix) in by_record.into_iter().zip(posted.fixes) {
        named.entry(name).or_default().fixes.push((index, fix));
    }
    for call in posted.calls {
        named.entry(call.named.clone()).or_default().calls.push(call);
    }
    let (mut meant_units, mut rejected) = (Vec::new(), posted.rejected);
    let mut not_theirs = BTreeMap::new();
    for (named, Own { fixes, calls }) in named {
        let unit = match &named {
            Some(named) => meant(&sentinel, caller, named, &mut looked).await?,
            None => None,
        };
        match unit {
            Some(unit) => {
                let fixes = fixes.into_iter().map(|(_, fix)| fix).collect();
                meant_units.push((unit, Posted { fixes, calls, ..Posted::default() }));
            }
            None => {
                let reason = named.as_ref().map_or("unit_id is missing".into(), not_meant);
                let points = fixes.iter().map(|(index, _)| *index);
                let points = points.chain(calls.iter().map(|call| call.index));
                not_theirs.extend(points.map(|index| (index, reason.clone())));
            }
        }
    }
    if let Some((_, reason)) = not_theirs.first_key_value().filter(|_| meant_units.is_empty()) {
        return Err(ApiError::forbidden(reason.clone()));
    }
    // The point of a call is among them already, for its place: that it was not heard matters more.
    rejected.retain(|point| !not_theirs.contains_key(&point.index));
    rejected.extend(not_theirs.into_iter().map(|(index, reason)| RejectedPoint { index, reason }));
    sentinel.ingest.counts.rejected.fetch_add(rejected.len() as u64, Ordering::Relaxed);
    rejected.sort_unstable_by_key(|point| point.index);
    let each = stream::iter(meant_units).map(|(unit, posted)| accept(sentinel.clone(), unit, posted));
    // All of them, also where one is refused: another may call for help.
    let answers: Vec<Result<IngestAnswer, ApiError>> = each.buffer_unordered(UNITS_AT_ONCE).collect().await;
    let mut sum = IngestAnswer { status: "ok".into(), accepted: 0, duplicates: 0, rejected };
    for answer in answers {
        let IngestAnswer { accepted, duplicates, .. } = answer?;
        sum.accepted += accepted;
        sum.duplicates += duplicates;
    }
    Ok(sum)
}

/// What a body holds of one unit.
#[derive(Default)]
struct Own {
    /// With their places in the body.
    fixes: Vec<(usize, Fix)>,
    calls: Vec<Call>,
}

/// The unit that a name means, where the caller may post for it. An ended patrol still
/// names its unit: what a phone gathered offline comes late, under the patrol of then.
async fn meant(
    sentinel: &Sentinel,
    caller: &Caller,
    named: &Named,
    looked: &mut bool,
) -> Result<Option<Arc<UnitEntry>>, ApiError> {
    let directory = &sentinel.directory;
    match known(directory, caller, named).await? {
        // Another node may have made it just now: looked for once, however many are not known.
        None if !std::mem::replace(looked, true) && directory.freshen().await => {
            known(directory, caller, named).await
        }
        found => Ok(found),
    }
}

async fn known(
    directory: &Directory,
    caller: &Caller,
    named: &Named,
) -> Result<Option<Arc<UnitEntry>>, ApiError> {
    let unit = match named {
        Named::Unit(id) => of_id(directory, id),
        Named::Device(names) => {
            let mut units = names.iter().filter_map(|name| of_id(directory, name));
            return Ok(units.find(|unit| caller.may_ingest(unit)));
        }
        Named::Patrol(id) => match id.parse::<PatrolId>() {
            Err(_) => None,
            Ok(id) => match directory.unit_by_patrol(id) {
                Some(unit) => Some(unit),
                None => {
                    let ended = directory.registry().patrol(id).await?;
                    ended.and_then(|patrol| directory.unit(&patrol.unit_id))
                }
            },
        },
    };
    Ok(unit.filter(|unit| caller.may_ingest(unit)))
}

fn of_id(directory: &Directory, id: &str) -> Option<Arc<UnitEntry>> {
    id.parse().ok().and_then(|id: UnitId| directory.unit(&id))
}

/// Why nothing is posted under a name. What is not the caller's and what does not
/// exist read alike.
fn not_meant(named: &Named) -> String {
    match named {
        Named::Unit(id) => format!("there is no unit {:?} that you may post for", shown(id)),
        Named::Patrol(id) => format!(
            "there is no patrol {:?} that you may post for; name the unit by unit_id, or start its patrol",
            shown(id)
        ),
        Named::Device(names) => format!(
            "there is no unit {} that you may post for; what the device calls itself (device_id, say) counts as the unit's id where nothing else names it",
            names.iter().map(|name| format!("{:?}", shown(name))).collect::<Vec<_>>().join(" or ")
        ),
    }
}

/// As much of a stranger's text as an answer repeats.
fn shown(text: &str) -> String {
    text.chars().take(sentinel_model::ids::ID_MAX_CHARS).collect()
}
