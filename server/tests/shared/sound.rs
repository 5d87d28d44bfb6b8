//! What every fix is, whatever it was read from.

use sentinel_model::Time;
use sentinel_server::{
    clock::Clock,
    ingest::decode::{Incoming, Posted, decode, decode_for_unit},
};

pub const NOW: Time = Time(1_795_226_400_000);

/// Decodes in both ways, and looks at every fix that comes of it.
pub fn sound(incoming: &Incoming<'_>) -> Option<Posted> {
    let clock = Clock::from_fn(|| NOW);
    let [posted, for_unit] = [decode(incoming, &clock), decode_for_unit(incoming, &clock)];
    for fix in [&posted, &for_unit].into_iter().flatten().flat_map(|posted| &posted.fixes) {
        assert!(fix.latitude.abs() <= 90.0 && fix.longitude.abs() <= 180.0, "{fix:?}");
        let measured = [fix.speed_mps, fix.heading_deg, fix.accuracy_m, fix.battery];
        assert!(measured.into_iter().flatten().all(|value| value.is_finite() && value >= 0.0), "{fix:?}");
        assert!(fix.altitude_m.is_none_or(f32::is_finite), "{fix:?}");
        assert!(fix.heading_deg.is_none_or(|heading| heading <= 360.0), "{fix:?}");
        assert!(fix.battery.is_none_or(|battery| battery <= 1.0), "{fix:?}");
        assert!((0..=253_402_300_799_999).contains(&fix.time.0), "{fix:?}");
        assert!(fix.uuid.as_ref().is_none_or(|uuid| uuid.len() <= 64), "{fix:?}");
        assert!(fix.extras.as_ref().is_none_or(|extras| extras.len() <= 4096), "{fix:?}");
    }
    posted.ok()
}
