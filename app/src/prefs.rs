//! What a person likes: kept in cookies, so that the server's first paint has it.

use crate::{format::Measure, local_time::Wall, platform};
use wasm_bindgen::JsCast;

/// Dark for night shifts unless chosen otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    #[default]
    Dark,
    Light,
    /// As the person's system says.
    System,
}

const LOOK_COOKIE: &str = "sentinel_theme";
const MEASURE_COOKIE: &str = "sentinel_units";
const ZONE_COOKIE: &str = "sentinel_zone";
const HOURS_COOKIE: &str = "sentinel_hours";
const SOUND_COOKIE: &str = "sentinel_sound";
const NOTIFY_COOKIE: &str = "sentinel_notify";
const BOARD_COOKIE: &str = "sentinel_board";
const FENCES_COOKIE: &str = "sentinel_fences";

impl Look {
    pub const ALL: [Look; 3] = [Look::Dark, Look::Light, Look::System];

    pub fn chosen() -> Self {
        match platform::cookie(LOOK_COOKIE).as_deref() {
            Some("light") => Look::Light,
            Some("system") => Look::System,
            _ => Look::Dark,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Look::Dark => "dark",
            Look::Light => "light",
            Look::System => "system",
        }
    }

    /// Paints the page so, and remembers it. In the browser only.
    pub fn apply(self) {
        let Some(document) = web_sys::window().and_then(|w| w.document()) else { return };
        if let Some(root) = document.document_element() {
            // Setting a data attribute fails only for a malformed name.
            let _ = root.set_attribute("data-theme", self.word());
        }
        remember(LOOK_COOKIE, self.word());
    }

    pub fn is_dark_now(self) -> bool {
        match self {
            Look::Dark => true,
            Look::Light => false,
            Look::System => !media("(prefers-color-scheme: light)"),
        }
    }
}

pub fn measure_chosen() -> Measure {
    match platform::cookie(MEASURE_COOKIE).as_deref() {
        Some("mph") => Measure::Imperial,
        _ => Measure::Metric,
    }
}

pub fn remember_measure(measure: Measure) {
    remember(MEASURE_COOKIE, if measure == Measure::Imperial { "mph" } else { "kmh" });
}

pub fn wall_chosen() -> Wall {
    Wall {
        utc: platform::cookie(ZONE_COOKIE).as_deref() == Some("utc"),
        twelve: platform::cookie(HOURS_COOKIE).as_deref() == Some("12"),
    }
}

pub fn remember_wall(wall: Wall) {
    remember(ZONE_COOKIE, if wall.utc { "utc" } else { "local" });
    remember(HOURS_COOKIE, if wall.twelve { "12" } else { "24" });
}

/// Whether alerts are heard; unless one chose otherwise they are.
pub fn sound_chosen() -> bool {
    platform::cookie(SOUND_COOKIE).as_deref() != Some("off")
}

pub fn remember_sound(on: bool) {
    remember(SOUND_COOKIE, if on { "on" } else { "off" });
}

/// Whether alerts are shown outside the page; unless one chose so they are not.
pub fn notify_chosen() -> bool {
    platform::cookie(NOTIFY_COOKIE).as_deref() == Some("on")
}

pub fn remember_notify(on: bool) {
    remember(NOTIFY_COOKIE, if on { "on" } else { "off" });
}

/// Whether the incidents stand beside the map.
pub fn board_chosen() -> bool {
    platform::cookie(BOARD_COOKIE).as_deref() == Some("on")
}

pub fn remember_board(on: bool) {
    remember(BOARD_COOKIE, if on { "on" } else { "off" });
}

/// Whether the map shows geofences; unless one chose otherwise it does.
pub fn fences_chosen() -> bool {
    platform::cookie(FENCES_COOKIE).as_deref() != Some("off")
}

pub fn remember_fences(on: bool) {
    remember(FENCES_COOKIE, if on { "on" } else { "off" });
}

/// Where the style sheet lays the page out for a phone; keep both alike.
pub const NARROW: &str = "(max-width: 767px), (max-width: 960px) and (max-height: 600px)";

/// Whether a media query holds now. In the browser only.
pub fn media(query: &str) -> bool {
    web_sys::window().and_then(|w| w.match_media(query).ok().flatten()).is_some_and(|m| m.matches())
}

fn remember(name: &str, value: &str) {
    const A_YEAR_S: u32 = 31_536_000;
    let document = web_sys::window().and_then(|w| w.document());
    if let Some(page) = document.and_then(|d| d.dyn_into::<web_sys::HtmlDocument>().ok()) {
        // A browser that keeps no cookies keeps no preference; the page works all the same.
        let _ = page.set_cookie(&format!("{name}={value}; Path=/; Max-Age={A_YEAR_S}; SameSite=Lax"));
    }
}
