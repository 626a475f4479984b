//! Every request of a run to the metadata service, answered in every wrong way. Nothing that was right goes, the message
//! tells what is wrong with which key, and the next good run ends where an undisturbed one ends.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::disks::STACKS;
use crate::hostile;
use crate::instance::Run;
use crate::stage::{Scene, Stage};
use crate::twin::{State, Twin};
use crate::vpc::Fault;

const MACS: &str = "/latest/meta-data/network/interfaces/macs/";

/// What may come in place of an answer; those of the second list once alone, too.
const FAULTS: [&str; 8] = [
    "huge",
    "slow",
    "403",
    "404",
    "empty",
    "wrong-type",
    "doubled",
    "crlf",
];
const PASSING: [&str; 9] = [
    "hang",
    "reset",
    "closed",
    "truncated",
    "garbage",
    "401",
    "429",
    "500",
    "503",
];

/// A token is one word, and who refuses to give one refuses.
const NO_FAULT: [&str; 3] = ["token/doubled", "token/crlf", "token/401-once"];

pub fn scenes() -> Vec<Scene> {
    let scene = |name: String| Scene {
        matrix: "metadata",
        name,
        is_tested: false,
        make: |name| Box::new(Metadata::new(name)),
    };
    let kinds = ["first", "again", "refresh", "hostile"].into_iter();
    let stacks = STACKS.map(|(stack, ..)| stack);
    kinds
        .flat_map(|kind| stacks.map(|stack| scene(format!("{kind}/{stack}"))))
        .collect()
}

/// Each cell is run on the disk of one stack: what the service says does not depend on that.
fn is_on(stack: &str, cell: &str) -> bool {
    let sum: usize = cell.bytes().map(usize::from).sum();
    STACKS[sum % STACKS.len()].0 == stack
}

struct Metadata {
    twin: Twin,
    /// `first`, `again`, `refresh` or `hostile`.
    kind: String,
    stack: String,
    /// Without anything of eniroute's.
    bare: State,
    /// At the end of a run that nothing disturbs.
    wanted: State,
    /// The paths that `apply` asks for, by the names that cells have for them.
    paths: BTreeMap<String, String>,
}

impl Metadata {
    fn new(name: &str) -> Self {
        let (kind, stack) = name.split_once('/').unwrap();
        let twin = Twin::on(stack);
        twin.instance.host.settle();
        let bare = twin.state();
        twin.must("apply", "undisturbed");
        let wanted = twin.state();
        let paths = BTreeMap::new();
        let mut scene = Self {
            twin,
            kind: kind.to_owned(),
            stack: stack.to_owned(),
            wanted,
            bare,
            paths,
        };
        scene.paths = scene.asked("apply");
        if kind == "first" {
            scene.twin.must("remove", "undisturbed");
        }
        scene
    }

    fn command(&self) -> &'static str {
        if self.kind == "refresh" {
            "refresh"
        } else {
            "apply"
        }
    }

    /// What a run asks the metadata service.
    fn asked(&self, command: &str) -> BTreeMap<String, String> {
        self.twin.vpc.imds().clear_log();
        self.twin.must(command, "undisturbed");
        let log = self.twin.vpc.imds().log();
        log.into_iter()
            .map(|request| (name_of(&request.path), request.path))
            .collect()
    }

    /// The fault, and how often.
    fn break_(&self, path: &str, kind: &str) {
        let imds = self.twin.vpc.imds();
        match kind.strip_suffix("-once") {
            Some(kind) => imds.fault_for(1, Fault::on(path, self.fault(path, kind))),
            None => imds.fault(Fault::on(path, self.fault(path, kind))),
        }
    }

    fn fault(&self, path: &str, kind: &str) -> Fault {
        let good = self.twin.vpc.imds().text_of(path).unwrap_or_default();
        let text = |text: String| Fault::value(path, &text);
        match kind {
            "hang" => Fault::Blackhole,
            "reset" => Fault::Reset,
            "closed" => Fault::Closed,
            "truncated" => Fault::Truncated,
            "garbage" => Fault::Garbage,
            "slow" => Fault::Slow(Duration::from_millis(200)),
            "huge" => text("10.0.0.10\n".repeat(3_000_000)),
            "empty" => text(String::new()),
            "wrong-type" => text("{\"is\": [\"no\", 1]}".to_owned()),
            "doubled" => text(format!("{good}\n{good}")),
            "crlf" => text(good.replace('\n', "\r\n") + "\r\n"),
            status if status.parse::<u16>().is_ok() => Fault::Status(status.parse().unwrap()),
            hostile => text(hostile::value(hostile)),
        }
    }

    fn run_faulted(&self, path: &str, kind: &str) -> Run {
        self.break_(path, kind);
        // What fails until the end takes as long as it may; all else has its answer, however busy the machine is.
        let wait = if PASSING.contains(&kind) { "1" } else { "10" };
        let run = self
            .twin
            .instance
            .eniroute(&format!("{} --wait {wait}", self.command()));
        self.twin.vpc.imds().heal();
        run
    }

    /// What was right before is there, and what was wrong is said.
    fn judge(&self, before: &State, path: &str, kind: &str, run: &Run) {
        let mut lost = before.lost(&self.twin.state());
        if self.kind == "first" {
            // What the other ENI had before it was configured.
            lost.retain(|line| !line.contains("eth1"));
        }
        assert!(lost.is_empty(), "gone:\n{}\n{run:#?}", lost.join("\n"));
        let said = format!("{}{}", run.stdout, run.stderr);
        let is_active = |c: char| {
            c != '\n' && c.is_control()
                || matches!(c, '\u{200b}' | '\u{202e}' | '\u{2066}' | '\u{feff}')
        };
        let printable = !said.contains(is_active);
        assert!(printable, "control characters: {run:?}");
        let must_pass = kind == "slow" || kind == "crlf" || kind.ends_with("-once");
        if run.code == 0 && run.stderr.is_empty() {
            let is = self.wanted.differs(&self.twin.state());
            assert!(
                is.is_empty(),
                "success, but not as undisturbed (-): (+)\n{}\n{run:#?}",
                is.join("\n")
            );
        } else {
            assert!(!must_pass, "such an answer is no reason to fail: {run:#?}");
            assert_names(path, kind, run);
        }
    }
}

impl Stage for Metadata {
    fn cells(&mut self) -> Vec<String> {
        let once = PASSING.iter().map(|kind| format!("{kind}-once"));
        let faults: Vec<String> = FAULTS
            .iter()
            .chain(&PASSING)
            .map(ToString::to_string)
            .chain(once)
            .collect();
        let kinds = if self.kind == "hostile" {
            hostile::kinds()
        } else {
            faults
        };
        // A refresh asks in turns.
        let listed = if self.kind == "refresh" {
            self.asked("refresh")
        } else {
            self.paths.clone()
        };
        let names = listed
            .keys()
            .filter(|name| self.kind != "hostile" || *name != "token");
        let cells = names.flat_map(|name| kinds.iter().map(move |kind| format!("{name}/{kind}")));
        cells
            .filter(|cell| !NO_FAULT.contains(&cell.as_str()) && is_on(&self.stack, cell))
            .collect()
    }

    fn run(&mut self, cell: &str) {
        let (name, kind) = cell.split_once('/').unwrap();
        let path = self
            .paths
            .get(name)
            .unwrap_or_else(|| panic!("no request for {name}"))
            .clone();
        self.twin.renew();
        let before = self.twin.state();
        let run = self.run_faulted(&path, kind);
        self.twin.assert_primary("at once");
        self.judge(&before, &path, kind, &run);
        if self.kind != "first" {
            self.twin.assert_all("at once");
        }
        self.twin.must("apply", "the next run");
        let differs = self.wanted.differs(&self.twin.state());
        assert!(
            differs.is_empty(),
            "after the next run: not as undisturbed (-) but (+)\n{}\n{run:#?}",
            differs.join("\n")
        );
        self.twin.assert_tidy("after the next run");
        if self.kind == "first" {
            self.twin.assert_all("after the next run");
            self.twin.must("remove", "after the cell");
            let differs = self.bare.differs(&self.twin.state());
            assert!(
                differs.is_empty(),
                "after `remove`: not as before (-) but (+)\n{}",
                differs.join("\n")
            );
        }
    }
}

/// `token`, `mac`, `macs`, `eth1:local-ipv4s`, `eth1:listing`.
fn name_of(path: &str) -> String {
    let Some(below) = path.strip_prefix(MACS).filter(|below| !below.is_empty()) else {
        return path
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
    };
    let (mac, key) = below.split_once('/').unwrap_or((below, ""));
    let dev = if mac.ends_with('0') { "eth0" } else { "eth1" };
    let key = key.trim_matches('/').replace('/', ":");
    format!("{dev}:{}", if key.is_empty() { "listing" } else { &key })
}

/// The message tells the key or the ENI, and what came.
fn assert_names(path: &str, kind: &str, run: &Run) {
    let said = format!("{}{}", run.stdout, run.stderr);
    let below = path
        .trim_start_matches("/latest/meta-data/")
        .trim_start_matches("/latest/api/");
    if below == "token" {
        assert!(
            said.contains("http://169.254.169.254"),
            "the message does not name the service: {run:#?}"
        );
        return;
    }
    let parts = below.split('/').filter(|part| !part.is_empty());
    let named = parts
        .filter(|part| !["network", "interfaces"].contains(part))
        .any(|part| said.contains(part));
    let value = kind.contains('.').then(|| hostile::value(kind));
    let named = named || value.is_some_and(|value| said.contains(&value));
    assert!(named, "the message does not name {path}: {run:#?}");
    if kind.parse::<u16>().is_ok_and(|status| status != 404) {
        assert!(
            said.contains(kind),
            "the message does not tell the status: {run:#?}"
        );
    }
}
