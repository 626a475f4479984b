//! What `egress drain` has to say of an address.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DrainReport {
    /// As it was asked for: private or public.
    pub address: Ipv4Addr,
    /// The private address that flows are given.
    pub private: Ipv4Addr,
    /// How many flows still have it.
    pub flows: usize,
    /// How long they were waited for.
    #[serde(skip)]
    pub waited: Duration,
}

impl DrainReport {
    /// In one sentence.
    pub fn text(&self) -> String {
        let Self {
            address,
            flows,
            waited,
            ..
        } = self;
        let waited = match waited.is_zero() {
            true => "0s".to_owned(),
            false => format!("{waited:?}"),
        };
        let until = "and gets no new ones until the next `eniroute apply` or boot";
        match flows {
            0 => format!("{address} has no flows left, {until}"),
            1 => format!("{address} has 1 flow left after {waited}, {until}"),
            flows => format!("{address} has {flows} flows left after {waited}, {until}"),
        }
    }
}
