//! One request of every client, as its app sends it.

use crate::server::Server;
use reqwest::{Method, RequestBuilder};

pub struct Client {
    pub name: &'static str,
    method: Method,
    path: &'static str,
    auth: Auth,
    /// With `12345678` where the device says who it is.
    pub body: &'static str,
    /// What it waits for.
    pub answer: &'static str,
    pub fixes: usize,
}

enum Auth {
    Bearer,
    Basic,
    /// Its name is its secret.
    InBody,
}

macro_rules! corpus {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/", $name)).trim_ascii()
    };
}

/// By the address that the README gives, filled in.
const OSMAND: &str = "token=12345678&lat=9.9312&lon=76.2673&timestamp=1795226400000&hdop=1.5&altitude=12.0&spd=10.25&bearing=271.5";

pub fn all() -> Vec<Client> {
    let client = |name, method, path, auth, body, answer, fixes| Client {
        name,
        method,
        path,
        auth,
        body,
        answer,
        fixes,
    };
    let native = r#"{"status":"ok","accepted":1,"duplicates":0,"rejected":[]}"#;
    let two = r#"{"status":"ok","accepted":2,"duplicates":0,"rejected":[]}"#;
    let (locations, overland) = ("/api/v1/locations", r#"{"result":"ok"}"#);
    let (get, post) = (|| Method::GET, || Method::POST);
    vec![
        client(
            "Transistorsoft",
            post(),
            locations,
            Auth::Bearer,
            corpus!("transistorsoft-geofence.json"),
            native,
            1,
        ),
        client("Traccar Client 9", post(), "/", Auth::InBody, corpus!("traccar-9.json"), native, 1),
        client("Traccar Client 8", get(), "/", Auth::InBody, corpus!("osmand-traccar-8.query"), "", 1),
        client("OsmAnd", get(), "/", Auth::InBody, OSMAND, "", 1),
        client("OwnTracks", post(), "/", Auth::Basic, corpus!("owntracks-location.json"), "[]", 1),
        client("Overland", post(), "/", Auth::Bearer, corpus!("overland-batch.json"), overland, 3),
        client("GPSLogger", get(), "/log", Auth::Basic, corpus!("gpslogger-default.query"), "", 1),
        client("GPSLogger, %ALL", get(), "/log", Auth::Basic, corpus!("gpslogger-all.query"), "", 1),
        client("Sentinel", post(), locations, Auth::Bearer, corpus!("native-unit.json"), two, 2),
    ]
}

impl Client {
    /// The request, for the unit of this token.
    pub fn request(&self, server: &Server, token: &str) -> RequestBuilder {
        let body = self.body.replace("12345678", token);
        let bearer = if matches!(self.auth, Auth::Bearer) { token } else { "" };
        let request = match self.method {
            Method::GET => server.request(Method::GET, bearer, &format!("{}?{body}", self.path)),
            _ => {
                let request = server.request(self.method.clone(), bearer, self.path);
                request.header("content-type", "application/json").body(body)
            }
        };
        if matches!(self.auth, Auth::Basic) { request.basic_auth("anybody", Some(token)) } else { request }
    }

    /// How it asks, for people.
    pub fn asks(&self) -> String {
        let auth = match self.auth {
            Auth::Bearer => ", Bearer TOKEN",
            Auth::Basic => ", Basic anybody:TOKEN",
            Auth::InBody => "",
        };
        let body = self.body.replace("12345678", "TOKEN");
        match self.method {
            Method::GET => format!("GET {}?{body}{auth}", self.path),
            _ => format!("POST {}{auth}: {body}", self.path),
        }
    }
}
