//! What is not let through, and what is not for this host: packets of flows that it was not told of yet.

use super::Filter;
use super::draft::Draft;
use crate::gather::{Gather, Order};

/// The ends of `forward` and `input`.
pub(super) fn add(draft: &mut Draft, filter: &Filter) {
    draft.counter("refused");
    draft.counter("unsolicited");
    draft.rules(
        "forward",
        [
            "ct state established,related accept",
            "ct status dnat accept",
        ],
    );
    if !filter.is_router {
        draft.rules("forward", ["iifname @enis goto transit"]);
    }
    draft.chain("transit", ["counter name refused drop"]);
    input(draft, filter);
}

/// What the guard is made of: chains, sets, its counter.
const PARTS: [&str; 4] = ["input", "unsolicited", "enis", "snat4"];

/// Of a table's `text` what guards `input`, to be loaded ahead of the rest, beside the table that stands: its sets keep
/// what they have. Empty: a table without clients.
pub fn guard_of(text: &str) -> String {
    let is_part = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().take(5).gathered();
        let at = |index| words.get(index).copied().unwrap_or_default();
        PARTS.contains(&at(4)) && (at(0), at(1)) != ("flush", "set")
    };
    let parts: Vec<&str> = text.lines().filter(is_part).gathered();
    let table = text.lines().take(parts.len().min(1));
    let lines = table.chain(parts.iter().copied());
    lines.flat_map(|line| [line, "\n"]).gathered()
}

/// After a fail-over, a server's packet may come before its client's: to the host itself, which would end the flow by a
/// reset, or take the port that the flow has had. A session of the host's own has a socket, whatever conntrack knows of
/// it: without that test it would be lost whenever conntrack is new or emptied.
fn input(draft: &mut Draft, filter: &Filter) {
    let to = "iifname @enis ip daddr @snat4 meta l4proto { tcp, udp }";
    draft.base_chain("input", "filter hook input priority -5");
    draft.rules(
        "input",
        [
            format!("{to} ct state invalid jump unsolicited"),
            format!("{to} ct direction original ct state new jump unsolicited"),
        ],
    );
    draft.chain(
        "unsolicited",
        [
            "tcp flags & (fin|syn|rst|ack) == syn return",
            "socket wildcard 0 return",
            "meta l4proto udp socket wildcard 1 return",
            "counter name unsolicited drop",
        ],
    );
    let pools = filter.entries.iter().flat_map(|entry| &entry.pool);
    let mut addresses: Vec<_> = pools.map(|(ip, _)| *ip).gathered();
    addresses.order();
    addresses.dedup();
    draft.set("snat4", "ipv4_addr", addresses);
}
