//! Text within XML.

use quick_xml::escape::escape;
use std::borrow::Cow;

/// Escaped; without the characters that XML 1.0 has no way to write.
pub fn text(text: &str) -> String {
    let writable =
        |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let text: Cow<str> = match text.chars().all(writable) {
        true => text.into(),
        false => text.chars().filter(|c| writable(*c)).collect::<String>().into(),
    };
    escape(text).into_owned()
}

/// `<name>value</name>` where there is a value.
pub fn element(out: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    use std::fmt::Write as _;
    if let Some(value) = value {
        let _ = write!(out, "<{name}>{}</{name}>", text(&value.to_string()));
    }
}
