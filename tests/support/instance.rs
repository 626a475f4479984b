//! An instance in the fake VPC with eniroute on it: a guest, a folder for its files, and the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, os::unix::fs::MetadataExt};

use tempfile::TempDir;

use super::confined::confined;
use super::vpc::{EniSpec, Host, SubnetId, Vpc};

/// The guest's root folder for eniroute (`--root`), and how to run it there.
pub struct Instance {
    pub host: Host,
    root: TempDir,
}

/// What a run of eniroute said and how it ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// It must not have panicked.
    pub fn of(out: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let run = Self {
            code: out.status.code().unwrap_or(-1),
            stdout: text(out.stdout),
            stderr: text(out.stderr),
        };
        assert!(!run.stderr.contains("panicked"), "{run:?}");
        run
    }
}

/// Whether what took so long kept within `bound`, or within more where a run that waits for nothing takes long by now: on
/// a busy machine.
pub fn is_soon(took: Duration, bound: Duration, look: impl Fn(&str) -> Run) -> bool {
    let look = |_| {
        let began = Instant::now();
        look("plan --wait 0.1");
        began.elapsed()
    };
    took < bound || took < bound + 10 * (0..3).map(look).max().unwrap()
}

/// Puts a copy of the program there. This process never has it open to write, so no child that another thread starts meanwhile
/// keeps it from being run.
pub fn copy_program(to: &Path) {
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_eniroute"))
        .arg(to)
        .status();
    assert!(copied.unwrap().success(), "{}", to.display());
}

/// Where programs are looked for first.
pub const FIRST_FOLDER: &str = "/usr/local/sbin";

impl Instance {
    /// An instance whose network stack is netplan, by the look of its disk.
    pub fn with_netplan(host: Host) -> Self {
        let instance = Self::bare(host);
        instance.write("usr/sbin/netplan", "");
        instance.write(
            "etc/netplan/50-cloud-init.yaml",
            "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n",
        );
        instance
    }

    /// One of two ENIs in one subnet, with an address each: eth0 has 10.0.0.10, eth1 10.0.0.20.
    pub fn of_two_enis() -> (Vpc, Self) {
        let mut vpc = Vpc::new();
        let subnet = vpc.subnet("10.0.0.0/24", None);
        for (name, ip) in [("eth0", "10.0.0.10"), ("eth1", "10.0.0.20")] {
            vpc.attach(EniSpec::new(subnet, name).ipv4([ip]));
        }
        let instance = Self::with_netplan(vpc.guest());
        (vpc, instance)
    }

    /// An instance with no network stack that eniroute knows.
    pub fn bare(host: Host) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("run")).unwrap();
        Self { host, root }
    }

    /// Another instance, started from an image of this one's disk.
    pub fn image_on(self, host: Host) -> Self {
        Self {
            host,
            root: self.root,
        }
    }

    /// Its disk, as this machine sees it.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn has(&self, path: &str) -> bool {
        self.root().join(path).exists()
    }

    /// `eniroute ARGUMENTS`, with a unit's capabilities, whatever comes of it.
    pub fn eniroute(&self, arguments: &str) -> Run {
        let [setpriv, rest @ ..] = &confined()[..] else {
            panic!()
        };
        let command = self
            .host
            .command(setpriv)
            .args(rest)
            .arg(env!("CARGO_BIN_EXE_eniroute"));
        let command = command.args(["--root", &self.root().display().to_string()]);
        Run::of(command.args(arguments.split_whitespace()).output())
    }

    /// `eniroute ARGUMENTS` as a user with this number, by a copy of the program that anybody may run.
    pub fn eniroute_as(&self, user: &str, arguments: &str) -> Run {
        let copy = self.root().join("eniroute");
        copy_program(&copy);
        let root = self.root().display().to_string();
        self.host.sh(&format!("chmod 755 {root}"));
        let command = self.host.command("setpriv");
        let command = command.args([&format!("--reuid={user}"), "--clear-groups", "--"]);
        let command = command.arg(copy.display()).args(["--root", &root]);
        Run::of(command.args(arguments.split_whitespace()).output())
    }

    /// `eniroute ARGUMENTS`, which must succeed and have nothing to complain of; its standard output.
    pub fn must(&self, arguments: &str) -> String {
        let run = self.eniroute(arguments);
        assert!(
            run.code == 0 && run.stderr.is_empty(),
            "eniroute {arguments}: {run:#?}"
        );
        run.stdout
    }

    /// From now on this script of sh(1) is what eniroute runs by the program's name; the script finds the real one by that.
    pub fn instead_of(&self, program: &str, script: &str) {
        let path = format!("{FIRST_FOLDER}/{program}");
        self.host.sh(&format!(
            "mountpoint -q {FIRST_FOLDER} || mount -t tmpfs none {FIRST_FOLDER}\n\
             cat >{path} <<'END'\n#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/bin\n{script}\nEND\nchmod 755 {path}"
        ));
    }

    /// All programs are the real ones again, though a script may still run.
    pub fn instead_of_none(&self) {
        self.host.sh(&format!("umount -l {FIRST_FOLDER}"));
    }

    /// See [`is_soon()`].
    pub fn is_soon(&self, took: Duration, bound: Duration) -> bool {
        is_soon(took, bound, |arguments| self.eniroute(arguments))
    }

    /// `eniroute ARGUMENTS --json`, which must succeed.
    pub fn json(&self, arguments: &str) -> serde_json::Value {
        serde_json::from_str(&self.must(&format!("{arguments} --json"))).unwrap()
    }

    /// Every file and folder with inode and time of change: what any write would alter; without the mark of the last good
    /// run, which has the time of that.
    pub fn disk_state(&self) -> Vec<(PathBuf, u64, SystemTime)> {
        let mut state = Vec::new();
        let mut folders = vec![self.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                if !path.ends_with("run/eniroute/last-good-run") {
                    state.push((path.clone(), meta.ino(), meta.modified().unwrap()));
                }
                if meta.is_dir() {
                    folders.push(path);
                }
            }
        }
        state.sort();
        state
    }

    /// Which interface a packet to the Internet from `source` would leave by, as `ip route get` says.
    pub fn way_out(&self, source: &str) -> String {
        let target = if source.contains(':') {
            "2001:4860:4860::8888"
        } else {
            "8.8.8.8"
        };
        self.host.ip(&format!("route get {target} from {source}"))
    }
}

/// Pings every address in `addresses` from a neighbour in each of `subnets`: all must answer.
pub fn neighbours_reach(vpc: &mut Vpc, subnets: &[SubnetId], addresses: &[&str]) {
    for subnet in subnets {
        let dead = vpc.neighbour(*subnet).ping(addresses);
        assert!(
            dead.is_empty(),
            "from the neighbour in {subnet:?}: {dead:?} do not answer"
        );
    }
}

/// The lines of a dump that `after` has and `before` has not, and the other way round.
pub fn changed(before: &str, after: &str) -> Vec<String> {
    let only = |a: &str, b: &str, sign: char| -> Vec<String> {
        let there: Vec<&str> = b.lines().collect();
        a.lines()
            .filter(|line| !there.contains(line))
            .map(|line| format!("{sign}{line}"))
            .collect()
    };
    [only(before, after, '-'), only(after, before, '+')].concat()
}
