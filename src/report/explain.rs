//! What `explain` reports, as text and JSON: what a code means, or the walk of a packet, both directions.

use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::Report;
use super::wrap::paragraph;
use crate::code::Entry;
use crate::gather::Gather;
use crate::net::MAIN;

/// What was explained.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Explanation {
    /// A code.
    Meaning(&'static Entry),
    Packet(PacketReport),
}

/// A packet and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct PacketReport {
    /// The private address that was asked for.
    pub address: IpAddr,
    /// The interface that has it, or whose ENI EC2 gives it to.
    pub interface: Option<String>,
    /// `eni-...`; absent where EC2 gives it to no ENI of this instance.
    pub eni: Option<String>,
    /// Public addresses that EC2 maps to it.
    pub public: Vec<Ipv4Addr>,
    /// Whose address it is, in a sentence.
    pub what: String,
    /// The packet, then its answer.
    pub ways: Vec<WayReport>,
}

/// The way of one packet.
#[derive(Clone, Debug, Serialize)]
pub struct WayReport {
    /// `None`: its socket is bound to no address.
    pub from: Option<IpAddr>,
    pub to: IpAddr,
    /// The interface that it came in by; `None`: this host sends it.
    #[serde(rename = "in")]
    pub iif: Option<String>,
    pub steps: Vec<StepReport>,
    /// The table that decided.
    pub table: Option<u32>,
    /// The route that decided, in `ip`'s words.
    pub route: Option<String>,
    /// Who made the route: `static`, `dhcp`, ...
    pub protocol: Option<String>,
    /// The interfaces by which it leaves, some flows by each.
    pub interfaces: Vec<String>,
    /// The source address that it has, or that the kernel picks.
    pub source: Option<IpAddr>,
    /// The public address that the Internet sees, or that it was sent to.
    pub public: Option<IpAddr>,
    pub outcome: Outcome,
    /// The outcome in words.
    pub why: String,
    pub kernel: KernelReport,
}

/// What becomes of a packet, as far as can be known from inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It goes on its way.
    Passes,
    /// It is for this host, and arrives.
    Arrives,
    /// It leaves by an interface that is no ENI's: what becomes of it there is not EC2's business.
    LeavesVpc,
    /// The VPC drops it.
    DroppedByVpc,
    /// This host does.
    DroppedByHost,
}

/// One rule that was asked, or several alike that were not for the packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepReport {
    pub priority: u32,
    /// The last one's, where there are several.
    pub last: u32,
    pub count: usize,
    /// In `ip`'s words; absent where there are several.
    pub rule: Option<String>,
    /// It decided.
    pub decides: bool,
    /// What it did, or why it did not.
    pub why: String,
}

/// The kernel's own answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KernelReport {
    /// The command that asks the same.
    pub question: String,
    pub answer: String,
    /// The walk comes to the same end.
    pub agrees: bool,
}

impl Report {
    /// The explanation for a person.
    pub(super) fn explain_text(&self) -> String {
        match &self.explanation {
            None => String::new(),
            Some(Explanation::Meaning(entry)) => meaning(entry, self.screen.columns),
            Some(Explanation::Packet(packet)) => {
                packet.text(self.screen.columns) + &self.remarks("note: ")
            }
        }
    }
}

fn meaning(entry: &Entry, columns: usize) -> String {
    let title = format!("{} ({}): {}", entry.code, entry.severity, entry.title);
    let parts = [
        ("symptom", entry.symptom),
        ("so", entry.consequence),
        ("cause", entry.cause),
        ("see", entry.by_hand),
        ("do", entry.remedy),
    ];
    let parts = parts.map(|(name, text)| paragraph(&format!("{name:<9}"), text, columns));
    format!("{}\n{}", paragraph("", &title, columns), parts.join("\n"))
}

impl PacketReport {
    fn text(&self, columns: usize) -> String {
        let ways = self
            .ways
            .iter()
            .map(|way| format!("\n{}", way.text(columns)));
        paragraph("", &self.what, columns) + &ways.gathered::<String>()
    }
}

impl WayReport {
    fn text(&self, columns: usize) -> String {
        let mut text = paragraph("", &self.title(), columns);
        for step in &self.steps {
            text += &line(&step.name(), &step.text(), columns);
        }
        for (name, value) in self.facts() {
            text += &line(name, &value, columns);
        }
        text
    }

    fn title(&self) -> String {
        let from = self
            .from
            .map_or("no address yet".to_owned(), |ip| ip.to_string());
        let how = match &self.iif {
            Some(dev) => format!("arriving by {dev}"),
            None => "sent by this host".to_owned(),
        };
        format!("From {from} to {}, {how}:", self.to)
    }

    /// The table is named in the route's own words, but for main.
    fn main(&self) -> &'static str {
        if self.table == Some(MAIN) {
            "table main, "
        } else {
            ""
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let made = self.protocol.as_ref();
        let made = made.map_or(String::new(), |by| format!(" ({}proto {by})", self.main()));
        let route = self.route.as_ref().map(|route| format!("{route}{made}"));
        let by = (!self.interfaces.is_empty()).then(|| self.interfaces.join(" or "));
        let picked = self.source.filter(|_| self.from.is_none());
        let kernel = &self.kernel;
        let differs = if kernel.agrees {
            ""
        } else {
            " (the walk above comes to another end: R13)"
        };
        let facts = [
            ("route", route),
            ("leaves by", by),
            (
                "source",
                picked.map(|ip| format!("{ip}, which the kernel picks")),
            ),
            ("outcome", Some(self.why.clone())),
            (
                "kernel",
                Some(format!("`{}`: {}{differs}", kernel.question, kernel.answer)),
            ),
        ];
        let facts = facts.into_iter();
        facts
            .filter_map(|(name, value)| Some((name, value?)))
            .gathered()
    }
}

impl StepReport {
    fn name(&self) -> String {
        match self.count {
            1 => format!("rule {}", self.priority),
            count => format!("{count} rules"),
        }
    }

    fn text(&self) -> String {
        match &self.rule {
            Some(rule) => format!("{rule}: {}", self.why),
            None if self.priority == self.last => format!("{}: {}", self.priority, self.why),
            None => format!("{} to {}: {}", self.priority, self.last, self.why),
        }
    }
}

fn line(name: &str, text: &str, columns: usize) -> String {
    paragraph(&format!("  {name:<12}"), text, columns)
}
