//! How much is read of what a metadata service says. EC2's own answers are far below each bound; a service that is beyond
//! one is broken, or not EC2's, and costs neither memory nor time that the host has not.

use std::collections::BTreeSet;

use crate::gather::Gather;
use crate::net::Mac;

/// ENIs that have no interface here (EFA-only ones, those in another network namespace) and are read all the same, in
/// outline. The largest instances have 64 ENIs in all (EC2 User Guide, "Maximum IP addresses per network interface").
const WITHOUT_LINK: usize = 16;

/// How much of an ENI is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// It has an interface here: all that is configured.
    Whole,
    /// It has none, and nothing of it is configured: who it is, and which addresses and subnets it has. Nothing is waited
    /// for, as an EFA-only ENI never has an address.
    Outline,
}

impl Depth {
    /// Of the ENI `mac`, where those with an interface are `present`; `None`: not known, so all have.
    pub fn of(mac: Mac, present: Option<&BTreeSet<Mac>>) -> Self {
        match present {
            Some(present) if !present.contains(&mac) => Self::Outline,
            _ => Self::Whole,
        }
    }

    /// The most values of one key: addresses, or delegated prefixes. EC2's own most is 64 of each family.
    pub fn values(self) -> usize {
        match self {
            Self::Whole => VALUES,
            Self::Outline => 64,
        }
    }

    /// Whether a key that the ENI may have is read.
    pub fn reads(self, key: &str) -> bool {
        self == Self::Whole || !(key.ends_with("-prefix") || PUBLIC.contains(&key))
    }
}

/// The keys of public addresses, each of which may cost a request.
const PUBLIC: [&str; 2] = ["ipv4-associations", "public-ipv4s"];

/// Values of one key of one ENI that is read whole.
pub const VALUES: usize = 1000;

/// Requests of one run.
pub const REQUESTS: u32 = 20_000;

/// The ENIs that are read, in EC2's order: all that have an interface among `present`, and so many of the others. And how
/// many are not.
pub fn chosen(listed: Vec<Mac>, present: Option<&BTreeSet<Mac>>) -> (Vec<Mac>, usize) {
    let Some(present) = present else {
        return (listed, 0);
    };
    let (mut others, mut unread) = (0, 0);
    let mut is_read = |mac: &Mac| {
        if present.contains(mac) {
            return true;
        }
        others += 1;
        let is_read = others <= WITHOUT_LINK;
        unread += usize::from(!is_read);
        is_read
    };
    let read = listed.into_iter().filter(|mac| is_read(mac)).gathered();
    (read, unread)
}

/// What a reader should know of the ENIs that are not read.
pub fn note(unread: usize) -> Option<String> {
    let note = format!(
        "EC2 lists {unread} more ENIs that have no interface here; they were not read, because eniroute reads \
         {WITHOUT_LINK} of such at most"
    );
    (unread > 0).then_some(note)
}
