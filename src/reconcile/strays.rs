//! Addresses that an ENI's interface has and EC2 has not assigned to the ENI, any more: a packet from one is dropped by the
//! VPC, and whoever has the address now cannot be reached from this host. What a file of ours has brought is ours to take
//! away, whatever the ledger knows; what the owner's file brings is reported, with the place.

use crate::error::Result;
use crate::files::Disk;
use crate::ledger::Ledger;
use crate::metadata::Metadata;
use crate::net::{Address, Mac};
use crate::object::{Object, Observed};
use crate::plan::{Desired, Planned};
use crate::stacks::mention::{Mention, mentions};

/// One such address.
#[derive(Clone, Debug)]
pub struct Stray {
    /// The ENI's.
    pub mac: Mac,
    pub address: Address,
    /// The files that name it.
    by: Vec<Mention>,
}

impl Stray {
    /// A file of ours for this ENI has brought it, in the form that ours have.
    fn is_ours(&self) -> bool {
        let is_own = |by: &Mention| by.own.as_ref().and_then(|own| own.mac()) == Some(self.mac);
        self.address.is_host() && self.by.iter().any(is_own)
    }

    /// Somebody else's line that brings it.
    pub fn place(&self) -> Option<&Mention> {
        self.by.iter().find(|by| by.own.is_none())
    }
}

/// The addresses in an ENI's subnets that are neither its own nor in a prefix of it. A lease goes by itself.
///
/// # Errors
/// A file that cannot be read.
pub fn strays(
    disk: &Disk,
    metadata: &Metadata,
    desired: &Desired,
    observed: &Observed,
) -> Result<Vec<Stray>> {
    let told = |planned: &&Planned| !metadata.recalled.contains(&planned.eni.mac);
    let mut found = Vec::new();
    for planned in desired.enis.iter().filter(told) {
        let up = observed.addresses.iter();
        for address in up.filter(|address| is_stray(planned, address, observed)) {
            found.push(Stray {
                mac: planned.eni.mac,
                address: address.clone(),
                by: mentions(disk, address.net.addr())?,
            });
        }
    }
    Ok(found)
}

fn is_stray(planned: &Planned, address: &Address, observed: &Observed) -> bool {
    let (eni, ip) = (&planned.eni, address.net.addr());
    address.dev == planned.dev
        && eni.subnets().any(|subnet| subnet.contains(&ip))
        && !eni.addresses().any(|own| own == ip)
        && !eni.prefixes().any(|prefix| prefix.contains(&ip))
        && !observed.expiring.contains_key(address)
}

/// Has the ledger know of those that files of ours have brought.
pub fn claim(ledger: &mut Ledger, strays: &[Stray]) {
    for stray in strays.iter().filter(|stray| stray.is_ours()) {
        if ledger.enis.contains_key(&stray.mac) {
            ledger.note(&Object::Address(stray.address.clone()));
        }
    }
}
