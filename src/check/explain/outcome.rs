//! What becomes of a packet: what this host, and what the VPC makes of it.
//!
//! The VPC drops what leaves by another ENI than the one that EC2 has assigned the source address to, unless the ENI's
//! source/destination check is off (Amazon VPC user guide, source/destination checks), which cannot be seen from inside.

use std::net::IpAddr;

use super::{Ground, Heard, arrival};
use crate::check::walk::{End, Packet};
use crate::eni::Eni;
use crate::kernel::word::Word;
use crate::net::Dev;
use crate::report::Outcome;

type Judged = (Outcome, String);

/// By the walk's end and the kernel's word.
pub fn of(ground: &Ground, heard: &Heard, end: &End) -> Judged {
    let packet = &heard.packet;
    if let Some(judged) = stopped(ground, heard, end) {
        return judged;
    }
    match (end, &packet.iif) {
        (End::Route(_), Some(dev)) if end.is_local() => arrives(ground, packet, dev),
        (End::Route(_), None) if end.is_local() => {
            (Outcome::Arrives, "it stays on this host".to_owned())
        }
        (End::Route(_), _) => leaves(ground, heard, &end.devs()),
        (End::RefusedByRoute(found), _) => {
            by_host(format!("the route `{}` refuses it", found.route))
        }
        (End::RefusedByRule(rule), _) => by_host(format!("the rule `{}` refuses it", rule.rule)),
        (End::NoRoute, _) => by_host("no rule leads to a route to there".to_owned()),
    }
}

fn by_host(why: String) -> Judged {
    (Outcome::DroppedByHost, format!("this host drops it: {why}"))
}

/// It is not the routes that keep the packet, but its source: the kernel checks that as well.
pub fn is_refused_for_its_source(ground: &Ground, packet: &Packet) -> bool {
    let cannot_send = |ip: IpAddr| ip.is_ipv4() && (ground.up(ip).is_none() || ip.is_loopback());
    packet.iif.is_some() || packet.from.is_some_and(cannot_send)
}

/// What this host has against it, whatever its routes say.
fn stopped(ground: &Ground, heard: &Heard, end: &End) -> Option<Judged> {
    let Heard { packet, word } = heard;
    let from = packet.from?;
    let would_go = matches!(end, End::Route(_));
    match (word, &packet.iif) {
        (Word::Filtered | Word::Refused(_), Some(dev)) if would_go => {
            Some(by_host(arrival::objection(ground, packet, from, dev)))
        }
        (Word::Way(_), Some(dev)) if arrival::is_kept_from_going_on(ground, packet, dev) => {
            Some(by_host(arrival::no_router()))
        }
        (_, None) if ground.up(from).is_none() => Some(by_host(lacking(ground, from))),
        (Word::Refused(words), None) if would_go => Some(by_host(format!(
            "the kernel takes no packet from {from} to there ({words})"
        ))),
        _ => None,
    }
}

fn lacking(ground: &Ground, from: IpAddr) -> String {
    if ground.is_delegated(from) {
        format!(
            "{from} is of a delegated prefix, and on no interface: for a container's packet, name the one that it \
             arrives by (--in INTERFACE)"
        )
    } else {
        format!("no interface has {from}, so nothing can be sent from it (A1)")
    }
}

fn arrives(ground: &Ground, packet: &Packet, dev: &Dev) -> Judged {
    let (to, here) = (packet.to, ground.eni_of(dev));
    match (ground.owner(to), here) {
        (Some(owner), Some(here)) if owner.mac != here.mac => (
            Outcome::DroppedByVpc,
            format!(
                "it never comes by {dev}: EC2 delivers packets for {to} to {}",
                named(ground, owner)
            ),
        ),
        (None, Some(_)) if ground.has_metadata => (
            Outcome::DroppedByVpc,
            format!(
                "it never comes: EC2 has assigned {to} to {}, and delivers nothing for it (A2)",
                ground.nobody()
            ),
        ),
        _ => (Outcome::Arrives, received(ground, packet)),
    }
}

fn received(ground: &Ground, packet: &Packet) -> String {
    let allowed = "security groups and network ACL allow it";
    let is_outside = packet.from.is_some_and(|ip| ground.is_outside(ip));
    match (is_outside, packet.to.is_ipv6(), ground.seen_as(packet.to)) {
        (true, true, _) => format!(
            "it arrives, if the subnet's IPv6 route is by an Internet gateway (an egress-only one lets nothing in), and \
             {allowed}"
        ),
        (true, false, Some(public)) => format!("it arrives, sent to {public}, if {allowed}"),
        (true, false, None) if ground.has_metadata => {
            "it would arrive, but nobody outside can send it: EC2 maps no public address to this one".to_owned()
        }
        _ => format!("it arrives, if {allowed}"),
    }
}

fn leaves(ground: &Ground, heard: &Heard, devs: &[&Dev]) -> Judged {
    let Some(source) = heard.source() else {
        return (
            Outcome::Passes,
            "it leaves; the source address is the kernel's choice".to_owned(),
        );
    };
    let judged = devs.iter().map(|dev| leaves_by(ground, heard, source, dev));
    let worst = |judged: &Judged| {
        (
            judged.0 == Outcome::DroppedByVpc,
            judged.0 == Outcome::LeavesVpc,
        )
    };
    let none = || by_host("its route leads to no interface".to_owned());
    let (outcome, why) = judged.max_by_key(worst).unwrap_or_else(none);
    match devs.len() {
        0 | 1 => (outcome, why),
        _ => (
            outcome,
            format!("its flows are spread over several interfaces; of some: {why}"),
        ),
    }
}

fn leaves_by(ground: &Ground, heard: &Heard, source: IpAddr, dev: &Dev) -> Judged {
    match (ground.eni_of(dev), ground.owner(source)) {
        (None, _) if ground.has_metadata => (
            Outcome::LeavesVpc,
            format!(
                "it leaves by {dev}, which is no ENI: what becomes of it there is not EC2's business"
            ),
        ),
        (None, _) => (
            Outcome::Passes,
            format!("it leaves by {dev}; whose {source} is in EC2 cannot be said without metadata"),
        ),
        (Some(here), Some(owner)) if here.mac == owner.mac => {
            (Outcome::Passes, passes(ground, heard, source, here))
        }
        (Some(here), owner) => (Outcome::DroppedByVpc, stray(ground, heard, here, owner)),
    }
}

fn passes(ground: &Ground, heard: &Heard, source: IpAddr, here: &Eni) -> String {
    let by = format!(
        "the VPC lets it out: EC2 has assigned {source} to {}",
        named(ground, here)
    );
    if !ground.is_outside(heard.packet.to) {
        return by;
    }
    match ground.seen_as(source) {
        Some(public) => format!("{by}; the Internet sees {public}"),
        None => format!(
            "{by}; no public address is mapped to it, so only a NAT gateway would take it to the Internet"
        ),
    }
}

fn stray(ground: &Ground, heard: &Heard, here: &Eni, owner: Option<&Eni>) -> String {
    let source = heard.source().map_or_else(String::new, |ip| ip.to_string());
    let whose = match owner {
        Some(owner) => format!("{source} is assigned to {}", named(ground, owner)),
        None => format!("EC2 has assigned {source} to {}", ground.nobody()),
    };
    let unless = match heard.packet.iif {
        Some(_) => ", or if NAT on this host gave it another source",
        None => "",
    };
    format!(
        "the VPC drops it: it leaves by {}, and {whose} (only with the source/destination check off would it \
         pass{unless})",
        named(ground, here)
    )
}

/// `eth1 (eni-...)`
fn named(ground: &Ground, eni: &Eni) -> String {
    match ground.dev_of(eni) {
        Some(dev) => format!("{dev} ({})", eni.id),
        None => eni.id.clone(),
    }
}
