//! Whose request it is when a proxy stands in front.
//!
//! Anybody may send `X-Forwarded-For`. Each proxy appends the address that it took the
//! request from, so the list is read from the right, and only as far as it was written
//! by proxies that the operator trusts: the first address that is none of them is the
//! client's.

use axum::http::HeaderMap;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{net::IpAddr, str::FromStr};

/// The proxies that are believed: none unless given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network, such as 10.0.0.7 or 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for Proxies {
    type Err = NotANetwork;

    /// Addresses and networks with commas between.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| {
            let network = part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| NotANetwork(part.into()))
        };
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de> Deserialize<'de> for Proxies {
    /// As text, or as a list of such texts.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Text(String),
            List(Vec<String>),
        }
        let text = match Given::deserialize(d)? {
            Given::Text(text) => text,
            Given::List(list) => list.join(","),
        };
        text.parse().map_err(D::Error::custom)
    }
}

impl Proxies {
    /// The address that a request is from, by the peer of its connection and its headers.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let mut entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        while self.trusts(client) {
            // What does not read says nothing; then the last one that is known has to answer for it.
            let Some(entry) = entries.next().and_then(address) else { break };
            client = entry.to_canonical();
        }
        client
    }

    /// What the proxy next to us says in a header; nothing where the peer is none that is trusted.
    pub fn said<'h>(&self, peer: IpAddr, headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
        let line = headers.get_all(name).iter().next_back().filter(|_| self.trusts(peer.to_canonical()))?;
        line.to_str().ok()?.rsplit(',').next().map(str::trim)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Some proxies add the port.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let with_port = || entry.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    entry.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
        let proxies: Proxies = proxies.parse().expect("networks");
        let name = "x-forwarded-for".parse::<axum::http::HeaderName>().expect("a name");
        let headers = forwarded.iter().map(|line| (name.clone(), line.parse().expect("a value"))).collect();
        proxies.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn a_stranger_s_word_on_where_it_comes_from_counts_for_nothing() {
        assert_eq!(client("", "203.0.113.7", &["192.0.2.1"]), "203.0.113.7");
        assert_eq!(client("10.0.0.0/8", "203.0.113.7", &["192.0.2.1"]), "203.0.113.7");
        assert_eq!(client("", "127.0.0.1", &["192.0.2.1"]), "127.0.0.1", "none is trusted unless said so");
    }

    #[test]
    fn a_trusted_proxy_says_whom_it_serves_and_what_the_client_wrote_before_is_not_read() {
        let own = "10.0.0.0/8, 127.0.0.1,2001:db8::/32";
        assert_eq!(client(own, "127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(client(own, "127.0.0.1", &["192.0.2.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(client(own, "127.0.0.1", &["192.0.2.1", "203.0.113.7"]), "203.0.113.7");
        assert_eq!(client(own, "10.1.2.3", &["192.0.2.1, 203.0.113.7, 10.9.9.9"]), "203.0.113.7");
        assert_eq!(client(own, "2001:db8::1", &["[2001:db9::5]:4711"]), "2001:db9::5");
        assert_eq!(client(own, "::ffff:127.0.0.1", &["203.0.113.7:80"]), "203.0.113.7");
    }

    #[test]
    fn what_does_not_read_leaves_the_last_proxy_known() {
        assert_eq!(client("127.0.0.1", "127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", "127.0.0.1", &["unknown"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1,10.0.0.1", "127.0.0.1", &["192.0.2.1, junk, 10.0.0.1"]), "10.0.0.1");
    }

    #[test]
    fn only_a_trusted_proxy_says_by_which_scheme_it_was_reached() {
        let headers =
            [("x-forwarded-proto".parse().expect("a name"), "http, https".parse().expect("a value"))];
        let headers = headers.into_iter().collect();
        let proxies: Proxies = "10.0.0.0/8".parse().expect("networks");
        let said =
            |peer: &str| proxies.said(peer.parse().expect("an address"), &headers, "x-forwarded-proto");
        assert_eq!(said("10.0.0.1"), Some("https"), "the nearest one's word");
        assert_eq!(said("203.0.113.7"), None);
    }

    #[test]
    fn a_list_that_does_not_read_says_which_part() {
        assert_eq!("10.0.0.0/8,proxy".parse::<Proxies>(), Err(NotANetwork("proxy".into())));
    }
}
