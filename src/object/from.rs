//! Kinds of which there are few are elsewhere: thousands of addresses and rules take no more room for them.

use super::Object;
use crate::net::Route;
use crate::net::nft::Nft;
use crate::net::sysctl::Sysctl;

impl From<Route> for Object {
    fn from(route: Route) -> Self {
        Self::Route(Box::new(route))
    }
}

impl From<Sysctl> for Object {
    fn from(sysctl: Sysctl) -> Self {
        Self::Sysctl(Box::new(sysctl))
    }
}

impl From<Nft> for Object {
    fn from(nft: Nft) -> Self {
        Self::Nft(Box::new(nft))
    }
}
