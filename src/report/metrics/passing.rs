//! What `[[egress]]` and `[forwarding]` pass on. A name in `from` and a client are in no label: there may be too many.

use super::{Families, Label};
use crate::gather::Gather;
use crate::net::nft::Tally;
use crate::report::{ConntrackReport, EntryReport, Load, Passing, PoolReport, TableState};

/// A sample: whose it is, and its value.
type Of = (Vec<Label>, u64);

impl Families {
    /// Of a host that passes packets on.
    pub(super) fn passing(&mut self, passing: Option<&Passing>) {
        let Some(passing) = passing else { return };
        self.entries(&passing.egress);
        self.pools(&passing.egress);
        self.router(passing);
        self.dropped(passing);
        let name = "eniroute_nftables_up";
        self.begin(
            name,
            "1 where the nftables table is as the configuration has it",
        );
        let is_up = matches!(
            passing.nftables.table,
            TableState::Ok | TableState::Unwanted
        );
        self.sample(name, &[], u8::from(is_up));
    }

    fn entries(&mut self, entries: &[EntryReport]) {
        let all: Vec<(Vec<Label>, &Load)> = entries
            .iter()
            .map(|entry| (of_entry(entry), &entry.load))
            .gathered();
        self.load("eniroute_egress", "of this [[egress]]", &all);
    }

    fn pools(&mut self, entries: &[EntryReport]) {
        let of = |entry: &'_ EntryReport| {
            let entry_label = of_entry(entry);
            let addresses = entry.addresses.iter();
            let all = addresses.map(|one| (of_address(&entry_label, one), one.clone()));
            all.gathered::<Vec<_>>()
        };
        let all: Vec<(Vec<Label>, PoolReport)> = entries.iter().flat_map(of).gathered();
        let loads: Vec<_> = all
            .iter()
            .map(|(labels, one)| (labels.clone(), &one.load))
            .gathered();
        self.load(
            "eniroute_egress_address",
            "that leave as this address",
            &loads,
        );
        let ports = all.iter().filter_map(|(labels, one)| {
            let ports = one.busiest.as_ref().map_or(0, |busiest| busiest.ports);
            one.load.flows.map(|_| (labels.clone(), ports))
        });
        let help = "Ports of the address that lead to the one destination that most of its flows go to, of 64512";
        self.family("eniroute_egress_address_ports", help, ports.gathered());
    }

    /// What is passed on now, and has been.
    fn load(&mut self, name: &str, whose: &str, all: &[(Vec<Label>, &Load)]) {
        let now = |of: &dyn Fn(&Load) -> Option<usize>| -> Vec<Of> {
            let some = all
                .iter()
                .filter_map(|(labels, load)| Some((labels.clone(), of(load)? as u64)));
            some.gathered()
        };
        let (flows, active) = (now(&|load| load.flows), now(&|load| load.active));
        self.family(
            &format!("{name}_flows"),
            &format!("Flows {whose} now"),
            flows,
        );
        let help = format!("Clients {whose} that have flows now");
        self.family(&format!("{name}_clients"), &help, active);
        let moved = all.iter().flat_map(|(labels, load)| {
            [("out", load.sent), ("in", load.received)]
                .map(|(way, tally)| (with(labels, "direction", way), tally))
        });
        self.tallies(name, whose, &moved.gathered::<Vec<_>>());
    }

    fn router(&mut self, passing: &Passing) {
        let enis = passing
            .forwarding
            .iter()
            .flat_map(|forwarding| &forwarding.enis);
        let moved = enis.flat_map(|eni| {
            let own = [
                ("interface", eni.interface.clone()),
                ("eni", eni.eni.clone()),
            ];
            [("in", eni.came), ("out", eni.left)]
                .map(|(way, tally)| (with(&own, "direction", way), tally))
        });
        let moved: Vec<_> = moved.gathered();
        self.tallies(
            "eniroute_forwarded",
            "that were forwarded by the ENI",
            &moved,
        );
    }

    /// What came to nothing, and why.
    fn dropped(&mut self, passing: &Passing) {
        let of = |entry: &EntryReport| {
            let labels = of_entry(entry);
            [
                ("refused", entry.refused),
                ("stale", entry.stale),
                ("limit", entry.limited),
            ]
            .map(|(why, tally)| (with(&labels, "why", why), tally))
        };
        let entries: Vec<_> = passing.egress.iter().flat_map(of).gathered();
        self.tallies(
            "eniroute_egress_dropped",
            "of this [[egress]] that were not passed on",
            &entries,
        );
        let nftables = &passing.nftables;
        let others = [
            ("refused", nftables.refused),
            ("unsolicited", nftables.unsolicited),
        ]
        .map(|(why, tally)| (with(&[], "why", why), tally));
        self.tallies(
            "eniroute_dropped",
            "that came in by an ENI and are nobody's",
            &others,
        );
        self.tracked(passing.conntrack.as_ref());
    }

    fn tracked(&mut self, table: Option<&ConntrackReport>) {
        let Some(table) = table else { return };
        let name = "eniroute_conntrack_refused";
        let help = "What the connection table had no room for, let go early, or could not enter";
        self.begin_as("counter", name, help);
        for (why, count) in [
            ("drop", table.drop),
            ("early_drop", table.early_drop),
            ("insert_failed", table.insert_failed),
        ] {
            self.sample(&format!("{name}_total"), &with(&[], "why", why), count);
        }
    }

    /// Packets and bytes.
    fn tallies(&mut self, name: &str, whose: &str, all: &[(Vec<Label>, Option<Tally>)]) {
        for (what, value) in [
            ("packets", (|tally| tally.packets) as fn(Tally) -> u64),
            ("bytes", |tally| tally.bytes),
        ] {
            let some = all
                .iter()
                .filter_map(|(labels, tally)| Some((labels, value((*tally)?))));
            let some: Vec<_> = some.gathered();
            let name = format!("{name}_{what}");
            if !some.is_empty() {
                let help = format!("{} {whose} since the table was made", capital(what));
                self.begin_as("counter", &name, &help);
            }
            for (labels, value) in some {
                self.sample(&format!("{name}_total"), labels, value);
            }
        }
    }

    fn family(&mut self, name: &str, help: &str, all: Vec<Of>) {
        if !all.is_empty() {
            self.begin(name, help);
        }
        for (labels, value) in all {
            self.sample(name, &labels, value);
        }
    }
}

fn capital(what: &str) -> &'static str {
    match what {
        "bytes" => "Bytes",
        _ => "Packets",
    }
}

fn of_entry(entry: &EntryReport) -> Vec<Label> {
    vec![("entry", entry.name.clone())]
}

fn of_address(entry: &[Label], one: &PoolReport) -> Vec<Label> {
    let public: Vec<String> = one.public.iter().map(ToString::to_string).gathered();
    let own = [
        ("address", one.address.clone()),
        ("public", public.join(",")),
        ("interface", one.interface.clone().unwrap_or_default()),
        ("eni", one.eni.clone().unwrap_or_default()),
    ];
    [entry, &own].concat()
}

fn with(labels: &[Label], name: &'static str, value: &str) -> Vec<Label> {
    [labels, &[(name, value.to_owned())]].concat()
}
