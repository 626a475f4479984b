//! A change that cuts the primary ENI off, whatever else is the matter: the way to the metadata service, how its proof
//! goes, what interrupts it. After it, or after the next run, the primary answers in both families, and no file holds
//! what was not proven. The change itself is right; a rule by another hand makes it fatal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::instance::{Instance, Run, changed};
use super::lab::Lab;
use super::vpc::{Fault, SubnetId, Vpc, wait_for};

pub const MARK: &str = "run/eniroute/unproven.json";
pub const FILE: &str = "etc/netplan/60-eniroute-eth1.yaml";
pub const PRIMARY: [&str; 2] = ["203.0.113.10", "2001:db8:0:a::100"];
pub const SECOND: [&str; 2] = ["203.0.113.30", "2001:db8:0:b::300"];

/// The last rule of an `apply`.
const LAST: &str = "from 2001:db8:0:b::300 lookup 10001";

/// A rule that is harmless while eth1's table is empty, and what it costs the primary then.
const CUTS: [(&str, &str); 4] = [
    (
        "IPv4",
        "-4 rule {} from 10.0.0.10 lookup 10001 priority 9000",
    ),
    (
        "IPv6",
        "-6 rule {} from 2001:db8:0:a::100 lookup 10001 priority 9000",
    ),
    (
        "a neighbour",
        "-4 rule {} from 10.0.0.10 to 10.0.0.0/20 lookup 10001 priority 9000",
    ),
    (
        "all",
        "-4 rule {} lookup 10001 priority 9000\n-6 rule {} lookup 10001 priority 9000",
    ),
];

/// How a session reaches the metadata service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    Plain,
    OnlyIpv6,
    ByDevice,
    /// The first token request by plain IPv4 is lost in slowness, so that the session moves to IPv6.
    SlowOnce,
}

/// What happens between the first change and the end of its proof.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Proof {
    Answered,
    Silent,
    Slow,
    /// The signal comes with the first packets of the proof.
    Signal(&'static str),
    /// The run is dead before it could prove anything; the command that comes next.
    Kill(&'static str),
}

const PROOFS: [Proof; 7] = [
    Proof::Answered,
    Proof::Silent,
    Proof::Slow,
    Proof::Signal("TERM"),
    Proof::Signal("HUP"),
    Proof::Kill("refresh"),
    Proof::Kill("hotplug change"),
];

pub struct Scene {
    pub vpc: Vpc,
    pub instance: Instance,
    subnets: [SubnetId; 2],
}

impl Scene {
    pub fn new() -> Self {
        let Lab {
            vpc,
            instance,
            subnets,
            ..
        } = Lab::of(|[a, b]| [Lab::eth0(a).ipv6([PRIMARY[1]]), Lab::eth1(b)]);
        Self {
            vpc,
            instance,
            subnets,
        }
    }

    pub fn with(way: Way) -> Self {
        let mut scene = Self::new();
        if way != Way::Plain && way != Way::ByDevice {
            scene.vpc.enable_imds_ipv6();
        }
        match way {
            Way::OnlyIpv6 => drop(scene.instance.host.sh(
                "nft 'table ip t { chain c { type filter hook output priority 0; ip daddr 169.254.169.254 drop; }; }'",
            )),
            Way::ByDevice => scene
                .instance
                .host
                .ip_batch("link add vpn0 type veth peer name vpn1\nlink set vpn0 up\nlink set vpn1 up\nroute add 169.254.0.0/16 dev vpn0\n"),
            Way::Plain | Way::SlowOnce => {}
        }
        let host = &scene.instance.host;
        wait_for("carriers", || {
            !host.ip("-o link show up").contains("NO-CARRIER")
        });
        scene
    }

    pub fn rules(&self, lines: &str, verb: &str) {
        lines
            .lines()
            .for_each(|line| drop(self.instance.host.ip(&line.replace("{}", verb))));
    }

    /// `eniroute apply` under strace with this option, whatever comes of it; what strace says.
    pub fn strace(&self, option: &str) -> String {
        self.strace_of(option, "apply")
    }

    /// `apply`, killed when its proof has just begun: all changes are made and none is proven. How many of the requests for
    /// metadata the main thread sends itself differs from run to run, so that `moment` may be too early or too late: all
    /// is taken away, then, and another run killed.
    pub fn kill_in_proof(&self, moment: usize) {
        let nearby = [0, 1, -1, 2, -2, 3, -3].into_iter().cycle();
        for moves in nearby.take(28) {
            let moment = moment.saturating_add_signed(moves);
            self.strace(&format!("inject=sendto:signal=KILL:when={moment}"));
            let is_made = self.instance.host.ip("-6 rule").contains(LAST);
            if self.instance.has(MARK) && is_made {
                return;
            }
            self.instance.eniroute("remove");
        }
        panic!("none was killed in time");
    }

    pub fn strace_of(&self, option: &str, command: &str) -> String {
        self.traced(option, command).1
    }

    /// How the command ended, and what strace says.
    pub fn traced(&self, option: &str, command: &str) -> (Run, String) {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let strace = self
            .instance
            .host
            .command("strace")
            .args(["-qq", "-e", option, "-o"])
            .arg(trace.path().display());
        let root = self.instance.root().display().to_string();
        let out = strace
            .args([
                env!("CARGO_BIN_EXE_eniroute"),
                "--root",
                &root,
                "--wait",
                "1",
            ])
            .args(command.split(' '))
            .output();
        let said = std::fs::read_to_string(trace.path()).unwrap();
        (Run::of(out), said)
    }

    /// Which message to the kernel or the metadata service comes right after the last change of an `apply` here: the
    /// proof has just begun. All is taken away again.
    pub fn first_of_proof(&self, way: Way) -> usize {
        self.slow_down(way);
        let trace = self.strace("trace=sendto");
        assert!(trace.contains("RTM_NEWRULE"), "{trace}");
        self.instance.must("remove");
        2 + trace
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains("RTM_NEW"))
            .last()
            .unwrap()
            .0
    }

    pub fn slow_down(&self, way: Way) {
        if way == Way::SlowOnce {
            self.vpc
                .imds()
                .fault_for(1, Fault::Slow(Duration::from_millis(400)));
        }
    }

    /// As soon as the changes are written down, the metadata service has this fault.
    pub fn apply_with_fault(&self, fault: Fault) -> Run {
        let (mark, imds, ended) = (
            self.instance.root().join(MARK),
            self.vpc.imds(),
            &AtomicBool::new(false),
        );
        thread::scope(|scope| {
            scope.spawn(move || {
                while !mark.exists() && !ended.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                imds.fault(fault);
            });
            let run = self.instance.eniroute("apply --wait 0.6");
            ended.store(true, Ordering::Relaxed);
            run
        })
    }

    /// `apply` and what happens to it, the message `moment` being the first of its proof.
    pub fn run(&self, way: Way, proof: Proof, moment: usize) {
        self.slow_down(way);
        match proof {
            Proof::Answered => drop(self.instance.eniroute("apply --wait 0.6")),
            Proof::Silent => drop(self.apply_with_fault(Fault::Blackhole)),
            Proof::Slow => drop(self.apply_with_fault(Fault::Slow(Duration::from_millis(150)))),
            Proof::Signal(name) => {
                drop(self.strace(&format!("inject=sendto:signal={name}:when={moment}")))
            }
            Proof::Kill(next) => {
                self.kill_in_proof(moment);
                self.vpc.imds().fault(Fault::Blackhole);
                let run = self.instance.eniroute(next);
                assert_eq!(run.code, 0, "{run:?}");
            }
        }
        self.vpc.imds().heal();
    }

    pub fn assert_reached(&mut self, what: &str) {
        let inet = self.vpc.inet().ping(&PRIMARY);
        assert!(
            inet.is_empty(),
            "{what}: {inet:?} do not answer the Internet\n{}",
            self.instance.host.dump()
        );
        for subnet in self.subnets {
            let dead = self.vpc.neighbour(subnet).ping(&["10.0.0.10", PRIMARY[1]]);
            assert!(
                dead.is_empty(),
                "{what}: {dead:?} do not answer {subnet:?}\n{}",
                self.instance.host.dump()
            );
        }
        assert!(!self.instance.has(MARK), "{what}");
    }
}

/// One way to the metadata service: every cut, everything that may happen to the proof.
pub struct Cut {
    pub scene: Scene,
    way: Way,
    /// Which message is the first of the proof.
    moment: usize,
}

impl Cut {
    pub fn new(way: Way) -> Self {
        let scene = Scene::with(way);
        let moment = scene.first_of_proof(way);
        Self { scene, way, moment }
    }

    /// `IPv4/Answered` and so on.
    pub fn cells() -> Vec<String> {
        CUTS.iter()
            .flat_map(|(cut, _)| PROOFS.map(|proof| cell(cut, proof)))
            .collect()
    }

    pub fn run(&mut self, name: &str) {
        let all = CUTS
            .iter()
            .flat_map(|(cut, lines)| PROOFS.map(|proof| (cell(cut, proof), *lines, proof)));
        let (_, lines, proof) = all.into_iter().find(|(cell, ..)| cell == name).unwrap();
        let (scene, what) = (&mut self.scene, format!("{:?}, {name}", self.way));
        scene.rules(lines, "add");
        let cut_off = scene.instance.host.dump();
        scene.run(self.way, proof, self.moment);
        scene.assert_reached(&what);
        let differs = changed(&cut_off, &scene.instance.host.dump());
        assert_eq!(differs, [""; 0], "{what}");
        assert!(!scene.instance.has(FILE), "{what}");
        scene.rules(lines, "del");
    }
}

fn cell(cut: &str, proof: Proof) -> String {
    let words = |text: &str| text.replace(|c: char| !c.is_alphanumeric(), "-");
    let proof = format!("{proof:?}").replace(['"', ')'], "");
    format!("{}/{}", words(cut), words(&proof))
}
