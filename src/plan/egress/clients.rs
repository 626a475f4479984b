//! Who is whose client: the first entry that names an address has it, and the host's own addresses are nobody's.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Meaning, Names, Range, Taken, merged};
use crate::config::{Client, Egress};
use crate::gather::Gather;

/// Who is somebody's by now.
pub(super) struct Clients<'a> {
    own: &'a [IpAddr],
    names: &'a Names,
    taken: Taken,
}

impl<'a> Clients<'a> {
    /// Nobody but the host itself.
    pub(super) fn new(own: &'a [IpAddr], names: &'a Names) -> Self {
        let mut taken = Taken::default();
        // What the host itself sends leaves as the address that it is sent from.
        own.iter().for_each(|ip| drop(taken.take((*ip).into())));
        Self { own, names, taken }
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
        merged(ranges)
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
        if taken.is_empty() {
            let note = "has no effect: earlier entries have all of it";
            meaning
                .notes
                .push(format!("{place}: {shown} in `from` {note}"));
        }
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
