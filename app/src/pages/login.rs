//! Sign-in: a plain form that works before and without the wasm.

use crate::components::whole::IntoWhole;
use crate::{
    components::icon::{Glyph, Icon},
    platform,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// Longer than any user name.
const MAX_USER_BYTES: usize = 128;

/// The path to go to after signing in: one of this server, else the start page.
///
/// Browsers read `//host`, `/\host` and, after dropping control characters,
/// `/<tab>/host` as another server's address.
pub fn own_path(next: &str) -> &str {
    const MAX_CHARS: usize = 1024;
    let is_path = next.starts_with('/') && !next.starts_with("//") && next.len() <= MAX_CHARS;
    let is_plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let leads_back = next.starts_with("/login") || next.starts_with("/logout");
    if is_path && is_plain && !leads_back { next } else { "/" }
}

/// What to say: whether it is a fault, and the words.
fn message(code: Option<&str>) -> Option<(bool, &'static str)> {
    Some(match code? {
        "credentials" => (true, "That user name and password do not go together. Check both and try again."),
        "throttled" => (true, "Too many tries. Wait a minute, then try again."),
        "signed_out" => (false, "You are signed out."),
        "expired" => (false, "Your session has ended. Sign in to go on."),
        _ => (true, "Signing in did not work. Try again."),
    })
}

#[component]
pub fn LoginPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let next = own_path(&query.get("next").unwrap_or_default()).to_owned();
    if platform::signed_in() {
        platform::redirect(&next);
    }
    // Nothing of it needs the wasm, which leaves it as it was sent.
    let page = platform::on_server(|| form(next, query.get("error").as_deref(), query.get("user")).to_html());
    view! {
        <Title text="Sign in"/>
        <main class="login" inner_html=page.unwrap_or_default()></main>
    }
    .whole()
}

fn form(next: String, code: Option<&str>, user: Option<String>) -> AnyView {
    let message = message(code);
    // After a failed try the name stands where it stood.
    let user = user.filter(|u| u.len() <= MAX_USER_BYTES);
    let known = user.is_some();
    let wrong = matches!(message, Some((true, _)));
    view! {
        <LoginScene/>
        <div class="login-card">
            <div class="login-brand">
                <img src="/favicon.svg" alt="" width="40" height="40"/>
                <p>"Sentinel"</p>
            </div>
            <h1>"Sign in"</h1>
            <p class="login-lead">"Every unit you are responsible for, live on one map."</p>
            {message
                .map(|(bad, words)| {
                    view! {
                        <p class="login-message" class:bad=bad role=if bad { "alert" } else { "status" } id="login-message">
                            <Icon glyph=if bad { Glyph::Warning } else { Glyph::Done }/>
                            {words}
                        </p>
                    }
                })}
            <form method="post" action="/login">
                <input type="hidden" name="next" value=next/>
                <label class="field">
                    <span>"User name"</span>
                    <input
                        name="username"
                        type="text"
                        autocomplete="username"
                        autocapitalize="none"
                        spellcheck="false"
                        required
                        value=user
                        autofocus=!known
                        aria-invalid=wrong.then_some("true")
                        aria-describedby=message.map(|_| "login-message")
                    />
                </label>
                <label class="field">
                    <span>"Password"</span>
                    <input
                        name="password"
                        type="password"
                        autocomplete="current-password"
                        required
                        autofocus=known
                        aria-invalid=wrong.then_some("true")
                    />
                </label>
                <button class="button primary wide">"Sign in"</button>
            </form>
            <p class="login-foot faint">"Forgotten your password? Ask your administrator to set a new one."</p>
        </div>
    }
    .whole()
}

/// A quiet picture of what is behind the door: rings of watch, units on them.
#[component]
fn LoginScene() -> impl IntoView {
    view! {
        <svg class="login-scene" viewBox="0 0 800 800" aria-hidden="true" preserveAspectRatio="xMidYMid slice">
            <path class="scene-water" d="M-20-20h250c-30 90 40 150 20 240s-90 110-80 210 90 140 60 230-80 90-70 160H-20z"></path>
            <path class="scene-water" d="M820 470c-80 10-110 60-180 70s-110 60-90 120 90 60 140 110 60 50 150 50z"></path>
            <g class="scene-lanes">
                <path d="M250 120c120 20 240 10 380 60s140 60 200 50"></path>
                <path d="M230 330c140-20 250 20 360 0s150-70 240-60"></path>
                <path d="M520-20c-10 160 30 260 10 400S420 640 470 820"></path>
                <path d="M690-20c-20 120 10 240-30 340S540 480 520 560"></path>
            </g>
            <g class="scene-roads">
                <path d="M160 612c90-30 130-90 180-112s240-30 300-130 90-250 200-290"></path>
                <path d="M240 820c20-150 20-230 60-330S390 250 370-20"></path>
                <path d="M190 262c90 20 160 60 230 138s120 160 190 240 120 120 220 150"></path>
            </g>
            <g class="scene-rings">
                <circle cx="400" cy="400" r="120"></circle>
                <circle cx="400" cy="400" r="230"></circle>
                <circle cx="400" cy="400" r="340"></circle>
                <path d="M400 400 640.4 159.6"></path>
            </g>
            <g class="scene-units">
                <circle class="s-available" cx="298" cy="517" r="8"></circle>
                <circle class="s-available" cx="590" cy="424" r="8"></circle>
                <circle class="s-available" cx="378" cy="190" r="8"></circle>
                <path class="s-on-task" d="m660 326 10 10-10 10-10-10z"></path>
                <path class="s-on-task" d="m262 292 10 10-10 10-10-10z"></path>
                <path class="s-stale" d="m588 604 11 19h-22z"></path>
                <circle class="scene-centre" cx="400" cy="400" r="5"></circle>
            </g>
        </svg>
    }
    .whole()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_server_is_gone_to() {
        for good in ["/", "/units?scope=zone:3", "/t/a%20b#c"] {
            assert_eq!(own_path(good), good);
        }
        let elsewhere =
            ["", "units", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"];
        for bad in elsewhere.into_iter().chain(["/a\r\nSet-Cookie: x", "/login?next=/", "/logout", "/é"]) {
            assert_eq!(own_path(bad), "/", "{bad:?}");
        }
    }
}
