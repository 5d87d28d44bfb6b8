//! Text within XML.

use crate::ingest::decode::is_writable;
use quick_xml::escape::escape;
use std::borrow::Cow;

/// Escaped; without the characters that XML 1.0 has no way to write, of which nothing is stored.
pub fn text(text: &str) -> String {
    let text: Cow<str> = match text.chars().all(is_writable) {
        true => text.into(),
        false => text.chars().filter(|c| is_writable(*c)).collect::<String>().into(),
    };
    let text = escape(text);
    // As it stands, a reader takes it for the end of a line.
    if text.contains('\r') { text.replace('\r', "&#13;") } else { text.into_owned() }
}

/// `<name>value</name>` where there is a value.
pub fn element(out: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    use std::fmt::Write as _;
    if let Some(value) = value {
        let _ = write!(out, "<{name}>{}</{name}>", text(&value.to_string()));
    }
}
