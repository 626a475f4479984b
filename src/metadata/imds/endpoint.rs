//! Where the metadata service is asked, and by which NIC: URLs become addresses here. Opens nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::net::Dev;

/// A literal address instead of a name: there is no resolver before the network is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Endpoint(SocketAddr);

impl Endpoint {
    /// Reads `http://IP[:PORT][/]`, an IPv6 address in brackets.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let host = url
            .strip_prefix("http://")
            .map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        host.and_then(address).map(Self).ok_or_else(|| {
            Error::Usage(format!(
                "`{url}` is not the URL of a metadata service: expected http://IP[:PORT] with a literal address, for \
                 example http://169.254.169.254 or http://[fd00:ec2::254] (no https, no host name, no path)"
            ))
        })
    }

    pub(super) fn address(self) -> SocketAddr {
        self.0
    }
}

/// `SocketAddr` reads a scope (`%2`) too, which a URL cannot carry.
fn address(host: &str) -> Option<SocketAddr> {
    if host.contains('%') {
        return None;
    }
    let v6 = || {
        host.strip_prefix('[')?
            .strip_suffix(']')?
            .parse::<Ipv6Addr>()
            .ok()
    };
    let bare = host
        .parse::<Ipv4Addr>()
        .ok()
        .map(IpAddr::from)
        .or_else(|| v6().map(IpAddr::from));
    bare.map(|ip| SocketAddr::new(ip, 80))
        .or_else(|| host.parse().ok())
}

impl fmt::Display for Endpoint {
    /// The URL without a trailing slash, and without the port where it is 80.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self.0.port(), self.0.ip()) {
            (80, IpAddr::V4(ip)) => write!(f, "http://{ip}"),
            (80, IpAddr::V6(ip)) => write!(f, "http://[{ip}]"),
            _ => write!(f, "http://{}", self.0),
        }
    }
}

/// An endpoint, and the NIC that its connections are bound to (`None`: wherever the routes lead).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    pub(super) endpoint: Endpoint,
    pub(super) device: Option<Dev>,
}

impl Way {
    /// By the host's routes, as every program on it goes.
    pub fn is_plain(&self) -> bool {
        self.device.is_none()
    }

    /// Every way there is, in the order to try: by the routes first, then by each device. When a
    /// VPN's default route swallows link-local traffic, a NIC of the VPC still gets through.
    pub(super) fn all(urls: &[String], devices: &[Dev]) -> Result<Vec<Self>> {
        let endpoints = urls
            .iter()
            .map(|url| Endpoint::parse(url))
            .gathered::<Result<Vec<_>>>()?;
        if endpoints.is_empty() {
            return Err(Error::Usage(
                "no URL of a metadata service was given".into(),
            ));
        }
        let by_routes = endpoints.iter().map(|&endpoint| Self {
            endpoint,
            device: None,
        });
        let by_device = devices.iter().flat_map(|device| {
            // The loopback addresses are behind no NIC.
            let remote = endpoints
                .iter()
                .filter(|endpoint| !endpoint.0.ip().is_loopback());
            remote.map(|&endpoint| Self {
                endpoint,
                device: Some(device.clone()),
            })
        });
        Ok(by_routes.chain(by_device).gathered())
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.endpoint)?;
        self.device
            .iter()
            .try_for_each(|device| write!(f, " by {device}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::imds::DEFAULT_URLS;

    #[test]
    fn literal_addresses_are_read_and_shown_short() {
        for (url, address, shown) in [
            (
                "http://169.254.169.254",
                "169.254.169.254:80",
                "http://169.254.169.254",
            ),
            (
                "http://169.254.169.254:80/",
                "169.254.169.254:80",
                "http://169.254.169.254",
            ),
            (
                "http://[fd00:ec2::254]",
                "[fd00:ec2::254]:80",
                "http://[fd00:ec2::254]",
            ),
            (
                "http://127.0.0.1:1338/",
                "127.0.0.1:1338",
                "http://127.0.0.1:1338",
            ),
            ("http://[::1]:1338", "[::1]:1338", "http://[::1]:1338"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(
                (endpoint.address().to_string(), endpoint.to_string()),
                (address.into(), shown.into())
            );
        }
    }

    #[test]
    fn anything_else_is_a_usage_error_that_shows_the_url() {
        for url in [
            "",
            "169.254.169.254",
            "https://169.254.169.254",
            "http://",
            "http://localhost",
            "http://instance-data.ec2.internal/",
            "http://169.254.169.254/latest",
            "http://169.254.169.254//",
            "http://169.254.169.254:port",
            "http://user@169.254.169.254",
            "http://fd00:ec2::254",
            "http://[fe80::1%2]:80",
        ] {
            let error = Endpoint::parse(url).unwrap_err();
            assert!(
                matches!(&error, Error::Usage(text) if text.starts_with(&format!("`{url}` "))),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn routes_come_before_devices_and_loopback_is_behind_none() {
        let urls = DEFAULT_URLS.map(String::from);
        let ways = Way::all(&urls, &["eth0".into(), "eth1".into()]).unwrap();
        let shown: Vec<_> = ways.iter().map(Way::to_string).collect();
        let [v4, v6] = DEFAULT_URLS;
        let by = |url: &str, device: &str| format!("{url} by {device}");
        assert_eq!(
            shown,
            [
                v4.into(),
                v6.into(),
                by(v4, "eth0"),
                by(v6, "eth0"),
                by(v4, "eth1"),
                by(v6, "eth1")
            ]
        );

        let local = Way::all(
            &["http://127.0.0.1:1".into(), "http://[::1]:1".into()],
            &["eth0".into()],
        )
        .unwrap();
        assert!(
            local.iter().all(|way| way.device.is_none()) && local.len() == 2,
            "{local:?}"
        );
    }

    #[test]
    fn no_url_is_a_usage_error() {
        assert!(matches!(Way::all(&[], &[]), Err(Error::Usage(_))));
    }
}
