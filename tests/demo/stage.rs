//! Where a demo plays: a fake VPC, an instance with two ENIs in it, and a screen. Nothing of it is left when it ends.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Output};
use std::{fs, io};

use nix::sys::stat::{major, minor};

use super::screen::Screen;
use super::vpc::{EniSpec, Host, Vpc};

/// The guest's disk, below the VPC's own tmpfs: the kernel takes it away with the process.
pub const DISK: &str = "/run/netns/disk";

/// An ENI of the report: interface, MAC, private address, Elastic IP.
pub type Eni = [&'static str; 4];
pub const ETH0: Eni = [
    "eth0",
    "06:ce:dd:28:5b:b8",
    "172.31.37.139",
    "54.178.213.178",
];
pub const ETH1: Eni = ["eth1", "06:a6:9a:4a:98:c6", "172.31.41.29", "3.104.193.180"];

pub struct Stage {
    pub screen: Screen,
    pub vpc: Vpc,
    pub guest: Host,
    eniroute: String,
}

impl Stage {
    /// Two ENIs in one subnet, an Elastic IP on each; the second one is up, and has its address.
    pub fn new(eniroute: PathBuf) -> Self {
        let mut vpc = Vpc::new();
        let subnet = vpc.subnet("172.31.32.0/20", None);
        for [name, mac, private, public] in [ETH0, ETH1] {
            vpc.attach(
                EniSpec::new(subnet, name)
                    .mac(mac)
                    .ipv4([private])
                    .public(private, public),
            );
        }
        let stage = Self::of(vpc, eniroute);
        stage.guest.ip("link set eth1 up");
        stage
            .guest
            .ip("address add 172.31.41.29/20 dev eth1 noprefixroute");
        stage
    }

    /// An instance that is made up already.
    pub fn of(vpc: Vpc, eniroute: PathBuf) -> Self {
        make_disk().unwrap_or_else(|e| panic!("{DISK}: {e}"));
        Self {
            screen: Screen::new(),
            guest: vpc.guest(),
            vpc,
            eniroute: eniroute.display().to_string(),
        }
    }

    /// A file on the instance's disk.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(format!("{DISK}{path}"), text).unwrap_or_else(|e| panic!("{DISK}{path}: {e}"));
    }

    /// Ends the demo, and says what to look at next: how it went.
    pub fn tidy_up(self, next: &str) -> ExitCode {
        let Self {
            mut screen,
            vpc,
            guest,
            ..
        } = self;
        screen.heading("Nothing is left behind");
        let mut made: Vec<_> = [&guest, &vpc.inet()]
            .map(|host| host.enter(network_namespace))
            .into();
        made.push(file_system(DISK).unwrap_or_else(|e| panic!("{DISK}: {e}")));
        drop((guest, vpc));
        let holders = holders(&made);
        screen.good(
            holders.is_empty(),
            "no process, mount or open file holds the demo's networks and its disk any more: the kernel removes them",
        );
        holders.iter().for_each(|holder| println!("   {holder}"));
        screen.say("It does so whenever the demo ends: Ctrl-C and even SIGKILL leave nothing behind, either.");
        screen.say(next);
        match screen.failures() {
            0 => ExitCode::SUCCESS,
            n => {
                eprintln!("demo: {n} of the above were not as told: look for !!");
                ExitCode::FAILURE
            }
        }
    }

    /// A command on the instance and its disk, shown; what it printed.
    pub fn on_guest(&self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let program = words.next().unwrap_or_default();
        let words = words.map(|word| match word.starts_with("/etc/") {
            true => format!("{DISK}{word}"),
            false => word.to_owned(),
        });
        let output = self.guest.command(program).args(words).output();
        self.shown("guest# ", line, output)
    }

    /// `eniroute COMMAND`, on the guest's disk: the paths that it prints are those that the guest sees.
    pub fn eniroute(&self, command: &str) -> String {
        let output = self
            .guest
            .command(&self.eniroute)
            .args(["--root", DISK])
            .args(command.split(' '))
            .output();
        self.shown("guest# ", &format!("eniroute {command}"), output)
    }

    /// Whether each Elastic IP answers somebody on the Internet.
    pub fn ping(&self) -> [bool; 2] {
        let [first, second] = [ETH0, ETH1].map(|[.., public]| public);
        let output = self
            .vpc
            .inet()
            .command("fping")
            .args(["-r1", first, second])
            .output();
        let answers = self.shown("outside$ ", &format!("fping -r1 {first} {second}"), output);
        [first, second].map(|public| row(&answers, public).ends_with("is alive"))
    }

    /// A command with what it printed, on the screen.
    pub fn shown(&self, prompt: &str, line: &str, output: Output) -> String {
        self.screen.command(prompt, line, &output);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The line of a table that has `word` in it.
pub fn row<'a>(table: &'a str, word: &str) -> &'a str {
    table
        .lines()
        .find(|line| line.split_whitespace().any(|other| other == word))
        .unwrap_or_default()
        .trim_end()
}

/// A disk by whose look the network stack is netplan, as Ubuntu's cloud image has it.
fn make_disk() -> io::Result<()> {
    for folder in ["etc/netplan", "run", "usr/sbin"] {
        fs::create_dir_all(format!("{DISK}/{folder}"))?;
    }
    fs::write(format!("{DISK}/usr/sbin/netplan"), "")?;
    let cloud_init = "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n";
    fs::write(format!("{DISK}/etc/netplan/50-cloud-init.yaml"), cloud_init)
}

/// `net:[4026532281]`, by which the kernel calls it everywhere in `/proc`.
fn network_namespace() -> String {
    let link = fs::read_link("/proc/thread-self/ns/net")
        .unwrap_or_else(|e| panic!("/proc/thread-self/ns/net: {e}"));
    link.display().to_string()
}

/// ` 0:57 `, by which `/proc/*/mountinfo` calls the file system of `path`.
fn file_system(path: &str) -> io::Result<String> {
    let device = fs::metadata(path)?.dev();
    Ok(format!(" {}:{} ", major(device), minor(device)))
}

/// What keeps one of these namespaces and file systems alive on this machine: a thread in it, a file descriptor, a
/// mount. A process that ends meanwhile is no holder.
fn holders(made: &[String]) -> Vec<String> {
    let ours = |text: &str| made.iter().any(|name| text.contains(name.as_str()));
    let mut found = Vec::new();
    for process in children(Path::new("/proc"))
        .into_iter()
        .filter(|path| path.join("task").exists())
    {
        let threads = children(&process.join("task"))
            .into_iter()
            .map(|thread| thread.join("ns/net"));
        let links = children(&process.join("fd")).into_iter().chain(threads);
        found.extend(links.filter(|link| {
            fs::read_link(link).is_ok_and(|target| ours(&target.to_string_lossy()))
        }));
        let mounts = process.join("mountinfo");
        found.extend(
            fs::read_to_string(&mounts)
                .is_ok_and(|text| ours(&text))
                .then_some(mounts),
        );
    }
    found
        .iter()
        .map(|path| path.display().to_string())
        .collect()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}
