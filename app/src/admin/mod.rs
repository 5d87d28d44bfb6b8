//! Administration: pages that the server alone renders.
//!
//! Each page is a function of plain data to HTML: no wasm, no signal that changes, forms that
//! work without JavaScript. The one script copies text to the clipboard and carries the page's
//! nonce. Who may see what was decided before the data came here.
//!
//! - [`units`], [`unit`]: the fleet, one unit of it, and how a phone becomes it ([`connect`])
//! - [`keys`]: API keys
//! - [`webhooks`], [`webhook`]: endpoints, one endpoint and its delivery log
//! - [`reports`]: how fast incidents and orders were attended to
//! - [`notice`]: what stands where there is nothing to show

pub mod connect;
pub mod keys;
pub mod notice;
mod parts;
mod qr;
pub mod reports;
#[cfg(test)]
mod tests;
pub mod unit;
pub mod units;
pub mod webhook;
pub mod webhooks;

use crate::{
    components::{
        icon::{Glyph, Icon},
        person_menu::role_word,
    },
    prefs::Look,
};
use http::request::Parts;
use leptos::prelude::*;
use sentinel_model::{Scope, Time, people::User};

/// What every page is drawn with.
pub struct Frame {
    /// Of the request: the chosen look is in its cookies.
    pub parts: Parts,
    /// What lets the page's own script run, and no other.
    pub nonce: String,
    pub viewer: User,
    pub scope_name: String,
    /// Whether the viewer may change what belongs to their scope.
    pub may_manage: bool,
    /// Whether the viewer may see and change the webhooks of their scope.
    pub may_keep_webhooks: bool,
    /// The server's clock, from which ages are told.
    pub now: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Units,
    Keys,
    Webhooks,
    Reports,
}

impl Section {
    const ALL: [Section; 4] = [Section::Units, Section::Keys, Section::Webhooks, Section::Reports];

    fn word(self) -> &'static str {
        match self {
            Section::Units => "Units",
            Section::Keys => "API keys",
            Section::Webhooks => "Webhooks",
            Section::Reports => "Reports",
        }
    }

    fn address(self) -> &'static str {
        match self {
            Section::Units => "/admin/units",
            Section::Keys => "/admin/keys",
            Section::Webhooks => "/admin/webhooks",
            Section::Reports => "/reports",
        }
    }

    fn is_for(self, frame: &Frame) -> bool {
        match self {
            Section::Units | Section::Reports => true,
            Section::Keys => frame.may_manage,
            Section::Webhooks => frame.may_keep_webhooks,
        }
    }
}

/// A scope that a form offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeChoice {
    pub scope: Scope,
    pub name: String,
    /// How far below the widest one offered.
    pub depth: usize,
}

/// Copies what a button names; where the browser allows no clipboard, selects it instead.
const SCRIPT: &str = r#"
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  const source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.querySelector('span').textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(source);
  }
});
"#;

/// The whole document around what `body` makes.
pub fn page<V: IntoView>(frame: &Frame, section: Section, title: &str, body: impl FnOnce() -> V) -> String {
    let owner = Owner::new();
    let html = owner.with(|| {
        provide_context(frame.parts.clone());
        document(frame, section, title, body().into_any()).to_html()
    });
    format!("<!DOCTYPE html>{html}")
}

fn document(frame: &Frame, section: Section, title: &str, body: AnyView) -> impl IntoView {
    let sections = Section::ALL.into_iter().filter(|it| it.is_for(frame));
    let who = format!("{}, {}", role_word(frame.viewer.role), frame.scope_name);
    view! {
        <html lang="en" data-theme=Look::chosen().word()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <meta name="color-scheme" content="dark light"/>
                <title>{format!("{title} · Sentinel")}</title>
                <link rel="icon" type="image/svg+xml" href="/favicon.svg"/>
                <link rel="preload" href="/fonts/geist-latin.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous"/>
                <link rel="stylesheet" href="/pkg/sentinel.css"/>
                <script nonce=frame.nonce.clone() inner_html=SCRIPT></script>
            </head>
            <body class="admin">
                <a class="skip-link" href="#content">"Skip to the content"</a>
                <header class="admin-bar">
                    <a class="admin-home" href="/">
                        <img src="/favicon.svg" alt="" width="28" height="28"/>
                        <span>"Sentinel"</span>
                    </a>
                    <nav class="admin-nav" aria-label="Administration">
                        {sections
                            .map(|it| {
                                view! {
                                    <a href=it.address() aria-current=(it == section).then_some("page")>{it.word()}</a>
                                }
                            })
                            .collect_view()}
                    </nav>
                    <a class="button admin-map" href="/"><Icon glyph=Glyph::Map/>"Live map"</a>
                    <div class="admin-person">
                        <p>{frame.viewer.name.clone()}</p>
                        <p class="faint">{who}</p>
                    </div>
                    <form method="post" action="/logout">
                        <button class="button"><Icon glyph=Glyph::SignOut/>"Sign out"</button>
                    </form>
                </header>
                <main id="content" class="admin-main" tabindex="-1">{body}</main>
            </body>
        </html>
    }
}
