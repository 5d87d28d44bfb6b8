//! What a page asks and says of incidents and orders.

use super::{
    rest::{RestError, encoded, get, send},
    tasks::TaskRef,
};
use sentinel_model::{
    Page, Scope, Task, UnitId,
    dispatch::{AssignmentState, NearestUnit, OrderLink, Outcome, Priority},
};
use wasm_bindgen::JsValue;

/// Of each sort; who has more looks at a smaller area.
const OPEN_MAX: usize = 1_000;
/// Closed ones of a page of the history.
const PAST_LIMIT: usize = 50;
/// As many as there are keys for.
pub const NEAREST: usize = 9;

/// The fields of a request, as JSON.
pub struct Fields(js_sys::Object);

impl Fields {
    pub fn none() -> Self {
        Self(js_sys::Object::new())
    }

    pub fn with(self, name: &str, value: impl Into<JsValue>) -> Self {
        // Setting a field of a new plain object cannot fail.
        let _ = js_sys::Reflect::set(&self.0, &name.into(), &value.into());
        self
    }

    /// Leaves it out where it is empty.
    pub fn with_text(self, name: &str, text: &str) -> Self {
        if text.trim().is_empty() { self } else { self.with(name, text.trim()) }
    }

    pub fn object(self) -> js_sys::Object {
        self.0
    }

    pub(super) fn text(&self) -> String {
        // What is made of texts and numbers has its JSON.
        js_sys::JSON::stringify(&self.0).map(String::from).unwrap_or_default()
    }
}

fn address(which: &TaskRef) -> String {
    format!("/api/v1/{}s/{}", which.word(), encoded(which.id.as_str()))
}

/// The open incidents and orders that a scope sees, and whether there are more than these.
pub async fn open_tasks(scope: Scope) -> Result<(Vec<Task>, bool), RestError> {
    let (mut all, mut more) = (Vec::new(), false);
    for sort in ["incidents", "orders"] {
        let page: Page<Task> = get(&format!("/api/v1/{sort}?scope={scope}&limit={OPEN_MAX}")).await?;
        all.extend(page.items);
        more |= page.next.is_some();
    }
    Ok((all, more))
}

/// A page of those that are closed, the newest first.
pub async fn past_tasks(
    is_order: bool,
    scope: Scope,
    words: &str,
    cursor: Option<&str>,
) -> Result<Page<Task>, RestError> {
    let sort = if is_order { "orders" } else { "incidents" };
    let words = if words.trim().is_empty() { String::new() } else { format!("&q={}", encoded(words.trim())) };
    let after = cursor.map(|c| format!("&cursor={}", encoded(c))).unwrap_or_default();
    get(&format!("/api/v1/{sort}?scope={scope}&state=closed&limit={PAST_LIMIT}{words}{after}")).await
}

pub async fn task(which: &TaskRef) -> Result<Task, RestError> {
    get(&address(which)).await
}

pub async fn nearest(which: &TaskRef) -> Result<Vec<NearestUnit>, RestError> {
    let page: Page<NearestUnit> = get(&format!("{}/nearest?limit={NEAREST}", address(which))).await?;
    Ok(page.items)
}

/// Sends a unit; then the task as it is.
pub async fn assign(
    which: &TaskRef,
    unit: &UnitId,
    even_if_busy: bool,
    instead_of: Option<&str>,
) -> Result<Task, RestError> {
    let mut fields = Fields::none().with("unit_id", unit.as_str()).with("even_if_busy", even_if_busy);
    if let Some(assignment) = instead_of {
        fields = fields.with("instead_of", assignment);
    }
    said("POST", &format!("{}/assign", address(which)), fields).await?;
    task(which).await
}

/// Says how far an assigned unit is; then the task as it is.
pub async fn step(which: &TaskRef, assignment: &str, state: AssignmentState) -> Result<Task, RestError> {
    let fields = Fields::none().with("status", state.as_str());
    said("POST", &format!("/api/v1/assignments/{}/status", encoded(assignment)), fields).await?;
    task(which).await
}

async fn said(method: &str, address: &str, fields: Fields) -> Result<(), RestError> {
    send(method, address, fields.text(), |_| Some(())).await
}

async fn changed(method: &str, address: &str, fields: Fields) -> Result<Task, RestError> {
    send(method, address, fields.text(), |body| postcard::from_bytes(body).ok()).await
}

pub async fn create(is_order: bool, fields: Fields) -> Result<Task, RestError> {
    changed("POST", if is_order { "/api/v1/orders" } else { "/api/v1/incidents" }, fields).await
}

pub async fn edit(which: &TaskRef, fields: Fields) -> Result<Task, RestError> {
    changed("PATCH", &address(which), fields).await
}

pub fn priority_field(priority: Priority) -> Fields {
    Fields::none().with("priority", priority.as_str())
}

pub async fn note(which: &TaskRef, text: &str) -> Result<Task, RestError> {
    changed("POST", &format!("{}/notes", address(which)), Fields::none().with("text", text)).await
}

pub async fn hand_over(which: &TaskRef, to: Scope) -> Result<Task, RestError> {
    let fields = Fields::none().with("scope", to.to_string());
    changed("POST", &format!("{}/handover", address(which)), fields).await
}

pub async fn close(which: &TaskRef, outcome: Outcome, note: &str) -> Result<Task, RestError> {
    let fields = Fields::none().with("outcome", outcome.as_str()).with_text("note", note);
    changed("POST", &format!("{}/close", address(which)), fields).await
}

fn links_address(order: &TaskRef) -> String {
    format!("{}/links", address(order))
}

/// The customer's links of an order, oldest first, those that hold no more among them.
pub async fn links(order: &TaskRef) -> Result<Vec<OrderLink>, RestError> {
    let page: Page<OrderLink> = get(&links_address(order)).await?;
    Ok(page.items)
}

pub async fn make_link(order: &TaskRef, expires_in_s: u32) -> Result<OrderLink, RestError> {
    let fields = Fields::none().with("expires_in_s", expires_in_s);
    send("POST", &links_address(order), fields.text(), |body| postcard::from_bytes(body).ok()).await
}

pub async fn revoke_link(order: &TaskRef, link: &str) -> Result<(), RestError> {
    let address = format!("{}/{}", links_address(order), encoded(link));
    send("DELETE", &address, String::new(), |_| Some(())).await
}
