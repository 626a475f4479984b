//! `[[egress]]`, held against the ENIs that there are: who is which client, and which address of which ENI is meant. Pure.

mod clients;
mod pool;
mod range;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::nft::{Entry, Filter, Lead, Port};
use super::{Desired, Planned};
use crate::config::{Config, Egress};
use crate::eni::Eni;
use crate::gather::{Gather, Order};
use crate::net::nft::digest;
use crate::net::{Family, Rule};
use crate::numbering::{self, Band, Number, Slot};
use crate::object::Observed;
use clients::Clients;
use pool::Pool;
pub use range::{Range, Taken, merged};

/// What no router of a VPC forwards: the metadata service and the like, multicast, broadcast, and IPv6's equals.
const LOCAL: [&str; 5] = [
    "169.254.0.0/16",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "fe80::/10",
    "ff00::/8",
];

/// The addresses of the names in `from`.
pub type Names = BTreeMap<String, Vec<IpAddr>>;

/// What `[[egress]]` means on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// As many as the configuration has.
    pub entries: Vec<Entry>,
    /// What cannot be followed, with its place in the file; what is asked for by a person then ends, and all other runs do
    /// the rest.
    pub mistakes: Vec<String>,
    /// What has no effect, with its place in the file.
    pub notes: Vec<String>,
    /// What may well be meant so: a prefix of which earlier entries have a part, an address that the Internet does not see.
    pub remarks: Vec<String>,
}

impl Meaning {
    /// All that there is to say.
    pub fn told(&self) -> impl Iterator<Item = &String> {
        self.mistakes.iter().chain(&self.notes)
    }
}

/// The host that an `[[egress]]` is held against.
#[derive(Clone, Copy)]
struct Ground<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
}

/// What `[[egress]]` means on this host.
pub fn meaning(config: &Config, desired: &Desired, observed: &Observed) -> Meaning {
    let ground = Ground { desired, observed };
    let mut meaning = Meaning::default();
    if config.egress.is_empty() {
        return meaning;
    }
    let own = ground.own();
    let mut clients = Clients::new(&own, &observed.names);
    for (egress, key) in config.egress.iter().zip(keys(&config.egress)) {
        let pool = Pool::of(egress, ground, config, &mut meaning);
        let entry = Entry {
            key,
            place: egress.place.clone(),
            clients: clients.of(egress, &mut meaning),
            pool: pool.ipv4,
            drained: pool.drained,
            absent: pool.absent,
            ipv6: pool.ipv6,
            not_to: egress.not_to.clone(),
            wishes: egress.wishes,
        };
        let lacking = [Family::Ipv4, Family::Ipv6].map(|family| without(&entry, family));
        meaning.notes.extend(lacking.into_iter().flatten());
        meaning.entries.push(entry);
    }
    meaning
}

impl Ground<'_> {
    /// Every ENI that EC2 lists.
    fn enis(&self) -> impl Iterator<Item = &Eni> {
        let planned = self.desired.enis.iter().map(|planned| &planned.eni);
        planned.chain(self.desired.skipped.iter().map(|skipped| &skipped.eni))
    }

    /// The host's own addresses, and those that the Internet sees in their place.
    fn own(&self) -> Vec<IpAddr> {
        let public = self.enis().flat_map(|eni| eni.public.values().flatten());
        let private = self.enis().flat_map(Eni::addresses);
        private.chain(public.map(|ip| (*ip).into())).gathered()
    }
}

/// That an entry has clients of this family, and nothing that they could leave by. What is not here at all is told of itself.
fn without(entry: &Entry, family: Family) -> Option<String> {
    let has_ipv4 = !entry.pool.is_empty() || !entry.drained.is_empty();
    let has = [has_ipv4, entry.ipv6.is_some()];
    let (is_lacking, what) = match family {
        Family::Ipv4 => (has == [false, true], "an IPv4 address"),
        Family::Ipv6 => (has == [true, false], "IPv6"),
    };
    let mut clients = entry.clients.iter();
    let client = clients.find(|range| range.family() == family)?;
    let is_told = is_lacking && entry.absent.is_empty();
    is_told.then(|| {
        format!(
            "{}: {client} in `from` gets nowhere: no ENI of `as` has {what}",
            entry.place
        )
    })
}

/// Names of the entries that stay while their `as` stays, wherever they stand and whoever their clients are: counters go
/// on counting.
fn keys(all: &[Egress]) -> impl Iterator<Item = String> {
    all.iter().enumerate().map(|(index, egress)| {
        let before = all[..index].iter();
        let twins = before.filter(|other| other.leave_as == egress.leave_as);
        let words = egress.leave_as.join(" ");
        format!("e{}_{}", &digest(&words)[8..], twins.count() + 1)
    })
}

/// What the table has to do for `desired.egress`, and for a host that forwards. `None`: nothing.
pub fn filter(desired: &Desired, config: &Config) -> Option<Filter> {
    config.marks().then(|| Filter {
        ports: ports(desired).gathered(),
        leads: leads(desired),
        exempt: exempt(desired),
        entries: desired.egress.entries.clone(),
        is_router: config.forwards(),
    })
}

/// The ENIs that packets are forwarded by.
pub fn ports(desired: &Desired) -> impl Iterator<Item = Port> {
    desired.enis.iter().filter_map(port)
}

fn port(planned: &Planned) -> Option<Port> {
    Some(Port {
        dev: planned.dev.clone(),
        slot: planned.slot()?,
        addresses: planned.eni.ipv4.clone(),
    })
}

/// The primary ENI's table has no default route: what is led there goes on by main.
fn leads(desired: &Desired) -> Vec<Lead> {
    let secondary = desired.enis.iter().filter(|planned| !planned.eni.primary);
    let secondary: Vec<Number> = secondary.map(|planned| planned.eni.number()).gathered();
    let rules = desired.enis.iter().flat_map(|planned| &planned.rules);
    let lead = |rule: &Rule| {
        let (_, Band::Marked | Band::Arrived) = numbering::owner(rule)? else {
            return None;
        };
        let number = Number::of_table(rule.table).filter(|number| secondary.contains(number))?;
        Some(Lead {
            family: rule.family,
            dev: rule.extra().iif.clone(),
            slot: Slot::of(number)?,
        })
    };
    rules.filter_map(lead).gathered()
}

/// Where clients get without NAT: the VPC, as far as it is known, and what is local.
fn exempt(desired: &Desired) -> Vec<IpNet> {
    let vpc = desired.enis.iter().flat_map(|planned| vpc(&planned.eni));
    let local = LOCAL.iter().filter_map(|net| net.parse().ok());
    let mut exempt: Vec<IpNet> = vpc.chain(local).gathered();
    exempt.order();
    exempt.dedup();
    exempt
}

/// Its ranges, as far as they are known.
fn vpc(eni: &Eni) -> impl Iterator<Item = IpNet> {
    eni.vpc_ranges.iter().copied().chain(eni.subnets())
}

#[cfg(test)]
mod tests;
