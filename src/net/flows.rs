//! Entries of the connection table, named by what they have in common.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Mark, short};

/// Connections that the kernel tracks (nf_conntrack).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flows {
    /// Their mark has this value in the bits of the mask.
    Marked(Mark),
    /// Whoever began them is there.
    From(IpNet),
    /// Their answers come to this address: the one that source NAT has given them, or the beginner's own.
    AnsweredAt(IpAddr),
}

/// One of them, as far as it is told apart here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    pub mark: u32,
    /// Of the first packet.
    pub source: IpAddr,
    /// Of the answers.
    pub answered_at: IpAddr,
    /// Of the first packet.
    pub to: Target,
}

/// Where a flow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub address: IpAddr,
    /// The number of the protocol: 6 for TCP, 17 for UDP.
    pub protocol: u8,
    /// 0 for a protocol without ports.
    pub port: u16,
}

impl Flows {
    /// Whether `flow` is one of them.
    pub fn have(&self, flow: &Flow) -> bool {
        match self {
            Self::Marked(mark) => (flow.mark ^ mark.value) & mark.mask == 0,
            Self::From(net) => net.contains(&flow.source),
            Self::AnsweredAt(ip) => flow.answered_at == *ip,
        }
    }
}

impl fmt::Display for Flows {
    /// The command that ends them.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let family = |ip: IpAddr| if ip.is_ipv4() { "ipv4" } else { "ipv6" };
        match self {
            Self::Marked(mark) => {
                write!(
                    f,
                    "conntrack -D -f ipv4 -m {mark}; conntrack -D -f ipv6 -m {mark}"
                )
            }
            Self::From(net) => write!(
                f,
                "conntrack -D -f {} -s {}",
                family(net.addr()),
                short(*net)
            ),
            Self::AnsweredAt(ip) => write!(f, "conntrack -D -f {} -q {ip}", family(*ip)),
        }
    }
}
