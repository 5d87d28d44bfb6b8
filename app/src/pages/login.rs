//! Sign-in: a plain form that works before and without the wasm.

use crate::platform;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// Only a path of this server may be gone to after signing in.
fn safe_next(next: Option<String>) -> String {
    next.filter(|n| n.starts_with('/') && !n.starts_with("//") && !n.contains('\\'))
        .unwrap_or_else(|| "/".into())
}

#[component]
pub fn LoginPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let next = safe_next(query.get("next"));
    if platform::signed_in() {
        platform::redirect(&next);
    }
    let message = match query.get("error").as_deref() {
        Some("credentials") => Some("That name and password do not go together. Try again."),
        Some("throttled") => Some("Too many tries. Wait a minute, then try again."),
        _ => None,
    };
    view! {
        <Title text="Sign in"/>
        <main class="login">
            <form method="post" action="/login">
                <h1>"Sentinel"</h1>
                {message.map(|m| view! { <p role="alert">{m}</p> })}
                <input type="hidden" name="next" value=next/>
                <label>"User name" <input name="username" autocomplete="username" required autofocus/></label>
                <label>"Password" <input name="password" type="password" autocomplete="current-password" required/></label>
                <button>"Sign in"</button>
            </form>
        </main>
    }
}
