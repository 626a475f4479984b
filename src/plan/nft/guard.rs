//! What is not let through, and what is not for this host: packets of flows that it was not told of yet.

use super::Filter;
use super::draft::Draft;
use crate::gather::Order;

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
    let mut addresses: Vec<_> = pools.map(|(ip, _)| *ip).collect();
    addresses.order();
    addresses.dedup();
    draft.set("snat4", "ipv4_addr", addresses);
}
