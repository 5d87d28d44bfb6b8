//! Where Redis is, as operators write it.

use super::line::{ANSWER_WITHIN, CONNECT_WITHIN};
use redis::{
    Client, ConnectionAddr, IntoConnectionInfo as _, ProtocolVersion, TlsCertificates, TlsMode,
    cluster::ClusterClient,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use std::{fmt, path::PathBuf, str::FromStr};

/// The forms, with `rediss` for TLS:
///
/// - `redis://[user:password@]host[:port][/database]`
/// - `redis+cluster://[user:password@]host:port,host:port,…`
/// - `redis+sentinel://[user:password@]host:port,host:port,…/master[/database]`
///
/// `?ca=FILE` names a PEM file with the certificate authority of a private Redis.
#[derive(Clone)]
pub struct Address {
    kind: Kind,
    tls: bool,
    user: Option<String>,
    password: Option<String>,
    hosts: Vec<(String, u16)>,
    database: i64,
    ca: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Single,
    Cluster,
    Sentinel { master: String },
}

#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error(
        "{0:?} is no Redis address; write redis://host:6379, redis+cluster://host:port,host:port or \
         redis+sentinel://host:port,host:port/master, with rediss:// and so on for TLS"
    )]
    Form(String),
    #[error("the certificate file {path} could not be read")]
    Ca { path: PathBuf, source: std::io::Error },
    #[error("the certificate file {0} has no certificate in PEM form in it")]
    NoCa(PathBuf),
    #[error("the Redis address {address} is not usable")]
    Unusable { address: String, source: redis::RedisError },
}

/// What a connection is opened by.
pub(super) enum Opener {
    /// Any of these; of a cluster, any of its nodes.
    Nodes(Vec<Client>),
    /// Whichever node is the master now.
    Sentinel(Box<tokio::sync::Mutex<SentinelClient>>),
}

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
/// While a cluster changes, milliseconds.
const TRIED_AGAIN_AFTER_MS: u64 = 100;
const TRIED_AGAIN_AFTER_MS_MAX: u64 = 1000;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text.trim()).ok_or_else(|| AddressError::Form(without_password(text)))
    }
}

fn parse(text: &str) -> Option<Address> {
    let (scheme, rest) = text.split_once("://")?;
    let (tls, kind) = match scheme {
        "redis" => (false, "single"),
        "rediss" => (true, "single"),
        _ => match scheme.split_once('+')? {
            ("redis", kind) => (false, kind),
            ("rediss", kind) => (true, kind),
            _ => return None,
        },
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let ca = match query.split_once('=') {
        Some(("ca", file)) if !file.is_empty() => Some(decoded(file)?.into()),
        None if query.is_empty() => None,
        _ => return None,
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, hosts) =
        authority.rsplit_once('@').map_or((None, authority), |(who, hosts)| (Some(who), hosts));
    let (user, password) = match who.map(|who| who.split_once(':').unwrap_or(("", who))) {
        Some((user, password)) => (Some(decoded(user)?).filter(|u| !u.is_empty()), Some(decoded(password)?)),
        None => (None, None),
    };
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let kind = match kind {
        "single" => Kind::Single,
        "cluster" => Kind::Cluster,
        "sentinel" => Kind::Sentinel { master: decoded(parts.next()?)? },
        _ => return None,
    };
    let port = if matches!(kind, Kind::Sentinel { .. }) { SENTINEL_PORT } else { REDIS_PORT };
    let hosts: Vec<_> = hosts.split(',').map(|one| host(one, port)).collect::<Option<_>>()?;
    let database = parts.next().map_or(Some(0), |n| n.parse().ok().filter(|n| *n >= 0))?;
    let is_one = kind == Kind::Single;
    let fits =
        parts.next().is_none() && (!is_one || hosts.len() == 1) && (kind != Kind::Cluster || database == 0);
    fits.then_some(Address { kind, tls, user, password, hosts, database, ca })
}

/// `host`, `host:port`, `[::1]` or `[::1]:port`.
fn host(text: &str, default_port: u16) -> Option<(String, u16)> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, after) = rest.split_once(']')?;
            (name, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let port = port.map_or(Some(default_port), |port| port.parse().ok())?;
    (!name.is_empty()).then(|| (name.to_owned(), port))
}

/// Undoes `%40` and the like.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let hex = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// For messages: what is before the last `@` may hold a password.
fn without_password(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(begin), Some(at)) if begin + 3 <= at => format!("{}…{}", &text[..begin + 3], &text[at..]),
        _ => text.to_owned(),
    }
}

/// Without the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        let scheme = if self.tls { "rediss" } else { "redis" };
        match &self.kind {
            Kind::Single => write!(f, "{scheme}://{}/{}", hosts[0], self.database),
            Kind::Cluster => write!(f, "{scheme}+cluster://{}", hosts.join(",")),
            Kind::Sentinel { master } => {
                write!(f, "{scheme}+sentinel://{}/{master}/{}", hosts.join(","), self.database)
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Address {
    pub fn is_cluster(&self) -> bool {
        self.kind == Kind::Cluster
    }

    fn certificates(&self) -> Result<TlsCertificates, AddressError> {
        let read = |path: &PathBuf| {
            let pem =
                std::fs::read(path).map_err(|source| AddressError::Ca { path: path.clone(), source })?;
            let first = CertificateDer::from_pem_slice(&pem);
            first.map_err(|_| AddressError::NoCa(path.clone()))?;
            Ok(pem)
        };
        Ok(TlsCertificates { client_tls: None, root_cert: self.ca.as_ref().map(read).transpose()? })
    }

    fn unusable(&self) -> impl Fn(redis::RedisError) -> AddressError {
        let address = self.to_string();
        move |source| AddressError::Unusable { address: address.clone(), source }
    }

    fn tcp(
        &self,
        (host, port): &(String, u16),
        certificates: &TlsCertificates,
    ) -> Result<Client, AddressError> {
        let addr = if self.tls {
            ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host.clone(), *port)
        };
        let info = addr.into_connection_info().map_err(self.unusable())?;
        let mut login = info
            .redis_settings()
            .clone()
            .set_db(self.database)
            // Subscriptions and commands share a connection by it.
            .set_protocol(ProtocolVersion::RESP3);
        if let Some(user) = &self.user {
            login = login.set_username(user);
        }
        if let Some(password) = &self.password {
            login = login.set_password(password);
        }
        let info = info.set_redis_settings(login);
        let client =
            if self.tls { Client::build_with_tls(info, certificates.clone()) } else { Client::open(info) };
        client.map_err(self.unusable())
    }

    /// What opens a plain connection: for subscriptions, and for all where there is no cluster.
    pub(super) fn opener(&self) -> Result<Opener, AddressError> {
        let certificates = self.certificates()?;
        let Kind::Sentinel { master } = &self.kind else {
            let nodes =
                self.hosts.iter().map(|host| self.tcp(host, &certificates)).collect::<Result<_, _>>()?;
            return Ok(Opener::Nodes(nodes));
        };
        let sentinels = self.hosts.iter().map(|(host, port)| {
            if self.tls {
                ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
            } else {
                ConnectionAddr::Tcp(host.clone(), *port)
            }
        });
        let mut builder = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)
            .map_err(self.unusable())?
            .set_client_to_redis_db(self.database)
            .set_client_to_redis_protocol(ProtocolVersion::RESP3);
        if let Some(user) = &self.user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = &self.password {
            builder = builder.set_client_to_redis_password(password);
        }
        if self.tls {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        let client = builder.build().map_err(self.unusable())?;
        Ok(Opener::Sentinel(Box::new(tokio::sync::Mutex::new(client))))
    }

    /// Of a cluster: what opens a connection to all of it.
    pub(super) fn cluster(&self) -> Result<ClusterClient, AddressError> {
        let certificates = self.certificates()?;
        let nodes: Result<Vec<_>, _> = (self.hosts.iter())
            .map(|host| Ok(self.tcp(host, &certificates)?.get_connection_info().clone()))
            .collect();
        let mut builder = ClusterClient::builder(nodes?)
            .use_protocol(ProtocolVersion::RESP3)
            .connection_timeout(CONNECT_WITHIN)
            // Of an answer, and of all tries while the cluster changes.
            .response_timeout(ANSWER_WITHIN)
            .overall_response_timeout(Some(ANSWER_WITHIN))
            .min_retry_wait(TRIED_AGAIN_AFTER_MS)
            .max_retry_wait(TRIED_AGAIN_AFTER_MS_MAX);
        if self.tls {
            builder = builder.tls(TlsMode::Secure).certs(certificates);
        }
        builder.build().map_err(self.unusable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Address>().map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    #[test]
    fn every_form_reads_and_shows_without_its_password() {
        for (text, expected) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://:secret@10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"),
            ("rediss://app:p%40ss@cache.example/", "rediss://cache.example:6379/0"),
            ("redis://[::1]:7000", "redis://::1:7000/0"),
            ("redis+cluster://:secret@a:1,b:2,c", "redis+cluster://a:1,b:2,c:6379"),
            ("rediss+sentinel://s1,s2:5000/mymaster/2", "rediss+sentinel://s1:26379,s2:5000/mymaster/2"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        let address: Address = "redis://app:p%40ss@h?ca=/etc/my%20ca.pem".parse().expect("reads");
        assert_eq!((address.user.as_deref(), address.password.as_deref()), (Some("app"), Some("p@ss")));
        assert_eq!(address.ca, Some("/etc/my ca.pem".into()));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_forms_and_without_its_password() {
        for text in [
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://a,b",
            "redis://a:port",
            "redis://a/x",
            "redis://a/-1",
            "redis+cluster://a/1",
            "redis+sentinel://a:1",
            "redis+else://a",
            "redis://a?tls=true",
        ] {
            assert!(shown(text).contains("redis+cluster://"), "{text}: {}", shown(text));
        }
        let said = shown("redis://:top-secret@a,b");
        assert!(!said.contains("top-secret") && said.contains("a,b"), "{said}");
    }
}
