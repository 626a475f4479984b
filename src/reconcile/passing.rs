//! What `[[egress]]` and `[forwarding]` pass on now, and have: the counters of our table of nftables, and the connections
//! that the kernel tracks. Both are asked for by netlink, once, whatever the number of clients. Reads only.

mod dealt;
mod flows;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::assess::Assessment;
use super::host::Host;
use super::inspect::forwarding::Conntrack;
use super::inspect::passages::dev;
use crate::config::{Client, Config, Egress};
use crate::gather::Gather;
use crate::net::nft::{self, Nft, Tally};
use crate::object::Object;
use crate::plan::Planned;
use crate::plan::nft::{Entry, of_address, of_eni, of_entry};
use crate::report::{
    ConntrackReport, EntryReport, FilterReport, ForwardingReport, Load, NameReport, Passing,
    PathReport, PoolReport, RouterReport, TableState, Use,
};
use dealt::Dealt;
use flows::{Seen, flows};

/// `None`: the host passes nothing on by eniroute's doing.
pub fn passing(host: &Host, assessment: &Assessment) -> Option<Passing> {
    let config = &host.config;
    if !config.marks() && !config.forwards() {
        return None;
    }
    let entries = &assessment.desired.egress.entries;
    let sight = Sight {
        assessment,
        counters: host
            .kernel
            .tallies()
            .ok()
            .filter(|_| wanted(assessment).is_some()),
        seen: flows(&host.kernel, entries),
    };
    let all = config.egress.iter().zip(entries).enumerate();
    Some(Passing {
        nftables: sight.filter(host),
        conntrack: Conntrack::read(&host.disk).ok().flatten().map(conntrack),
        egress: all
            .map(|(at, (egress, entry))| sight.entry(at, egress, entry))
            .gathered(),
        forwarding: config.forwards().then(|| sight.forwarding(config)),
    })
}

/// What is known.
struct Sight<'a> {
    assessment: &'a Assessment,
    /// `None`: only root may know, or no table is wanted.
    counters: Option<BTreeMap<String, Tally>>,
    /// Of each entry, by the address that its flows were given. `None`: only root may know.
    seen: Option<Vec<BTreeMap<Option<Ipv4Addr>, Seen>>>,
}

impl Sight<'_> {
    /// Zero where the table does not stand.
    fn tally(&self, name: &str) -> Option<Tally> {
        let counters = self.counters.as_ref()?;
        Some(counters.get(name).copied().unwrap_or_default())
    }

    /// By the entry's addresses, those that it has no more, too, and by none.
    fn whole(&self, entry: &Entry, part: &str) -> Option<Tally> {
        let name = of_entry(entry, part);
        let parts = self.counters.as_ref()?.iter();
        let parts = parts.filter(|(part, _)| nft::whole_of(part).as_ref() == Some(&name));
        let mut whole = self.tally(&name)?;
        for (_, part) in parts {
            whole.packets += part.packets;
            whole.bytes += part.bytes;
        }
        Some(whole)
    }

    fn filter(&self, host: &Host) -> FilterReport {
        FilterReport {
            table: self.table(host),
            refused: self.tally("refused"),
            unsolicited: self.tally("unsolicited"),
        }
    }

    fn table(&self, host: &Host) -> TableState {
        let standing = self.assessment.observed.nft.as_ref();
        match (wanted(self.assessment), standing) {
            (None, _) => TableState::Unwanted,
            _ if self.counters.is_none() => TableState::Unseen,
            (Some(wanted), Some(standing)) if wanted.digest == standing.digest => TableState::Ok,
            (Some(_), Some(_)) => TableState::Changed,
            (Some(_), None) if host.kernel.has_table() => TableState::Unseen,
            (Some(_), None) => TableState::Missing,
        }
    }

    fn entry(&self, at: usize, egress: &Egress, entry: &Entry) -> EntryReport {
        let seen = self.seen.as_ref().and_then(|seen| seen.get(at));
        let of = |part| self.tally(&of_entry(entry, part));
        let none = Seen::default();
        let all = seen.map(|seen| seen.values().fold(none, Seen::with));
        EntryReport {
            name: name(egress, entry),
            place: entry.place.clone(),
            names: self.names(egress),
            addresses: Pool {
                sight: self,
                entry,
                dealt: Dealt::of(entry),
                seen,
            }
            .reports(),
            clients: dealt::count(&entry.clients),
            load: Load {
                sent: self.whole(entry, "out"),
                received: self.whole(entry, "in"),
                ..current(all.as_ref())
            },
            refused: of("refused"),
            stale: of("stale"),
            limited: of("limited"),
            limit: entry.wishes.limit,
        }
    }

    fn names(&self, egress: &Egress) -> Vec<NameReport> {
        let observed = &self.assessment.observed;
        let names = egress.from.iter().filter_map(|client| match client {
            Client::Name(name) => Some(name),
            Client::Net(_) => None,
        });
        let report = |name: &String| NameReport {
            name: name.clone(),
            addresses: observed.names.get(name).cloned().unwrap_or_default(),
            resolves: !observed.unresolved.contains(name),
        };
        names.map(report).gathered()
    }

    fn owner(&self, ip: Ipv4Addr) -> Option<&Planned> {
        let mut enis = self.assessment.desired.enis.iter();
        enis.find(|planned| planned.eni.ipv4.contains(&ip))
    }

    fn forwarding(&self, config: &Config) -> ForwardingReport {
        let enis = self.assessment.desired.enis.iter();
        let report = |planned: &Planned| {
            let slot = planned.slot();
            let of = |part| self.tally(&of_eni(slot?, part));
            RouterReport {
                interface: planned.dev.to_string(),
                eni: planned.eni.id.to_string(),
                came: of("in"),
                left: of("out"),
            }
        };
        let paths = config.forwarding.paths.iter();
        ForwardingReport {
            enis: enis.map(report).gathered(),
            paths: paths
                .map(|path| self.path(&path.input, &path.output))
                .gathered(),
        }
    }

    fn path(&self, input: &str, output: &str) -> PathReport {
        let Assessment {
            desired, observed, ..
        } = self.assessment;
        let is_here = |name| dev(name, desired, &observed.links).is_some();
        PathReport {
            input: input.to_owned(),
            output: output.to_owned(),
            here: is_here(input) && is_here(output),
        }
    }
}

/// The addresses of an entry.
struct Pool<'a> {
    sight: &'a Sight<'a>,
    entry: &'a Entry,
    dealt: Dealt,
    seen: Option<&'a BTreeMap<Option<Ipv4Addr>, Seen>>,
}

impl Pool<'_> {
    fn reports(&self) -> Vec<PoolReport> {
        let Entry {
            pool,
            drained,
            absent: words,
            ..
        } = self.entry;
        let former = self.seen.into_iter().flatten().filter_map(|(ip, _)| *ip);
        let former = former.filter(|ip| !pool.iter().chain(drained).any(|(own, _)| own == ip));
        let used = pool.iter().map(|(ip, _)| (*ip, Use::Used));
        let drained = drained.iter().map(|(ip, _)| (*ip, Use::Drained));
        let all = used
            .chain(drained)
            .chain(former.map(|ip| (ip, Use::Former)));
        let all = all.map(|(ip, state)| self.report(ip, state));
        all.chain(words.iter().map(|word| absent(word))).gathered()
    }

    fn report(&self, ip: Ipv4Addr, state: Use) -> PoolReport {
        let owner = self.sight.owner(ip);
        let public = owner.and_then(|one| one.eni.public.get(&ip).cloned());
        let now = self
            .seen
            .map(|seen| seen.get(&Some(ip)).cloned().unwrap_or_default());
        PoolReport {
            address: ip.to_string(),
            public: public.unwrap_or_default(),
            interface: owner.map(|one| one.dev.to_string()),
            eni: owner.map(|one| one.eni.id.to_string()),
            state,
            clients: self.dealt.count(ip),
            listed: self.dealt.listed(ip, now.as_ref()),
            busiest: now.as_ref().and_then(Seen::busiest),
            load: self.load(ip, state, now.as_ref()),
        }
    }

    fn load(&self, ip: Ipv4Addr, state: Use, now: Option<&Seen>) -> Load {
        let of = |part| self.sight.tally(&of_address(self.entry, ip, part));
        let is_counted = state != Use::Former;
        Load {
            sent: of("out").filter(|_| is_counted),
            received: of("in").filter(|_| is_counted),
            ..current(now)
        }
    }
}

/// The table that the configuration makes.
fn wanted(assessment: &Assessment) -> Option<&Nft> {
    assessment.desired.host.iter().find_map(Object::nft)
}

/// What there is now.
fn current(seen: Option<&Seen>) -> Load {
    Load {
        active: seen.map(|seen| seen.clients.len()),
        flows: seen.map(|seen| seen.flows),
        ..Load::default()
    }
}

/// Of two entries with the same `as`, the second one's has a number.
fn name(egress: &Egress, entry: &Entry) -> String {
    let words = egress.leave_as.join(", ");
    match entry.key.rsplit_once('_') {
        Some((_, number)) if number != "1" => format!("{words} ({number})"),
        _ => words,
    }
}

fn absent(word: &str) -> PoolReport {
    PoolReport {
        address: word.to_owned(),
        public: Vec::new(),
        interface: None,
        eni: None,
        state: Use::Absent,
        clients: Some(0),
        listed: Vec::new(),
        load: Load::default(),
        busiest: None,
    }
}

fn conntrack(table: Conntrack) -> ConntrackReport {
    let [drop, early_drop, insert_failed] = table.counters.map(|(_, count)| count);
    ConntrackReport {
        entries: table.count,
        limit: table.most,
        drop,
        early_drop,
        insert_failed,
    }
}
