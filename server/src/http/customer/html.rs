//! How the page is written. Its script takes its words from here, so they stand once.

use crate::dispatch::followed::{FollowedOrder, FollowedState};
use sentinel_model::page::MapSettings;
use std::fmt::Write as _;

/// The way of an order, as a customer follows it.
const STEPS: [&str; 4] = ["Received", "Assigned", "On the way", "Delivered"];

/// The page's first line, and what stands below it where there is no time to tell.
fn words(state: FollowedState) -> (&'static str, &'static str) {
    match state {
        FollowedState::Received => ("We have your order", "A driver is being found for you."),
        FollowedState::Assigned => ("Your driver is getting ready", "They set out soon."),
        FollowedState::OnTheWay => ("On the way to you", "Your driver has set out."),
        FollowedState::Arrived => ("Your driver is here", "They are at the door, or nearly."),
        FollowedState::Delivered => ("Delivered", "It is with you. Thank you!"),
        FollowedState::Cancelled => {
            ("This order was cancelled", "Whoever you ordered from can tell you more.")
        }
    }
}

/// Which of [`STEPS`] is under way; beyond the last where all is done.
fn step(state: FollowedState) -> usize {
    match state {
        FollowedState::Received | FollowedState::Cancelled => 0,
        FollowedState::Assigned => 1,
        FollowedState::OnTheWay => 2,
        FollowedState::Arrived => 3,
        FollowedState::Delivered => 4,
    }
}

pub fn page(order: &FollowedOrder, map: &MapSettings) -> String {
    let (title, below) = words(order.state);
    let number = order
        .order_id
        .as_ref()
        .map_or_else(|| "Your order".to_owned(), |id| format!("Order <b>{}</b>", escape(id.as_str())));
    let place = order.place.text.as_deref().map_or_else(String::new, |text| {
        format!(
            "<p class=\"to\"><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M12 21s7-6.3 7-11.5a7 7 0 1 0-14 0C5 14.7 12 21 12 21Z\"/>\
             <circle cx=\"12\" cy=\"9.5\" r=\"2.4\"/></svg><span><small>Going to</small>{}</span></p>",
            escape(text)
        )
    });
    let mut all_words = String::new();
    for state in FollowedState::ALL {
        let (title, below) = words(state);
        let name = state.as_str();
        write!(
            all_words,
            "<i data-of=\"{name}\" data-step=\"{}\" data-title=\"{title}\" data-below=\"{below}\"></i>",
            step(state)
        )
        .ok();
    }
    let body = format!(
        "<main data-state=\"{state}\"{has_time}>\
         <section class=\"told\" aria-label=\"Your order\">\
         <p class=\"head\"><span>{number}</span><span class=\"live\" id=\"live\" hidden></span></p>\
         <svg class=\"end\" viewBox=\"0 0 64 64\" aria-hidden=\"true\"><circle cx=\"32\" cy=\"32\" r=\"28\"/>\
         <path class=\"done\" d=\"m20 33 8.5 8.5L45 24\"/><path class=\"off\" d=\"m23 23 18 18m0-18L23 41\"/></svg>\
         <h1 id=\"title\">{title}</h1>\
         <div class=\"when\"><p class=\"eta\" id=\"eta\">{eta}</p><p class=\"far\" id=\"far\">{far}</p></div>\
         <p class=\"below\" id=\"below\">{below}</p>\
         {steps}{place}<p class=\"seen\" id=\"seen\"></p>\
         <noscript><p class=\"seen\">This page renews itself every 20 seconds.</p></noscript></section>\
         <section class=\"map\" aria-label=\"Map\" id=\"map\" hidden{map}></section>\
         <p class=\"unseen\" role=\"status\" id=\"said\"></p>\
         <div id=\"words\" hidden>{all_words}</div></main>",
        state = order.state.as_str(),
        has_time = if order.eta_s.is_some() { " data-timed" } else { "" },
        eta = order.eta_s.map(eta).unwrap_or_default(),
        far = order.distance_m.map(|metres| format!("{} away", distance(metres))).unwrap_or_default(),
        steps = steps(step(order.state)),
        map = map_settings(order, map),
    );
    let head = "<noscript><meta http-equiv=\"refresh\" content=\"20\"></noscript><script src=\"/t/follow.js\" defer></script>";
    document(title, head, &body)
}

/// What the script needs: the order as it is, and of what its map is made.
fn map_settings(order: &FollowedOrder, map: &MapSettings) -> String {
    let now = serde_json::to_string(order).expect("an order always encodes");
    let mut text = format!(" data-now=\"{}\"", escape(&now));
    let settings = [("tiles", &map.tile_url), ("credit", &map.tile_attribution), ("city", &map.city_basemap)];
    for (name, value) in settings {
        if let Some(value) = value {
            write!(text, " data-{name}=\"{}\"", escape(value)).ok();
        }
    }
    text
}

fn steps(now: usize) -> String {
    let mut list = String::from("<ol class=\"steps\" id=\"steps\" aria-label=\"Progress\">");
    for (n, name) in STEPS.iter().enumerate() {
        let (class, said, current) = match n.cmp(&now) {
            std::cmp::Ordering::Less => ("done", "done: ", ""),
            std::cmp::Ordering::Equal => ("now", "now: ", " aria-current=\"step\""),
            std::cmp::Ordering::Greater => ("next", "", ""),
        };
        write!(list, "<li class=\"{class}\"{current}><span class=\"unseen\">{said}</span>{name}</li>").ok();
    }
    list.push_str("</ol>");
    list
}

/// Minutes, never none of them; hours where it takes that long.
fn eta(seconds: f64) -> String {
    let minutes = (seconds / 60.0).ceil().max(1.0);
    if minutes < 60.0 {
        return format!("<b>{minutes:.0}</b> min");
    }
    let hours = (minutes / 60.0).floor();
    format!("<b>{hours:.0}:{:02.0}</b> h", minutes - hours * 60.0)
}

fn distance(metres: f64) -> String {
    match metres {
        m if m < 995.0 => format!("{:.0} m", (m / 10.0).round().max(1.0) * 10.0),
        m if m < 9_950.0 => format!("{:.1} km", m / 1000.0),
        m => format!("{:.0} km", m / 1000.0),
    }
}

/// What every link that shows nothing shows.
pub fn gone() -> String {
    notice(
        "This link has ended",
        "It may have run out, or the order has been over for a while. Ask whoever sent it to you for another.",
    )
}

pub fn failed() -> String {
    notice("This cannot be shown right now", "Please load the page again in a moment.")
}

fn notice(title: &str, below: &str) -> String {
    let body = format!(
        "<main data-state=\"gone\"><section class=\"told\"><svg class=\"end\" viewBox=\"0 0 64 64\" aria-hidden=\"true\">\
         <circle cx=\"32\" cy=\"32\" r=\"28\"/><path class=\"clock\" d=\"M32 18v15l9 6\"/></svg>\
         <h1>{title}</h1><p class=\"below\">{below}</p></section></main>"
    );
    document(title, "", &body)
}

fn document(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, viewport-fit=cover\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex, nofollow\">\
         <meta name=\"theme-color\" media=\"(prefers-color-scheme: light)\" content=\"#ffffff\">\
         <meta name=\"theme-color\" media=\"(prefers-color-scheme: dark)\" content=\"#10151a\">\
         <link rel=\"icon\" href=\"/favicon.svg\"><link rel=\"stylesheet\" href=\"/t/look.css\">{head}</head>\
         <body>{body}</body></html>"
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_distances_read_as_people_say_them() {
        for (seconds, told) in [
            (0.0, "<b>1</b> min"),
            (61.0, "<b>2</b> min"),
            (3540.0, "<b>59</b> min"),
            (3541.0, "<b>1:00</b> h"),
            (3901.0, "<b>1:06</b> h"),
        ] {
            assert_eq!(eta(seconds), told, "{seconds}");
        }
        for (metres, told) in
            [(3.0, "10 m"), (844.0, "840 m"), (996.0, "1.0 km"), (1_240.0, "1.2 km"), (12_400.0, "12 km")]
        {
            assert_eq!(distance(metres), told, "{metres}");
        }
    }

    #[test]
    fn what_people_wrote_is_text_and_never_the_page_s_own() {
        assert_eq!(escape("<b a=\"1\">&'"), "&lt;b a=&quot;1&quot;&gt;&amp;'");
    }
}
