//! A flow as conntrack knows it.

use std::net::IpAddr;

/// A flow that packets have been seen of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who has begun it, with the address that it has itself.
    pub from: IpAddr,
    /// Whom it was sent to.
    pub to: IpAddr,
    /// TCP (6), UDP (17) and the like.
    pub protocol: u8,
    /// The port that it was sent to, where the protocol has ports.
    pub port: u16,
    /// Where its answers are sent to: `from`, or the address that it has been given.
    pub answered_at: IpAddr,
    /// Its mark.
    pub mark: u32,
}
