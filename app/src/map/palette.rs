//! The map's colours, read from the page's own CSS so that both change together.

use super::api::Theme;
use crate::format::fixed;

/// Red, green, blue, alpha; 0 to 1, not premultiplied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rgba(pub [f32; 4]);

impl Rgba {
    pub fn hex(rgb: u32) -> Self {
        let [_, r, g, b] = rgb.to_be_bytes().map(|v| f32::from(v) / 255.0);
        Self([r, g, b, 1.0])
    }

    /// Reads `#rgb`, `#rrggbb` and `#rrggbbaa`, which is how the page writes the map's colours.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix('#')?;
        let wide: String = match digits.len() {
            3 | 4 => digits.chars().flat_map(|c| [c, c]).collect(),
            6 | 8 => digits.to_owned(),
            _ => return None,
        };
        let mut parts = [1.0; 4];
        for (part, at) in parts.iter_mut().zip((0..wide.len()).step_by(2)) {
            *part = f32::from(u8::from_str_radix(wide.get(at..at + 2)?, 16).ok()?) / 255.0;
        }
        Some(Self(parts))
    }

    pub fn mix(self, other: Rgba, f: f32) -> Self {
        let mut out = self.0;
        for (a, b) in out.iter_mut().zip(other.0) {
            *a += (b - *a) * f;
        }
        Self(out)
    }

    pub fn alpha(mut self, a: f32) -> Self {
        self.0[3] = a;
        self
    }

    /// As canvas and CSS want it.
    pub fn css(self) -> String {
        let [r, g, b, a] = self.0;
        let byte = |v: f32| (v * 255.0).round() as u8;
        format!("rgba({},{},{},{})", byte(r), byte(g), byte(b), fixed(a.into(), 3))
    }
}

/// Everything that is drawn takes its colours from here.
#[derive(Debug, Clone, PartialEq)]
pub struct Palette {
    pub theme: Theme,
    /// Available, on task, stale, offline, SOS: in the order of shapes.
    pub status: [Rgba; 5],
    /// High, normal, low: of incidents and orders.
    pub priority: [Rgba; 3],
    pub land: Rgba,
    pub water: Rgba,
    pub coast: Rgba,
    pub road: Rgba,
    pub casing: Rgba,
    pub label: Rgba,
    pub halo: Rgba,
    pub accent: Rgba,
    /// Words of units: the page's text colour.
    pub text: Rgba,
    /// The page's typeface, as CSS writes it.
    pub font: String,
}

impl Palette {
    /// `lookup` answers with a custom property's value, or nothing.
    pub fn read(theme: Theme, font: String, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let dark = theme == Theme::Dark;
        let get = |name: &str, in_dark: u32, in_light: u32| {
            let otherwise = Rgba::hex(if dark { in_dark } else { in_light });
            lookup(name).and_then(|v| Rgba::parse(&v)).unwrap_or(otherwise)
        };
        Self {
            theme,
            status: [
                get("--status-available", 0x35D3A0, 0x07805A),
                get("--status-on-task", 0xB794FF, 0x6B3FD4),
                get("--status-stale", 0xF4B740, 0xA35C00),
                get("--status-offline", 0x97A3AE, 0x5A6671),
                get("--status-sos", 0xFF5D57, 0xC9211A),
            ],
            priority: [
                get("--priority-high", 0xFF8A4C, 0xC2410C),
                get("--priority-normal", 0x58B0FF, 0x0A63C9),
                get("--priority-low", 0x9FB0BD, 0x566573),
            ],
            land: get("--map-land", 0x141A20, 0xF0F1EE),
            water: get("--map-water", 0x0A1822, 0xC6DAE6),
            coast: get("--map-coast", 0x24485C, 0x92B4C7),
            road: get("--map-road", 0x37434F, 0xFFFFFF),
            casing: get("--map-road-casing", 0x0F1419, 0xC9CFD2),
            label: get("--map-label", 0x93A3B0, 0x44525D),
            halo: get("--map-label-halo", 0x0C1116, 0xF8F9F8),
            accent: get("--accent", 0x58B0FF, 0x0A63C9),
            text: get("--text", 0xE9EEF2, 0x12181E),
            font,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_colours_read_in_every_length() {
        assert_eq!(Rgba::parse(" #fff "), Some(Rgba::hex(0xFF_FFFF)));
        assert_eq!(Rgba::parse("#0a1822"), Some(Rgba::hex(0x0A1822)));
        assert_eq!(Rgba::parse("#00000080").map(|c| (c.0[3] * 255.0).round()), Some(128.0));
        for bad in ["", "#", "red", "#12345", "#zzzzzz", "#ééé"] {
            assert_eq!(Rgba::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_the_page_does_not_say_has_a_default() {
        let palette = Palette::read(Theme::Light, String::new(), |name| {
            (name == "--accent").then(|| "#112233".to_owned())
        });
        assert_eq!(palette.accent, Rgba::hex(0x112233));
        assert_eq!(palette.land, Rgba::hex(0xF0F1EE));
        assert_eq!(palette.accent.css(), "rgba(17,34,51,1.000)");
    }
}
