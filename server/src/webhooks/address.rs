//! Where requests may go: never into the networks that Sentinel itself stands in.
//!
//! Whoever may make a webhook could otherwise have the server ask its neighbours, the
//! machine's own services or a cloud's metadata in their place, and read the answers in the
//! log. So a URL is `https://` and leads to public addresses alone: that is looked at when it
//! is registered, to say so early, and again at each connection, where names are looked up
//! anew. Hosts that the operator names (`--webhook-allow`) are exempt from both.

use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
    vec,
};
use url::Url;

const URL_MAX_BYTES: usize = 2000;

/// For how long a registration waits for a name's addresses.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(5);

/// Networks of IPv4 that are nobody's on the internet, by IANA's special-purpose registry; and
/// the one address outside them at which a cloud serves its machines' metadata.
static NOT_PUBLIC_V4: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    nets(&[
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    ])
});

/// Of IPv6 only this is given out at all; within it, what is special or carries an address of
/// IPv4 to whoever translates.
static GLOBAL_V6: LazyLock<Vec<IpNet>> = LazyLock::new(|| nets(&["2000::/3"]));
static NOT_PUBLIC_V6: LazyLock<Vec<IpNet>> =
    LazyLock::new(|| nets(&["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]));

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().expect("a network")).collect()
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("{0:?} is no URL such as https://example.org/hook")]
    NoUrl(String),
    #[error("a webhook's URL has at most {URL_MAX_BYTES} bytes")]
    TooLong,
    #[error("a webhook's URL begins with https://; plain http is for hosts that the operator allows")]
    NotHttps,
    #[error("a webhook's URL carries no user, no password and no fragment")]
    Extras,
    /// Where exactly it leads is nothing that whoever asks may learn.
    #[error("{0} leads to no public address; the operator can allow it (--webhook-allow {0})")]
    NotPublic(String),
    #[error("no address of {0} can be found; check how it is written, or try again later")]
    NoAddress(String),
}

/// Hosts that the operator has named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts(BTreeSet<String>);

impl AllowedHosts {
    pub fn of(hosts: &[String]) -> anyhow::Result<Self> {
        hosts.iter().map(|host| allowed(host)).collect::<anyhow::Result<_>>().map(Self)
    }

    fn has(&self, host: &str) -> bool {
        self.0.contains(&plain(host))
    }
}

fn allowed(text: &str) -> anyhow::Result<String> {
    let host = plain(text.trim());
    let is_address = host.parse::<IpAddr>().is_ok();
    let is_name = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    anyhow::ensure!(
        is_address || is_name,
        "webhook-allow {text:?} is no host: give its name or address as it stands in the URL, without \
         scheme or port, such as hooks.internal or 10.0.0.7"
    );
    Ok(host)
}

/// A host as URLs and people write it, in one way: `[::1]` and `::1`, `Hooks.` and `hooks`.
fn plain(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Finds the addresses of a name.
pub type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

#[derive(Clone)]
pub struct Guard {
    allowed: AllowedHosts,
    look_up: LookUp,
}

impl Guard {
    /// One that asks the system for the addresses of names.
    pub fn new(allowed: AllowedHosts) -> Self {
        let system: LookUp = Arc::new(|host| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((host, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        });
        Self::with(allowed, system)
    }

    pub fn with(allowed: AllowedHosts, look_up: LookUp) -> Self {
        Self { allowed, look_up }
    }

    /// A URL that requests may go to, as far as that shows without looking up a name.
    pub fn url(&self, text: &str) -> Result<Url, AddressError> {
        if text.len() > URL_MAX_BYTES {
            return Err(AddressError::TooLong);
        }
        let no_url = || AddressError::NoUrl(text.chars().take(100).collect());
        let url = Url::parse(text).map_err(|_| no_url())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(no_url)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(AddressError::Extras);
        }
        let allowed = self.allowed.has(host);
        match url.scheme() {
            "https" => {}
            "http" if allowed => {}
            "http" => return Err(AddressError::NotHttps),
            _ => return Err(no_url()),
        }
        match plain(host).parse::<IpAddr>() {
            Ok(address) if !allowed && !is_public(address) => Err(AddressError::NotPublic(plain(host))),
            _ => Ok(url),
        }
    }

    /// The same, and its name leads to public addresses now. Where those that the operator
    /// allows lead, and when, is the operator's.
    pub async fn register(&self, text: &str) -> Result<Url, AddressError> {
        let url = self.url(text)?;
        let host = url.host_str().unwrap_or_default();
        if self.allowed.has(host) {
            return Ok(url);
        }
        let found = tokio::time::timeout(LOOK_UP_WITHIN, self.addresses(host)).await;
        let no_address = || AddressError::NoAddress(plain(host));
        match found {
            Ok(Ok(_)) => Ok(url),
            Ok(Err(error)) => {
                Err(error.downcast::<AddressError>().map_or_else(|_| no_address(), |known| *known))
            }
            Err(_) => Err(no_address()),
        }
    }

    /// Where a host is; refused where any of that is not public.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        let found = match plain(host).parse() {
            Ok(address) => vec![address],
            Err(_) => (self.look_up)(host.to_owned()).await?,
        };
        if found.is_empty() {
            return Err(AddressError::NoAddress(plain(host)).into());
        }
        if found.iter().all(|address| is_public(*address)) || self.allowed.has(host) {
            return Ok(found);
        }
        Err(AddressError::NotPublic(plain(host)).into())
    }
}

/// At each connection. Addresses in a URL are never looked up: [`Guard::url`] is for them.
impl tower::Service<Name> for Guard {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.addresses(name.as_str()).await?;
            // The port is the URL's.
            let addresses: Vec<_> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(addresses.into_iter())
        })
    }
}

fn is_public(address: IpAddr) -> bool {
    let holds = |nets: &[IpNet], address: IpAddr| nets.iter().any(|net| net.contains(&address));
    match address {
        IpAddr::V4(_) => !holds(&NOT_PUBLIC_V4, address),
        IpAddr::V6(v6) => match carried(v6) {
            Some(v4) => is_public(v4),
            None => holds(&GLOBAL_V6, address) && !holds(&NOT_PUBLIC_V6, address),
        },
    }
}

/// The address of IPv4 that connections to this one go to: `::ffff:10.0.0.1`.
fn carried(address: Ipv6Addr) -> Option<IpAddr> {
    address.to_ipv4_mapped().map(IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::Service as _;

    fn guard(allowed: &[&str], found: &'static [&'static str]) -> Guard {
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let answer = move |_| -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            Box::pin(async move {
                if found.is_empty() {
                    return Err(io::Error::other("no such name"));
                }
                Ok(found.iter().map(|address| address.parse().expect("an address")).collect())
            })
        };
        Guard::with(AllowedHosts::of(&allowed).expect("hosts"), Arc::new(answer))
    }

    #[test]
    fn no_way_of_writing_an_address_of_ones_own_leads_there() {
        let guard = guard(&[], &[]);
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "017700000001",
            "[::1]",
            "[::]",
            "0.0.0.0",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "169.254.169.254",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[fc00::1]",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "240.0.0.1",
            "[ff02::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[::127.0.0.1]",
            "192.0.2.1",
            "198.18.0.1",
            "[2001:db8::1]",
            "[100::1]",
            "[fec0::1]",
            "127.0.0.1.",
            "１２７.0.0.1",
        ] {
            let url = format!("https://{host}/hook");
            let refused = guard.url(&url).expect_err(&url);
            assert!(matches!(refused, AddressError::NotPublic(..)), "{url}: {refused}");
        }
        for host in ["8.8.8.8", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "172.32.0.1", "hooks.example"] {
            guard.url(&format!("https://{host}:8443/hook?a=b")).expect(host);
        }
    }

    #[test]
    fn a_url_is_https_and_nothing_but_an_address() {
        let guard = guard(&["hooks.internal", "10.0.0.7", "[::1]", "LOCALHOST"], &[]);
        for (url, error) in [
            ("http://hooks.example/", AddressError::NotHttps),
            ("http://8.8.8.8/", AddressError::NotHttps),
            ("https://u@hooks.example/", AddressError::Extras),
            ("https://u:p@hooks.internal/", AddressError::Extras),
            ("https://hooks.example/#part", AddressError::Extras),
        ] {
            assert_eq!(guard.url(url).expect_err(url), error);
        }
        for url in ["", "hooks.example", "ftp://hooks.internal/", "file:///etc/passwd", "https://", "/hook"] {
            assert!(matches!(guard.url(url), Err(AddressError::NoUrl(_))), "{url}");
        }
        let long = format!("https://hooks.example/{}", "x".repeat(URL_MAX_BYTES));
        assert_eq!(guard.url(&long), Err(AddressError::TooLong));
        for url in [
            "http://hooks.internal:8080/",
            "http://Hooks.Internal./",
            "http://10.0.0.7/",
            "https://[::1]/",
            "http://localhost:1/",
        ] {
            guard.url(url).expect(url);
        }
        guard.url("http://10.0.0.8/").expect_err("its neighbour is not named");
    }

    #[tokio::test]
    async fn a_name_is_followed_to_public_addresses_alone() {
        for found in [&["10.0.0.1"] as &[_], &["8.8.8.8", "127.0.0.1"], &["::1"], &["::ffff:169.254.169.254"]]
        {
            let refused = guard(&[], found).register("https://hooks.example/").await.expect_err("refused");
            let said = refused.to_string();
            assert!(said.contains("--webhook-allow hooks.example"), "{said}");
            assert!(
                !found.iter().any(|address| said.contains(address)),
                "where it leads is not said: {said}"
            );
            let name: Name = "hooks.example".parse().expect("a name");
            assert!(guard(&[], found).call(name.clone()).await.is_err(), "nor at a connection");
            let mut allowed = guard(&["hooks.example"], found);
            allowed.register("http://hooks.example/").await.expect("the operator allows it");
            assert_eq!(allowed.call(name).await.map(Iterator::count).ok(), Some(found.len()));
        }
        guard(&[], &["8.8.8.8"]).register("https://hooks.example/").await.expect("it is public");
        let nowhere = guard(&[], &[]).register("https://hooks.example/").await;
        assert_eq!(nowhere, Err(AddressError::NoAddress("hooks.example".into())));
        let later = guard(&["hooks.example"], &[]).register("https://hooks.example/").await;
        later.expect("the operator may know of one to come");
    }

    #[test]
    fn what_is_allowed_is_a_host_and_nothing_else() {
        for wrong in ["", "http://hooks.internal", "hooks.internal:8080", "10.0.0.0/8", "*.internal", "a b"] {
            let said = AllowedHosts::of(&[wrong.to_owned()]).expect_err(wrong).to_string();
            assert!(said.contains("hooks.internal or 10.0.0.7"), "{said}");
        }
    }
}
