//! Which fences may hold a place, among thousands.

use rstar::{
    AABB, RTree,
    primitives::{GeomWithData, Rectangle},
};
use sentinel_model::{
    Scope, ScopePath,
    geofence::{Bounds, Geofence},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// The fences that are enabled, as they are: a change of one is a new index.
#[derive(Default)]
pub struct FenceIndex {
    fences: HashMap<String, Arc<Geofence>>,
    /// Longitude first. A fence across the antimeridian is in it on both sides.
    boxes: RTree<Boxed>,
    /// Whose units they are for.
    scopes: HashSet<Scope>,
}

type Boxed = GeomWithData<Rectangle<[f64; 2]>, Arc<Geofence>>;

impl FenceIndex {
    /// Of two with the same id the later one.
    pub fn new(fences: impl IntoIterator<Item = Arc<Geofence>>) -> Self {
        let enabled = fences.into_iter().filter(|fence| fence.enabled);
        let fences: HashMap<_, _> = enabled.map(|fence| (fence.id.clone(), fence)).collect();
        let boxes = fences.values().flat_map(boxes_of).collect();
        let scopes = fences.values().map(|fence| fence.scope).collect();
        Self { fences, boxes: RTree::bulk_load(boxes), scopes }
    }

    /// Whether any of them is for a unit of that path.
    pub fn concerns(&self, path: &ScopePath) -> bool {
        !self.scopes.is_empty() && path.scopes().iter().any(|scope| self.scopes.contains(scope))
    }

    pub fn get(&self, id: &str) -> Option<&Arc<Geofence>> {
        self.fences.get(id)
    }

    /// Those whose bounds hold the place, each once, in no order.
    pub fn at(&self, latitude: f64, longitude: f64) -> impl Iterator<Item = &Arc<Geofence>> {
        self.boxes.locate_all_at_point(&[longitude, latitude]).map(|boxed| &boxed.data)
    }

    pub fn len(&self) -> usize {
        self.fences.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fences.is_empty()
    }
}

fn boxes_of(fence: &Arc<Geofence>) -> impl Iterator<Item = Boxed> + use<> {
    let Bounds { south, west, north, east } = fence.shape.bounds();
    let fence = fence.clone();
    // A shape is narrower than half the globe: no longitude is in two of its boxes.
    let turns = [Some(0.0), (east >= 180.0).then_some(-360.0), (west <= -180.0).then_some(360.0)];
    turns.into_iter().flatten().map(move |turn| {
        let corners = AABB::from_corners([west + turn, south], [east + turn, north]);
        GeomWithData::new(Rectangle::from_aabb(corners), fence.clone())
    })
}
