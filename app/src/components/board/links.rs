//! The links by which a customer follows an order: made, copied again and revoked here.

use super::{drawer::OnShow, keys, words};
use crate::{
    components::{
        copy::copy,
        icon::{Glyph, Icon},
        whole::{IntoWhole, Row, effect, part, rows, text},
    },
    console::Console,
    live::{dispatch, link::Link, rest::RestError, tasks::TaskRef},
};
use leptos::{html, prelude::*, task::spawn_local};
use sentinel_model::dispatch::OrderLink;

const TITLE: &str = "order-links";
/// What a link can be made to hold, in seconds and in words; the second is a day, as the server
/// has it where nothing is said.
const HOLDS: [(u32, &str); 4] = [
    (7_200, "Holds 2 hours"),
    (86_400, "Holds a day"),
    (604_800, "Holds a week"),
    (2_592_000, "Holds 30 days"),
];

#[derive(Clone, Copy)]
struct Links {
    console: Console,
    order: StoredValue<TaskRef>,
    all: RwSignal<Vec<OrderLink>>,
    /// None before the first answer; else why there was none.
    said: RwSignal<Option<Result<(), String>>>,
    busy: RwSignal<bool>,
    /// Why the last thing was not done.
    failed: RwSignal<Option<String>>,
    /// That could not be copied: its address is selected for who does it by hand.
    by_hand: RwSignal<Option<String>>,
}

impl Links {
    fn new(order: TaskRef) -> Self {
        Self {
            console: Console::of_page(),
            order: StoredValue::new(order),
            all: RwSignal::default(),
            said: RwSignal::new(None),
            busy: RwSignal::new(false),
            failed: RwSignal::new(None),
            by_hand: RwSignal::new(None),
        }
    }

    fn read(self) {
        let order = self.order.get_value();
        spawn_local(async move {
            let answer = dispatch::links(&order).await;
            if self.all.is_disposed() {
                return;
            }
            match answer {
                Ok(all) => {
                    self.all.set(all);
                    self.said.set(Some(Ok(())));
                }
                Err(RestError::SignedOut) => self.console.link.set(Link::SignedOut),
                Err(e) => self.said.set(Some(Err(e.to_string()))),
            }
        });
    }

    /// Does one thing at a time; who has gone on meanwhile is told nothing more of it.
    fn begin(self) -> bool {
        let is_free = !self.busy.get_untracked();
        if is_free {
            self.busy.set(true);
            self.failed.set(None);
        }
        is_free
    }

    fn ended<T>(self, answer: Result<T, RestError>) -> Option<T> {
        self.busy.try_set(false);
        match answer {
            Ok(done) => return Some(done),
            Err(RestError::SignedOut) => self.console.link.set(Link::SignedOut),
            Err(e) => {
                self.failed.try_set(Some(e.to_string()));
            }
        }
        None
    }

    fn make(self, expires_in_s: u32) {
        if !self.begin() {
            return;
        }
        let order = self.order.get_value();
        spawn_local(async move {
            let Some(made) = self.ended(dispatch::make_link(&order, expires_in_s).await) else { return };
            self.all.try_update(|all| all.push(made.clone()));
            self.copy(&made, "The new link is copied: send it to the customer.");
        });
    }

    fn copy(self, link: &OrderLink, done: &'static str) {
        let (console, id) = (self.console, link.id.clone());
        copy(&address(link), move |is_there| match is_there {
            true => console.tell(done),
            false => {
                self.by_hand.try_set(None);
                self.by_hand.try_set(Some(id));
                console
                    .warn("The browser does not let this page copy. The link is selected: copy it by hand.");
            }
        });
    }

    fn revoke(self, link: String) {
        if !self.begin() {
            return;
        }
        let order = self.order.get_value();
        spawn_local(async move {
            if self.ended(dispatch::revoke_link(&order, &link).await).is_some() {
                self.console.tell("The link shows nothing any more.");
                if !self.all.is_disposed() {
                    // What was pressed goes with it.
                    keys::focus(TITLE);
                    self.read();
                }
            }
        });
    }
}

/// What a customer opens, wherever this page came from.
fn address(link: &OrderLink) -> String {
    let origin = window().location().origin().unwrap_or_default();
    format!("{origin}{}", link.url)
}

pub fn links(on_show: OnShow) -> AnyView {
    let console = Console::of_page();
    let links = Links::new(on_show.sending.which.get_value());
    links.read();
    let is_closed = on_show.of(|task| task.is_closed());
    // Those that hold first, of each the newest.
    let listed = Memo::new(move |_| {
        let now = console.now.get();
        let mut all: Vec<(OrderLink, bool)> =
            links.all.get().into_iter().rev().map(|link| (link.clone(), link.holds(now))).collect();
        all.sort_by_key(|(_, holds)| !holds);
        all
    });
    let empty = move || match links.said.get() {
        None => "Reading…".to_string(),
        Some(Err(why)) => format!("They cannot be read now. {why}"),
        Some(Ok(())) if links.all.read().is_empty() => {
            "None yet. Who has one sees how far the order is.".into()
        }
        Some(Ok(())) => String::new(),
    };
    let is_unread = move || matches!(*links.said.read(), Some(Err(_)));
    view! {
        <section class="order-links" aria-label="Customer's links">
            <header class="task-head">
                <h3 id=TITLE tabindex="-1">"Customer's links"</h3>
                <button type="button" class="text-button" hidden=move || !is_unread() on:click=move |_| links.read()>
                    "Try again"
                </button>
            </header>
            <p class="faint" role="status" hidden=move || empty().is_empty()>{text(empty)}</p>
            <ul class="link-list">
                {rows(move || {
                    let row = |(link, holds): (OrderLink, bool)| {
                        let key = format!("{} {holds}", link.id);
                        Row::new(key, move || if holds { holding(links, link) } else { past(console, &link) })
                    };
                    listed.get().into_iter().map(row).collect()
                })}
            </ul>
            {part(move || (is_closed.get() == Some(false)).then(|| untrack(|| new(links))))}
            <p class="alert-failed" role="alert" hidden=move || links.failed.read().is_none()>
                {text(move || links.failed.get().unwrap_or_default())}
            </p>
        </section>
    }
    .whole()
}

fn new(links: Links) -> AnyView {
    let holds = NodeRef::<html::Select>::new();
    let make = move |e: leptos::ev::SubmitEvent| {
        e.prevent_default();
        let chosen = holds.get_untracked().and_then(|holds| holds.value().parse().ok());
        links.make(chosen.unwrap_or(HOLDS[1].0));
    };
    let option = |(seconds, words): (u32, &'static str)| {
        view! { <option value=seconds.to_string() selected=seconds == HOLDS[1].0>{words}</option> }
    };
    view! {
        <form class="near-other" on:submit=make>
            <select class="text-field" aria-label="How long it holds" node_ref=holds>
                {HOLDS.map(option).collect_view()}
            </select>
            <button type="submit" class="button" disabled=links.busy>
                <Icon glyph=Glyph::Plus/>
                "New link"
            </button>
        </form>
    }
    .whole()
}

fn holding(links: Links, link: OrderLink) -> AnyView {
    let console = links.console;
    let field = NodeRef::<html::Input>::new();
    let (id, revoked, made_at) = (link.id.clone(), link.id.clone(), link.created_at);
    let until = link.expires_at;
    let by = words::maker(&link.created_by).to_string();
    let asking = RwSignal::new(false);
    let (ask, sure) = (NodeRef::<html::Button>::new(), NodeRef::<html::Button>::new());
    let select = move || {
        if let Some(field) = field.get_untracked() {
            field.select();
        }
    };
    // Keyboards go on where they were, though the buttons are others.
    effect(move || {
        if let Some(sure) = sure.get() {
            let _ = sure.focus();
        }
    });
    let keep = move || {
        asking.set(false);
        request_animation_frame(move || {
            if let Some(ask) = ask.try_get_untracked().flatten() {
                let _ = ask.focus();
            }
        });
    };
    effect(move || {
        if links.by_hand.read().as_ref() == Some(&id)
            && let Some(field) = field.get()
        {
            let _ = field.focus();
            field.select();
        }
    });
    let label = move || format!("Address of the link of {}", console.wall.get().exact(made_at));
    let told = move || {
        let (wall, now) = (console.wall.get(), console.now.get());
        format!("{by}, {}. Until {}", words::moment(wall, made_at, now), words::moment(wall, until, now))
    };
    let shown = address(&link);
    view! {
        <li
            class="order-link"
            on:keydown=move |e| {
                if e.key() == "Escape" && asking.get_untracked() {
                    e.stop_propagation();
                    keep();
                }
            }
        >
            <input
                type="text"
                class="text-field"
                readonly=true
                aria-label=label
                value=shown
                node_ref=field
                on:focus=move |_| select()
            />
            <p class="faint">{text(told)}</p>
            <div class="task-actions" hidden=asking>
                <button
                    type="button"
                    class="button"
                    on:click=move |_| links.copy(&link, "The link is copied.")
                >
                    <Icon glyph=Glyph::Copy/>
                    "Copy"
                </button>
                <button type="button" class="button" node_ref=ask on:click=move |_| asking.set(true)>"Revoke"</button>
            </div>
            {part(move || {
                let revoked = revoked.clone();
                asking.get().then(|| view! {
                    <div class="task-actions">
                        <span>"Revoke it? Who has it sees nothing any more."</span>
                        <button
                            type="button"
                            class="button danger"
                            node_ref=sure
                            disabled=links.busy
                            on:click=move |_| links.revoke(revoked.clone())
                        >
                            "Revoke the link"
                        </button>
                        <button type="button" class="button" on:click=move |_| keep()>"Keep it"</button>
                    </div>
                }
                .whole())
            })}
        </li>
    }
    .whole()
}

/// One that shows nothing any more.
fn past(console: Console, link: &OrderLink) -> AnyView {
    let by = words::maker(&link.created_by).to_string();
    let (word, at) = match link.revoked_at {
        Some(at) => ("Revoked", at),
        None => ("Ended", link.expires_at),
    };
    let told = move || {
        let when = words::moment(console.wall.get(), at, console.now.get());
        format!("{word} {when}; made by {by}")
    };
    view! { <li><p class="faint">{text(told)}</p></li> }.whole()
}
