//! The fleet as a list, and the form that adds to it.

use super::{
    Frame, ScopeChoice, Section, page,
    parts::{encoded, message, pager, scope_options, since},
};
use crate::{
    components::{
        icon::{Glyph, Icon},
        mark::Mark,
    },
    format::{kind, status_word},
};
use leptos::prelude::*;
use sentinel_model::{Page, Unit};

pub struct Row {
    pub unit: Unit,
    pub station_name: String,
}

pub struct List {
    pub rows: Page<Row>,
    /// The words that were searched for.
    pub words: String,
    pub is_first_page: bool,
}

pub fn list(frame: &Frame, list: List) -> String {
    let List { rows: Page { items, next }, words, is_first_page } = list;
    let query = if words.is_empty() { String::new() } else { format!("q={}&", encoded(&words)) };
    let first = (!is_first_page).then(|| format!("/admin/units?{query}"));
    let next = next.map(|cursor| format!("/admin/units?{query}cursor={}", encoded(&cursor)));
    let now = frame.now;
    let opened = if frame.may_manage { " Open one to connect a phone." } else { "" };
    let whose = format!("Vehicles, drivers and people of {}.{opened}", frame.scope_name);
    page(frame, Section::Units, "Units", || {
        view! {
            <div class="admin-head">
                <div>
                    <h1>"Units"</h1>
                    <p class="faint">{whose}</p>
                </div>
                {frame.may_manage.then(|| view! {
                    <a class="button primary" href="/admin/new-unit"><Icon glyph=Glyph::Plus/>"Add a unit"</a>
                })}
            </div>
            <form class="admin-search" method="get" action="/admin/units" role="search">
                <label class="visually-hidden" for="q">"Search units"</label>
                <input id="q" name="q" type="search" value=words.clone() maxlength="100" placeholder="Id, name or station"/>
                <button class="button"><Icon glyph=Glyph::Search/>"Search"</button>
            </form>
            {if items.is_empty() {
                empty(&words).into_any()
            } else {
                view! {
                    <table class="records">
                        <caption class="visually-hidden">"Units, by id"</caption>
                        <thead>
                            <tr>
                                <th scope="col">"Unit"</th>
                                <th scope="col">"Kind"</th>
                                <th scope="col">"Station"</th>
                                <th scope="col">"Status"</th>
                                <th scope="col">"Last fix"</th>
                            </tr>
                        </thead>
                        <tbody>{items.into_iter().map(|row| line(row, now)).collect_view()}</tbody>
                    </table>
                }
                    .into_any()
            }}
            {pager(first, next)}
        }
    })
}

fn line(row: Row, now: sentinel_model::Time) -> impl IntoView {
    let Row { unit, station_name } = row;
    let name = (unit.name != unit.id.as_str()).then_some(unit.name);
    view! {
        <tr>
            <th scope="row" data-label="Unit">
                <a class="record-link" href=format!("/admin/units/{}", unit.id)>{unit.id.to_string()}</a>
                {name.map(|name| view! { <span class="faint">{name}</span> })}
            </th>
            <td data-label="Kind">{kind(&unit.kind)}</td>
            <td data-label="Station">{station_name}</td>
            <td data-label="Status">
                <span class="with-mark"><Mark status=unit.status/>{status_word(unit.status)}</span>
            </td>
            <td data-label="Last fix">
                {match unit.location {
                    Some(location) => since(location.time, now).into_any(),
                    None => view! { <span class="faint">"none yet"</span> }.into_any(),
                }}
            </td>
        </tr>
    }
}

fn empty(words: &str) -> impl IntoView + use<> {
    let (title, hint) = if words.is_empty() {
        ("No units yet".to_owned(), "Add one, then connect its phone.")
    } else {
        (format!("No unit matches \u{201c}{words}\u{201d}"), "Ids, names and stations were searched.")
    };
    view! {
        <div class="empty">
            <p class="empty-title">{title}</p>
            <p class="faint">{hint}</p>
        </div>
    }
}

/// What was typed into the form, to stand there again when it is refused.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub station: String,
}

pub fn form(frame: &Frame, stations: Vec<ScopeChoice>, typed: Typed, refusal: Option<String>) -> String {
    let chosen = typed.station.parse().ok();
    page(frame, Section::Units, "Add a unit", || {
        view! {
            <div class="admin-head"><h1>"Add a unit"</h1></div>
            {refusal.map(|words| message(true, words))}
            <form class="admin-form" method="post" action="/admin/new-unit">
                <label class="field">
                    <span>"Id"</span>
                    <input name="id" required maxlength="64" pattern="[A-Za-z0-9._\\-]+" value=typed.id autocomplete="off" autocapitalize="none" spellcheck="false"/>
                    <small class="faint">"As it is called over the radio, such as PC-214: letters, digits, dot, dash. It stays for ever."</small>
                </label>
                <label class="field">
                    <span>"Name"</span>
                    <input name="name" maxlength="100" value=typed.name autocomplete="off" placeholder="The same as the id"/>
                </label>
                <label class="field">
                    <span>"Kind"</span>
                    <input name="kind" maxlength="32" value=typed.kind list="kinds" autocomplete="off" placeholder="vehicle"/>
                    <datalist id="kinds">
                        <option value="patrol_car"></option>
                        <option value="motorcycle"></option>
                        <option value="ambulance"></option>
                        <option value="van"></option>
                        <option value="person"></option>
                    </datalist>
                </label>
                <label class="field">
                    <span>"Station"</span>
                    <select name="station" required>{scope_options(stations, chosen)}</select>
                </label>
                <div class="form-foot">
                    <button class="button primary">"Add the unit"</button>
                    <a class="button" href="/admin/units">"Cancel"</a>
                </div>
            </form>
        }
    })
}
