//! The live map.

use crate::{first_paint::NoPaint, platform};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

#[component]
pub fn ConsolePage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let location = use_location();
    let here = format!("{}{}", location.pathname.get_untracked(), location.search.get_untracked());
    let paint = OnceResource::new_blocking(platform::first_paint(query.get("scope")));
    view! {
        <Suspense>
            {move || Suspend::new({
                let here = here.clone();
                async move {
                    match paint.await {
                        Ok(paint) => view! { <main>{paint.units.items.len()}</main> }.into_any(),
                        Err(NoPaint::SignedOut) => {
                            platform::redirect(&format!("/login?next={here}"));
                            ().into_any()
                        }
                        Err(other) => view! { <main>{format!("{other:?}")}</main> }.into_any(),
                    }
                }
            })}
        </Suspense>
    }
}
