//! No such page.

use crate::platform;
use leptos::prelude::*;
use leptos_meta::Title;

#[component]
pub fn NotFoundPage() -> impl IntoView {
    platform::say_not_found();
    view! {
        <Title text="Page not found"/>
        <main class="notice-page">
            <h1>"There is no page here"</h1>
            <p>"The address may have been typed wrong, or the page has moved."</p>
            <a class="button primary" href="/" rel="external">"Open the live map"</a>
        </main>
    }
}
