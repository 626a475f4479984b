//! What `[[egress]]` and `[forwarding]` have passed on, and for whom: what `status` tells of them.

mod text;

use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use crate::net::nft::Tally;

/// There only on a host that passes packets on. What only root may ask the kernel for is absent without root.
#[derive(Clone, Debug, Serialize)]
pub struct Passing {
    pub nftables: FilterReport,
    /// Absent where the kernel tracks no connections.
    pub conntrack: Option<ConntrackReport>,
    /// As many as the configuration has, in its order.
    pub egress: Vec<EntryReport>,
    /// Absent without a `[forwarding]` that is enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarding: Option<ForwardingReport>,
}

/// How our table of nftables is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TableState {
    Ok,
    /// It does not stand.
    Missing,
    /// It is another one than the configuration makes.
    Changed,
    /// It stands, and `nft` cannot be asked what is in it; or this run is not root's.
    Unseen,
    /// None is wanted: answers go by main.
    Unwanted,
}

/// Our table of nftables, and the packets that it has dropped for nobody's entry.
#[derive(Clone, Debug, Serialize)]
pub struct FilterReport {
    pub table: TableState,
    /// What came in by an ENI to be forwarded, and is nobody's, or has no way by its ENI.
    pub refused: Option<Tally>,
    /// What came to an address of a pool, and belongs to no flow.
    pub unsolicited: Option<Tally>,
}

/// The connection table, and what has happened to it since the boot.
#[derive(Clone, Debug, Serialize)]
pub struct ConntrackReport {
    pub entries: u64,
    pub limit: u64,
    /// Packets that found no room.
    pub drop: u64,
    /// Connections that gave way to others.
    pub early_drop: u64,
    /// Connections that could not be entered: mostly two packets of one flow at once, or no port was left.
    pub insert_failed: u64,
}

/// One `[[egress]]`.
#[derive(Clone, Debug, Serialize)]
pub struct EntryReport {
    /// What it leaves as; a second entry with the same `as` has a number behind it. It stays over changes of `from`.
    pub name: String,
    /// The file and the line.
    pub place: String,
    /// The names in `from`.
    pub names: Vec<NameReport>,
    pub addresses: Vec<PoolReport>,
    /// How many IPv4 addresses its `from` means.
    pub clients: u64,
    #[serde(flatten)]
    pub load: Load,
    /// Packets that the entry has refused.
    pub refused: Option<Tally>,
    /// Packets of flows that nobody knows, each answered by a reset.
    pub stale: Option<Tally>,
    /// Packets of new flows that were more than `limit` allows.
    pub limited: Option<Tally>,
    /// Flows that a client may have at a time.
    pub limit: Option<u32>,
}

/// A name in `from`.
#[derive(Clone, Debug, Serialize)]
pub struct NameReport {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    /// False: it does not resolve now, and the addresses are its last ones.
    pub resolves: bool,
}

/// What an address of an entry is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// New flows get it.
    Used,
    /// `egress drain`: new flows do not get it.
    Drained,
    /// It is a stand-by's, and not here.
    Absent,
    /// The entry does not have it any more; flows that have it go on.
    Former,
}

/// An address of an entry.
#[derive(Clone, Debug, Serialize)]
pub struct PoolReport {
    /// The private address; of one that is absent, the word in `as`.
    pub address: String,
    pub public: Vec<Ipv4Addr>,
    pub interface: Option<String>,
    pub eni: Option<String>,
    pub state: Use,
    /// How many addresses of `from` get it; absent where they are too many to be dealt here.
    pub clients: Option<u64>,
    /// Those clients, where they are few; else those that have flows now, where these are few.
    pub listed: Vec<Ipv4Addr>,
    #[serde(flatten)]
    pub load: Load,
    /// The destination that most of the flows go to: each of them needs a port of its own.
    pub busiest: Option<Busiest>,
}

/// What is passed on now, and has been.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Load {
    /// Clients that have flows now.
    pub active: Option<usize>,
    /// Flows now.
    pub flows: Option<usize>,
    /// Since the table was made.
    pub sent: Option<Tally>,
    pub received: Option<Tally>,
}

/// A destination, and how many ports of an address lead there.
#[derive(Clone, Debug, Serialize)]
pub struct Busiest {
    pub address: IpAddr,
    pub port: u16,
    /// The number of the protocol: 6 for TCP, 17 for UDP.
    pub protocol: u8,
    pub ports: u64,
    /// How many there are.
    pub limit: u64,
}

/// `[forwarding]`.
#[derive(Clone, Debug, Serialize)]
pub struct ForwardingReport {
    pub enis: Vec<RouterReport>,
    pub paths: Vec<PathReport>,
}

/// An ENI that forwards: what came in by it and went on, and what goes out by it.
#[derive(Clone, Debug, Serialize)]
pub struct RouterReport {
    pub interface: String,
    pub eni: String,
    #[serde(rename = "in")]
    pub came: Option<Tally>,
    #[serde(rename = "out")]
    pub left: Option<Tally>,
}

/// A `[[forwarding.path]]`.
#[derive(Clone, Debug, Serialize)]
pub struct PathReport {
    #[serde(rename = "in")]
    pub input: String,
    #[serde(rename = "out")]
    pub output: String,
    /// Both ends are here.
    pub here: bool,
}
