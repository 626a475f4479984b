//! `make demo`: a person watches scenario S1 break and heal, with packets, in a fake VPC. It is a smoke test as
//! well: it fails when anything is not as told. It shows what eniroute does and uses none of its code.

#[path = "demo/screen.rs"]
mod screen;
mod vpc;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Output};
use std::{env, fs, io, panic, process};

use nix::sys::stat::{major, minor};
use nix::unistd::geteuid;
use screen::Screen;
use vpc::{EniSpec, Host, Vpc};

/// The guest's disk, below the VPC's own tmpfs: the kernel takes it away with the process.
const DISK: &str = "/run/netns/disk";

/// An ENI of the report: interface, MAC, private address, Elastic IP.
type Eni = [&'static str; 4];
const ETH0: Eni = [
    "eth0",
    "06:ce:dd:28:5b:b8",
    "172.31.37.139",
    "54.178.213.178",
];
const ETH1: Eni = ["eth1", "06:a6:9a:4a:98:c6", "172.31.41.29", "3.104.193.180"];
const WAY_OUT: &str = "ip route get 8.8.8.8 from 172.31.41.29";

const OPENING: &str = "\
An EC2 instance with two ENIs in one subnet, and an Elastic IP on each: what Ubuntu makes of it, and what eniroute
makes of it. The VPC is a fake one, in network namespaces of this machine, with real packets and the real kernel;
nothing leaves the machine.

  outside ── Internet gateway ── VPC router ──┬── eth0  172.31.37.139  Elastic IP 54.178.213.178 ──┬── guest
  8.8.8.8                        172.31.32.1  └── eth1  172.31.41.29   Elastic IP 3.104.193.180  ──┘";

const WHY: &str = "\
Why: the ping arrives by eth1, but the only default route sends the answer, which is from 172.31.41.29, out by eth0,
and the VPC drops every frame whose source address is not of the ENI that it leaves by.";

fn main() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        eprintln!(
            "demo: {}",
            panic
                .payload_as_str()
                .unwrap_or("failed for an unknown reason")
        );
        process::exit(1);
    }));
    match eniroute().map(Demo::new) {
        Ok(demo) => demo.show(),
        Err(why) => {
            eprintln!("demo: {why}");
            ExitCode::from(2)
        }
    }
}

/// The binary to show: the demo's only argument.
fn eniroute() -> Result<PathBuf, String> {
    if !geteuid().is_root() {
        return Err("needs root, to make network namespaces: run `make demo` as root".to_owned());
    }
    let path = env::args_os()
        .nth(1)
        .ok_or("expected the path of the eniroute binary as argument: run `make demo`")?;
    let path = Path::new(&path);
    path.canonicalize()
        .map_err(|e| format!("{}: {e}: build it first: run `make demo`", path.display()))
}

struct Demo {
    screen: Screen,
    vpc: Vpc,
    guest: Host,
    eniroute: String,
}

impl Demo {
    fn new(eniroute: PathBuf) -> Self {
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
        let guest = vpc.guest();
        // As the report has it: the second ENI is up, and has its address.
        guest.ip("link set eth1 up");
        guest.ip("address add 172.31.41.29/20 dev eth1 noprefixroute");
        make_disk().unwrap_or_else(|e| panic!("{DISK}: {e}"));
        Self {
            screen: Screen::new(),
            vpc,
            guest,
            eniroute: eniroute.display().to_string(),
        }
    }

    fn show(mut self) -> ExitCode {
        self.screen.say(OPENING);
        self.before();
        self.heal();
        self.inside();
        self.next_boot();
        self.again();
        self.tidy_up()
    }

    fn before(&mut self) {
        self.screen.heading("Before: the second Elastic IP is dead");
        self.on_guest("ip -4 -brief address");
        self.on_guest("ip rule");
        let [first, second] = self.ping();
        self.screen.good(first, "54.178.213.178 (eth0) answers");
        self.screen
            .bad(!second, "3.104.193.180 (eth1) does not answer");
        let way = self.on_guest(WAY_OUT);
        let spoofed = self.vpc.spoofed();
        self.screen.bad(
            way.contains(" dev eth0 ") && spoofed > 0,
            &format!(
                "the answers left by eth0, and the VPC has dropped {spoofed} frames as spoofed"
            ),
        );
        self.screen.say(WHY);
    }

    fn heal(&mut self) {
        self.screen.heading("eniroute runs once");
        let report = self.eniroute("apply");
        self.screen.good(
            report.contains("set\n"),
            "routes and rules are set, and the files for the next boot are written",
        );
        let before = self.vpc.spoofed();
        let answers = self.ping();
        self.screen
            .good(answers == [true, true], "both Elastic IPs answer");
        let spoofed = self.vpc.spoofed() - before;
        self.screen
            .good(spoofed == 0, "the VPC has dropped no frame since");
    }

    fn inside(&mut self) {
        self.screen.heading("What it did");
        let rules = self.on_guest("ip rule");
        self.screen.good(
            rules.contains("from 172.31.41.29 lookup 10001"),
            "what is from eth1's address is routed by a table of its own, 10001",
        );
        let table = self.on_guest("ip route show table 10001");
        self.screen.good(
            table.contains("default via 172.31.32.1 dev eth1"),
            "which sends it out by eth1",
        );
        let way = self.on_guest(WAY_OUT);
        self.screen.good(
            way.contains(" dev eth1 table 10001 "),
            "and the kernel agrees",
        );
        let status = self.eniroute("status");
        let told = [ETH0, ETH1]
            .iter()
            .all(|[.., public]| row(&status, public).ends_with(" ok"));
        self.screen.good(
            told,
            "both Elastic IPs are known from inside, and all is well",
        );
    }

    fn next_boot(&mut self) {
        self.screen.heading("What it wrote for the next boot");
        let files = written().unwrap_or_else(|e| panic!("{DISK}/etc/netplan: {e}"));
        for path in &files {
            let output = self
                .guest
                .command("cat")
                .arg(format!("{DISK}{path}"))
                .output();
            self.screen
                .command("guest# ", &format!("cat {path}"), &output);
        }
        self.screen
            .good(files.len() == 2, "one netplan file for each ENI");
    }

    fn again(&mut self) {
        self.screen.heading("A second run changes nothing");
        let report = self.eniroute("apply");
        self.screen.good(
            report.starts_with("nothing to do"),
            "there was nothing to do",
        );
    }

    fn tidy_up(self) -> ExitCode {
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
        match screen.failures() {
            0 => ExitCode::SUCCESS,
            n => {
                eprintln!("demo: {n} of the above were not as told: look for !!");
                ExitCode::FAILURE
            }
        }
    }

    /// A command on the instance, shown; what it printed.
    fn on_guest(&self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let program = words.next().unwrap_or_default();
        self.shown(
            "guest# ",
            line,
            self.guest.command(program).args(words).output(),
        )
    }

    /// `eniroute COMMAND`, on the guest's disk: the paths that it prints are those that the guest sees.
    fn eniroute(&self, command: &str) -> String {
        let output = self
            .guest
            .command(&self.eniroute)
            .args(["--root", DISK, command])
            .output();
        self.shown("guest# ", &format!("eniroute {command}"), output)
    }

    /// Whether each Elastic IP answers somebody on the Internet.
    fn ping(&self) -> [bool; 2] {
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

    fn shown(&self, prompt: &str, line: &str, output: Output) -> String {
        self.screen.command(prompt, line, &output);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The line of a table that has `word` in it.
fn row<'a>(table: &'a str, word: &str) -> &'a str {
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

/// The netplan files that eniroute wrote, as the guest sees them.
fn written() -> io::Result<Vec<String>> {
    let entries = fs::read_dir(format!("{DISK}/etc/netplan"))?.collect::<io::Result<Vec<_>>>()?;
    let names = entries
        .iter()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut paths: Vec<_> = names
        .filter(|name| name.contains("eniroute"))
        .map(|name| format!("/etc/netplan/{name}"))
        .collect();
    paths.sort();
    Ok(paths)
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
