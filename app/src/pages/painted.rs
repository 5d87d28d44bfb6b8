//! A page of live units: drawn by the server from what the viewer may see, or saying why it
//! cannot be; and what it says when its feed has ended.

use crate::components::whole::{IntoWhole, effect, part};
use crate::{
    components::icon::{Glyph, Icon},
    console::Console,
    first_paint::{FirstPaint, NoPaint, Packed},
    live::{
        link::{Doubt, Link},
        run::come_alive,
    },
    platform,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_query_map};

/// What a page shows of its first paint; `page` is its address, without which area.
pub fn painted(shown: fn(FirstPaint) -> AnyView, page: &'static str) -> AnyView {
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
                        Ok(paint) => shown(paint),
                        Err(why) => view! { <NothingToShow why here page/> }.whole(),
                    }
                })
            }}
        </Suspense>
    }
    .whole()
}

/// The console of a page, in its context, which comes alive in the browser.
pub fn console_of(paint: &FirstPaint, is_wall: bool) -> Console {
    let console = Console::new(paint.clone(), is_wall);
    provide_context(console);
    let mut rest_from = Some(paint.units.next.clone());
    effect(move || {
        if let Some(rest_from) = rest_from.take() {
            untrack(|| come_alive(console, rest_from));
            console.expect_parts();
        }
    });
    console
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

/// How old what is on show may look, for the style sheet.
pub fn trust(console: Console) -> &'static str {
    match console.doubt.get() {
        None => "current",
        Some(Doubt::Silent(_) | Doubt::Reconnecting(_)) => "doubted",
        Some(Doubt::Offline(_)) => "old",
    }
}

/// The feed has ended for good: what the person can do now. It covers the whole page:
/// what was on it is no longer theirs to read.
#[component]
pub fn LinkEnded() -> impl IntoView {
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
fn NothingToShow(why: NoPaint, here: String, page: &'static str) -> impl IntoView {
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
            format!("{page}?scope={own}"),
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
