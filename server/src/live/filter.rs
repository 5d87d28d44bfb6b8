//! What of a room a subscriber wants to be told. A filter narrows what the grant shows and
//! cannot widen it: it is asked of what is in the room, and of nothing else.

use super::frame::{EncodedUnit, Encoding};
use sentinel_model::{UnitId, alerts::Alert, live::Event};
use std::{collections::BTreeSet, sync::Arc};

/// Without units, all of them; without kinds, all events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub units: Option<Arc<BTreeSet<UnitId>>>,
    /// Of [`Event::KINDS`].
    pub kinds: Option<Arc<BTreeSet<&'static str>>>,
    /// Events and open alerts alone: no units in snapshots, and none that move.
    pub no_positions: bool,
}

impl Filter {
    pub fn keeps_unit(&self, unit: &EncodedUnit) -> bool {
        !self.no_positions
            && self.units.as_ref().is_none_or(|units| unit.id().is_some_and(|id| units.contains(id)))
    }

    pub fn keeps_alert(&self, alert: &Alert) -> bool {
        self.units.as_ref().is_none_or(|units| units.contains(&alert.unit_id))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains("alert"))
    }

    pub fn keeps_event(&self, event: &Event) -> bool {
        self.units.as_ref().is_none_or(|units| event.concerns(units))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(event.kind()))
    }
}

/// How a subscriber sees a room: who wants the same is sent the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub encoding: Encoding,
    pub filter: Filter,
}

impl View {
    /// The units that are shown.
    pub(super) fn of(&self, mut units: Vec<Arc<EncodedUnit>>) -> Vec<Arc<EncodedUnit>> {
        if self.filter.units.is_some() || self.filter.no_positions {
            units.retain(|unit| self.filter.keeps_unit(unit));
        }
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{
        PatrolId, Scope, Time, UnitStatus,
        live::{LiveUnit, StatusChanged, UnitLeft},
    };

    fn id(text: &str) -> UnitId {
        text.parse().expect("a good id")
    }

    fn unit(name: &str) -> EncodedUnit {
        EncodedUnit::of(&LiveUnit {
            id: id(name),
            patrol: PatrolId(1),
            station: Scope::station(5),
            lat: None,
            lon: None,
            speed_mps: None,
            heading_deg: None,
            battery: None,
            status: UnitStatus::Available,
            time: None,
        })
    }

    fn left(name: &str) -> Event {
        Event::UnitLeft(UnitLeft { offset: 1, at: Time(0), id: id(name), patrol: PatrolId(1) })
    }

    #[test]
    fn without_a_wish_everything_is_told() {
        let all = Filter::default();
        assert!(all.keeps_unit(&unit("PC-1")) && all.keeps_event(&left("PC-1")));
    }

    #[test]
    fn units_narrow_positions_and_events_and_kinds_narrow_events() {
        let one = Filter { units: Some(Arc::new([id("PC-1")].into())), ..Filter::default() };
        assert!(one.keeps_unit(&unit("PC-1")) && one.keeps_event(&left("PC-1")));
        assert!(!one.keeps_unit(&unit("PC-10")) && !one.keeps_event(&left("PC-2")));
        let status = Filter { kinds: Some(Arc::new(["status"].into())), ..Filter::default() };
        let changed = Event::Status(StatusChanged {
            offset: 1,
            at: Time(0),
            id: id("PC-2"),
            patrol: PatrolId(1),
            status: UnitStatus::Stale,
        });
        assert!(status.keeps_event(&changed) && !status.keeps_event(&left("PC-2")));
        assert!(status.keeps_unit(&unit("PC-2")));
    }

    #[test]
    fn without_positions_events_and_alerts_are_left() {
        let filter = Filter { no_positions: true, ..Filter::default() };
        assert!(!filter.keeps_unit(&unit("PC-1")) && filter.keeps_event(&left("PC-1")));
        let view = View { encoding: Encoding::Json, filter };
        assert!(view.of(vec![Arc::new(unit("PC-1"))]).is_empty());
    }

    #[test]
    fn bytes_that_do_not_read_pass_no_wish_for_units() {
        let one = Filter { units: Some(Arc::new([id("PC-1")].into())), ..Filter::default() };
        assert!(!one.keeps_unit(&EncodedUnit::from_postcard(None, bytes::Bytes::from_static(&[9]))));
    }
}
