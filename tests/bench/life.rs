//! How long an ENI that comes, changes or goes is without its configuration, beside what the waiting itself takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use crate::vpc::{Background, EniId, EniSpec, Fault, GuestId, Host, Vpc};
use crate::{IMDS_TAKES, ROUNDS, binary, min_median};

const ADDRESS: &str = "10.1.0.30";
const MAC: &str = "06:00:00:00:00:30";

/// How often the neighbour pings.
const EVERY: &str = "0.002";

pub fn rows() -> Vec<Vec<String>> {
    let mut life = Life::new();
    let mut times: [Vec<f64>; 6] = Default::default();
    for _ in 0..ROUNDS {
        for (times, time) in times.iter_mut().zip(life.round()) {
            times.push(time);
        }
    }
    let names = [
        "attached: metadata complete to first answered ping",
        "assigned: refresh that finds a new address",
        "nothing new: refresh",
        "link down and up: up to first answered ping",
        "detached: link gone to the end of `hotplug remove`",
        "moved to a stand-by: attached to first answered ping",
    ];
    names
        .iter()
        .zip(times)
        .map(|(name, times)| vec![(*name).to_owned(), min_median(&times)])
        .collect()
}

struct Life {
    vpc: Vpc,
    guest: Host,
    neighbour: Host,
    root: TempDir,
    standby: GuestId,
    standby_root: TempDir,
    eni: EniId,
}

impl Life {
    fn new() -> Self {
        let mut vpc = Vpc::new();
        let [a, b] = ["10.0.0.0/20", "10.1.0.0/20"].map(|net| vpc.subnet(net, None));
        vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.10"]));
        let eni = vpc.attach(EniSpec::new(b, "eth1").ipv4([ADDRESS]).mac(MAC));
        vpc.detach(eni);
        vpc.imds().fault(Fault::Slow(IMDS_TAKES));
        let standby = vpc.second_guest("standby");
        vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.20"]).on(standby));
        let [root, standby_root] = [disk(), disk()];
        let (guest, neighbour) = (vpc.guest(), vpc.neighbour(b));
        // The VPC itself answers for every address that it has assigned; nobody waits for a second ARP request.
        let link = neighbour.sh("ip -o route show 10.1.0.0/20 | sed 's/.* dev //; s/ .*//'");
        neighbour.ip(&format!(
            "neigh replace {ADDRESS} lladdr {MAC} dev {} nud permanent",
            link.trim()
        ));
        Self {
            vpc,
            guest,
            neighbour,
            root,
            standby,
            standby_root,
            eni,
        }
    }

    fn round(&mut self) -> [f64; 6] {
        self.eniroute("apply");
        self.on_standby("apply");
        sleep(Duration::from_secs(1));
        let attached = self.attach();
        self.vpc.assign(self.eni, "10.1.0.31");
        let assigned = self.eniroute("refresh");
        let nothing_new = self.eniroute("refresh");
        self.vpc.unassign(self.eni, "10.1.0.31");
        self.eniroute("refresh");
        let repaired = self.repair();
        self.vpc.unplug(self.eni);
        let detached = self.eniroute("hotplug remove eth1");
        self.vpc.forget(self.eni);
        assert!(!self.guest.ip("rule").contains("10001"), "a rule is left");
        let moved = self.move_and_back();
        [attached, assigned, nothing_new, repaired, detached, moved]
    }

    /// The interface is there half a second before its metadata.
    fn attach(&mut self) -> f64 {
        self.vpc.imds().fault(Fault::late(&format!("macs/{MAC}")));
        self.vpc.move_to(self.eni, GuestId::default(), "eth1");
        let pings = self.pings();
        let (program, root) = (binary(), self.root.path().display().to_string());
        let run = self.guest.enter(move || {
            let arguments = ["--root", &root, "hotplug", "add", "eth1", "--wait", "10"];
            Command::new(program)
                .args(arguments)
                .stdout(Stdio::null())
                .spawn()
                .expect("start eniroute")
        });
        sleep(Duration::from_millis(500));
        let complete = now();
        self.vpc.imds().heal();
        self.vpc.imds().fault(Fault::Slow(IMDS_TAKES));
        assert!(
            run.wait_with_output().expect("its end").status.success(),
            "eniroute hotplug add failed"
        );
        self.first_answer(&pings, complete)
    }

    fn repair(&self) -> f64 {
        self.guest.ip("link set eth1 down");
        let pings = self.pings();
        self.guest.ip("link set eth1 up");
        let up = now();
        self.eniroute("hotplug change");
        self.first_answer(&pings, up)
    }

    fn move_and_back(&mut self) -> f64 {
        let pings = self.pings();
        self.vpc.move_to(self.eni, self.standby, "eth1");
        let attached = now();
        self.on_standby("hotplug add eth1");
        let moved = self.first_answer(&pings, attached);
        self.vpc.detach(self.eni);
        self.on_standby("hotplug remove eth1");
        moved
    }

    fn pings(&self) -> Background {
        self.neighbour
            .command("ping")
            .args(["-D", "-n", "-W", "1", "-i", EVERY, ADDRESS])
            .background()
    }

    /// Milliseconds from `since`, in seconds, to the first answer; every answer before that is another host's.
    fn first_answer(&self, pings: &Background, since: f64) -> f64 {
        let stamp = |line: &str| {
            line.strip_prefix('[')?
                .split(']')
                .next()?
                .parse::<f64>()
                .ok()
        };
        let answers = || -> Vec<f64> {
            pings
                .log()
                .lines()
                .filter(|line| line.contains("bytes from"))
                .filter_map(stamp)
                .collect()
        };
        let first = || answers().into_iter().find(|stamp| *stamp > since);
        let patient = (0..100).find_map(|_| {
            first().or_else(|| {
                sleep(Duration::from_millis(10));
                None
            })
        });
        (patient.unwrap_or_else(|| panic!("no ping is answered: {}", self.guest.dump())) - since)
            * 1e3
    }

    /// Milliseconds of wall time.
    fn eniroute(&self, arguments: &str) -> f64 {
        run(&self.guest, &self.root, arguments)
    }

    fn on_standby(&self, arguments: &str) -> f64 {
        run(
            &self.vpc.guest_of(self.standby),
            &self.standby_root,
            arguments,
        )
    }
}

/// Milliseconds of wall time of this command there.
pub fn run(host: &Host, root: &TempDir, arguments: &str) -> f64 {
    let begin = Instant::now();
    host.command(&binary())
        .arg("--root")
        .arg(root.path().display())
        .args(arguments.split(' '))
        .run();
    begin.elapsed().as_secs_f64() * 1e3
}

/// A disk beside the binary that is measured.
pub fn disk() -> TempDir {
    let root = TempDir::new_in(Path::new(&binary()).parent().expect("a folder")).expect("a folder");
    make_disk(root.path());
    root
}

/// Seconds since 1970, as `ping -D` prints them.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("the time")
        .as_secs_f64()
}

/// A disk by whose look the network stack is netplan; none runs.
pub fn make_disk(root: &Path) {
    for folder in ["etc/netplan", "run", "usr/sbin"] {
        fs::create_dir_all(root.join(folder)).expect(folder);
    }
    fs::write(root.join("usr/sbin/netplan"), "").expect("netplan");
    let cloud_init = "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n";
    fs::write(root.join("etc/netplan/50-cloud-init.yaml"), cloud_init).expect("cloud-init's file");
}
