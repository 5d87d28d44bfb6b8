//! No such page.

use crate::components::whole::IntoWhole;
use crate::{
    components::icon::{Glyph, Icon},
    platform,
};
use leptos::prelude::*;
use leptos_meta::Title;

#[component]
pub fn NotFoundPage() -> impl IntoView {
    platform::say_not_found();
    view! {
        <Title text="Page not found"/>
        <main class="notice-page">
            <div class="notice-card">
                <Icon glyph=Glyph::Map/>
                <h1>"There is no page at this address"</h1>
                <p>"It may have been typed wrong, or it is from another version of Sentinel."</p>
                <a class="button primary" href="/" rel="external">"Open the live map"</a>
            </div>
        </main>
    }
    .whole()
}
