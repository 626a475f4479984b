//! A report as OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), for node_exporter's textfile
//! collector.

mod passing;

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{AddressReport, AddressState, Code, EniReport, Report, State};
use crate::gather::Gather;
use crate::logger::escape;

/// What is known beside the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// When a run last came to a good end; `None`: none in this boot.
    pub last_good_run: Option<SystemTime>,
    /// How many connections the kernel tracks, and the most that it would.
    pub conntrack: Option<(u64, u64)>,
    /// What the NICs' drivers count, by interface and name.
    pub nics: BTreeMap<String, BTreeMap<String, u64>>,
}

/// How the names of the counters of EC2's limits end.
const EXCEEDED: &str = "_allowance_exceeded";
/// How many more connections EC2 would track.
const AVAILABLE: &str = "conntrack_allowance_available";

/// The text of one metric family after the other.
#[derive(Default)]
struct Families(String);

/// Name and value.
type Label = (&'static str, String);

/// Whose it is, its name in the driver, and its value.
type Counter = (Vec<Label>, String, u64);

/// All of it, with the mark of its end.
pub fn metrics(report: &Report, gauges: &Gauges) -> String {
    let mut families = Families::default();
    families.enis(&report.enis);
    families.addresses(&report.enis);
    families.findings(report);
    families.limits(&report.enis, gauges);
    families.host(gauges);
    families.passing(report.passing.as_ref());
    families.0 + "# EOF\n"
}

impl Families {
    fn enis(&mut self, enis: &[EniReport]) {
        let name = "eniroute_eni_up";
        self.begin(
            name,
            "1 where all that EC2 describes of the ENI is there and leaves by it",
        );
        for eni in enis {
            self.sample(name, &labels(eni), u8::from(eni.state == State::Ok));
        }
    }

    fn addresses(&mut self, enis: &[EniReport]) {
        let all = |eni: &EniReport| -> Vec<(Vec<Label>, AddressState)> {
            let own = eni.addresses.iter();
            own.map(|one| (labels_of(eni, one), one.state)).gathered()
        };
        let all: Vec<_> = enis.iter().flat_map(all).gathered();
        let name = "eniroute_address_up";
        self.begin(name, "1 unless an error was found of the address");
        for (labels, state) in &all {
            self.sample(name, labels, u8::from(!state.is_error()));
        }
        let name = "eniroute_address_state";
        self.begin(
            name,
            "1 for what the address is: ok, or the code of the worst finding",
        );
        for (mut labels, state) in all {
            labels.push(("state", state.to_string()));
            self.sample(name, &labels, 1);
        }
    }

    /// Every code, so that a series never ends.
    fn findings(&mut self, report: &Report) {
        self.begin(
            "eniroute_findings",
            "Findings of this code that `eniroute check` has; as root alone it sees files and the firewall",
        );
        for code in Code::all() {
            let found = report
                .findings
                .iter()
                .filter(|finding| finding.code == code);
            self.sample(
                "eniroute_findings",
                &[("code", code.to_string())],
                found.count(),
            );
        }
    }

    /// EC2's limits, of drivers that count them.
    fn limits(&mut self, enis: &[EniReport], gauges: &Gauges) {
        let of_eni = |eni: &EniReport| {
            let dev = eni.interface.as_ref();
            let counters = dev.and_then(|dev| gauges.nics.get(dev));
            let (own, counters) = (labels(eni), counters.into_iter().flatten());
            let counters = counters.map(|(name, value)| (own.clone(), name.clone(), *value));
            counters.gathered::<Vec<_>>()
        };
        let counters: Vec<Counter> = enis.iter().flat_map(of_eni).gathered();
        self.exceeded(&counters);
        self.available(&counters);
    }

    fn exceeded(&mut self, counters: &[Counter]) {
        let limit = |name: &str| name.strip_suffix(EXCEEDED).map(str::to_owned);
        let counters = counters.iter();
        let limits = counters.filter_map(|(own, name, value)| Some((own, limit(name)?, value)));
        let mut limits = limits.peekable();
        let name = "eniroute_allowance_exceeded";
        if limits.peek().is_some() {
            let help =
                "Packets that EC2 held back or dropped for this limit since the driver started";
            self.begin_as("counter", name, help);
        }
        for (own, limit, value) in limits {
            let labels = [&own[..], &[("limit", limit)]].concat();
            self.sample(&format!("{name}_total"), &labels, value);
        }
    }

    fn available(&mut self, counters: &[Counter]) {
        let counters = counters.iter();
        let mut left = counters.filter(|(_, name, _)| name == AVAILABLE).peekable();
        let name = "eniroute_conntrack_allowance_available";
        if left.peek().is_some() {
            self.begin(name, "How many more connections EC2 would track");
        }
        for (own, _, value) in left {
            self.sample(name, own, value);
        }
    }

    fn host(&mut self, gauges: &Gauges) {
        let good = gauges
            .last_good_run
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        if let Some(good) = good {
            let name = "eniroute_last_good_run_timestamp_seconds";
            self.begin(name, "When a run of eniroute last came to a good end");
            self.sample(name, &[], good.as_secs());
        }
        if let Some((entries, limit)) = gauges.conntrack {
            self.begin(
                "eniroute_conntrack_entries",
                "Connections that the kernel tracks",
            );
            self.sample("eniroute_conntrack_entries", &[], entries);
            self.begin("eniroute_conntrack_limit", "The most that it would track");
            self.sample("eniroute_conntrack_limit", &[], limit);
        }
    }

    fn begin(&mut self, name: &str, help: &str) {
        self.begin_as("gauge", name, help);
    }

    fn begin_as(&mut self, kind: &str, name: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &[Label], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", quoted(value)))
            .gathered();
        let labels = match &labels[..] {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

/// What tells an ENI from others; empty where there is none.
fn labels(eni: &EniReport) -> Vec<Label> {
    vec![
        ("interface", eni.interface.clone().unwrap_or_default()),
        ("eni", eni.eni.clone().unwrap_or_default()),
    ]
}

fn labels_of(eni: &EniReport, one: &AddressReport) -> Vec<Label> {
    let public: Vec<String> = one.public.iter().map(ToString::to_string).gathered();
    let address = ("address", one.address.to_string());
    let own = [address, ("public", public.join(","))];
    labels(eni).into_iter().chain(own).gathered()
}

/// As a label's value may stand in the text: on one line, and with its quotes and backslashes escaped.
fn quoted(value: &str) -> String {
    escape::line(value)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_escaped_whatever_is_in_it() {
        let mut families = Families::default();
        families.sample("up", &[("interface", "a\"b\\c\nd".into())], 1);
        assert_eq!(families.0, "up{interface=\"a\\\"b\\\\c\\\\nd\"} 1\n");
    }
}
