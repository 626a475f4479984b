//! A report as text for a person.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::check::coloured;
use super::{AddressReport, EniReport, IndexReport, Passing, Report, State, Voice};
use crate::gather::Gather;
use crate::logger::escape;
use crate::object::{Change, Kind};

/// The columns of `status`; the last ones with `-v` only.
const HEADER: [&str; 10] = [
    "INTERFACE",
    "ENI",
    "DEVICE",
    "TABLE",
    "ADDRESS",
    "PUBLIC",
    "STATE",
    "ROLE",
    "SUBNET",
    "GROUPS",
];

/// How many of them there are without `-v`.
const NARROW: usize = 7;

impl Report {
    /// Text for a person. Errors are not in it: they go to stderr.
    pub fn text(&self) -> String {
        let text = escape::text(&self.raw());
        if self.command == "check" && self.screen.has_colours {
            coloured(&text)
        } else {
            text
        }
    }

    fn raw(&self) -> String {
        match (&self.voice, self.command) {
            (Voice::Silent, _) => String::new(),
            (Voice::Line(line), _) => escape::line(line) + "\n",
            (Voice::Text(text), _) => text.clone(),
            (Voice::Full, "egress") if self.drained.is_some() => self.drain_text(),
            (Voice::Full, "status") => self.table(),
            (Voice::Full, "check") => self.check_text(),
            (Voice::Full, "explain") => self.explain_text(),
            (Voice::Full, "plan") => self.script(),
            (Voice::Full, _) => self.summary(),
        }
    }

    fn table(&self) -> String {
        let header = if self.is_wide {
            &HEADER[..]
        } else {
            &HEADER[..NARROW]
        };
        let mut rows = vec![header.iter().map(ToString::to_string).gathered()];
        rows.extend(self.enis.iter().flat_map(EniReport::rows));
        let passing = self.passing.iter().map(Passing::text);
        aligned(&rows, header.len()) + &passing.gathered::<String>() + &self.remarks("note: ")
    }

    fn drain_text(&self) -> String {
        let lines = self.drained.iter().map(|drained| drained.text() + "\n");
        lines.gathered::<String>() + &self.remarks("note: ")
    }

    /// The `ip` commands and the file diffs; the rest stands behind `#`.
    fn script(&self) -> String {
        let mut text = String::new();
        if !self.changes_anything() {
            return self.nothing_to_do();
        }
        let _ = writeln!(text, "# kernel: {}", self.tally());
        for command in &self.kernel {
            let _ = writeln!(text, "{}", escape::line(&command.to_string()));
        }
        if let Some(index) = &self.rule_index {
            text += &index.script(self.is_wide);
        }
        if let Some(backend) = &self.backend {
            let _ = writeln!(
                text,
                "\n# files for {backend}: {} to change",
                self.files.len()
            );
        }
        for file in &self.files {
            text.push_str(&file.diff);
        }
        text + &self.remarks("# ")
    }

    fn summary(&self) -> String {
        if !self.changes_anything() {
            return self.nothing_to_do();
        }
        let mut text = format!("kernel: {}\n", self.tally());
        if let Some(index) = &self.rule_index {
            let _ = writeln!(text, "rule index: {}", index.tally());
        }
        if let Some(backend) = &self.backend {
            let _ = writeln!(text, "files ({backend}): {} changed", self.files.len());
        }
        for file in &self.files {
            let _ = writeln!(text, "  {} {}", file.action, escape::line(&file.path));
        }
        text + &self.exceptions("") + &self.remarks("note: ")
    }

    fn nothing_to_do(&self) -> String {
        let ok = self
            .enis
            .iter()
            .filter(|eni| eni.state == State::Ok)
            .count();
        let text = match (self.command, self.errors.is_empty(), ok) {
            ("remove", true, _) => "nothing to remove\n".to_owned(),
            (_, false, _) => "nothing was changed\n".to_owned(),
            (_, _, 1) => "nothing to do: 1 ENI is as EC2 describes it\n".to_owned(),
            _ => format!("nothing to do: {ok} ENIs are as EC2 describes them\n"),
        };
        let (state, note) = if self.command == "plan" {
            ("# ", "# ")
        } else {
            ("", "note: ")
        };
        text + &self.exceptions(state) + &self.remarks(note)
    }

    /// The ENIs that are not all right, one a line; with the reason where no note has it.
    fn exceptions(&self, lead: &str) -> String {
        let told = self.enis.iter().filter(|eni| eni.state != State::Ok);
        told.map(|eni| {
            let reason = eni.reason.as_ref().filter(|why| !self.notes.contains(why));
            let reason = reason.map_or_else(String::new, |why| format!(" ({})", escape::line(why)));
            format!("{lead}{}: {}{reason}\n", eni.name(), eni.state)
        })
        .gathered()
    }

    pub(super) fn remarks(&self, lead: &str) -> String {
        remarks(&self.notes, lead)
    }

    /// `3 addresses, 7 routes, 2 rules set; 1 rule removed`
    fn tally(&self) -> String {
        let (removed, set): (Vec<_>, Vec<_>) = self
            .kernel
            .iter()
            .partition(|change| matches!(change, Change::Remove(_)));
        let parts = [(set, "set"), (removed, "removed")]
            .into_iter()
            .filter(|(changes, _)| !changes.is_empty());
        let parts: Vec<String> = parts
            .map(|(changes, done)| format!("{} {done}", tally(&changes)))
            .gathered();
        if parts.is_empty() {
            "nothing to change".to_owned()
        } else {
            parts.join("; ")
        }
    }
}

fn tally(changes: &[&Change]) -> String {
    Kind::tally(changes.iter().map(|change| change.kind()))
}

impl IndexReport {
    /// `1,510 rules set; 2 removed`
    fn tally(&self) -> String {
        let counts = [(self.set, "set"), (self.removed, "removed")];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = counts
            .map(|(count, done)| format!("{} {done}", rules(count)))
            .gathered();
        parts.join("; ")
    }

    /// Folded into one line, unless all of it is wanted.
    fn script(&self, is_wide: bool) -> String {
        let tally = self.tally();
        if !is_wide {
            return format!("\n# rule index: {tally}; -v lists them\n");
        }
        let commands = self.commands.iter().map(|command| format!("{command}\n"));
        let commands: String = commands.gathered();
        format!("\n# rule index: {tally}\n{commands}")
    }
}

/// `1 rule`, `1,510 rules`
fn rules(count: usize) -> String {
    match (count, count / 1000) {
        (1, _) => "1 rule".to_owned(),
        (_, 0) => format!("{count} rules"),
        (_, thousands) => format!("{thousands},{:03} rules", count % 1000),
    }
}

impl EniReport {
    /// What a person calls it: the interface, else the ENI's id, else its MAC.
    pub(super) fn name(&self) -> String {
        let name = self.interface.as_ref().or(self.eni.as_ref());
        name.map_or_else(|| self.mac.to_string(), |name| escape::line(name))
    }

    /// One row an address; what holds for the whole ENI stands in its first row.
    fn rows(&self) -> Vec<Vec<String>> {
        let [name, eni, number, table, subnet, groups] = self.own_cells();
        let mut cells = self.cells().into_iter();
        let [address, public, _, role] = cells.next().unwrap_or_default();
        let state = self.state.to_string();
        let first = [
            name, eni, number, table, address, public, state, role, subnet, groups,
        ];
        let blank = String::new;
        let more = |[address, public, state, role]: [String; 4]| {
            let own = [address, public, state, role];
            let before = [blank(), blank(), blank(), blank()];
            before.into_iter().chain(own).gathered()
        };
        std::iter::once(first.to_vec())
            .chain(cells.map(more))
            .gathered()
    }

    /// What holds for the whole ENI.
    fn own_cells(&self) -> [String; 6] {
        let number = match (self.device_number, self.network_card) {
            (Some(device), Some(card)) if card > 0 => format!("{card}/{device}"),
            (Some(device), _) => device.to_string(),
            (None, _) => "-".to_owned(),
        };
        let or_dash =
            |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), escape::line);
        let eni = self
            .eni
            .as_deref()
            .map_or_else(|| self.mac.to_string(), escape::line);
        let groups = self.membership.security_groups.as_ref();
        [
            or_dash(&self.interface),
            eni,
            number,
            self.table.map_or("-".to_owned(), |table| table.to_string()),
            or_dash(&self.membership.subnet),
            or_dash(&groups.map(|groups| groups.join(","))),
        ]
    }

    /// Of each address, then of each prefix, what is its own.
    fn cells(&self) -> Vec<[String; 4]> {
        let of_address = |one: &AddressReport| {
            let state = Some(one.state).filter(|state| *state != self.whole);
            let state = state.map_or_else(String::new, |state| state.to_string());
            [
                one.address.to_string(),
                listed(&one.public),
                state,
                one.role.to_string(),
            ]
        };
        let of_prefix = |prefix: &String| [prefix.as_str(), "-", "", "prefix"].map(str::to_owned);
        let addresses = self.addresses.iter().map(of_address);
        addresses
            .chain(self.prefixes.iter().map(of_prefix))
            .gathered()
    }
}

/// One line each, whatever is in it.
pub(super) fn remarks(notes: &[String], lead: &str) -> String {
    let line = |note: &String| format!("{lead}{}\n", escape::line(note));
    notes.iter().map(line).gathered()
}

pub(super) fn listed(public: &[Ipv4Addr]) -> String {
    let public: Vec<String> = public.iter().map(Ipv4Addr::to_string).gathered();
    match &public[..] {
        [] => "-".to_owned(),
        list => list.join(","),
    }
}

/// Columns as wide as their widest cell; a row that is shorter ends early, and what is too much of it is left out.
pub(super) fn aligned(rows: &[Vec<String>], columns: usize) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).gathered();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .gathered();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).gathered()
}
