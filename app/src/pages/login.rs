//! Sign-in: a plain form that works before and without the wasm.

use crate::{
    components::icon::{Glyph, Icon},
    platform,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// Only a path of this server may be gone to after signing in. Browsers read a
/// backslash as a slash, so neither may follow the first one.
fn safe_next(next: Option<String>) -> String {
    next.filter(|n| n.starts_with('/') && !n.starts_with("//") && !n.contains('\\') && !n.contains(char::is_control))
        .unwrap_or_else(|| "/".into())
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
    let next = safe_next(query.get("next"));
    if platform::signed_in() {
        platform::redirect(&next);
    }
    let message = message(query.get("error").as_deref());
    let wrong = matches!(message, Some((true, _)));
    view! {
        <Title text="Sign in"/>
        <main class="login">
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
                            autofocus
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
                            aria-invalid=wrong.then_some("true")
                        />
                    </label>
                    <button class="button primary wide">"Sign in"</button>
                </form>
                <p class="login-foot faint">"Forgotten your password? Ask your administrator to set a new one."</p>
            </div>
        </main>
    }
    .into_any()
}

/// A quiet picture of what is behind the door: rings of watch, units on them.
#[component]
fn LoginScene() -> impl IntoView {
    view! {
        <svg class="login-scene" viewBox="0 0 800 800" aria-hidden="true" preserveAspectRatio="xMidYMid slice">
            <g class="scene-roads">
                <path d="M-20 610C140 590 210 520 330 500s240-30 300-130 90-250 200-290"></path>
                <path d="M120 820c20-150 70-230 160-330S400 250 410-20"></path>
                <path d="M-20 250c160 10 300 60 420 150s220 230 420 250"></path>
                <path d="M560 820c-10-130 30-220 20-330S470 250 640 110"></path>
            </g>
            <g class="scene-rings">
                <circle cx="400" cy="400" r="120"></circle>
                <circle cx="400" cy="400" r="230"></circle>
                <circle cx="400" cy="400" r="340"></circle>
                <path d="M400 400 640 159"></path>
            </g>
            <g class="scene-units">
                <circle class="s-available" cx="291" cy="508" r="8"></circle>
                <circle class="s-available" cx="563" cy="452" r="8"></circle>
                <circle class="s-available" cx="404" cy="166" r="8"></circle>
                <path class="s-on-task" d="m617 372 10 10-10 10-10-10z"></path>
                <path class="s-on-task" d="m192 272 10 10-10 10-10-10z"></path>
                <path class="s-stale" d="m516 664 11 19h-22z"></path>
                <circle class="scene-centre" cx="400" cy="400" r="5"></circle>
            </g>
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_server() {
        for evil in ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\n/b"] {
            assert_eq!(safe_next(Some(evil.into())), "/", "{evil:?}");
        }
        assert_eq!(safe_next(Some("/?scope=zone:3".into())), "/?scope=zone:3");
    }
}
