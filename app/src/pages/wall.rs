//! The wall display: the live map for a room, read at three metres, with nothing to press.
//!
//! It runs for days without anybody near it, so what a person would do at the console it does by
//! itself: it asks again for a part that did not arrive, and loads itself again where the server
//! has become another version. Only a session that has ended needs somebody.

use super::painted::{LinkEnded, console_of, painted, trust};
use crate::components::whole::{IntoWhole, effect, part};
use crate::{
    components::{unit_table::UnitTable, wall::wall_body},
    console::WALL,
    first_paint::FirstPaint,
    later::{Later, as_sent},
    live::link::Link,
};
use leptos::prelude::*;
use leptos_meta::Title;
use std::time::Duration;

/// Between two tries, also to load a page that is not going to be any other.
const AGAIN_AFTER: Duration = Duration::from_secs(20);

#[component]
pub fn WallPage() -> impl IntoView {
    painted(|paint| view! { <WallView paint/> }.whole(), WALL)
}

#[component]
fn WallView(paint: FirstPaint) -> impl IntoView {
    let settings = StoredValue::new(paint.map.clone());
    let console = console_of(&paint, true);
    effect(move || {
        if matches!(console.later.get(), Later::Failed) {
            set_timeout(move || console.fetch_parts(), AGAIN_AFTER);
        }
    });
    effect(move || {
        if console.link.get() == Link::Outdated {
            // A refused reload leaves the page that says how to.
            set_timeout(|| drop(window().location().reload()), AGAIN_AFTER);
        }
    });
    let title = move || console.scope_name(console.scope.get());
    let page_title = move || match console.alerts.counts().calls {
        0 => format!("{}, wall display", title()),
        calls => format!("({calls} SOS) {}, wall display", title()),
    };
    view! {
        <Title text=page_title/>
        <main class="wall" inert=move || console.link.get().is_final() data-trust=move || trust(console)>
            {part(move || Some(match console.parts() {
                Some(parts) => untrack(|| (parts.wall)(settings.get_value())),
                None => as_sent(move || wall_body(settings.get_value())),
            }))}
            <p class="wall-part" role="status" hidden=move || !matches!(console.later.get(), Later::Failed)>
                "A part of this display did not arrive. It is asked for again."
            </p>
            <UnitTable paint/>
        </main>
        <div class="wall-ended"><LinkEnded/></div>
    }
    .whole()
}
