//! How the types that write themselves as text stand in the server's OpenAPI document.
//!
//! The others derive it. Behind a feature, as the browser has no use for it.

use crate::{
    PatrolId, Scope, TaskId, Time, UnitId, UserName,
    webhook::{WantedEvents, WebhookEvent},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Discriminator, Ref, RefOr, Schema, SchemaFormat,
        schema::{AllOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Type},
    },
};

/// An enum of the live protocol, whose JSON says in `tag` which variant it is, beside what that holds.
pub(crate) fn tagged(tag: &str, name: &str, variants: &[&str], words: &str) -> RefOr<Schema> {
    let reference = |variant: &&str| Ref::from_schema_name(variant_name(name, variant));
    let said = variants.iter().map(|variant| (snake_case(variant), reference(variant).ref_location));
    let all = variants.iter().map(reference).fold(OneOfBuilder::new(), OneOfBuilder::item);
    let by_tag = Discriminator::with_mapping(tag, said);
    all.discriminator(Some(by_tag)).description(Some(words.trim())).into()
}

/// One variant under a name of its own, with all that it refers to.
pub(crate) fn add_variant<T: ToSchema>(
    schemas: &mut Vec<(String, RefOr<Schema>)>,
    tag: &str,
    name: &str,
    variant: &str,
) {
    let said = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([snake_case(variant)]));
    let says = ObjectBuilder::new().schema_type(Type::Object).property(tag, said).required(tag);
    let holds = Ref::from_schema_name(T::name());
    let flat = AllOfBuilder::new().item(says).item(holds);
    schemas.push((variant_name(name, variant), flat.into()));
    schemas.push((T::name().into(), T::schema()));
    T::schemas(schemas);
}

fn variant_name(name: &str, variant: &str) -> String {
    format!("{name}_{variant}")
}

/// As serde's `rename_all` has it.
fn snake_case(variant: &str) -> String {
    let mut snake = String::new();
    for (n, letter) in variant.char_indices() {
        if letter.is_uppercase() && n > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

macro_rules! text_schemas {
    ($($name:ident $([$format:expr])?, $pattern:expr, $example:literal, $words:literal;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).description(Some($words));
                let text = text.examples([$example]);
                $(let text = text.format(Some(SchemaFormat::KnownFormat($format)));)?
                let pattern: Option<&str> = $pattern;
                text.pattern(pattern).into()
            }
        }
        impl ToSchema for $name {}
    )*};
}

text_schemas! {
    UnitId, Some("^[A-Za-z0-9._-]{1,64}$"), "PC-001",
        "A vehicle, driver or person in the field: 1 to 64 letters, digits, `.`, `_` or `-`.";
    UserName, Some("^[A-Za-z0-9._-]{1,64}$"), "anand",
        "The name a person signs in with: 1 to 64 letters, digits, `.`, `_` or `-`.";
    TaskId, Some("^[A-Za-z0-9._-]{1,64}$"), "inc-1042",
        "An incident or an order: 1 to 64 letters, digits, `.`, `_` or `-`.";
    PatrolId, Some("^[0-9]{1,16}$"), "1795226400123",
        "A patrol's number as text, so that it is exact in every JSON reader.";
    Scope, Some("^(district|zone|division|station):[0-9]{1,10}$"), "zone:3",
        "A node of the hierarchy district > zone > division > station, as its level and its number.";
    Time[KnownFormat::DateTime], None, "2026-11-21T02:00:00.000Z",
        "ISO 8601. Answers are in UTC, to the millisecond; what is sent may have an offset, and is UTC without one. \
         From 1970 to 9999.";
}

impl PartialSchema for WebhookEvent {
    fn schema() -> RefOr<Schema> {
        let names = Self::OFFERED.into_iter().chain([Self::Ping]).map(Self::as_str);
        let words = "What an endpoint is told of; `ping` is what a test sends.";
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some(words));
        text.enum_values(Some(names)).into()
    }
}

impl ToSchema for WebhookEvent {}

impl PartialSchema for WantedEvents {
    fn schema() -> RefOr<Schema> {
        let names = WebhookEvent::OFFERED.into_iter().map(WebhookEvent::as_str).chain(["*"]);
        let words = "The events that an endpoint wants, or `*` alone for all that there are and will be.";
        let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        let list = ArrayBuilder::new().items(name).min_items(Some(1)).description(Some(words));
        list.examples([["patrol.started", "alert.sos"]]).into()
    }
}

impl ToSchema for WantedEvents {}
