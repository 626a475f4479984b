//! The maps that a client is looked up in: single addresses by a hash, ranges by a tree.

use super::draft::Draft;
use super::{Entry, Filter, Range, counts};
use crate::gather::Gather;
use crate::net::Family;

/// Each map of clients, and the chain that it leads an entry's clients to.
pub(super) const MAPS: [(&str, &str, Family); 6] = [
    ("new4", "new_", Family::Ipv4),
    ("nat4", "nat_", Family::Ipv4),
    ("fwd4", "out_", Family::Ipv4),
    ("new6", "new6_", Family::Ipv6),
    ("fwd6", "out6_", Family::Ipv6),
    ("rev6", "back6_", Family::Ipv6),
];

/// What the name of a map of ranges has behind that of the map of single addresses. A hash finds one of ten thousand as soon
/// as one of ten; ranges take a tree.
pub(super) const RANGES: &str = "_ranges";

/// Both maps, where they have any clients.
pub(super) fn maps(
    draft: &mut Draft,
    filter: &Filter,
    (name, chain, family): (&str, &str, Family),
) {
    for (is_single, suffix, flags) in [(true, "", ""), (false, RANGES, "; flags interval")] {
        let elements = elements(filter, chain, (family, is_single));
        if !elements.is_empty() {
            let of = format!("{}{flags}", kind(family));
            draft.map(&format!("{name}{suffix}"), &of, elements);
        }
    }
}

fn elements(filter: &Filter, chain: &str, (family, is_single): (Family, bool)) -> Vec<String> {
    let of = |(entry, n): (&Entry, usize)| {
        let clients = entry.clients.iter();
        let clients = clients.filter(|range| range.family() == family);
        let clients = clients.filter(|range| range.is_single() == is_single);
        let to = only(entry, n).filter(|_| chain == "nat_");
        let to = to.unwrap_or_else(|| format!("{chain}{n}"));
        let lead = |range: &Range| format!("{range} : goto {to}");
        clients.map(lead).gathered::<Vec<_>>()
    };
    filter.entries.iter().zip(1..).flat_map(of).gathered()
}

/// The chain that gives an entry's flows their address, where nothing else is to be asked.
pub(super) fn only(entry: &Entry, n: usize) -> Option<String> {
    let is_ipv4 = |net: &ipnet::IpNet| Family::of(net.addr()) == Family::Ipv4;
    let [(ip, _)] = entry.pool[..] else {
        return None;
    };
    let has_own = entry.not_to.iter().any(is_ipv4);
    (!has_own).then(|| counts::by_first(n, ip))
}

/// The rules that look a client up.
pub(super) fn look_up(draft: &mut Draft, chain: &str, looks: &[(&str, &str)]) {
    for (what, map) in looks {
        for map in [(*map).to_owned(), format!("{map}{RANGES}")] {
            if draft.has_set(&map) {
                draft.rules(chain, [format!("{what} vmap @{map}")]);
            }
        }
    }
}

pub(super) fn kind(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4_addr",
        Family::Ipv6 => "ipv6_addr",
    }
}
