//! The wasm entry: takes over the page that the server rendered.

#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    std::panic::set_hook(Box::new(|panic| sentinel_app::say_stopped(&panic.to_string())));
    leptos::mount::hydrate_body(sentinel_app::App);
}
