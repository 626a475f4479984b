//! Which ENI a packet leaves by: answers by the one that the flow's first packet came in by, a flow that was given an
//! address by that address's, and only of a new flow more is asked.

use super::decided;
use super::draft::{Draft, led};
use super::{Filter, Port};
use crate::gather::Gather;
use crate::numbering::{DECIDED, MARKS, Slot};

/// The bits of a mark that are not ours.
const OTHERS: u32 = !MARKS;

/// The chain that sends a packet by the ENI of this slot.
pub(super) fn by(slot: Slot) -> String {
    format!("eni_{}", slot.number())
}

/// The chains that mark, for every ENI, and the way back. `prerouting` goes behind mangle and before any destination NAT.
pub(super) fn add(draft: &mut Draft, filter: &Filter) {
    draft.base_chain("prerouting", "filter hook prerouting priority -145");
    let ports = || filter.ports.iter();
    draft.rules("prerouting", ["ct direction reply goto way_back"]);
    if !filter.entries.is_empty() {
        decided::add(draft, filter);
        owners(draft, filter);
    }
    let into = |port: &Port| format!("jump in_{}", port.slot.number());
    let into = ports().map(|port| (format!("\"{}\"", port.dev), into(port)));
    let into: Vec<_> = into.gathered();
    draft.rules("prerouting", [led("ct state new iifname", &into)]);
    draft.chain("way_back", [led("ct mark & 0xff000000", &back(filter))]);
    draft.chain("arrived", [led("iifname", &into)]);
    for port in ports() {
        let set = |what: &str| [set(what, &mark(port.slot))];
        draft.chain(&by(port.slot), set("meta mark"));
        draft.chain(&format!("in_{}", port.slot.number()), set("ct mark"));
    }
}

/// Where an answer leads, by the mark of its flow.
fn back(filter: &Filter) -> Vec<(String, String)> {
    let ports = || filter.ports.iter().map(|port| port.slot);
    let plain = ports().map(|slot| (mark(slot), format!("goto {}", by(slot))));
    let slots = ports().map(Some).chain([None]);
    let slots = slots.filter(|_| !filter.entries.is_empty());
    let decided = slots.map(|slot| {
        let mark = slot.map_or(0, |slot| slot.mark().value) | DECIDED;
        (
            format!("{mark:#010x}"),
            format!("goto {}", decided::answers(slot)),
        )
    });
    plain.chain(decided).gathered()
}

/// A flow keeps to the ENI of the address that it was given, whatever its client would be given now, and while it waits for
/// its first answer, too. Its first packet is asked for before that.
fn owners(draft: &mut Draft, filter: &Filter) {
    let owners = filter.ports.iter().flat_map(|port| {
        let addresses = port.addresses.iter();
        addresses.map(|ip| format!("{ip} : goto {}", by(port.slot)))
    });
    draft.map("owner4", "ipv4_addr", owners);
    draft.rules("owned", ["ct reply ip daddr vmap @owner4"]);
    draft.rules(
        "prerouting",
        [
            "ct status & confirmed == 0 goto arrived".to_owned(),
            "ct status snat goto owned".to_owned(),
            // The table was taken away before the first packet had its address.
            format!("{} {}", decided::is_so(), decided::not_so()),
        ],
    );
}

/// Gives a mark this value in our bits.
pub(super) fn set(what: &str, value: &str) -> String {
    format!("{what} set {what} & {OTHERS:#010x} | {value}")
}

pub(super) fn mark(slot: Slot) -> String {
    format!("{:#010x}", slot.mark().value)
}
