//! What the shapes on the map mean.

use super::whole::IntoWhole;
use super::{
    alerts::AlertMark,
    icon::{Glyph, Icon},
    mark::Mark,
};
use crate::{console::Console, format::status_word};
use leptos::prelude::*;
use sentinel_model::{UnitStatus, alerts::AlertKind};

const fn meaning(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::Available => "on patrol and free",
        UnitStatus::OnTask => "on patrol, attending",
        UnitStatus::Stale => "not heard of for a while",
        UnitStatus::Offline => "not heard of for long",
        UnitStatus::OffDuty => "not on patrol, not on the map",
    }
}

#[component]
pub fn Legend() -> impl IntoView {
    let console = Console::of_page();
    view! {
        <section class="legend" aria-label="Legend" hidden=move || !console.show_legend.get()>
            <header class="card-head">
                <h2>"Legend"</h2>
                <button
                    type="button"
                    class="icon-button"
                    aria-label="Close the legend"
                    on:click=move |_| console.show_legend.set(false)
                >
                    <Icon glyph=Glyph::Close/>
                </button>
            </header>
            <ul>
                {UnitStatus::ALL
                    .map(|status| {
                        view! {
                            <li>
                                <Mark status/>
                                <span>{status_word(status)}</span>
                                <span class="faint">{meaning(status)}</span>
                            </li>
                        }
                    })
                    .collect_view()}
                <li>
                    <AlertMark kind=AlertKind::Sos/>
                    <span>"SOS"</span>
                    <span class="faint">"called for help; nobody has taken it yet"</span>
                </li>
                <li>
                    <Icon glyph=Glyph::Heading/>
                    <span>"Heading"</span>
                    <span class="faint">"the way a marker points; a dot stands still"</span>
                </li>
                <li>
                    <span class="site-mark" aria-hidden="true"></span>
                    <span>"Station"</span>
                    <span class="faint">"a police station"</span>
                </li>
                <li>
                    <span class="cluster-mark" aria-hidden="true">"12"</span>
                    <span>"Cluster"</span>
                    <span class="faint">"units close together; choose it to open"</span>
                </li>
            </ul>
        </section>
    }
    .whole()
}
