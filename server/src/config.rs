//! How an installation is set up: flags, then `SENTINEL_*` variables, then a TOML file,
//! then defaults.

mod place;
mod shared;

pub use place::{Place, PlaceArgs};
pub use shared::{Given, MongoUri, POSITION_TTL, Shared};

use crate::{
    auth::{Most, proxies::Proxies},
    ingest::limits::UnitRate,
    live::status::Silence,
    tls::TlsFiles,
    webhooks::{self, address::AllowedHosts},
};
use anyhow::Context;
use sentinel_model::page::MapSettings;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

/// Live streams of one person or key at a node, unless set: a control room's pages and walls.
const STREAMS_EACH: Most = Most(NonZeroU32::new(64));

/// What `sentinel serve` takes. Each name is also a key of the TOML file (`listen = "…"`).
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeArgs {
    /// A TOML file with the settings that neither flags nor variables give
    #[arg(long, env = "SENTINEL_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(long, env = "SENTINEL_LISTEN", value_name = "ADDRESS:PORT", value_parser = listening)]
    #[serde(deserialize_with = "listening_in_file")]
    pub listen: Option<SocketAddr>,

    /// Folder that holds the databases; made where it is missing [default: data]
    #[arg(long, env = "SENTINEL_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Redis that nodes meet in: redis://…, redis+cluster://a,b,c or redis+sentinel://a,b,c/master
    #[arg(long, env = "SENTINEL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// MongoDB that keeps records and history: mongodb://host/sentinel; with it --data is not used
    #[arg(long, env = "SENTINEL_MONGODB_URL", value_name = "URL", hide_env_values = true)]
    pub mongodb_url: Option<String>,

    /// With Redis: seconds that a unit is found nearby after its last position [default: 300]
    #[arg(long, env = "SENTINEL_POSITION_TTL", value_name = "SECONDS")]
    pub position_ttl: Option<u64>,

    /// Days that history is kept [default: for ever]
    #[arg(long, env = "SENTINEL_RETENTION_DAYS", value_name = "DAYS")]
    pub retention_days: Option<u32>,

    /// Accept a Redis that may lose what it has answered (no append-only file, or eviction) [default: false]
    #[arg(long, env = "SENTINEL_ALLOW_VOLATILE_REDIS", value_name = "true|false")]
    pub allow_volatile_redis: Option<bool>,

    /// With Redis: posts that may wait in it for the archive before devices are asked to wait; the
    /// same for all nodes [default: 200000]
    #[arg(long, env = "SENTINEL_BACKLOG", value_name = "POSTS")]
    pub backlog: Option<u64>,

    /// Of a file that serve and worker share: the worker's name, and where it tells how it is
    #[arg(skip)]
    pub worker_name: Option<String>,
    #[arg(skip)]
    #[serde(deserialize_with = "listening_in_file")]
    pub worker_listen: Option<SocketAddr>,

    /// Make a demo city in an empty data folder, and drive its units
    #[arg(long, env = "SENTINEL_DEMO", num_args = 0..=1, default_missing_value = "true", value_name = "true|false")]
    pub demo: Option<bool>,

    /// Fixes per second that a unit may post, sustained, or "off" [default: 10]
    #[arg(long, env = "SENTINEL_UNIT_RATE_LIMIT", value_name = "FIXES|off")]
    #[serde(deserialize_with = "number_or_off")]
    pub unit_rate_limit: Option<UnitRate>,

    /// Live streams that one person or API key may have open at this node, or "off" [default: 64]
    #[arg(long, env = "SENTINEL_STREAMS_PER_CREDENTIAL", value_name = "STREAMS|off")]
    #[serde(deserialize_with = "number_or_off")]
    pub streams_per_credential: Option<Most>,

    /// Whether the first fix of a unit that only ever posts positions starts its patrol [default: true]
    #[arg(long, env = "SENTINEL_PATROL_BY_FIX", value_name = "true|false")]
    pub patrol_by_fix: Option<bool>,

    /// Seconds of silence after which a unit on patrol is shown as stale [default: 60]
    #[arg(long, env = "SENTINEL_STALE_AFTER", value_name = "SECONDS")]
    pub stale_after: Option<u64>,

    /// Seconds of silence after which it is shown as offline [default: 300]
    #[arg(long, env = "SENTINEL_OFFLINE_AFTER", value_name = "SECONDS")]
    pub offline_after: Option<u64>,

    /// Map tiles, such as https://tiles.example/{z}/{x}/{y}.png; none draws the bundled outlines
    #[arg(long, env = "SENTINEL_TILE_URL", value_name = "URL")]
    pub tile_url: Option<String>,

    /// The credit that the tiles' makers ask to be shown
    #[arg(long, env = "SENTINEL_TILE_ATTRIBUTION", value_name = "TEXT")]
    pub tile_attribution: Option<String>,

    /// Serve HTTPS with this certificate (PEM, with those that it is signed by after it)
    #[arg(long, env = "SENTINEL_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key (PEM)
    #[arg(long, env = "SENTINEL_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Tell browsers to send the session cookie over HTTPS only; set it behind a proxy with TLS
    /// [default: true with --tls-cert, else false]
    #[arg(long, env = "SENTINEL_SECURE_COOKIES", value_name = "true|false")]
    pub secure_cookies: Option<bool>,

    /// A host that webhooks may go to also where it is not public, and by plain http; may be given
    /// several times [default: none]
    #[arg(long, env = "SENTINEL_WEBHOOK_ALLOW", value_name = "HOST", value_delimiter = ',')]
    pub webhook_allow: Option<Vec<String>>,

    /// A routing service that says how long units take to a place along roads, such as
    /// http://osrm:5000 (OSRM's table request); none estimates by the straight line
    #[arg(long, env = "SENTINEL_ROUTING_URL", value_name = "URL")]
    pub routing_url: Option<String>,

    /// Reverse proxies whose X-Forwarded-For is believed: addresses and networks [default: none]
    #[arg(long, env = "SENTINEL_TRUSTED_PROXY", value_name = "ADDRESS|NETWORK,…")]
    pub trusted_proxy: Option<Proxies>,
}

/// An address of this machine with its port; `localhost` is the loopback's.
pub fn listening(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let loopback = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = loopback.as_deref().unwrap_or(text).parse();
    address.map_err(|_| format!("{text:?} is no address with a port, such as 127.0.0.1:3000 or [::1]:3000"))
}

fn listening_in_file<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<SocketAddr>, D::Error> {
    listening(&String::deserialize(d)?).map(Some).map_err(serde::de::Error::custom)
}

fn number_or_off<'de, D, T>(d: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: FromStr<Err = String>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(u32),
        Text(String),
    }
    let text = match Given::deserialize(d)? {
        Given::Number(n) => n.to_string(),
        Given::Text(text) => text,
    };
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Settled settings.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub data: PathBuf,
    /// The engines that many nodes share; none where this process has its own.
    pub shared: Option<Shared>,
    /// How long history is kept; none keeps it for ever.
    pub retention: Option<Duration>,
    pub demo: bool,
    pub unit_rate: UnitRate,
    /// Live streams of one caller.
    pub streams_each: Most,
    pub patrol_by_fix: bool,
    pub silence: Silence,
    /// How long a room stays open after its last subscriber left.
    pub room_linger: Duration,
    pub map: MapSettings,
    pub tls: Option<TlsFiles>,
    pub secure_cookies: bool,
    pub trusted_proxies: Proxies,
    pub webhook_allow: AllowedHosts,
    /// How long the endpoint of a webhook has to answer.
    pub webhook_timeout: Duration,
    pub routing_url: Option<String>,
}

impl ServeArgs {
    /// What it says of the engines that nodes share.
    pub fn shared(&self) -> Given {
        Given {
            redis_url: self.redis_url.clone(),
            mongodb_url: self.mongodb_url.clone(),
            position_ttl: self.position_ttl,
            retention_days: self.retention_days,
            allow_volatile_redis: self.allow_volatile_redis,
            backlog: self.backlog,
        }
    }

    /// Puts flags and variables, the file and the defaults together.
    pub fn settle(self) -> anyhow::Result<Config> {
        let file = match &self.config {
            Some(path) => read(path)?,
            None => ServeArgs::default(),
        };
        let retention_days = self.retention_days.or(file.retention_days);
        anyhow::ensure!(retention_days != Some(0), "--retention-days must be at least 1");
        let shared = self.shared().or(file.shared()).settle()?;
        let tls = match (self.tls_cert.or(file.tls_cert), self.tls_key.or(file.tls_key)) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (Some(_), None) => {
                anyhow::bail!("tls-cert needs tls-key beside it: the certificate's private key")
            }
            (None, Some(_)) => anyhow::bail!("tls-key needs tls-cert beside it: the key's certificate"),
        };
        let config = Config {
            listen: self.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 3000))),
            data: self.data.or(file.data).unwrap_or_else(|| "data".into()),
            shared,
            retention: retention_days.map(shared::days),
            demo: self.demo.or(file.demo).unwrap_or(false),
            unit_rate: self.unit_rate_limit.or(file.unit_rate_limit).unwrap_or_default(),
            streams_each: self.streams_per_credential.or(file.streams_per_credential).unwrap_or(STREAMS_EACH),
            patrol_by_fix: self.patrol_by_fix.or(file.patrol_by_fix).unwrap_or(true),
            silence: silence(
                self.stale_after.or(file.stale_after),
                self.offline_after.or(file.offline_after),
            )?,
            room_linger: crate::live::LINGER,
            map: MapSettings {
                tile_url: self.tile_url.or(file.tile_url),
                tile_attribution: self.tile_attribution.or(file.tile_attribution),
                ..MapSettings::default()
            },
            secure_cookies: self.secure_cookies.or(file.secure_cookies).unwrap_or(tls.is_some()),
            tls,
            trusted_proxies: self.trusted_proxy.or(file.trusted_proxy).unwrap_or_default(),
            webhook_allow: AllowedHosts::of(&self.webhook_allow.or(file.webhook_allow).unwrap_or_default())?,
            webhook_timeout: webhooks::TIMEOUT,
            routing_url: self.routing_url.or(file.routing_url),
        };
        if let Some(url) = &config.routing_url {
            let fits = url.starts_with("https://") || url.starts_with("http://");
            anyhow::ensure!(fits, "routing-url {url:?} does not look like http://osrm:5000");
        }
        if let Some(url) = &config.map.tile_url {
            let fits = url.starts_with("https://") || url.starts_with("http://") || url.starts_with('/');
            anyhow::ensure!(
                fits && ["{z}", "{x}", "{y}"].iter().all(|part| url.contains(part)),
                "tile-url {url:?} does not look like https://tiles.example/{{z}}/{{x}}/{{y}}.png"
            );
        }
        Ok(config)
    }
}

/// A worker's settled settings.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    pub shared: Shared,
    /// Where it tells how it is, if anywhere.
    pub listen: Option<SocketAddr>,
    pub name: String,
    pub silence: Silence,
}

/// From seconds that may be given.
pub fn silence(stale_after: Option<u64>, offline_after: Option<u64>) -> anyhow::Result<Silence> {
    let default = Silence::default();
    let silence = Silence {
        stale_after: stale_after.map_or(default.stale_after, Duration::from_secs),
        offline_after: offline_after.map_or(default.offline_after, Duration::from_secs),
    };
    anyhow::ensure!(
        silence.stale_after <= silence.offline_after,
        "stale-after ({:?}) must not be longer than offline-after ({:?})",
        silence.stale_after,
        silence.offline_after
    );
    Ok(silence)
}

/// Settings of a file, whichever command they are for.
pub fn read(path: &Path) -> anyhow::Result<ServeArgs> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the settings file {} could not be read", path.display()))?;
    toml::from_str(&text).with_context(|| format!("the settings file {} does not read", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_what_flags_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:4000\"\nunit-rate-limit = 3\nstreams-per-credential = \"off\"\nstale-after = 5\ntrusted-proxy = [\"10.0.0.1\"]\n")
            .expect("writes");
        let args = ServeArgs {
            config: Some(path.clone()),
            unit_rate_limit: Some(UnitRate(None)),
            ..ServeArgs::default()
        };
        let config = args.settle().expect("settles");
        assert_eq!(config.listen.port(), 4000);
        assert_eq!(config.unit_rate, UnitRate(None), "a flag goes before the file");
        assert_eq!(config.streams_each, Most(None));
        assert_eq!(config.silence.stale_after, Duration::from_secs(5));
        assert_eq!(Ok(config.trusted_proxies), "10.0.0.1".parse());
        assert_eq!(config.data, PathBuf::from("data"));

        std::fs::write(&path, "listen = \"localhost:4000\"").expect("writes");
        let args = ServeArgs { config: Some(path.clone()), ..ServeArgs::default() };
        assert_eq!(args.settle().expect("settles").listen, SocketAddr::from(([127, 0, 0, 1], 4000)));

        std::fs::write(&path, "lisen = \"127.0.0.1:4000\"").expect("writes");
        let args = ServeArgs { config: Some(path), ..ServeArgs::default() };
        let error = format!("{:#}", args.settle().expect_err("a misspelt key is refused"));
        assert!(error.contains("lisen") && error.contains("s.toml"), "{error}");
    }

    #[test]
    fn a_certificate_comes_with_its_key_and_makes_cookies_secure() {
        let settle = |tls_cert: Option<&str>, tls_key: Option<&str>, secure_cookies| {
            let (tls_cert, tls_key) = (tls_cert.map(PathBuf::from), tls_key.map(PathBuf::from));
            ServeArgs { tls_cert, tls_key, secure_cookies, ..ServeArgs::default() }.settle()
        };
        assert!(!settle(None, None, None).expect("settles").secure_cookies);
        let config = settle(Some("c.pem"), Some("k.pem"), None).expect("settles");
        assert!(config.tls.is_some() && config.secure_cookies);
        assert!(!settle(Some("c.pem"), Some("k.pem"), Some(false)).expect("settles").secure_cookies);
        for (half, missing) in
            [((Some("c.pem"), None), "needs tls-key"), ((None, Some("k.pem")), "needs tls-cert")]
        {
            let said = settle(half.0, half.1, None).expect_err("half is refused").to_string();
            assert!(said.contains(missing), "{said}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_answered_with_one_that_is() {
        assert_eq!(listening("[::1]:3462").map(|address| address.port()), Ok(3462));
        for wrong in ["3462", ":3462", "localhost", "localhost:x", "example.org:80", "127.0.0.1", ""] {
            let said = listening(wrong).expect_err(wrong);
            assert!(said.contains("127.0.0.1:3000"), "{said}");
        }
    }
}
