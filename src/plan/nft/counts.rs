//! What is counted, and by which name: of an entry, of each of its addresses, and of each ENI of a router. A counter keeps
//! its count over reloads as long as its name stays.
//!
//! `forward` counts a flow's packets by the address that the flow was given. Of a flow's first packet that address is known
//! only to the chain of NAT, which sees no other one, and counts it.

use std::net::Ipv4Addr;

use super::clients::named;
use super::draft::Draft;
use super::{Entry, Filter, Port, pool};
use crate::gather::Gather;
use crate::numbering::Slot;

/// What is counted of an entry: packets of clients and to them; those that were refused, that a reset has ended, and that
/// were more than `limit` allows.
pub const PARTS: [&str; 5] = ["out", "in", "refused", "stale", "limited"];

/// The counter of one of [`PARTS`]; of `out` and `in`, what no counter of an address has counted.
pub fn of_entry(entry: &Entry, part: &str) -> String {
    format!("{}_{part}", entry.key)
}

/// The counter of what an entry's clients send (`out`) or get (`in`) by this address.
pub fn of_address(entry: &Entry, ip: Ipv4Addr, part: &str) -> String {
    format!("{}_{}_{part}", entry.key, named(ip.into()))
}

/// The counter of what is forwarded and came in by an ENI (`in`), or goes out by it (`out`).
pub fn of_eni(slot: Slot, part: &str) -> String {
    format!("passed_{}_{part}", slot.number())
}

/// The counters of an entry, which is the `n`th, and those of its addresses.
pub(super) fn add(draft: &mut Draft, entry: &Entry, n: usize) {
    PARTS
        .iter()
        .for_each(|part| draft.counter(of_entry(entry, part)));
    for part in ["out", "in"] {
        let all = entry.pool.iter().chain(&entry.drained);
        let counted = all.map(|(ip, _)| {
            let name = of_address(entry, *ip, part);
            draft.counter(name.as_str());
            format!("{ip} : {name}")
        });
        let counted: Vec<String> = counted.gathered();
        draft.counters(&format!("{part}_by_{n}"), "ipv4_addr", counted);
    }
}

/// Accepts a packet of a flow that has been given an address, and counts it for that.
pub(super) fn known(n: usize, part: &str) -> String {
    format!("counter name ct reply ip daddr map @{part}_by_{n} accept")
}

/// The chains that count a flow's first packet, and give it its address.
pub(super) fn first(draft: &mut Draft, entry: &Entry, n: usize) {
    for (ip, _) in &entry.pool {
        let count = format!("counter name {}", of_address(entry, *ip, "out"));
        let to = pool::give(*ip, entry.wishes.random_ports);
        draft.chain(&by_first(n, *ip), [count].into_iter().chain(to));
    }
}

/// The name of such a chain.
pub(super) fn by_first(n: usize, ip: Ipv4Addr) -> String {
    format!("first_{n}_{}", named(ip.into()))
}

/// What a router forwards, by ENI.
pub(super) fn passed(draft: &mut Draft, filter: &Filter) {
    for (part, key) in [("in", "iifname"), ("out", "oifname")] {
        let counted = filter.ports.iter().map(|port: &Port| {
            let name = of_eni(port.slot, part);
            draft.counter(name.as_str());
            format!("\"{}\" : {name}", port.dev)
        });
        let counted: Vec<String> = counted.gathered();
        draft.counters(&format!("passed_{part}"), "ifname", counted);
        draft.rules(
            "forward",
            [format!("counter name {key} map @passed_{part}")],
        );
    }
}
