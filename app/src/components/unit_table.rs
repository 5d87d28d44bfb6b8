//! The units as a table, for a browser without JavaScript.

use crate::{
    first_paint::FirstPaint,
    format::{ago, plural, status_word},
    platform,
};
use leptos::prelude::*;

/// Rows of the table; a longer one is read by area.
const MOST: usize = 200;

/// Stands inside `noscript` as text, so hydration never looks into it.
#[component]
pub fn UnitTable(paint: FirstPaint) -> impl IntoView {
    let table = platform::on_server(move || table(&paint).to_html()).unwrap_or_default();
    view! { <noscript inner_html=table></noscript> }
}

fn table(paint: &FirstPaint) -> impl IntoView + use<> {
    let station = |scope| {
        paint.scopes.iter().find(|n| n.scope == scope).map_or_else(|| scope.to_string(), |n| n.name.clone())
    };
    let rows: Vec<_> = paint
        .units
        .items
        .iter()
        .take(MOST)
        .map(|u| {
            let seen = u.location.as_ref().map(|l| (l.time.to_string(), ago(paint.now.ms_since(l.time))));
            let place = u.location.as_ref().map(|l| format!("{:.5}, {:.5}", l.latitude, l.longitude));
            view! {
                <tr>
                    <th scope="row">{u.id.to_string()}</th>
                    <td>{status_word(u.status)}</td>
                    <td>{station(u.station)}</td>
                    <td>{place.unwrap_or_else(|| "no position yet".into())}</td>
                    <td>{seen.map(|(exact, ago)| view! { <time datetime=exact.clone() title=exact.clone()>{ago}</time> })}</td>
                </tr>
            }
        })
        .collect();
    let count = plural(rows.len(), "unit", "units");
    let more = (paint.units.next.is_some() || paint.units.items.len() > MOST)
        .then_some(" There are more: choose an area to see its own.");
    view! {
        <section class="no-script">
            <h2>"Units of " {station(paint.scope)}</h2>
            <p>
                "The live map needs JavaScript. This is how the " {count} " were when the page was made; load it again for news."
                {more}
            </p>
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Unit"</th>
                        <th scope="col">"Status"</th>
                        <th scope="col">"Station"</th>
                        <th scope="col">"Place"</th>
                        <th scope="col">"Last fix"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
}
