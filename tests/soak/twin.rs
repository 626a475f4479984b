//! An instance with two ENIs in a fake VPC, dual stack, on the disk of one network stack; what its state is, and who of
//! it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::disks::STACKS;
use crate::instance::{Instance, changed};
use crate::vpc::{EniId, EniSpec, SubnetId, Vpc, wait_for};

/// What is not proven yet.
const MARK: &str = "run/eniroute/unproven.json";

/// The primary's addresses as the Internet and its neighbours know them.
const PRIMARY: [&str; 2] = ["203.0.113.10", "2001:db8:0:a::100"];
const SECOND: [&str; 2] = ["203.0.113.30", "2001:db8:0:b::300"];

const SETTINGS: &str = "grep -r '' /proc/sys/net/ipv[46]/conf/{all,default,eth0,eth1}/{accept_ra,rp_filter,forwarding,disable_ipv6,accept_dad} 2>/dev/null || :";

pub struct Twin {
    pub vpc: Vpc,
    pub instance: Instance,
    pub eth1: EniId,
    subnets: [SubnetId; 2],
}

/// Of the kernel and the disk: all that a run may change, and that must be the same after all is well again.
#[derive(Clone, PartialEq)]
pub struct State {
    pub dump: String,
    /// The kernel's settings of both links, with their paths.
    settings: String,
    /// By path; without what lives below /run, which is eniroute's own and forgotten by a boot.
    files: BTreeMap<String, String>,
}

impl State {
    pub fn of(instance: &Instance) -> Self {
        let host = &instance.host;
        wait_for("carriers", || {
            !host.ip("-o link show up").contains("NO-CARRIER")
        });
        Self {
            dump: instance.host.dump(),
            settings: instance.host.sh(SETTINGS),
            files: files(instance),
        }
    }

    /// What differs, line by line; empty for what is the same.
    pub fn differs(&self, other: &Self) -> Vec<String> {
        let mut lines = changed(&self.dump, &other.dump);
        lines.extend(changed(&self.settings, &other.settings));
        let paths: BTreeSet<_> = self.files.keys().chain(other.files.keys()).collect();
        for path in paths {
            let text = |state: &Self| state.files.get(path).cloned().unwrap_or_default();
            let differs = changed(&text(self), &text(other));
            lines.extend(differs.iter().map(|line| {
                let (sign, line) = line.split_at(1);
                format!("{sign}{path}: {line}")
            }));
            if self.files.contains_key(path) != other.files.contains_key(path) {
                let sign = if other.files.contains_key(path) {
                    '+'
                } else {
                    '-'
                };
                lines.push(format!("{sign}{path}"));
            }
        }
        lines
            .iter()
            .map(|line| line.chars().take(300).collect())
            .collect()
    }

    /// What this one has, line by line, and the other has not.
    pub fn lost(&self, other: &Self) -> Vec<String> {
        let differs = self.differs(other).into_iter();
        let is_memory = |line: &str| line.starts_with("-var/lib/eniroute/");
        differs
            .filter(|line| line.starts_with('-') && !is_memory(line))
            .collect()
    }
}

impl Twin {
    /// `stack` is one of [`STACKS`], or `none`.
    pub fn on(stack: &str) -> Self {
        let mut vpc = Vpc::new();
        let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
        let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
        let eth0 = EniSpec::new(a, "eth0")
            .ipv4(["10.0.0.10", "10.0.0.11"])
            .ipv6([PRIMARY[1]]);
        vpc.attach(eth0.public("10.0.0.10", PRIMARY[0]));
        let eth1 = EniSpec::new(b, "eth1")
            .ipv4(["10.1.0.30", "10.1.0.31"])
            .ipv6([SECOND[1]])
            .prefix4("10.1.3.16/28");
        let eth1 = vpc.attach(eth1.public("10.1.0.30", SECOND[0]));
        let instance = Instance::bare(vpc.guest());
        let disk = STACKS.iter().find(|(name, ..)| *name == stack);
        for (path, text) in disk.map_or(&[][..], |(_, files, _)| files) {
            instance.write(path, text);
        }
        let subnets = [a, b];
        Self {
            vpc,
            instance,
            eth1,
            subnets,
        }
    }

    pub fn state(&self) -> State {
        State::of(&self.instance)
    }

    /// The primary answers in both families, from the Internet and from each subnet.
    pub fn assert_primary(&mut self, when: &str) {
        self.assert_answers(when, &PRIMARY, &["10.0.0.10", PRIMARY[1]]);
    }

    /// Every address does.
    pub fn assert_all(&mut self, when: &str) {
        let inside = ["10.0.0.10", "10.0.0.11", PRIMARY[1], "10.1.0.30", SECOND[1]];
        self.assert_answers(when, &[PRIMARY, SECOND].concat(), &inside);
    }

    fn assert_answers(&mut self, when: &str, outside: &[&str], inside: &[&str]) {
        let mut dead = self.vpc.inet().ping(outside);
        for subnet in self.subnets {
            dead.extend(self.vpc.neighbour(subnet).ping(inside));
        }
        let dump = || self.instance.host.dump();
        assert!(
            dead.is_empty(),
            "{when}: {dead:?} do not answer\n{}",
            dump()
        );
    }

    /// What the primary's DHCP client does all the while, for whom a scene takes longer than a lease.
    pub fn renew(&self) {
        self.vpc.renew(self.vpc.first_eni());
    }

    /// No temporary file, and nothing that waits for its proof.
    pub fn assert_tidy(&self, when: &str) {
        let left = temporaries(&self.instance);
        assert!(
            left.is_empty(),
            "{when}: temporary files are left: {left:?}"
        );
        assert!(!self.instance.has(MARK), "{when}: {MARK} is left");
    }

    /// Succeeds, whatever it has to say.
    pub fn must(&self, command: &str, when: &str) {
        let run = self.instance.eniroute(command);
        assert!(run.code == 0, "{when}: eniroute {command}: {run:#?}");
    }
}

fn files(instance: &Instance) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (path, ..) in instance.disk_state() {
        let name = path
            .strip_prefix(instance.root())
            .unwrap()
            .display()
            .to_string();
        if path.is_file() && !name.starts_with("run/eniroute") {
            let bytes = fs::read(&path).unwrap();
            files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    files
}

/// Files that were to be renamed into place.
pub fn temporaries(instance: &Instance) -> Vec<PathBuf> {
    let paths = instance.disk_state().into_iter().map(|(path, ..)| path);
    let is_temporary = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(".eniroute-"))
    };
    paths.filter(is_temporary).collect()
}
