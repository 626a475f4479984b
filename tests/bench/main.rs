//! `make bench`: time, metadata requests and memory of the release binary, against a floor measured in the same run on
//! the same fake VPC, turn by turn. It judges nothing: no test depends on a clock.

// A benchmark that cannot run has nothing better to do than to panic with the reason.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod failover;
mod floor;
mod flows;
mod life;
mod looking;
mod nat;
mod scale;
#[path = "../support/vpc/mod.rs"]
mod vpc;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use floor::Objects;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::utsname::uname;
use tempfile::TempDir;
use vpc::{EniSpec, Fault, Host, Vpc};

const ROUNDS: usize = 7;
const IMDS_TAKES: Duration = Duration::from_millis(1);

/// ENIs, IPv4 and IPv6 addresses of each.
const CASES: [[usize; 3]; 4] = [[2, 1, 0], [4, 10, 0], [4, 10, 2], [15, 50, 0]];

/// The first argument when this program is to run another and to tell how that went.
const MEASURE: &str = "--measure";

fn main() {
    let arguments: Vec<_> = env::args().collect();
    if let [_, measure, program, rest @ ..] = &arguments[..]
        && measure == MEASURE
    {
        return measured(program, rest);
    }
    if cfg!(debug_assertions) {
        panic!("a debug build tells nothing about speed: run `make bench`");
    }
    let cores = thread::available_parallelism().expect("the number of cores");
    let kernel = uname()
        .expect("the kernel's name")
        .release()
        .to_string_lossy()
        .into_owned();
    println!(
        "{cores} cores, Linux {kernel}; {IMDS_TAKES:?} per metadata request; milliseconds, min/median of {ROUNDS}\n"
    );
    println!(
        "`kernel`: apply --no-persist; `netplan`: apply on a host with cloud-init's YAML, netplan's generator included\n"
    );
    let chosen: Vec<&str> = arguments.iter().skip(2).map(String::as_str).collect();
    for (name, rows) in PARTS {
        if chosen.is_empty() || chosen.contains(&name) {
            println!("{}", aligned(&rows()));
        }
    }
}

/// A part's table, its header first.
type Table = fn() -> Vec<Vec<String>>;

/// What `make bench ARGS="flows nat"` chooses from; by default all of it.
const PARTS: [(&str, Table); 7] = [
    ("runs", rows),
    ("scale", scale::rows),
    ("flows", flows::rows),
    ("life", life::rows),
    ("failover", failover::rows),
    ("looking", looking::rows),
    ("nat", nat::rows),
];

const HEADER: [&str; 13] = [
    "ENIs x addresses",
    "objects",
    "floor",
    "kernel",
    "kernel/floor",
    "netplan",
    "netplan/kernel",
    "again",
    "refresh",
    "refresh/floor",
    "remove",
    "requests",
    "MiB",
];

fn rows() -> Vec<Vec<String>> {
    let mut rows = vec![HEADER.map(str::to_owned).to_vec()];
    rows.extend(CASES.map(|case| Bench::new(case).row()));
    rows
}

/// What is measured: the binary that is shipped.
fn binary() -> String {
    env::args()
        .nth(1)
        .expect("the path of the release binary; run `make bench`")
}

/// Runs a program to its end, and prints its wall time and its time of a processor in microseconds, and its peak memory in KiB. This process is a
/// small one: the kernel counts the memory of a child from before it became the program (`exec_mmap`).
fn measured(program: &str, arguments: &[String]) {
    let begin = Instant::now();
    let out = Command::new(program)
        .args(arguments)
        .output()
        .expect("start the program");
    let time = begin.elapsed().as_micros();
    assert!(out.status.success(), "{program} {arguments:?}: {out:?}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("resource usage");
    let micros = |time: TimeVal| time.num_microseconds();
    let worked = micros(usage.user_time()) + micros(usage.system_time());
    println!("{time} {worked} {}", usage.max_rss());
}

/// One VPC, and what was measured there.
struct Bench {
    case: [usize; 3],
    vpc: Vpc,
    guest: Host,
    _disk: TempDir,
    macs: Vec<String>,
}

/// Milliseconds of every round.
#[derive(Default)]
struct Times {
    floor: Vec<f64>,
    kernel: Vec<f64>,
    netplan: Vec<f64>,
    again: Vec<f64>,
    refresh: Vec<f64>,
    remove: Vec<f64>,
}

impl Bench {
    fn new(case: [usize; 3]) -> Self {
        let mut vpc = Vpc::new();
        let subnets = ["a", "b"].map(|s| {
            let second = u8::from(s == "b");
            vpc.subnet(
                &format!("10.{second}.0.0/20"),
                (case[2] > 0)
                    .then(|| format!("2001:db8:0:{s}::/64"))
                    .as_deref(),
            )
        });
        let macs: Vec<_> = (0..case[0])
            .map(|n| format!("06:00:00:00:00:{n:02x}"))
            .collect();
        for (n, mac) in macs.iter().enumerate() {
            let (subnet, letter) = (subnets[n % 2], ["a", "b"][n % 2]);
            let ipv4 = (0..case[1]).map(|host| format!("10.{}.{n}.{}", n % 2, host + 10));
            let ipv6 =
                (0..case[2]).map(|host| format!("2001:db8:0:{letter}::{n:x}:{:x}", host + 16));
            vpc.attach(
                EniSpec::new(subnet, &format!("eth{n}"))
                    .mac(mac)
                    .ipv4(ipv4)
                    .ipv6(ipv6),
            );
        }
        vpc.imds().fault(Fault::Slow(IMDS_TAKES));
        let guest = vpc.guest();
        guest.settle();
        // On this machine's own disk: writing files through to it is a part of the work.
        let disk = TempDir::new_in(Path::new(&binary()).parent().expect("a folder"))
            .expect("a folder for the guest's files");
        furnish(&guest, disk.path());
        Self {
            case,
            vpc,
            guest,
            _disk: disk,
            macs,
        }
    }

    fn row(&self) -> Vec<String> {
        let objects = Objects::of_commands(&self.planned());
        let (mut times, mut requests, mut peak) = (Times::default(), 0, 0.0_f64);
        let before = self.guest.dump();
        for _ in 0..ROUNDS {
            times.floor.push(self.floor(&objects));
            assert_eq!(
                self.guest.dump(),
                before,
                "the floor's own work was not taken back"
            );
            self.vpc.imds().clear_log();
            times
                .kernel
                .push(self.eniroute(&["apply", "--no-persist"]).0);
            requests = self.vpc.imds().log().len();
            self.eniroute(&["remove"]);
            assert_eq!(
                self.guest.dump(),
                before,
                "`eniroute remove` left something"
            );
            let (netplan, memory) = self.eniroute(&["apply"]);
            times.netplan.push(netplan);
            peak = peak.max(memory);
            times.again.push(self.eniroute(&["apply"]).0);
            times.refresh.push(self.eniroute(&["refresh"]).0);
            times.remove.push(self.eniroute(&["remove"]).0);
            assert_eq!(
                self.guest.dump(),
                before,
                "`eniroute remove` left something"
            );
        }
        self.cells(&objects, &times, requests, peak)
    }

    fn cells(&self, objects: &Objects, times: &Times, requests: usize, peak: f64) -> Vec<String> {
        let [enis, ipv4, ipv6] = self.case;
        let name = if ipv6 > 0 {
            format!("{enis} x ({ipv4} + {ipv6} IPv6)")
        } else {
            format!("{enis} x {ipv4}")
        };
        let ratio = |of: &[f64], to: &[f64]| format!("{:.2}", median(of) / median(to));
        vec![
            name,
            objects.count().to_string(),
            min_median(&times.floor),
            min_median(&times.kernel),
            ratio(&times.kernel, &times.floor),
            min_median(&times.netplan),
            ratio(&times.netplan, &times.kernel),
            min_median(&times.again),
            min_median(&times.refresh),
            ratio(&times.refresh, &times.floor),
            min_median(&times.remove),
            requests.to_string(),
            format!("{peak:.1}"),
        ]
    }

    fn floor(&self, objects: &Objects) -> f64 {
        let begin = Instant::now();
        floor::read_metadata(&self.guest, &self.macs).expect("the floor's metadata");
        objects.make(&self.guest);
        let time = begin.elapsed();
        objects.take_back(&self.guest);
        time.as_secs_f64() * 1e3
    }

    /// Wall time in milliseconds, peak memory in MiB.
    fn eniroute(&self, words: &[&str]) -> (f64, f64) {
        let [wall, _, peak] = measure(&self.guest, words);
        (wall, peak)
    }

    /// The `ip` commands that make all objects.
    fn planned(&self) -> Vec<String> {
        let plan = self.guest.command(&binary()).args(["plan", "--json"]).run();
        let plan: serde_json::Value = serde_json::from_str(&plan).expect("JSON");
        serde_json::from_value(plan["kernel"].clone()).expect("a list of commands")
    }
}

/// Runs eniroute: wall time and time of a processor in milliseconds, peak memory in MiB.
fn measure(guest: &Host, words: &[&str]) -> [f64; 3] {
    let own = env::current_exe().expect("our own path");
    let program = guest.command(&own.display().to_string());
    let out = program.args([MEASURE, &binary()]).args(words).run();
    let numbers: Vec<f64> = out
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let [wall, worked, kib] = numbers[..] else {
        panic!("{out}")
    };
    [wall / 1e3, worked / 1e3, kib / 1024.0]
}

/// A host that cloud-init has configured by netplan. Its folders are its own; the programs are this machine's.
fn furnish(guest: &Host, disk: &Path) {
    guest.sh("mount -t tmpfs none /run; mkdir -p /run/systemd/network");
    for (number, folder) in ["/etc/netplan", "/etc/systemd/network", "/var/lib"]
        .iter()
        .enumerate()
    {
        let own = disk.join(number.to_string());
        fs::create_dir(&own).expect("a folder");
        guest.sh(&format!(
            "mkdir -p {folder}; mount --bind {} {folder}",
            own.display()
        ));
    }
    let cloud_init = "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}";
    guest.sh(&format!(
        "echo '{cloud_init}' > /etc/netplan/50-cloud-init.yaml; chmod 600 /etc/netplan/*; netplan generate"
    ));
}

fn min_median(times: &[f64]) -> String {
    format!(
        "{:.1}/{:.1}",
        times.iter().copied().fold(f64::INFINITY, f64::min),
        median(times)
    )
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let cell = |(column, text): (usize, &String)| format!("{text:>width$}", width = width(column));
    rows.iter()
        .map(|row| {
            row.iter()
                .enumerate()
                .map(cell)
                .collect::<Vec<_>>()
                .join("  ")
                + "\n"
        })
        .collect()
}
