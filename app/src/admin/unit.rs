//! One unit: how it is, and how a phone becomes it.

use super::{
    Frame, Section,
    connect::{App, apps},
    page,
    parts::{confirmed, copied, message, moment, second, since},
    qr::qr,
};
use crate::{
    components::{
        icon::{Glyph, Icon},
        mark::Mark,
    },
    format::{kind, status_word},
};
use leptos::prelude::*;
use sentinel_model::{Time, Unit, UnitId};

pub struct Shown {
    pub unit: Unit,
    pub station_name: String,
    /// Scheme and host as the viewer's browser reached them.
    pub server: String,
    /// Whether `server` means the machine that asks.
    pub is_loopback: bool,
    /// For who may give it a new token, and so connect a phone: tells its token from the next,
    /// as [`once`](super::parts::once) has it.
    pub token_mark: Option<String>,
    pub fresh: Option<Fresh>,
    /// The newest first.
    pub set_aside: Vec<SetAside>,
}

/// A point that was not stored.
pub struct SetAside {
    /// When it came.
    pub at: Time,
    pub reason: String,
}

/// A token just made: the one time it is shown.
pub struct Fresh {
    pub token: String,
    /// With the unit itself.
    pub with_unit: bool,
}

pub fn shown(frame: &Frame, shown: Shown) -> String {
    let Shown { unit, station_name, server, is_loopback, token_mark, fresh, set_aside } = shown;
    let id = unit.id.clone();
    let token = fresh.as_ref().map(|fresh| fresh.token.clone());
    let done = fresh.as_ref().map(|fresh| {
        if fresh.with_unit {
            format!("{id} is there. Connect its phone now: its token is shown this once.")
        } else {
            "The new token is in force; the one before has ended. It is shown this once.".to_owned()
        }
    });
    let connects = token_mark.is_some().then(|| connect(&server, is_loopback, &unit.id, token, token_mark));
    let title = id.to_string();
    page(frame, Section::Units, &title, || {
        view! {
            <nav class="admin-path" aria-label="Where this page is">
                <a class="link" href="/admin/units">"Units"</a>
            </nav>
            <div class="admin-head">
                <div>
                    <h1>{title.clone()}</h1>
                    {(unit.name != title).then(|| view! { <p class="faint">{unit.name.clone()}</p> })}
                </div>
                <a class="button" href=format!("/?unit={id}")><Icon glyph=Glyph::Map/>"On the live map"</a>
            </div>
            {done.map(|words| message(false, words))}
            {facts(&unit, station_name, frame.now)}
            {connects}
            {refusals(set_aside)}
        }
    })
}

/// How a phone becomes the unit, with its token where that was made just now.
fn connect(
    server: &str,
    is_loopback: bool,
    unit: &UnitId,
    token: Option<String>,
    token_mark: Option<String>,
) -> impl IntoView + use<> {
    let apps = apps(server, unit, token.as_deref());
    let has_token = token.is_some();
    let unreachable = format!(
        "Phones cannot reach {server}: it means this computer. Open this page by the address that phones use."
    );
    let id = unit.to_string();
    view! {
        <section aria-labelledby="connect-title">
            <h2 id="connect-title">"Connect a phone"</h2>
            {is_loopback.then(|| message(true, unreachable))}
            {match token {
                Some(token) => view! {
                    <div class="secret">
                        <h3>"Its token"</h3>
                        {copied("token".into(), "the token", token)}
                        <p class="faint">"Only its hash is kept. Whoever holds it posts positions as this unit and can do nothing else."</p>
                    </div>
                }
                    .into_any(),
                None => view! {
                    <div class="token-ask">
                        <p>"The token was shown when it was made and is kept as a hash only. A new one fills in the settings below and gives codes to scan."</p>
                        {confirmed(
                            "Make a new token",
                            format!("The token that {id} uses now ends at once: a phone that posts with it is refused until it has the new one."),
                            format!("/admin/units/{id}/token"),
                            token_mark,
                            "End the old token, make a new one".into(),
                            format!("Make a new token for {id}"),
                        )}
                    </div>
                }
                    .into_any(),
            }}
            <div class="apps">
                {apps.into_iter().enumerate().map(|(at, app)| card(at, app, has_token)).collect_view()}
            </div>
        </section>
    }
}

/// Why a phone that posts is not seen: most apps do not show what they are answered.
fn refusals(set_aside: Vec<SetAside>) -> impl IntoView {
    view! {
        <section aria-labelledby="aside-title">
            <h2 id="aside-title">"Points set aside"</h2>
            <p class="faint">"What could not be stored of what was posted for it: the last ten, as this server has seen them since it started."</p>
            {if set_aside.is_empty() {
                view! { <p>"None."</p> }.into_any()
            } else {
                let point = |SetAside { at, reason }| view! { <li>{second(at)} " " <span>{reason}</span></li> };
                view! { <ol class="set-aside">{set_aside.into_iter().map(point).collect_view()}</ol> }.into_any()
            }}
        </section>
    }
}

fn facts(unit: &Unit, station_name: String, now: Time) -> impl IntoView + use<> {
    let location = unit.location.clone();
    view! {
        <dl class="admin-facts">
            <div>
                <dt>"Status"</dt>
                <dd class="with-mark"><Mark status=unit.status/>{status_word(unit.status)}</dd>
            </div>
            <div><dt>"Kind"</dt><dd>{kind(&unit.kind)}</dd></div>
            <div><dt>"Station"</dt><dd>{station_name}</dd></div>
            <div>
                <dt>"Last fix"</dt>
                <dd>
                    {match location {
                        Some(location) => {
                            view! { {since(location.time, now)} <span class="faint">{moment(location.time)}</span> }.into_any()
                        }
                        None => view! { "none yet" }.into_any(),
                    }}
                </dd>
            </div>
        </dl>
    }
}

fn card(at: usize, app: App, has_token: bool) -> impl IntoView {
    let App { name, runs_on, hint, settings, link } = app;
    let code = link.as_ref().and_then(|link| qr(format!("Code for {name}"), &link.scan));
    let several = settings.len() > 1;
    view! {
        <details class="app" name="app" open=at == 0 && has_token>
            <summary>
                <Icon glyph=Glyph::ChevronRight/>
                <h3>{name}</h3>
                <span class="faint">{runs_on}</span>
            </summary>
            <div class="app-body">
                <div class="app-settings">
                    <p>{hint}</p>
                    <dl class:single=!several>
                        {settings
                            .into_iter()
                            .enumerate()
                            .map(|(line, (label, value))| {
                                let id = format!("app-{at}-{line}");
                                view! {
                                    <div>
                                        <dt>{label}</dt>
                                        <dd>{copied(id, &format!("{label} for {name}"), value)}</dd>
                                    </div>
                                }
                            })
                            .collect_view()}
                    </dl>
                </div>
                {link.map(|link| view! {
                    <div class="app-link">
                        {code}
                        <p class="faint">{link.scan_hint}</p>
                        <a class="button" href=link.open>{format!("Open {name} on this phone")}</a>
                    </div>
                })}
            </div>
        </details>
    }
}
