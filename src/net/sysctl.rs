//! A setting of the kernel's, of the host or of one link (sysctl(8)).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Dev, quoted};

/// Whether a link takes routes from router advertisements, as [`Key::name`] has it.
pub const ACCEPT_RA: &str = "net/ipv6/conf/*/accept_ra";

/// Whether a packet of IPv4 that came in by a link is passed on.
pub const FORWARDING: &str = "net/ipv4/conf/*/forwarding";

/// The same of IPv6, in spite of the host's own switch: Linux 6.17 and later.
pub const FORCE_FORWARDING: &str = "net/ipv6/conf/*/force_forwarding";

/// How the source of a packet is checked against the way back (RFC 3704): 0 not at all, 1 strictly, 2 loosely. The greater
/// of a link's and of [`ALL_RP_FILTER`] counts.
pub const RP_FILTER: &str = "net/ipv4/conf/*/rp_filter";

/// Whether senders are told of a shorter way. The greater of a link's and the host's counts.
pub const SEND_REDIRECTS: &str = "net/ipv4/conf/*/send_redirects";

/// See [`RP_FILTER`].
pub const ALL_RP_FILTER: &str = "net/ipv4/conf/all/rp_filter";

/// [`SEND_REDIRECTS`] of all links, and of those that come.
pub const HOST_REDIRECTS: [&str; 2] = [
    "net/ipv4/conf/all/send_redirects",
    "net/ipv4/conf/default/send_redirects",
];

/// The host's ICMP errors are from the address of the link that the packet came in by.
pub const INBOUND_ERRORS: &str = "net/ipv4/icmp_errors_use_inbound_ifaddr";

/// The host is a router of IPv4: all links are, and those that come.
pub const ROUTER: &str = "net/ipv4/ip_forward";

/// The host is a router of IPv6, on all links.
pub const ROUTER_IPV6: &str = "net/ipv6/conf/all/forwarding";

/// The settings of a link that eniroute may change.
pub const OF_LINKS: [&str; 5] = [
    ACCEPT_RA,
    FORWARDING,
    FORCE_FORWARDING,
    RP_FILTER,
    SEND_REDIRECTS,
];

/// The settings of the host that eniroute may change, or goes by.
pub const OF_HOST: [&str; 6] = [
    HOST_REDIRECTS[0],
    HOST_REDIRECTS[1],
    INBOUND_ERRORS,
    ALL_RP_FILTER,
    ROUTER,
    ROUTER_IPV6,
];

/// The link whose settings a new link gets.
const DEFAULT: &str = "default";

/// Which setting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Its path below /proc/sys, with `*` for the link's name: `net/ipv6/conf/*/accept_ra`.
    pub name: Arc<str>,
    /// `None`: it is the host's.
    pub dev: Option<Dev>,
}

impl Key {
    /// A link's.
    pub fn of_link(name: &str, dev: &Dev) -> Self {
        Self {
            name: name.into(),
            dev: Some(dev.clone()),
        }
    }

    /// The host's.
    pub fn of_host(name: &str) -> Self {
        Self {
            name: name.into(),
            dev: None,
        }
    }

    /// Whether `dev` takes routes from router advertisements.
    pub fn accept_ra(dev: &Dev) -> Self {
        Self::of_link(ACCEPT_RA, dev)
    }

    /// It says whether a link takes routes from router advertisements.
    pub fn is_accept_ra(&self) -> bool {
        *self.name == *ACCEPT_RA
    }

    /// With it the host passes packets on: last of all that is made, and first of all that goes.
    pub fn is_forwarding(&self) -> bool {
        let last = self.name.rsplit('/').next();
        last.is_some_and(|last| ["forwarding", "force_forwarding"].contains(&last))
    }

    /// What passes packets on that come in by `dev`, as the host's own: no ENI is there.
    pub fn passing(dev: &str) -> [Self; 2] {
        [FORWARDING, FORCE_FORWARDING].map(|name| Self::of_host(&name.replace('*', dev)))
    }

    /// Where the value lies that a new link gets; for the host's own settings, the same.
    pub fn of_new_links(&self) -> Self {
        Self {
            name: self.name.clone(),
            dev: self.dev.as_ref().map(|_| DEFAULT.into()),
        }
    }
}

impl fmt::Display for Key {
    /// Below /proc/sys, and as `sysctl` takes it: where the first separator is a slash, a dot is a dot.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.dev {
            Some(dev) => f.write_str(&self.name.replacen('*', dev, 1)),
            None => f.write_str(&self.name),
        }
    }
}

/// A setting with its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sysctl {
    pub key: Key,
    /// Without white space at its ends, and with single blanks within.
    pub value: String,
    /// What it was before it was changed to `value`; `None`: that is not known, or it has not been changed yet.
    pub before: Option<String>,
}

impl Sysctl {
    /// A value that is wanted.
    pub fn new(key: Key, value: &str) -> Self {
        Self {
            key,
            value: value.to_owned(),
            before: None,
        }
    }

    /// The command that gives it its value.
    pub fn add_command(&self) -> String {
        set(&self.key, &quoted(&self.value))
    }

    /// The command that puts back what was before, or where that is not known, what new links get.
    pub fn remove_command(&self) -> String {
        let of_new_links = || format!("\"$(sysctl -n {})\"", self.key.of_new_links());
        set(
            &self.key,
            &self.before.as_deref().map_or_else(of_new_links, quoted),
        )
    }
}

/// `value` is one word of a shell.
fn set(key: &Key, value: &str) -> String {
    format!("sysctl -qw {}={value}", quoted(&key.to_string()))
}
