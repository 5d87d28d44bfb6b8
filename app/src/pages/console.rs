//! The live map: the page that Sentinel is for.

use super::painted::{LinkEnded, console_of, painted, trust};
use crate::components::whole::{IntoWhole, effect, text};
use crate::{
    components::{
        alerts::{banners::Banners, drawer::AlertsDrawer},
        board::{drawer::TaskDrawer, new::NewIncident},
        fences::drawer::FenceDrawer,
        legend::Legend,
        link_banner::LinkBanner,
        map_tools::MapTools,
        map_view::MapView,
        palette::Palette,
        panel::Panel,
        rail::Rail,
        status_bar::StatusBar,
        toast::Toast,
        top_bar::TopBar,
        unit_drawer::UnitDrawer,
        unit_table::UnitTable,
    },
    console::{Console, Sheet},
    first_paint::FirstPaint,
    later::LaterBanner,
    live::{alerts::Counts, link::Link, tasks::is_beside},
};
use leptos::prelude::*;
use leptos_meta::Title;

#[component]
pub fn ConsolePage() -> impl IntoView {
    painted(|paint| view! { <ConsoleView paint/> }.whole(), "/")
}

#[component]
fn ConsoleView(paint: FirstPaint) -> impl IntoView {
    let settings = paint.map.clone();
    let console = console_of(&paint, false);
    effect(move || {
        console.selected.track();
        console.board.chosen.track();
        console.fences.chosen.track();
        console.has_turned();
    });
    effect(move || {
        // A unit chosen on a phone is read on the map, not under the list.
        if console.selected.read().is_some() {
            console.sheet.set(Sheet::Map);
        }
    });
    let sheet = move || match console.sheet.get() {
        Sheet::Map => "map",
        Sheet::Units => "units",
        Sheet::Incidents => "incidents",
        Sheet::Fences => "fences",
        Sheet::Areas => "areas",
    };
    let title = move || console.scope_name(console.scope.get());
    let page_title = move || match console.alerts.counts() {
        Counts { calls: 0, pressing: 0, .. } => title(),
        Counts { calls: 0, pressing, .. } => format!("({pressing}) {}", title()),
        Counts { calls, .. } => format!("({calls} SOS) {}", title()),
    };
    let with_drawer = move || {
        console.selected.read().is_some()
            || console.alerts.drawer.get()
            || is_beside(console.board)
            || console.fences.is_beside()
    };
    let ended = move || console.link.get().is_final();
    view! {
        <Title text=page_title/>
        <a class="skip-link" href="#units" rel="external">"Skip to the units"</a>
        <div class="console" inert=ended data-sheet=sheet data-trust=move || trust(console) class:with-drawer=with_drawer>
            <TopBar/>
            <Rail/>
            <Panel/>
            <main class="stage">
                <h1 class="visually-hidden">"Live map of " {text(title)}</h1>
                <MapView settings/>
                <StatusBar/>
                <EmptyMap/>
                <MapTools/>
                <div class="stage-notes">
                    <Banners/>
                    <LinkBanner/>
                    <LaterBanner/>
                    <Toast/>
                </div>
                <UnitTable paint/>
            </main>
            <UnitDrawer/>
            <TaskDrawer/>
            <FenceDrawer/>
            <NewIncident/>
            <AlertsDrawer/>
            <Legend/>
            <Palette/>
        </div>
        <LinkEnded/>
    }
    .whole()
}

/// Nobody on the map, and why.
#[component]
fn EmptyMap() -> impl IntoView {
    let console = Console::of_page();
    let empty = move || {
        let counts = console.counts.read();
        console.link.get() == Link::Live && counts.units == counts.off_duty
    };
    view! {
        <div class="map-empty" hidden=move || !empty()>
            <p class="empty-title">"No unit of " {text(move || console.scope_name(console.scope.get()))} " is on patrol"</p>
            <p class="faint">"A unit appears here when its patrol starts, or with its first position."</p>
        </div>
    }
    .whole()
}
