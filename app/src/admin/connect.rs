//! What to type into each phone app, and the link or code that types it for you.
//!
//! Every app proves itself with the unit's own token: as Bearer, as the Basic password, or, where
//! an app has nothing but an identifier, as that identifier. Links are as the apps read them:
//! Traccar Client `org.traccar.client://` (its scanner takes the server's own address with `id`),
//! OwnTracks `owntracks:///config?inline=` (plain base64, escaped), Overland `overland://setup`,
//! GPSLogger `gpslogger://properties/` before the address of a profile.

use super::parts::encoded;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sentinel_model::UnitId;

/// How the settings read where the token is not at hand.
const NO_TOKEN: &str = "(the unit's token)";

/// One app and how it becomes the unit.
pub struct App {
    pub name: &'static str,
    pub runs_on: &'static str,
    /// Where in the app the settings are, and what to know.
    pub hint: &'static str,
    pub settings: Vec<(&'static str, String)>,
    /// None where the app reads none, or the token is not at hand.
    pub link: Option<Link>,
}

/// The same settings for the app to read.
pub struct Link {
    /// Opens the app on the phone that shows this page.
    pub open: String,
    /// What the code says, and what reads it.
    pub scan: String,
    pub scan_hint: &'static str,
}

impl Link {
    fn by_camera(link: String) -> Self {
        Self { open: link.clone(), scan: link, scan_hint: "Scan it with the phone's camera." }
    }
}

/// `server` is the scheme and host that phones shall use, without a slash at its end.
pub fn apps(server: &str, unit: &UnitId, token: Option<&str>) -> Vec<App> {
    let shown = token.unwrap_or(NO_TOKEN).to_owned();
    let posts = format!("{server}/api/v1/locations");
    vec![
        App {
            name: "Traccar Client",
            runs_on: "Android, iPhone",
            hint: "In its settings. Distance and heartbeat are advice: a fix every 20 m, and one a minute when parked.",
            settings: vec![
                ("Device identifier", shown.clone()),
                ("Server URL", server.to_owned()),
                ("Location accuracy", "High".into()),
                ("Distance", "20".into()),
                ("Stationary heartbeat", "60".into()),
            ],
            link: token.map(|token| traccar(server, token)),
        },
        App {
            name: "OwnTracks",
            runs_on: "Android, iPhone",
            hint: "Preferences, Connection: mode HTTP. The device id may be anything.",
            settings: vec![
                ("Mode", "HTTP".into()),
                ("URL", posts.clone()),
                ("User name", unit.to_string()),
                ("Password", shown.clone()),
            ],
            link: token.map(|token| owntracks(&posts, unit, token)),
        },
        App {
            name: "Overland",
            runs_on: "iPhone",
            hint: "Settings, Receiver endpoint. Then start the tracker on its first page.",
            settings: vec![
                ("Endpoint URL", posts.clone()),
                ("Access token", shown.clone()),
                ("Device ID", unit.to_string()),
            ],
            link: token.map(|token| {
                let [posts, token, id] = [&posts, token, unit.as_str()].map(encoded);
                Link::by_camera(format!("overland://setup?url={posts}&token={token}&device_id={id}"))
            }),
        },
        App {
            name: "GPSLogger",
            runs_on: "Android",
            hint: "Logging details, Log to custom URL: method GET, and the user name and password under Basic authentication.",
            settings: vec![
                ("URL", gpslogger_url(server)),
                ("HTTP method", "GET".into()),
                ("User name", unit.to_string()),
                ("Password", shown.clone()),
            ],
            link: token.map(|token| {
                let profile = format!("{server}{GPSLOGGER_PROFILE}?token={}", encoded(token));
                let link = format!("gpslogger://properties/{profile}");
                Link {
                    open: link,
                    scan: profile,
                    scan_hint: "In the app: Profiles, From URL, then this address. Opening the link does it too.",
                }
            }),
        },
        App {
            name: "OsmAnd",
            runs_on: "Android, iPhone",
            hint: "Plugin Trip recording, Online tracking. The app fills in what stands in braces.",
            settings: vec![("Web address", osmand_url(server, &shown))],
            link: None,
        },
        App {
            name: "Your own app",
            runs_on: "Transistorsoft background-geolocation, or any other",
            hint: "Post JSON. A batch is answered once all of it is safe on disk.",
            settings: vec![
                ("url", posts.clone()),
                ("method", "POST".into()),
                ("headers.Authorization", format!("Bearer {shown}")),
                ("batchSync", "true".into()),
            ],
            link: None,
        },
        App {
            name: "curl",
            runs_on: "A shell",
            hint: "One fix, now: the quickest proof that the server is reached.",
            settings: vec![("Command", curl(&posts, &shown))],
            link: None,
        },
    ]
}

/// Where GPSLogger fetches its profile; it takes the name before the dot for the profile's.
pub const GPSLOGGER_PROFILE: &str = "/connect/sentinel.properties";

/// The profile that GPSLogger reads: Java properties, by the names of its own settings.
pub fn gpslogger_profile(server: &str, unit: &UnitId, token: &str) -> String {
    let url = gpslogger_url(server);
    format!(
        "log_customurl_enabled=true\nlog_customurl_url={url}\nlog_customurl_method=GET\n\
         log_customurl_basicauth_username={unit}\nlog_customurl_basicauth_password={token}\n\
         time_before_logging=10\n"
    )
}

fn gpslogger_url(server: &str) -> String {
    format!("{server}/log?lat=%LAT&longitude=%LON&time=%TIME&spd=%SPD&dir=%DIR&acc=%ACC&alt=%ALT&batt=%BATT")
}

/// Its speed is in metres per second, as `spd` means. As `speed`, which other apps of the same
/// protocol send in knots, it would read as half of what it is.
fn osmand_url(server: &str, token: &str) -> String {
    format!(
        "{server}/?id={token}&lat={{0}}&lon={{1}}&timestamp={{2}}&hdop={{3}}&altitude={{4}}&spd={{5}}&bearing={{6}}"
    )
}

fn traccar(server: &str, token: &str) -> Link {
    const ADVICE: &str = "accuracy=high&distance=20&heartbeat=60";
    let id = encoded(token);
    Link {
        open: format!("org.traccar.client://config?url={}&id={id}&{ADVICE}", encoded(server)),
        scan: format!("{server}/?id={id}&{ADVICE}"),
        scan_hint: "Scan it from within the app: Settings, the code at the top.",
    }
}

fn owntracks(posts: &str, unit: &UnitId, token: &str) -> Link {
    // None of these texts holds what JSON would have to escape: an id, a token, a checked host.
    let config = format!(
        r#"{{"_type":"configuration","mode":3,"url":"{posts}","auth":true,"username":"{unit}","password":"{token}","deviceId":"phone","monitoring":2,"pubExtendedData":true}}"#
    );
    Link::by_camera(format!("owntracks:///config?inline={}", encoded(&STANDARD.encode(config))))
}

fn curl(posts: &str, token: &str) -> String {
    format!(
        "curl {posts} -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \
         -d '{{\"location\":{{\"timestamp\":\"'$(date -u +%FT%TZ)'\",\"coords\":{{\"latitude\":9.9658,\"longitude\":76.2997}}}}}}'"
    )
}
