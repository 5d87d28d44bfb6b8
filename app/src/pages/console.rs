//! The live map: the page that Sentinel is for.

use crate::components::whole::{IntoWhole, effect, part, text};
use crate::{
    components::{
        alerts::{banners::Banners, drawer::AlertsDrawer},
        board::{drawer::TaskDrawer, new::NewIncident},
        fences::drawer::FenceDrawer,
        icon::{Glyph, Icon},
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
    first_paint::{FirstPaint, NoPaint, Packed},
    later::LaterBanner,
    live::{
        alerts::Counts,
        link::{Doubt, Link},
        run::come_alive,
        tasks::is_beside,
    },
    platform,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_query_map};

#[component]
pub fn ConsolePage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let here = untrack(here);
    let asked = platform::first_paint(query.get("scope"));
    let paint = OnceResource::<_, Packed>::new_with_options(asked, true);
    view! {
        <Suspense>
            {move || {
                let here = here.clone();
                Suspend::new(async move {
                    match paint.await {
                        Ok(paint) => view! { <ConsoleView paint/> }.whole(),
                        Err(why) => view! { <NothingToShow why here/> }.whole(),
                    }
                })
            }}
        </Suspense>
    }
    .whole()
}

/// The address on show, to come back to. A browser's search part begins with its question
/// mark, a request's does not.
fn here() -> String {
    let location = use_location();
    let (path, search) = (location.pathname.get(), location.search.get());
    match search.trim_start_matches('?') {
        "" => path,
        search => format!("{path}?{search}"),
    }
}

fn sign_in_address(next: &str) -> String {
    format!("/login?next={}", leptos_router::location::Url::escape(next))
}

#[component]
fn ConsoleView(paint: FirstPaint) -> impl IntoView {
    let settings = paint.map.clone();
    let console = Console::new(paint.clone());
    provide_context(console);
    let mut rest_from = Some(paint.units.next.clone());
    effect(move || {
        if let Some(rest_from) = rest_from.take() {
            untrack(|| come_alive(console, rest_from));
            console.expect_parts();
        }
    });
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
    let trust = move || match console.doubt.get() {
        None => "current",
        Some(Doubt::Silent(_) | Doubt::Reconnecting(_)) => "doubted",
        Some(Doubt::Offline(_)) => "old",
    };
    let ended = move || console.link.get().is_final();
    view! {
        <Title text=page_title/>
        <a class="skip-link" href="#units" rel="external">"Skip to the units"</a>
        <div class="console" inert=ended data-sheet=sheet data-trust=trust class:with-drawer=with_drawer>
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

/// The feed has ended for good: what the person can do now. It covers the whole page:
/// what was on it is no longer theirs to read.
#[component]
fn LinkEnded() -> impl IntoView {
    let console = Console::of_page();
    let own = move || console.scope_address(console.viewer.with_value(|v| v.scope));
    let words = move || match console.link.get() {
        Link::SignedOut => Some((
            "Your session has ended",
            "Sign in again to go on where you were.",
            "Sign in",
            sign_in_address(&here()),
        )),
        Link::NoPermission => Some((
            "This area is no longer yours to see",
            "Someone changed what you may see. Your own area is still open to you.",
            "Open my area",
            own(),
        )),
        Link::Outdated => Some((
            "This page is older than the server",
            "The server was updated while the page was open. Load it again to go on.",
            "Load again",
            here(),
        )),
        _ => None,
    };
    let action = NodeRef::<leptos::html::A>::new();
    effect(move || {
        let Some(action) = action.get() else { return };
        // A dialog of the page would stand above this, and hold the focus.
        console.palette_open.set(false);
        let _ = action.focus();
    });
    view! {
        {part(move || {
            words()
                .map(|(title, text, word, to)| {
                    view! {
                        <div class="curtain ended">
                            <div class="notice-card" role="alertdialog" aria-label=title>
                                <Icon glyph=Glyph::Unplugged/>
                                <h2>{title}</h2>
                                <p>{text}</p>
                                <a class="button primary" href=to rel="external" node_ref=action>{word}</a>
                            </div>
                        </div>
                    }
                    .whole()
                })
        })}
    }
    .whole()
}

/// What stands where the console cannot.
#[component]
fn NothingToShow(why: NoPaint, here: String) -> impl IntoView {
    let (glyph, title, text, action, to) = match why {
        NoPaint::SignedOut => {
            let to = sign_in_address(&here);
            platform::redirect(&to);
            (
                Glyph::Lock,
                "Sign in to see this",
                "You are being taken to the sign-in page.".to_string(),
                "Sign in",
                to,
            )
        }
        NoPaint::NoPermission { asked, own } => (
            Glyph::Lock,
            "This area is not yours to see",
            format!(
                "Your account does not cover {asked}. If it should, ask an administrator to change your scope."
            ),
            "Open my area",
            format!("/?scope={own}"),
        ),
        NoPaint::Failed(what) => (
            Glyph::Warning,
            "The live map cannot be shown now",
            format!("The server could not read the units: {what}."),
            "Try again",
            here,
        ),
    };
    view! {
        <Title text=title/>
        <main class="notice-page">
            <div class="notice-card">
                <Icon glyph/>
                <h1>{title}</h1>
                <p>{text}</p>
                <a class="button primary" href=to rel="external">{action}</a>
            </div>
        </main>
    }
    .whole()
}
