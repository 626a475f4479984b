//! Which ENI a packet leaves by: answers by the one that the flow's first packet came in by.

use super::Filter;
use super::draft::{Draft, joined};
use crate::numbering::{MARKS, Slot};

/// The bits of a mark that are not ours.
const OTHERS: u32 = !MARKS;

/// The chain that sends a packet by the ENI of this slot.
pub(super) fn by(slot: Slot) -> String {
    format!("eni_{}", slot.number())
}

/// The chains that mark, for every ENI, and the way back. `prerouting` goes behind mangle and before any destination NAT.
pub(super) fn add(draft: &mut Draft, filter: &Filter) {
    draft.base_chain("prerouting", "filter hook prerouting priority -145");
    draft.rules(
        "prerouting",
        [
            "ct direction reply goto way_back",
            "ct state new jump arrived",
        ],
    );
    let ports = || filter.ports.iter();
    let back = joined(ports().map(|port| format!("{} : goto {}", mark(port.slot), by(port.slot))));
    let arrived =
        joined(ports().map(|port| format!("\"{}\" : goto in_{}", port.dev, port.slot.number())));
    draft.chain(
        "way_back",
        [format!("ct mark & 0xff000000 vmap {{ {back} }}")],
    );
    draft.chain("arrived", [format!("iifname vmap {{ {arrived} }}")]);
    for port in ports() {
        let set = |what: &str| [set(what, &mark(port.slot))];
        draft.chain(&by(port.slot), set("meta mark"));
        draft.chain(&format!("in_{}", port.slot.number()), set("ct mark"));
    }
}

/// Gives a mark this value in our bits.
pub(super) fn set(what: &str, value: &str) -> String {
    format!("{what} set {what} & {OTHERS:#010x} | {value}")
}

pub(super) fn mark(slot: Slot) -> String {
    format!("{:#010x}", slot.mark().value)
}
