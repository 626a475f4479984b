//! The same as text for a person: a row for each address that clients leave as, and a line for what else there is to know.

use std::net::Ipv4Addr;

use super::{
    ConntrackReport, EntryReport, FilterReport, ForwardingReport, Load, NameReport, Passing,
    PoolReport, RouterReport, TableState, Use,
};
use crate::gather::Gather;
use crate::logger::escape;
use crate::net::nft::{TABLE, Tally};
use crate::report::text::{aligned, listed};

const HEADER: [&str; 8] = [
    "EGRESS",
    "ADDRESS",
    "PUBLIC",
    "INTERFACE",
    "CLIENTS",
    "FLOWS",
    "SENT",
    "RECEIVED",
];

/// So many ports to one destination and more are told.
const BUSY: u64 = 50_000;

impl Passing {
    /// Behind the table of the ENIs.
    pub fn text(&self) -> String {
        let mut rows = vec![HEADER.map(str::to_owned).to_vec()];
        let numbered = || (1..).zip(&self.egress);
        rows.extend(numbered().flat_map(|(n, entry)| entry.rows(n)));
        let table = match self.egress.is_empty() {
            true => String::new(),
            false => aligned(&rows, HEADER.len()),
        };
        let mut lines: Vec<String> = numbered()
            .flat_map(|(n, entry)| entry.lines().map(move |line| format!("egress {n}: {line}")))
            .gathered();
        lines.extend(self.forwarding.iter().flat_map(ForwardingReport::lines));
        lines.extend(self.nftables.lines());
        lines.extend(self.conntrack.as_ref().map(ConntrackReport::line));
        let lines = lines.iter().map(|line| escape::line(line) + "\n");
        format!("\n{table}{}", lines.gathered::<String>())
    }
}

impl EntryReport {
    fn rows(&self, n: usize) -> Vec<Vec<String>> {
        if self.addresses.is_empty() {
            let dash = || "-".to_owned();
            let own = [n.to_string(), dash(), dash(), dash()];
            let load = self.load.cells(Some(self.clients));
            return vec![own.into_iter().chain(load).gathered()];
        }
        let number = |at: usize| match at {
            0 => n.to_string(),
            _ => String::new(),
        };
        let rows = self.addresses.iter().enumerate();
        rows.map(|(at, one)| one.row(number(at))).gathered()
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let names = self.names.iter().map(NameReport::line);
        let clients = self.addresses.iter().filter_map(PoolReport::who);
        let busy = self.addresses.iter().filter_map(PoolReport::busy);
        names
            .chain(clients)
            .chain(busy)
            .chain(self.others())
            .chain(self.dropped())
    }

    /// Flows of its clients that keep their own addresses.
    fn others(&self) -> Option<String> {
        let given = self.addresses.iter().filter_map(|one| one.load.flows);
        let others = self.load.flows?.saturating_sub(given.sum());
        (others > 0).then(|| format!("{} without NAT", counted(others, "flow")))
    }

    fn dropped(&self) -> Option<String> {
        let limit = self.limit.unwrap_or_default();
        let over = format!("over the limit of {}", counted(limit as usize, "flow"));
        told(&[
            (self.refused, "refused"),
            (self.stale, "of dead flows answered by a reset"),
            (self.limited, &over),
        ])
    }
}

impl NameReport {
    fn line(&self) -> String {
        let Self {
            name,
            addresses,
            resolves,
        } = self;
        let all: Vec<String> = addresses.iter().map(ToString::to_string).gathered();
        let all = all.join(", ");
        match (resolves, addresses.is_empty()) {
            (true, _) => format!("{name} is {all}"),
            (false, false) => format!("{name} is {all}, as it was last: it does not resolve now"),
            (false, true) => format!("{name} is nobody: it has never resolved"),
        }
    }
}

impl PoolReport {
    fn row(&self, number: String) -> Vec<String> {
        let interface = self.interface.clone().unwrap_or_else(|| "-".to_owned());
        let state = match self.state {
            Use::Used => "",
            Use::Drained => " (drained)",
            Use::Absent => " (not here)",
            Use::Former => " (former)",
        };
        let address = format!("{}{state}", escape::line(&self.address));
        let own = [number, address, listed(&self.public), interface];
        own.into_iter()
            .chain(self.load.cells(self.clients))
            .gathered()
    }

    fn who(&self) -> Option<String> {
        let all: Vec<String> = self.listed.iter().map(Ipv4Addr::to_string).gathered();
        let what = match self.clients == Some(all.len() as u64) {
            true => "clients",
            false => "clients with flows",
        };
        (!all.is_empty()).then(|| format!("{what} of {}: {}", self.address, all.join(", ")))
    }

    fn busy(&self) -> Option<String> {
        let busiest = self.busiest.as_ref().filter(|one| one.ports >= BUSY)?;
        Some(format!(
            "{} of {} ports of {} lead to {} port {}",
            busiest.ports, busiest.limit, self.address, busiest.address, busiest.port
        ))
    }
}

impl Load {
    fn cells(&self, clients: Option<u64>) -> [String; 4] {
        let number = |count: Option<usize>| count.map_or("-".to_owned(), |count| count.to_string());
        let clients = clients.map_or("-".to_owned(), |count| count.to_string());
        let size = |tally: Option<Tally>| tally.map_or("-".to_owned(), |tally| size(tally.bytes));
        [
            format!("{}/{clients}", number(self.active)),
            number(self.flows),
            size(self.sent),
            size(self.received),
        ]
    }
}

impl FilterReport {
    fn lines(&self) -> impl Iterator<Item = String> {
        let state = match self.table {
            TableState::Ok | TableState::Unwanted => None,
            TableState::Missing => Some("is not there"),
            TableState::Changed => Some("is not as the configuration has it"),
            TableState::Unseen => Some("cannot be asked for (is this root, and `nft` installed?)"),
        };
        let state = state.map(|state| format!("nftables: the table {TABLE} {state}"));
        let dropped = told(&[
            (self.refused, "dropped that are nobody's"),
            (self.unsolicited, "dropped that nobody asked for"),
        ]);
        state
            .into_iter()
            .chain(dropped.map(|dropped| format!("nftables: {dropped}")))
    }
}

impl ConntrackReport {
    fn line(&self) -> String {
        let dropped = match self.drop + self.early_drop {
            0 => String::new(),
            dropped => format!("; {dropped} found no room since the boot"),
        };
        format!("connections: {} of {}{dropped}", self.entries, self.limit)
    }
}

impl ForwardingReport {
    fn lines(&self) -> impl Iterator<Item = String> {
        let enis = self.enis.iter().map(RouterReport::line);
        let paths = self.paths.iter().map(|path| {
            let here = if path.here { "" } else { " (not here)" };
            format!(
                "forwarding: in by {}, out by {}{here}",
                path.input, path.output
            )
        });
        enis.chain(paths)
    }
}

impl RouterReport {
    fn line(&self) -> String {
        let part = |tally: Option<Tally>| match tally {
            Some(tally) => packets(tally),
            None => "unknown".to_owned(),
        };
        let (came, left) = (part(self.came), part(self.left));
        format!("forwarding: {}: {came} in, {left} out", self.interface)
    }
}

/// Those of `tallies` that are not zero.
fn told(tallies: &[(Option<Tally>, &str)]) -> Option<String> {
    let some = tallies.iter().filter_map(|(tally, what)| {
        let tally = tally.filter(|tally| tally.packets > 0)?;
        Some(format!("{} {what}", packets(tally)))
    });
    let some: Vec<String> = some.gathered();
    (!some.is_empty()).then(|| some.join("; "))
}

/// `3 packets (180 B)`
fn packets(tally: Tally) -> String {
    let count = usize::try_from(tally.packets).unwrap_or(usize::MAX);
    format!("{} ({})", counted(count, "packet"), size(tally.bytes))
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// `180 B`, `1.3 kB`: powers of a thousand.
fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB"];
    let mut tenths = bytes.saturating_mul(10);
    let mut unit = "B";
    for larger in units {
        if tenths < 10_000 {
            break;
        }
        (tenths, unit) = (tenths / 1000, larger);
    }
    match unit {
        "B" => format!("{bytes} B"),
        unit => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_three_digits_or_four() {
        for (bytes, told) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_999, "999.9 kB"),
            (1_250_000, "1.2 MB"),
            (u64::MAX, "1844.6 PB"),
        ] {
            assert_eq!(size(bytes), told, "{bytes}");
        }
    }
}
