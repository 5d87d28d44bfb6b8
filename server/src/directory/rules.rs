//! Settings of scopes: what a scope has none of it has from the nearest above it that has some.

use super::Directory;
use crate::ports::ScopeRecord;
use sentinel_model::{Scope, alert_rules::AlertRules, filters::Filters};

impl Directory {
    /// The filters that hold in a scope, and whose they are.
    pub fn filters(&self, scope: Scope) -> Option<(Scope, Filters)> {
        self.nearest(scope, |record| record.filters)
    }

    /// The alert rules that hold in a scope, and whose they are.
    pub fn alert_rules(&self, scope: Scope) -> Option<(Scope, AlertRules)> {
        self.nearest(scope, |record| record.alert_rules)
    }

    fn nearest<T>(&self, scope: Scope, of: impl Fn(&ScopeRecord) -> Option<T>) -> Option<(Scope, T)> {
        let tables = self.tables.read();
        let mut at = tables.scopes.get(&scope);
        while let Some(record) = at {
            if let Some(found) = of(record) {
                return Some((record.scope, found));
            }
            at = record.parent.and_then(|parent| tables.scopes.get(&parent));
        }
        None
    }
}
