//! API keys: which there are, and the form that makes one.

use super::{
    Frame, ScopeChoice, Section, page,
    parts::{State, confirmed, copied, message, moment, once, pager, scope_options, since, state},
};
use crate::components::icon::{Glyph, Icon};
use leptos::prelude::*;
use sentinel_model::{Page, Permission, Time, people::ApiKey};

pub struct Row {
    pub key: ApiKey,
    pub scope_name: String,
}

pub struct List {
    pub rows: Page<Row>,
    pub is_first_page: bool,
    /// A key was revoked by the request before this one.
    pub revoked: bool,
}

/// What each permission lets a program do, in the order of forms and lists.
pub const PERMISSIONS: [(Permission, &str, &str); 4] = [
    (Permission::Read, "Read", "See units, routes and the live stream of the scope."),
    (Permission::Ingest, "Ingest", "Post positions for every unit of the scope."),
    (Permission::Dispatch, "Dispatch", "Start and end patrols, assign units."),
    (Permission::Manage, "Manage", "Change units, people, areas and keys of the scope."),
];

/// The name of a permission's box in the form.
pub const fn box_name(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "read",
        Permission::Ingest => "ingest",
        Permission::Dispatch => "dispatch",
        Permission::Manage => "manage",
    }
}

pub fn list(frame: &Frame, list: List) -> String {
    let List { rows: Page { items, next }, is_first_page, revoked } = list;
    let first = (!is_first_page).then(|| "/admin/keys".to_owned());
    let next = next.map(|cursor| format!("/admin/keys?cursor={cursor}"));
    let now = frame.now;
    page(frame, Section::Keys, "API keys", || {
        view! {
            <div class="admin-head">
                <div>
                    <h1>"API keys"</h1>
                    <p class="faint">"Programs sign in with them. A key is shown once, when it is made."</p>
                </div>
                <a class="button primary" href="/admin/new-key"><Icon glyph=Glyph::Plus/>"Make a key"</a>
            </div>
            {revoked.then(|| message(false, "The key is revoked. It is refused from now on, and its streams have ended.".into()))}
            {if items.is_empty() {
                view! {
                    <div class="empty">
                        <p class="empty-title">"No keys yet"</p>
                        <p class="faint">"Make one for each program, so that each can be revoked by itself."</p>
                    </div>
                }
                    .into_any()
            } else {
                view! {
                    <table class="records">
                        <caption class="visually-hidden">"API keys"</caption>
                        <thead>
                            <tr>
                                <th scope="col">"Name"</th>
                                <th scope="col">"Scope"</th>
                                <th scope="col">"May"</th>
                                <th scope="col">"Made"</th>
                                <th scope="col">"Ends"</th>
                                <th scope="col">"Last used"</th>
                                <th scope="col">"State"</th>
                                <th scope="col"><span class="visually-hidden">"Revoke"</span></th>
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

fn line(row: Row, now: Time) -> impl IntoView {
    let Row { key, scope_name } = row;
    let ended = key.expires_at.is_some_and(|at| at <= now);
    let (how, word) = match (key.revoked, ended) {
        (true, _) => (State::Off, "Revoked"),
        (false, true) => (State::Off, "Expired"),
        (false, false) => (State::Good, "In use"),
    };
    let may: Vec<&str> = PERMISSIONS
        .iter()
        .filter(|(permission, ..)| key.permissions.contains(permission))
        .map(|(_, word, _)| *word)
        .collect();
    let revoke = (!key.revoked).then(|| {
        confirmed(
            "Revoke",
            format!(
                "Programs that use \u{201c}{}\u{201d} are refused at once. This cannot be undone.",
                key.name
            ),
            format!("/admin/keys/{}/revoke", key.id),
            None,
            "Revoke this key".into(),
            format!("Revoke {}", key.name),
        )
    });
    view! {
        <tr>
            <th scope="row" data-label="Name">
                {key.name.clone()} <span class="faint">{key.id.clone()}</span>
            </th>
            <td data-label="Scope">{scope_name} <span class="faint">{key.scope.to_string()}</span></td>
            <td data-label="May">{may.join(", ")}</td>
            <td data-label="Made">{since(key.created_at, now)}</td>
            <td data-label="Ends">
                {match key.expires_at {
                    Some(at) => moment(at).into_any(),
                    None => view! { <span class="faint">"never"</span> }.into_any(),
                }}
            </td>
            <td data-label="Last used">
                {match key.last_used_at {
                    Some(at) => since(at, now).into_any(),
                    None => view! { <span class="faint">"never"</span> }.into_any(),
                }}
            </td>
            <td data-label="State">{state(how, word)}</td>
            <td class="record-action">{revoke}</td>
        </tr>
    }
}

/// What was typed into the form, to stand there again when it is refused.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// See [`once`].
    pub once: String,
    pub name: String,
    pub scope: String,
    pub permissions: Vec<Permission>,
    /// A day, `2027-01-31`, or nothing.
    pub ends: String,
}

pub fn form(frame: &Frame, scopes: Vec<ScopeChoice>, typed: Typed, refusal: Option<String>) -> String {
    let chosen = typed.scope.parse().ok();
    page(frame, Section::Keys, "Make a key", || {
        view! {
            <div class="admin-head"><h1>"Make a key"</h1></div>
            {refusal.map(|words| message(true, words))}
            <form class="admin-form" method="post" action="/admin/new-key">
                {once(typed.once)}
                <label class="field">
                    <span>"Name"</span>
                    <input name="name" required maxlength="100" value=typed.name autocomplete="off" placeholder="Which program it is for"/>
                </label>
                <label class="field">
                    <span>"Scope"</span>
                    <select name="scope" required>{scope_options(scopes, chosen)}</select>
                </label>
                <fieldset class="choices">
                    <legend>"What it may do"</legend>
                    {PERMISSIONS
                        .into_iter()
                        .map(|(permission, word, hint)| {
                            let name = box_name(permission);
                            view! {
                                <label class="choice">
                                    <input type="checkbox" name=name value="on" checked=typed.permissions.contains(&permission)/>
                                    <span>{word}</span>
                                    <small class="faint">{hint}</small>
                                </label>
                            }
                        })
                        .collect_view()}
                </fieldset>
                <label class="field">
                    <span>"Last day"</span>
                    <input name="ends" type="date" value=typed.ends/>
                    <small class="faint">"It ends with this day, UTC. Left empty, it holds until it is revoked."</small>
                </label>
                <div class="form-foot">
                    <button class="button primary">"Make the key"</button>
                    <a class="button" href="/admin/keys">"Cancel"</a>
                </div>
            </form>
        }
    })
}

/// The one time that a key is shown.
pub fn made(frame: &Frame, name: &str, key: String) -> String {
    let example = format!("Authorization: Bearer {key}");
    page(frame, Section::Keys, "The new key", || {
        view! {
            <div class="admin-head"><h1>{format!("The key \u{201c}{name}\u{201d}")}</h1></div>
            <section class="secret" aria-labelledby="secret-title">
                <h2 id="secret-title">"Copy it now: it is not shown again"</h2>
                {copied("secret".into(), "the key", key)}
                <p class="faint">"Only its hash is kept. A program sends it with each request:"</p>
                {copied("header".into(), "the header", example)}
            </section>
            <div class="form-foot"><a class="button primary" href="/admin/keys">"I have copied it"</a></div>
        }
    })
}
