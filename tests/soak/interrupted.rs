//! A run that is interrupted at one of its system calls: killed, told to end, or refused by the kernel or the disk.
//! After it the primary answers; after the next run all is as if nothing had happened; after `remove` nothing is left.

use std::collections::{BTreeMap, BTreeSet};
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

/// The ledger is written by a thread of its own, while the kernel is changed.
#[derive(Clone, Copy, PartialEq)]
enum Ledger {
    /// It is as fast as it is: the calls of the thread that makes the changes.
    Beside,
    /// What is done to the ledger itself, by whichever thread.
    Itself,
    /// It is not there before the changes are: each message to the kernel.
    Late,
}

use Ledger::{Beside, Itself, Late};

impl Ledger {
    /// What the names of its cells begin with.
    fn prefix(self) -> &'static str {
        match self {
            Beside => "",
            Itself => "ledger/",
            Late => "late/",
        }
    }

    /// And the call and the fault of one.
    fn of(cell: &str) -> (Self, &str, &str) {
        let of = |one: Self| Some((one, cell.strip_prefix(one.prefix())?));
        let (one, cell) = [Itself, Late, Beside].into_iter().find_map(of).unwrap();
        let (point, fault) = cell.split_once('/').unwrap();
        (one, point, fault)
    }

    /// For strace.
    fn options(self, instance: &Instance) -> Vec<String> {
        let options = match self {
            Beside => String::new(),
            Itself => {
                let folder = instance.root().join("var/lib/eniroute");
                let folder = folder.display();
                format!("-f -P {folder} -P {folder}/ledger.json")
            }
            Late => "-f -e inject=/^rename:delay_enter=200000".to_owned(),
        };
        options.split_whitespace().map(str::to_owned).collect()
    }

    fn faults(self, errors: &'static [&'static str]) -> Vec<&'static str> {
        match self {
            Late => vec!["KILL"],
            Beside | Itself => SIGNALS.iter().chain(errors).copied().collect(),
        }
    }
}

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
    fn strace(&self, ledger: Ledger, option: &str) -> String {
        let arguments = [self.command, "--wait", "1"];
        let mut options = ledger.options(&self.twin.instance);
        options.extend(["-e", option].map(str::to_owned));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        traced(&self.twin.instance, &options, &arguments)
    }

    fn cells_with(&mut self, ledger: Ledger) -> Vec<String> {
        self.prepare();
        let names: Vec<_> = CALLS.iter().map(|(call, _)| spelled(call)).collect();
        let trace = self.strace(ledger, &format!("trace={}", names.join(",")));
        self.clear();
        let mut cells = Vec::new();
        for (call, errors) in CALLS {
            if ledger == Late && call != "sendto" {
                continue;
            }
            for moment in moments(&trace, call, ledger) {
                let point = format!("{}{call}.{moment}", ledger.prefix());
                let faults = ledger.faults(errors).into_iter();
                cells.extend(faults.map(|fault| format!("{point}/{fault}")));
            }
        }
        cells
    }
}

/// What a call's name may end with: the same with a folder to begin at, and with flags.
const VARIANTS: [&str; 2] = ["at", "at2"];

/// The call and its variants, for strace.
fn spelled(call: &str) -> String {
    format!("/^{call}({})?$", VARIANTS.join("|"))
}

/// Which of a thread's calls of this kind change something: strace counts each thread's by themselves.
fn moments(trace: &str, call: &str, ledger: Ledger) -> BTreeSet<usize> {
    let mut threads: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut first = None;
    for line in trace.lines() {
        let is_thread = line.starts_with(|c: char| c.is_ascii_digit());
        let (thread, line) = line
            .split_once(' ')
            .filter(|_| is_thread)
            .unwrap_or(("", line));
        first.get_or_insert(thread);
        let name = line.trim_start().split('(').next().unwrap();
        if name == call
            || name
                .strip_prefix(call)
                .is_some_and(|end| VARIANTS.contains(&end))
        {
            threads.entry(thread).or_default().push(line.trim_start());
        }
    }
    let own = first
        .and_then(|thread| threads.remove(thread))
        .unwrap_or_default();
    let others = threads.values().map(Vec::len).max().unwrap_or_default();
    let changing = |calls: &Vec<&str>| -> Vec<usize> {
        let calls = calls.iter().zip(1..);
        calls
            .filter(|(line, _)| changes(line))
            .map(|(_, moment)| moment)
            .collect()
    };
    let mut moments: BTreeSet<usize> = changing(&own).into_iter().collect();
    match ledger {
        Itself => moments.extend(threads.values().flat_map(changing)),
        // Where another thread has as many, it would be that one's.
        Late => moments.retain(|moment| *moment > others),
        Beside => {}
    }
    moments
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
        let cells = [Beside, Itself, Late]
            .map(|ledger| self.cells_with(ledger))
            .concat();
        let calls: BTreeSet<_> = cells
            .iter()
            .filter_map(|cell| cell.split('.').next())
            .collect();
        // Where the metadata service is slow, a thread that asks it may send more than the one that makes the changes.
        let of_ledger: &[&str] = match self.command {
            "remove" => &["ledger/unlink", "late/sendto"],
            _ => &["ledger/rename"],
        };
        for call in ["sendto", "write", "rename"].iter().chain(of_ledger) {
            assert!(calls.contains(call), "{call}: {cells:?}");
        }
        cells
    }

    fn run(&mut self, cell: &str) {
        let (ledger, point, fault) = Ledger::of(cell);
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
        let call = spelled(call);
        let inject = format!("inject={call}:{kind}={fault}:when={moment}{lasts}");
        self.strace(ledger, &inject);
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
