//! Who is whose client: the first entry that names an address has it, and the host's own addresses are nobody's.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Meaning, Names, Range, Taken, merged};
use crate::config::{Client, Egress};
use crate::gather::Gather;

/// Nobody else's packets have these.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// How many ranges are shown of what is left of a prefix.
const SHOWN: usize = 4;

/// Who is somebody's by now.
pub(super) struct Clients<'a> {
    own: &'a [IpAddr],
    names: &'a Names,
    taken: Taken,
    /// What of that is earlier entries'.
    earlier: Taken,
}

impl<'a> Clients<'a> {
    /// Nobody but the host itself.
    pub(super) fn new(own: &'a [IpAddr], names: &'a Names) -> Self {
        let mut taken = Taken::default();
        // What the host itself sends leaves as the address that it is sent from.
        let own_nets = own.iter().map(|ip| IpNet::from(*ip));
        let loopback = LOOPBACK.iter().filter_map(|net| net.parse().ok());
        own_nets
            .chain(loopback)
            .for_each(|net| drop(taken.take(net)));
        Self {
            own,
            names,
            taken,
            earlier: Taken::default(),
        }
    }

    /// The clients of the next entry.
    pub(super) fn of(&mut self, egress: &Egress, meaning: &mut Meaning) -> Vec<Range> {
        let mut ranges = Vec::new();
        for client in &egress.from {
            let of = match client {
                Client::Net(net) => self.of_net(*net, egress, meaning),
                Client::Name(name) => self.of_name(name, egress, meaning),
            };
            ranges.extend(of);
        }
        let ranges = merged(ranges);
        self.earlier.add(&ranges);
        ranges
    }

    fn of_net(&mut self, net: IpNet, egress: &Egress, meaning: &mut Meaning) -> Vec<Range> {
        let place = &egress.place;
        let shown = crate::net::short(net);
        if self.own.iter().any(|ip| IpNet::from(*ip) == net) {
            meaning.mistakes.push(format!(
                "{place}: `from` has {shown}, which is this host's own: what the host itself sends leaves by the address \
                 that a program binds to; take it out"
            ));
            return Vec::new();
        }
        let taken = self.taken.take(net);
        let left = self.earlier.free(net.into());
        let told = match (left.is_empty(), taken.is_empty()) {
            (true, _) => "has no effect: earlier entries have all of it".to_owned(),
            (_, true) => "has no effect: the same entry has all of it, or this host".to_owned(),
            _ if left == [net.into()] => return taken,
            _ => {
                let goes = format!(
                    "{place}: {shown} in `from` goes without what earlier entries have of it; left are {}",
                    some(&left)
                );
                meaning.remarks.push(goes);
                return taken;
            }
        };
        meaning
            .notes
            .push(format!("{place}: {shown} in `from` {told}"));
        taken
    }

    /// A name may have an address that an earlier entry has, or this host.
    fn of_name(&mut self, name: &str, egress: &Egress, meaning: &mut Meaning) -> Vec<Range> {
        let addresses = self.names.get(name).map(Vec::as_slice).unwrap_or_default();
        let taken = addresses
            .iter()
            .flat_map(|ip| self.taken.take((*ip).into()));
        let taken: Vec<Range> = taken.gathered();
        if taken.is_empty() && !addresses.is_empty() {
            let place = &egress.place;
            let note = "has no effect: its addresses are those of earlier entries, or this host's";
            meaning
                .notes
                .push(format!("{place}: `{name}` in `from` {note}"));
        }
        taken
    }
}

/// The first of them, and how many more there are.
fn some(ranges: &[Range]) -> String {
    let first = ranges.iter().take(SHOWN).map(Range::to_string);
    let first = first.gathered::<Vec<_>>().join(", ");
    match ranges.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} ranges more"),
    }
}
