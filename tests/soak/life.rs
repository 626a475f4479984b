//! The life of an instance, made up from a seed: ENIs are attached and detached, addresses assigned and unassigned, network
//! managers drop what is not theirs, while the metadata service fails, and one run, or two at once, are killed at any time.
//! Each cycle ends in what a fresh start makes, and leaves nothing.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::disks::STACKS;
use crate::draw::Draw;
use crate::instance::{Instance, Run};
use crate::stage::{Scene, Stage};
use crate::twin::{State, temporaries};
use crate::vpc::{EniId, EniSpec, Fault, SubnetId, Vpc};

/// Cycles of each kind in each scene: over a thousand in all.
const CYCLES: u64 = 84;

/// How many runs there are at a time.
const KINDS: [&str; 2] = ["alone", "two"];

/// A run that is killed is killed within this time, in ms.
const MOMENTS: usize = 120;

const PRIMARY: [&str; 2] = ["203.0.113.10", "2001:db8:0:a::100"];

pub fn scenes() -> Vec<Scene> {
    let scene = |stack: &str| Scene {
        matrix: "life",
        name: stack.to_owned(),
        is_tested: false,
        make: |stack| Box::new(Life::on(stack)),
    };
    let stacks = STACKS.iter().map(|(name, ..)| *name).chain(["none"]);
    stacks.map(scene).collect()
}

/// A secondary ENI.
struct Second {
    id: EniId,
    /// Its name while it is attached.
    name: Option<String>,
    /// What it has always, and what may be assigned to it.
    own: [&'static str; 2],
    more: [&'static str; 2],
    /// Which of `more` are assigned.
    has: [bool; 2],
}

struct Life {
    vpc: Vpc,
    instance: Instance,
    subnets: [SubnetId; 2],
    eth0: EniId,
    seconds: Vec<Second>,
    /// Without anything of eniroute's, and with the primary ENI alone.
    bare: State,
}

impl Life {
    fn on(stack: &str) -> Self {
        let mut vpc = Vpc::new();
        let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
        let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
        let eth0 = EniSpec::new(a, "eth0").ipv4(["10.0.0.10", "10.0.0.11"]);
        let eth0 = vpc.attach(eth0.ipv6([PRIMARY[1]]).public("10.0.0.10", PRIMARY[0]));
        let instance = Instance::bare(vpc.guest());
        let disk = STACKS.iter().find(|(name, ..)| *name == stack);
        for (path, text) in disk.map_or(&[][..], |(_, files, _)| files) {
            instance.write(path, text);
        }
        let seconds = [
            (
                a,
                ["10.0.0.20", "2001:db8:0:a::200"],
                ["10.0.0.21", "2001:db8:0:a::201"],
            ),
            (
                b,
                ["10.1.0.30", "2001:db8:0:b::300"],
                ["10.1.0.31", "10.1.3.16/28"],
            ),
            (
                b,
                ["10.1.0.40", "2001:db8:0:b::400"],
                ["10.1.0.41", "2001:db8:0:b::401"],
            ),
        ];
        let seconds = seconds.map(|(subnet, own, more)| second(&mut vpc, subnet, own, more));
        instance.host.settle();
        Self {
            bare: State::of(&instance),
            vpc,
            instance,
            subnets: [a, b],
            eth0,
            seconds: seconds.into(),
        }
    }

    /// EC2, a person or a network manager changes something.
    fn happen(&mut self, draw: &mut Draw) {
        let which = draw.below(self.seconds.len());
        match (draw.below(5), self.seconds[which].name.clone()) {
            (0, Some(name)) => self.detach(which, draw.once_in(2).then_some(name)),
            (_, None) => self.attach(which, draw),
            (1, Some(name)) => self.drop_some(&name, draw),
            (_, Some(_)) => self.turn(which, draw.below(2)),
        }
    }

    fn attach(&mut self, which: usize, draw: &mut Draw) {
        let is_free = |name: &String| self.seconds.iter().all(|s| s.name.as_ref() != Some(name));
        let free: Vec<String> = (1..5).map(|n| format!("eth{n}")).filter(is_free).collect();
        let name = draw.one(&free).clone();
        self.vpc.reattach(self.seconds[which].id, &name);
        self.seconds[which].name = Some(name);
    }

    /// `told` is the interface's name where udev has word of it.
    fn detach(&mut self, which: usize, told: Option<String>) {
        self.vpc.detach(self.seconds[which].id);
        self.seconds[which].name = None;
        if let Some(name) = told {
            self.instance
                .eniroute(&format!("hotplug remove {name} --wait 1"));
        }
    }

    /// Assigns it what it has not, and the other way round.
    fn turn(&mut self, which: usize, of: usize) {
        let second = &mut self.seconds[which];
        second.has[of] = !second.has[of];
        let (id, what, assign) = (second.id, second.more[of], second.has[of]);
        if assign {
            self.vpc.assign(id, what);
        } else {
            self.vpc.unassign(id, what);
        }
    }

    /// What a network manager drops that starts again.
    fn drop_some(&self, name: &str, draw: &mut Draw) {
        let rules = "for f in 4 6; do for t in 10001 10002 10003; do while ip -$f rule del lookup $t 2>/dev/null; do \
                     :; done; done; done";
        let routes = "for f in 4 6; do for t in 10001 10002 10003; do ip -$f route flush table $t 2>/dev/null || :; done; done";
        let addresses = format!("ip address flush dev {name} scope global");
        let link = format!("ip link set {name} down; ip link set {name} up");
        let script = *draw.one(&[rules, routes, &addresses, &link]);
        self.instance.host.sh(script);
    }

    /// A fault of the metadata service's, most of the time.
    fn trouble(&self, draw: &mut Draw) {
        let kinds = [
            Fault::Dead,
            Fault::Blackhole,
            Fault::Truncated,
            Fault::Garbage,
            Fault::REFUSE,
            Fault::THROTTLE,
            Fault::BROKEN,
            Fault::Slow(Duration::from_millis(20)),
            Fault::late("local-ipv4s"),
            Fault::absent("interface-id"),
            Fault::empty("ipv6s"),
            Fault::value("local-ipv4s", "10.0.0.10"),
            Fault::value("device-number", "0"),
            Fault::value("macs", "06:00:00:00:00:00/"),
            Fault::status_of("api/token", 500),
        ];
        let kind = draw.one(&kinds).clone();
        match draw.below(4) {
            0 => {}
            1 if kind != Fault::Dead => self.vpc.imds().fault_for(1 + draw.below(9), kind),
            _ => self.vpc.imds().fault(kind),
        }
    }

    /// So many runs at once, each killed at some time or not.
    fn run(&self, draw: &mut Draw, count: usize) {
        let name = self.seconds.iter().find_map(|second| second.name.clone());
        let name = name.unwrap_or_else(|| "eth1".to_owned());
        let commands = [
            "apply --wait 1".to_owned(),
            "refresh --wait 1".to_owned(),
            format!("hotplug add {name} --wait 1"),
            format!("hotplug remove {name} --wait 1"),
            "apply --service --wait 1".to_owned(),
            "remove".to_owned(),
        ];
        let runs: Vec<Child> = (0..count)
            .map(|_| start(&self.instance, draw.one::<String>(&commands)))
            .collect();
        for mut run in runs {
            if !draw.once_in(3) {
                thread::sleep(Duration::from_millis(draw.below(MOMENTS) as u64));
                run.kill().unwrap();
            }
            let _ = Run::of(run.wait_with_output().unwrap());
        }
    }

    fn must(&self, command: &str, when: &str) {
        let run = self.instance.eniroute(command);
        assert!(run.code == 0, "{when}: eniroute {command}: {run:#?}");
    }

    fn assert_answers(&mut self, when: &str, outside: &[&str], inside: &[&str]) {
        let mut dead = self.vpc.inet().ping(outside);
        for subnet in self.subnets {
            dead.extend(self.vpc.neighbour(subnet).ping(inside));
        }
        let dump = self.instance.host.dump();
        assert!(dead.is_empty(), "{when}: {dead:?} do not answer\n{dump}");
    }

    fn assert_primary(&mut self, when: &str) {
        self.assert_answers(when, &PRIMARY, &["10.0.0.10", PRIMARY[1]]);
    }

    fn assert_all(&mut self, when: &str) {
        let attached = self.seconds.iter().filter(|second| second.name.is_some());
        let more = |second: &Second| {
            let more = second.more.into_iter().zip(second.has);
            let more: Vec<_> = more.filter(|(_, has)| *has).map(|(ip, _)| ip).collect();
            [&second.own[..], &more].concat()
        };
        let all = attached.flat_map(more).filter(|ip| !ip.contains('/'));
        let all: Vec<&str> = all.chain(["10.0.0.10", "10.0.0.11"]).collect();
        self.assert_answers(when, &PRIMARY, &all);
    }

    /// A run on the same instance, without memory and ledger, after a removal.
    fn assert_fresh(&self) {
        let lived = self.state();
        self.must("remove", "at the end");
        for folder in ["var/lib/eniroute", "run/eniroute"] {
            let _ = std::fs::remove_dir_all(self.instance.root().join(folder));
        }
        self.must("apply", "a fresh start");
        let differs = self.state().differs(&lived);
        let differs = differs.join("\n");
        assert!(
            differs.is_empty(),
            "not as a fresh start (-) but (+)\n{differs}"
        );
    }

    fn state(&self) -> State {
        self.instance.host.settle();
        State::of(&self.instance)
    }

    /// Back to the primary ENI alone, without eniroute.
    fn clear(&mut self) {
        for which in 0..self.seconds.len() {
            if self.seconds[which].name.is_some() {
                self.detach(which, None);
            }
            (0..2).for_each(|of| {
                if self.seconds[which].has[of] {
                    self.turn(which, of);
                }
            });
        }
        self.must("apply", "with the primary alone");
        self.must("remove", "with the primary alone");
        let differs = self.bare.differs(&self.state()).join("\n");
        assert!(
            differs.is_empty(),
            "after `remove`, not as before (-) but (+)\n{differs}"
        );
    }
}

impl Stage for Life {
    fn cells(&mut self) -> Vec<String> {
        let cells = KINDS.map(|kind| (0..CYCLES).map(move |seed| format!("{kind}.{seed}")));
        cells.into_iter().flatten().collect()
    }

    fn run(&mut self, cell: &str) {
        let (kind, seed) = cell.split_once('.').unwrap();
        let mut draw = Draw::new(seed.parse().unwrap());
        let count = 1 + KINDS.iter().position(|known| *known == kind).unwrap();
        for _ in 0..1 + draw.below(3) {
            self.vpc.renew(self.eth0);
            (0..1 + draw.below(3)).for_each(|_| self.happen(&mut draw));
            self.trouble(&mut draw);
            Life::run(self, &mut draw, count);
            self.assert_primary("after a fault");
            self.vpc.imds().heal();
        }
        self.must("apply", "once all is well");
        let left = temporaries(&self.instance);
        assert!(left.is_empty(), "temporary files are left: {left:?}");
        self.assert_all("once all is well");
        let again = self.instance.must("apply");
        assert!(again.starts_with("nothing to do"), "once more: {again}");
        self.assert_fresh();
        self.clear();
    }
}

/// An ENI that has been attached once, and is not now.
fn second(
    vpc: &mut Vpc,
    subnet: SubnetId,
    own: [&'static str; 2],
    more: [&'static str; 2],
) -> Second {
    let spec = EniSpec::new(subnet, "eth9").ipv4([own[0]]).ipv6([own[1]]);
    let id = vpc.attach(spec);
    vpc.detach(id);
    Second {
        id,
        name: None,
        own,
        more,
        has: [false; 2],
    }
}

/// `eniroute ARGUMENTS`, started now.
fn start(instance: &Instance, arguments: &str) -> Child {
    let root = instance.root().display().to_string();
    instance.host.enter(|| {
        Command::new(env!("CARGO_BIN_EXE_eniroute"))
            .args(["--root", &root])
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    })
}
