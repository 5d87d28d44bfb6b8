//! How much of what all share one scope may have: who fills one area shall not take the room of
//! the others.

use super::Directory;
use sentinel_model::Scope;
use std::{collections::HashMap, iter::successors};

pub struct Capacity {
    /// Of a scope that has none above it, with all below.
    pub under_a_top: usize,
    /// Of any other, with all below.
    pub under_another: usize,
}

impl Capacity {
    /// The first, from this scope up, that can have no more, and how much that is. `held`: how
    /// much each scope has itself. Asked while the directory is held for the change.
    pub fn full(
        &self,
        directory: &Directory,
        scope: Scope,
        held: &HashMap<Scope, usize>,
    ) -> Option<(Scope, usize)> {
        let up = |scope: &Scope| directory.scope(*scope).and_then(|record| record.parent);
        successors(Some(scope), up).find_map(|above| {
            let most = if up(&above).is_none() { self.under_a_top } else { self.under_another };
            let within = held.iter().filter(|(scope, _)| directory.scope_within(**scope, above));
            let count: usize = within.map(|(_, count)| count).sum();
            (count >= most).then_some((above, most))
        })
    }
}
