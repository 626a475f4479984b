//! How long an ENI that comes, changes or goes is without its configuration, beside what the waiting itself takes.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use crate::vpc::{EniId, EniSpec, Fault, Host, Vpc};
use crate::{IMDS_TAKES, ROUNDS, binary, make_disk, min_median};

const ADDRESS: &str = "10.1.0.30";
const MAC: &str = "06:00:00:00:00:30";

/// How often the neighbour pings.
const EVERY: &str = "0.002";

pub fn rows() -> Vec<Vec<String>> {
    let mut life = Life::new();
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (times, time) in times.iter_mut().zip(life.round()) {
            times.push(time);
        }
    }
    let names = [
        "attached: metadata complete to first answered ping",
        "assigned: refresh that finds a new address",
        "nothing new: refresh",
        "detached: link gone to the end of `hotplug remove`",
    ];
    names.iter().zip(times).map(|(name, times)| vec![(*name).to_owned(), min_median(&times)]).collect()
}

struct Life {
    vpc: Vpc,
    guest: Host,
    neighbour: Host,
    root: TempDir,
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
        let root = TempDir::new_in(std::path::Path::new(&binary()).parent().expect("a folder")).expect("a folder");
        make_disk(root.path());
        let (guest, neighbour) = (vpc.guest(), vpc.neighbour(b));
        // The VPC itself answers for every address that it has assigned; nobody waits for a second ARP request.
        let link = neighbour.sh("ip -o route show 10.1.0.0/20 | sed 's/.* dev //; s/ .*//'");
        neighbour.ip(&format!("neigh replace {ADDRESS} lladdr {MAC} dev {} nud permanent", link.trim()));
        Self { vpc, guest, neighbour, root, eni }
    }

    fn round(&mut self) -> [f64; 4] {
        self.eniroute("apply");
        sleep(Duration::from_secs(1));
        let attached = self.attach();
        self.vpc.assign(self.eni, "10.1.0.31");
        let assigned = self.eniroute("refresh");
        let nothing_new = self.eniroute("refresh");
        self.vpc.unassign(self.eni, "10.1.0.31");
        self.eniroute("refresh");
        self.vpc.unplug(self.eni);
        let detached = self.eniroute("hotplug remove eth1");
        self.vpc.forget(self.eni);
        assert!(!self.guest.ip("rule").contains("10001"), "a rule is left");
        [attached, assigned, nothing_new, detached]
    }

    /// The interface is there half a second before its metadata.
    fn attach(&mut self) -> f64 {
        self.vpc.imds().fault(Fault::late(&format!("macs/{MAC}")));
        self.vpc.reattach(self.eni, "eth1");
        let pings = self.neighbour.command("ping").args(["-D", "-n", "-W", "1", "-i", EVERY, ADDRESS]).background();
        let (program, root) = (binary(), self.root.path().display().to_string());
        let run = self.guest.enter(move || {
            let arguments = ["--root", &root, "hotplug", "add", "eth1", "--wait", "10"];
            Command::new(program).args(arguments).stdout(Stdio::null()).spawn().expect("start eniroute")
        });
        sleep(Duration::from_millis(500));
        let complete = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the time").as_secs_f64();
        self.vpc.imds().heal();
        self.vpc.imds().fault(Fault::Slow(IMDS_TAKES));
        assert!(run.wait_with_output().expect("its end").status.success(), "eniroute hotplug add failed");
        let first = || pings.log().lines().find(|line| line.contains("bytes from")).map(str::to_owned);
        let first = (0..100).find_map(|_| {
            first().or_else(|| {
                sleep(Duration::from_millis(10));
                None
            })
        });
        let first = first.unwrap_or_else(|| panic!("no ping is answered: {}", self.guest.dump()));
        let stamp = first.trim_start_matches('[').split(']').next().and_then(|stamp| stamp.parse::<f64>().ok());
        (stamp.expect("ping -D prints the time") - complete) * 1e3
    }

    /// Milliseconds of wall time.
    fn eniroute(&self, arguments: &str) -> f64 {
        let root = self.root.path().display().to_string();
        let begin = Instant::now();
        self.guest.command(&binary()).args(["--root", &root]).args(arguments.split(' ')).run();
        begin.elapsed().as_secs_f64() * 1e3
    }
}
