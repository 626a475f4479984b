//! Flows that are decided: a client's, let through, and given an address of one entry. A bit of their mark says so, so that
//! of their further packets nothing else is asked than which address that is.

use std::net::Ipv4Addr;

use super::clients::{Of, named};
use super::draft::{Draft, led};
use super::ways::{by, mark, set};
use super::{Entry, Filter, counts};
use crate::gather::Gather;
use crate::net::Family;
use crate::numbering::{DECIDED, Slot};

/// A packet of such a flow.
pub(super) fn is_so() -> String {
    format!("ct mark & {DECIDED:#010x} == {DECIDED:#010x}")
}

/// Makes a flow one.
pub(super) fn so() -> String {
    format!("ct mark set ct mark & {:#010x} | {DECIDED:#010x}", !DECIDED)
}

/// Makes it one of the others.
pub(super) fn not_so() -> String {
    format!("ct mark set ct mark & {:#010x}", !DECIDED)
}

/// A flow of the entry is decided by its first packet: any may begin, and no other entry gives an address of this one's.
pub(super) fn at_once(entry: &Entry, filter: &Filter) -> bool {
    let wishes = &entry.wishes;
    let mut pool = entry.pool.iter();
    let is_plain = !entry.pool.is_empty() && !wishes.resets && wishes.limit.is_none();
    is_plain && pool.all(|(ip, _)| is_sole(*ip, filter))
}

fn is_sole(ip: Ipv4Addr, filter: &Filter) -> bool {
    let all = filter.entries.iter().flat_map(addresses);
    all.filter(|(other, _)| *other == ip).nth(1).is_none()
}

/// An address that only one entry gives, or gave: whose flow a packet is of follows from it.
struct Sole<'a> {
    entry: &'a Entry,
    /// The entry's.
    n: usize,
    ip: Ipv4Addr,
    slot: Slot,
}

fn soles(filter: &Filter) -> Vec<Sole<'_>> {
    let entries = filter.entries.iter().zip(1..);
    let entries = entries.filter(|(entry, _)| at_once(entry, filter));
    let all = entries.flat_map(|(entry, n)| addresses(entry).map(move |of| (entry, n, of)));
    let soles = all.filter(|(.., (ip, _))| is_sole(*ip, filter));
    let sole = soles.map(|(entry, n, (ip, slot))| Sole { entry, n, ip, slot });
    sole.gathered()
}

fn addresses(entry: &Entry) -> impl Iterator<Item = (Ipv4Addr, Slot)> {
    entry.pool.iter().chain(&entry.drained).copied()
}

/// What `prerouting` asks of what a client sends, behind the question for answers. A flow that is decided no more, since
/// its address is several entries' by now, or none's, becomes one of the others.
pub(super) fn add(draft: &mut Draft, filter: &Filter) {
    let soles = soles(filter);
    let to: Vec<_> = soles.iter().map(|sole| sole.sends(draft)).gathered();
    if !to.is_empty() {
        let given = format!("{} ct reply ip daddr", is_so());
        draft.rules("prerouting", [led(&given, &to)]);
    }
    draft.chain("owned", [format!("{} {}", is_so(), not_so())]);
    let to: Vec<_> = soles.iter().map(|sole| sole.gets(draft)).gathered();
    let slots = filter.ports.iter().map(|port| Some(port.slot));
    for slot in slots.chain([None]) {
        let count = (!to.is_empty()).then(|| led("ct reply ip daddr", &to));
        let on = slot.map(|slot| format!("goto {}", by(slot)));
        draft.chain(&answers(slot), count.into_iter().chain(on));
    }
}

/// The chain of answers to clients that came in by the ENI of this slot, or by none.
pub(super) fn answers(slot: Option<Slot>) -> String {
    format!("answer_{}", slot.map_or(0, Slot::number))
}

/// Where a packet with this address leads.
type Lead = (String, String);

impl Sole<'_> {
    fn sends(&self, draft: &mut Draft) -> Lead {
        let on = set("meta mark", &mark(self.slot));
        self.counted(draft, ("sent", "out"), ("goto", "daddr", Some(on)))
    }

    fn gets(&self, draft: &mut Draft) -> Lead {
        self.counted(draft, ("got", "in"), ("jump", "saddr", None))
    }

    fn counted(
        &self,
        draft: &mut Draft,
        (name, part): (&str, &str),
        (how, end, on): (&str, &str, Option<String>),
    ) -> Lead {
        let Self { entry, n, ip, .. } = self;
        let of = Of {
            entry,
            n: *n,
            is_decided: true,
        };
        let chain = format!("{name}_{n}_{}", named((*ip).into()));
        let count = format!(
            "counter name {} {}",
            counts::of_address(entry, *ip, part),
            on.unwrap_or_default()
        );
        let clamp = of.clamp(Family::Ipv4, end);
        let rules = clamp.into_iter().chain([count.trim_end().to_owned()]);
        draft.chain(&chain, rules);
        (ip.to_string(), format!("{how} {chain}"))
    }
}
