//! A client of an `[[egress]]`: what it leaves as. The kernel is not asked: its choice is known (`plan/nft/pool.rs`).

use std::net::{IpAddr, Ipv4Addr};

use super::Ground;
use crate::numbering::Slot;
use crate::plan::Planned;
use crate::plan::nft::{Entry, address_of};
use crate::report::PacketReport;

/// What is said of this address, where it is a client's; and no way: how a flow of its goes on is the table's business.
pub fn client(ground: &Ground, ip: IpAddr) -> Option<PacketReport> {
    let entries = &ground.assessment.desired.egress.entries;
    let is_its = |entry: &&Entry| entry.clients.iter().any(|range| range.contains(ip));
    let entry = entries.iter().find(is_its)?;
    let left = left_as(ground, entry, ip);
    let public = left.as_ref().and_then(|left| left.address);
    let public = public.map_or_else(Vec::new, |own| ground.public_of(own.into()));
    Some(PacketReport {
        address: ip,
        interface: left.as_ref().map(|left| left.eni.dev.to_string()),
        eni: left.as_ref().map(|left| left.eni.eni.id.to_string()),
        what: sentence(ip, entry, left.as_ref(), &public),
        public,
        ways: Vec::new(),
    })
}

/// By which ENI, and as which address of it; none: with its own.
struct Left<'a> {
    eni: &'a Planned,
    address: Option<Ipv4Addr>,
}

fn left_as<'a>(ground: &Ground<'a>, entry: &Entry, client: IpAddr) -> Option<Left<'a>> {
    let (address, slot) = match client {
        IpAddr::V4(client) => {
            let (address, slot) = address_of(&entry.pool, client)?;
            (Some(*address), *slot)
        }
        IpAddr::V6(_) => (None, entry.ipv6?),
    };
    let eni = of_slot(ground, slot)?;
    Some(Left { eni, address })
}

fn of_slot<'a>(ground: &Ground<'a>, slot: Slot) -> Option<&'a Planned> {
    let mut enis = ground.assessment.desired.enis.iter();
    enis.find(|planned| planned.slot() == Some(slot))
}

fn sentence(ip: IpAddr, entry: &Entry, left: Option<&Left>, public: &[Ipv4Addr]) -> String {
    let Some(Left { eni, address }) = left else {
        let why = match ip {
            IpAddr::V4(_) if !entry.drained.is_empty() => {
                "no address of its `as` gets new flows until the next `eniroute apply` or boot (drained)"
            }
            IpAddr::V6(_) if !entry.pool.is_empty() => "no ENI of its `as` has IPv6",
            _ => "no address of its `as` is here",
        };
        return format!(
            "{ip} is a client of an [[egress]] of the configuration, and nothing new of it is let through: {why}"
        );
    };
    let by = format!("leave by {} ({})", eni.dev, eni.eni.id);
    let how = match (address, public.first()) {
        (None, _) => format!("{by}, with its own address, which the Internet sees"),
        (Some(own), Some(public)) => format!("{by} as {own}, and the Internet sees {public}"),
        (Some(own), None) => format!("{by} as {own}, for which EC2 has no public address"),
    };
    let pool = match entry.pool.len() {
        0 | 1 => String::new(),
        count => format!(", one of the {count} addresses of its pool"),
    };
    format!(
        "{ip} is a client of an [[egress]] of the configuration: its new flows to the Internet {how}{pool}."
    )
}
