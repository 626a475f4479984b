//! A run that is interrupted at one of its system calls: killed, told to end, or refused by the kernel or the disk.
//! After it the primary answers; after the next run all is as if nothing had happened; after `remove` nothing is left.

use std::collections::BTreeSet;
use std::fs;

use tempfile::NamedTempFile;

use crate::disks::STACKS;
use crate::instance::Instance;
use crate::stage::{Scene, Stage};
use crate::twin::{State, Twin};

/// The calls by which a run changes something, and what the kernel may answer instead. A full disk stays full.
const CALLS: [(&str, &[&str]); 8] = [
    ("sendto", &["ENOBUFS", "EPERM", "EINTR"]),
    ("openat", &["EROFS", "ENOSPC", "EMFILE"]),
    ("mkdir", &["EROFS", "ENOSPC"]),
    ("write", &["ENOSPC", "ENOSPC+", "EIO", "EINTR"]),
    ("fchmod", &["EPERM", "EROFS"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("rename", &["EROFS", "ENOSPC", "EIO"]),
    ("unlink", &["EROFS", "EPERM", "EIO"]),
];

const SIGNALS: [&str; 3] = ["KILL", "TERM", "HUP"];

const COMMANDS: [&str; 3] = ["apply", "refresh", "remove"];

pub fn scenes() -> Vec<Scene> {
    let stacks = STACKS.iter().map(|(name, ..)| *name).chain(["none"]);
    let scene = |stack: &str, command: &str| Scene {
        matrix: "interrupted",
        name: format!("{stack}/{command}"),
        is_tested: false,
        make: |name| Box::new(Interrupted::new(name)),
    };
    stacks
        .flat_map(|stack| COMMANDS.map(|command| scene(stack, command)))
        .collect()
}

struct Interrupted {
    twin: Twin,
    command: &'static str,
    /// Without anything of eniroute's.
    bare: State,
    /// At the end of a run that nothing disturbs.
    wanted: State,
}

impl Interrupted {
    fn new(name: &str) -> Self {
        let (stack, command) = name.split_once('/').unwrap();
        let command = COMMANDS
            .into_iter()
            .find(|known| *known == command)
            .unwrap();
        let twin = Twin::on(stack);
        twin.instance.host.settle();
        let bare = twin.state();
        let mut scene = Self {
            twin,
            command,
            wanted: bare.clone(),
            bare,
        };
        scene.prepare();
        scene.twin.must(command, "undisturbed");
        scene.wanted = scene.twin.state();
        scene.clear();
        scene
    }

    /// The state in which the command is run: the VPC has something new for `refresh`.
    fn prepare(&mut self) {
        self.twin.renew();
        if self.command == "apply" {
            return;
        }
        self.twin.must("apply", "before the cell");
        if self.command == "refresh" {
            self.twin.vpc.assign(self.twin.eth1, "10.1.0.32");
            self.twin.vpc.unassign(self.twin.eth1, "10.1.0.31");
            self.twin.vpc.unassign(self.twin.eth1, "10.1.3.16/28");
        }
    }

    /// Back to where nothing of eniroute's is there.
    fn clear(&mut self) {
        if self.command != "remove" {
            self.twin.must("remove", "after the cell");
        }
        if self.command == "refresh" {
            self.twin.vpc.unassign(self.twin.eth1, "10.1.0.32");
            self.twin.vpc.assign(self.twin.eth1, "10.1.0.31");
            self.twin.vpc.assign(self.twin.eth1, "10.1.3.16/28");
        }
        self.assert_is(&self.bare, "after `remove`");
    }

    fn assert_is(&self, wanted: &State, when: &str) {
        let differs = wanted.differs(&self.twin.state());
        assert!(
            differs.is_empty(),
            "{when}: not as undisturbed (-) but (+)\n{}",
            differs.join("\n")
        );
    }

    /// The command under strace with these options; what strace says.
    fn strace(&self, options: &[&str]) -> String {
        let arguments = [self.command, "--wait", "1"];
        traced(&self.twin.instance, options, &arguments)
    }
}

/// `eniroute ARGUMENTS` under strace with these options, whatever comes of it; what strace says.
pub fn traced(instance: &Instance, options: &[&str], arguments: &[&str]) -> String {
    let trace = NamedTempFile::new().unwrap();
    let strace = instance.host.command("strace");
    let strace = strace
        .args(["-qq", "-yy", "-o"])
        .arg(trace.path().display());
    strace
        .args(options)
        .args([env!("CARGO_BIN_EXE_eniroute"), "--root"])
        .arg(instance.root().display())
        .args(arguments)
        .output();
    fs::read_to_string(trace.path()).unwrap()
}

impl Stage for Interrupted {
    fn cells(&mut self) -> Vec<String> {
        self.prepare();
        let names: Vec<_> = CALLS.iter().map(|(call, _)| *call).collect();
        let trace = self.strace(&["-e", &format!("trace={}", names.join(","))]);
        self.clear();
        let mut cells = Vec::new();
        for (call, errors) in CALLS {
            let lines = trace
                .lines()
                .filter(|line| line.starts_with(&format!("{call}(")));
            let moments = lines
                .enumerate()
                .filter(|(_, line)| changes(line))
                .map(|(n, _)| n + 1);
            for moment in moments {
                let faults = SIGNALS.iter().chain(errors);
                cells.extend(faults.map(|fault| format!("{call}.{moment}/{fault}")));
            }
        }
        let calls: BTreeSet<_> = cells
            .iter()
            .filter_map(|cell| cell.split('.').next())
            .collect();
        assert!(
            calls.contains("sendto") && calls.contains("write"),
            "{trace}"
        );
        cells
    }

    fn run(&mut self, cell: &str) {
        let (point, fault) = cell.split_once('/').unwrap();
        let (call, moment) = point.split_once('.').unwrap();
        let kind = if SIGNALS.contains(&fault) {
            "signal"
        } else {
            "error"
        };
        let (fault, lasts) = fault
            .strip_suffix('+')
            .map_or((fault, ""), |fault| (fault, "+"));
        self.prepare();
        let inject = format!("inject={call}:{kind}={fault}:when={moment}{lasts}");
        self.strace(&["-e", &inject]);
        self.twin.assert_primary("at once");
        self.twin.must(self.command, "the next run");
        self.assert_is(&self.wanted, "after the next run");
        self.twin.assert_tidy("after the next run");
        if self.command == "remove" {
            self.twin.assert_primary("after the next run");
        } else {
            self.twin.assert_all("after the next run");
        }
        self.clear();
    }
}

/// Whether the call changes something, by its line of strace's: not a question, not a way to the metadata service, not
/// a file that is only read.
pub fn changes(line: &str) -> bool {
    match line.split('(').next() {
        Some("sendto") => line.contains("NETLINK") && !line.contains("RTM_GET"),
        Some("openat") => {
            line.contains("O_CREAT") || line.contains("O_WRONLY") || line.contains("O_RDWR")
        }
        _ => true,
    }
}
