//! Instants in the person's own time zone. Only a browser knows it, so the first
//! paint says UTC and the page says local time once it is alive.

use sentinel_model::Time;

fn date(at: Time) -> js_sys::Date {
    js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at.ms() as f64))
}

/// `08:37:12`
pub fn clock(at: Time) -> String {
    let d = date(at);
    format!("{:02}:{:02}:{:02}", d.get_hours(), d.get_minutes(), d.get_seconds())
}

/// `08:37`
pub fn clock_short(at: Time) -> String {
    let d = date(at);
    format!("{:02}:{:02}", d.get_hours(), d.get_minutes())
}

/// `21 Nov 2026, 08:37:12 (UTC+05:30)`
pub fn exact(at: Time) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let d = date(at);
    let month = MONTHS.get(d.get_month() as usize).copied().unwrap_or_default();
    format!("{} {month} {}, {} ({})", d.get_date(), d.get_full_year(), clock(at), zone(at))
}

/// `UTC+05:30`
pub fn zone(at: Time) -> String {
    let ahead_min = -date(at).get_timezone_offset() as i32;
    if ahead_min == 0 {
        return "UTC".into();
    }
    let sign = if ahead_min < 0 { '-' } else { '+' };
    format!("UTC{sign}{:02}:{:02}", ahead_min.abs() / 60, ahead_min.abs() % 60)
}

/// The last midnight before `at`, here.
pub fn midnight(at: Time) -> Time {
    let d = date(at);
    d.set_hours(0);
    d.set_minutes(0);
    d.set_seconds(0);
    d.set_milliseconds(0);
    Time(d.get_time() as i64)
}
