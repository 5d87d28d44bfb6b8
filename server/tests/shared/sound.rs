//! What every answer of the decoder is, whatever it was given.

use sentinel_model::{Fix, Time, time::LAST_MS};
use sentinel_server::{
    clock::Clock,
    ingest::decode::{DecodeError, Incoming, POINTS_MAX, Posted, decode, decode_for_unit},
};
use std::collections::HashSet;

pub const NOW: Time = Time(1_795_226_400_000);

/// Decodes in both ways, and looks at all that comes of it.
pub fn sound(incoming: &Incoming<'_>) -> Option<Posted> {
    let clock = Clock::from_fn(|| NOW);
    let both = [decode(incoming, &clock), decode_for_unit(incoming, &clock)];
    both.iter().flatten().for_each(|posted| sound_answer(incoming, posted));
    let [posted, for_unit] = both;
    // The unit's own addresses ask for less, so what they refuse the others do too.
    assert!(for_unit.is_ok() || posted.is_err(), "{for_unit:?}");
    assert_eq!(decode(incoming, &clock), posted, "the same request reads the same again");
    if let Err(refused) = &posted {
        let said = refused.to_string();
        assert!(said.len() < 1000, "{said}");
        assert!(!matches!(refused, DecodeError::TooMany(points) if *points <= POINTS_MAX), "{said}");
    }
    posted.ok()
}

fn sound_answer(incoming: &Incoming<'_>, posted: &Posted) {
    let Posted { fixes, rejected, by_record, .. } = posted;
    fixes.iter().for_each(sound_fix);
    assert!(fixes.len() + rejected.len() <= POINTS_MAX, "{} and {}", fixes.len(), rejected.len());
    // A point takes a byte at least, and another parts it from the next.
    let points_max = incoming.body.len().max(incoming.query.len()) / 2 + 1;
    let mut places = HashSet::new();
    for point in rejected {
        assert!(point.index < points_max && !point.reason.is_empty(), "{point:?}");
        assert!(point.reason.len() < 1000, "{point:?}");
        assert!(places.insert(point.index), "set aside twice: {point:?}");
    }
    if let Some(by_record) = by_record {
        assert_eq!(by_record.len(), fixes.len());
        for (index, _) in by_record {
            assert!(*index < points_max && places.insert(*index), "both stored and set aside: {index}");
        }
    }
}

fn sound_fix(fix: &Fix) {
    assert!(fix.latitude.abs() <= 90.0 && fix.longitude.abs() <= 180.0, "{fix:?}");
    let measured = [fix.speed_mps, fix.heading_deg, fix.accuracy_m, fix.battery];
    assert!(measured.into_iter().flatten().all(|value| value.is_finite() && value >= 0.0), "{fix:?}");
    assert!(fix.altitude_m.is_none_or(f32::is_finite), "{fix:?}");
    assert!(fix.heading_deg.is_none_or(|heading| heading <= 360.0), "{fix:?}");
    assert!(fix.battery.is_none_or(|battery| battery <= 1.0), "{fix:?}");
    assert!((0..=LAST_MS).contains(&fix.time.0) && fix.received_at == NOW, "{fix:?}");
    assert!(fix.uuid.as_ref().is_none_or(|uuid| uuid.len() <= 64), "{fix:?}");
    assert!(fix.event.as_ref().is_none_or(|event| event.chars().count() <= 64), "{fix:?}");
    assert!(fix.extras.as_ref().is_none_or(|extras| extras.len() <= 4096), "{fix:?}");
}
