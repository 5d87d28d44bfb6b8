//! What a scope may have of its own in place of what holds above it: its filters, its alert
//! rules. How both are found, set and taken away.

use super::{error::ApiError, input::to_its_end};
use crate::{
    audit,
    auth::{Caller, Denied},
    ports::{Change, ScopeRecord},
    state::Sentinel,
};
use sentinel_model::{Scope, alert_rules::AlertRules, filters::Filters};
use std::{fmt::Debug, sync::Arc};

/// One kind of such settings.
pub trait OwnSettings: Debug + Copy + PartialEq + Default + Send + Sync + 'static {
    /// In the audit log: when they are set, and when they are taken away.
    const ACTIONS: [&'static str; 2];

    fn of(record: &mut ScopeRecord) -> &mut Option<Self>;

    /// What holds in a scope, and whose it is.
    fn in_force(state: &Sentinel, scope: Scope) -> Option<(Scope, Self)>;
}

impl OwnSettings for Filters {
    const ACTIONS: [&'static str; 2] = ["filters_set", "filters_removed"];

    fn of(record: &mut ScopeRecord) -> &mut Option<Self> {
        &mut record.filters
    }

    fn in_force(state: &Sentinel, scope: Scope) -> Option<(Scope, Self)> {
        state.directory.filters(scope)
    }
}

impl OwnSettings for AlertRules {
    const ACTIONS: [&'static str; 2] = ["alert_rules_set", "alert_rules_removed"];

    fn of(record: &mut ScopeRecord) -> &mut Option<Self> {
        &mut record.alert_rules
    }

    fn in_force(state: &Sentinel, scope: Scope) -> Option<(Scope, Self)> {
        state.directory.alert_rules(scope)
    }
}

/// The node that an address names.
pub fn named(scope: &str) -> Result<Scope, ApiError> {
    scope.parse().map_err(|error| ApiError::bad_request(format!("{error}")))
}

/// What holds in a scope, as somebody who sees it may know it.
pub fn view<S: OwnSettings>(
    state: &Sentinel,
    caller: &Caller,
    scope: &str,
) -> Result<(Option<Scope>, S), ApiError> {
    let grant = caller.view(&state.directory, named(scope)?)?;
    Ok(told(state, caller, grant.scope()))
}

/// Gives a scope settings of its own or, with `None`, takes those it has away; what holds then.
pub async fn set<S: OwnSettings>(
    state: Arc<Sentinel>,
    caller: Caller,
    scope: &str,
    settings: Option<S>,
) -> Result<(Option<Scope>, S), ApiError> {
    let scope = named(scope)?;
    to_its_end(async move {
        let change = || {
            let before = state.directory.scope(scope).filter(|_| caller.may_manage(&state.directory, scope));
            let mut after = (*before.ok_or(Denied::NotYours(scope))?).clone();
            if *S::of(&mut after) == settings {
                return Ok((Vec::new(), ()));
            }
            *S::of(&mut after) = settings;
            let [set, removed] = S::ACTIONS;
            let action = if settings.is_some() { set } else { removed };
            let entry = audit::entry(&state.clock, &caller, action, scope, scope, None);
            Ok::<_, ApiError>((vec![Change::PutScope(after), entry], ()))
        };
        state.directory.change(change).await?;
        tracing::info!(by = %caller, %scope, ?settings, "the settings of a scope were changed");
        Ok(told(&state, &caller, scope))
    })
    .await
}

/// What stands above one's own scope is not named.
fn told<S: OwnSettings>(state: &Sentinel, caller: &Caller, scope: Scope) -> (Option<Scope>, S) {
    let (from, settings) = S::in_force(state, scope).unzip();
    let from = from.filter(|from| state.directory.scope_within(*from, caller.home_scope()));
    (from, settings.unwrap_or_default())
}
