use super::EngineError;
use async_trait::async_trait;
use sentinel_model::{Location, UnitId};

/// Where every unit is now.
///
/// An engine may call a position current only for so long after the unit was last heard of.
/// Who is silent for longer is not `nearby`; its last known place is still what is read, and
/// what later positions are compared with.
#[async_trait]
pub trait Positions: Send + Sync + 'static {
    /// Takes a newer position. One whose device time is not after the held one's
    /// changes nothing but is still a sign of life: the held `received_at` moves on.
    async fn put(&self, location: Location) -> Result<Put, EngineError>;

    async fn get(&self, unit: &UnitId) -> Result<Option<Location>, EngineError>;

    /// In the order asked; none for units without a position.
    async fn get_many(&self, units: &[UnitId]) -> Result<Vec<Option<Location>>, EngineError>;

    /// Positions around a point, nearest first, of units that `query.keep` keeps.
    async fn nearby(&self, query: NearbyQuery<'_>) -> Result<Vec<(Location, f64)>, EngineError>;

    /// Forgets a unit's position.
    async fn remove(&self, unit: &UnitId) -> Result<(), EngineError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The position is the unit's newest.
    Advanced,
    /// A newer or equal one was held already.
    Kept,
}

pub struct NearbyQuery<'a> {
    pub latitude: f64,
    pub longitude: f64,
    pub radius_m: f64,
    pub limit: usize,
    pub keep: &'a (dyn Fn(&Location) -> bool + Send + Sync),
    /// Who alone may be kept, where who asks knows that. It changes no answer: an engine may look
    /// these up instead of looking around, and does so where more units are around than these.
    pub among: Option<Among<'a>>,
}

impl NearbyQuery<'_> {
    /// More units than this are not looked at around the point.
    pub fn around_max(&self) -> usize {
        self.among.map_or(usize::MAX, |among| among.count)
    }

    /// Whether it is not worth looking around.
    pub fn is_of_few(&self) -> bool {
        self.around_max() <= FEW
    }

    /// Those to be looked up.
    pub fn named(&self) -> Vec<UnitId> {
        self.among.map(|among| (among.units)()).unwrap_or_default()
    }
}

/// So few are looked up at once: a station's units, and those of most divisions.
const FEW: usize = 500;

#[derive(Clone, Copy)]
pub struct Among<'a> {
    /// How many they are at most.
    pub count: usize,
    /// Each once, in no order; asked for where they are looked up.
    pub units: &'a (dyn Fn() -> Vec<UnitId> + Send + Sync),
}
