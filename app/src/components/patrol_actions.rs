//! Starting and ending a patrol, for those who may. Ending asks once more.

use super::icon::{Glyph, Icon};
use super::whole::IntoWhole;
use crate::{
    console::Console,
    live::{link::Link, rest, rest::RestError},
};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::{PatrolId, UnitId};

#[component]
pub fn PatrolActions(id: UnitId, patrol: Signal<Option<PatrolId>>) -> impl IntoView {
    let console = Console::of_page();
    let (busy, asking) = (RwSignal::new(false), RwSignal::new(false));
    let report = move |what: Result<String, RestError>| {
        busy.set(false);
        asking.set(false);
        match what {
            Ok(done) => console.tell(done),
            Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
            Err(e) => console.warn(e.to_string()),
        }
    };
    let unit = id.clone();
    let start = move |_| {
        let unit = unit.clone();
        busy.set(true);
        spawn_local(async move {
            report(rest::start_patrol(&unit).await.map(|_| format!("{unit} is on patrol.")));
        });
    };
    let end = move |_| {
        let (unit, Some(patrol)) = (id.clone(), patrol.get_untracked()) else { return };
        busy.set(true);
        spawn_local(async move {
            report(rest::end_patrol(patrol).await.map(|_| format!("The patrol of {unit} has ended.")));
        });
    };
    let on_patrol = move || patrol.get().is_some();
    view! {
        <div class="patrol-actions needs-script">
            <button type="button" class="button primary" disabled=busy hidden=on_patrol on:click=start>
                <Icon glyph=Glyph::Start/>
                "Start patrol"
            </button>
            <button
                type="button"
                class="button"
                disabled=busy
                hidden=move || !on_patrol() || asking.get()
                on:click=move |_| asking.set(true)
            >
                <Icon glyph=Glyph::End/>
                "End patrol"
            </button>
            <div class="ask" role="group" aria-label="End this patrol?" hidden=move || !(on_patrol() && asking.get())>
                <p>"End this patrol? The unit leaves the map."</p>
                <button type="button" class="button danger" disabled=busy on:click=end>"End patrol"</button>
                <button type="button" class="button" disabled=busy on:click=move |_| asking.set(false)>"Keep it"</button>
            </div>
        </div>
    }
    .whole()
}
