//! A NAT instance under clients that send all the time: a run that is killed at one of its steps lets no packet out with a
//! private address, and the next run mends it; of many reloads no client notices anything.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::interrupted::{changes, traced};
use crate::stage::{Scene, Stage};
use crate::support::nat::{A, FIRST, Lab, PORT, S3, SECOND, changing, echo};
use crate::twin::temporaries;
use crate::vpc::{Host, INTERNET};

/// The calls at which a run is ended: a message to the kernel, a setting, a file, a program (nft) that begins or has ended.
const CALLS: [&str; 5] = ["sendto", "openat", "write", "clone", "kill"];
const SIGNALS: [&str; 2] = ["KILL", "TERM"];

/// The scene, what is run, and what the Internet sees of the clients `A`, `B` and `C` then.
type Step = (&'static str, &'static str, [&'static str; 3]);
const STEPS: [Step; 3] = [
    ("apply", "apply", [FIRST, SECOND, ""]),
    ("reload", "apply", ["", FIRST, SECOND]),
    ("remove", "remove", ["", "", ""]),
];

/// `A` has left, `B` has changed its address, `C` has come.
const LATER: &str = r#"
[[egress]]
from = "172.31.20.9"
as = "54.178.197.195"

[[egress]]
from = "172.31.26.176"
as = "54.178.213.178"
"#;

const RELOADS: &str = "186";

pub fn scenes() -> Vec<Scene> {
    let scene = |name: &str, is_tested, make| Scene {
        matrix: "nat",
        name: name.to_owned(),
        is_tested,
        make,
    };
    let killed = STEPS.map(|(name, ..)| scene(name, false, |name| Box::new(Killed::new(name))));
    let reloads = scene("reloads", true, |_| Box::new(Reloads));
    killed.into_iter().chain([reloads]).collect()
}

struct Killed {
    lab: Lab,
    step: Step,
    wanted: Vec<String>,
}

impl Killed {
    fn new(name: &str) -> Self {
        let step = STEPS.into_iter().find(|(known, ..)| *known == name);
        let lab = Lab::bare();
        echo(&lab.vpc.inet());
        let mut scene = Self {
            lab,
            step: step.unwrap(),
            wanted: Vec::new(),
        };
        scene.prepare();
        scene.must(scene.step.1);
        scene.wanted = scene.table();
        scene
    }

    fn must(&self, command: &str) {
        let more = if command == "remove" {
            ""
        } else {
            " --backend none"
        };
        self.lab.instance.must(&format!("{command}{more}"));
    }

    /// The state in which the command is run.
    fn prepare(&self) {
        self.must("remove");
        self.lab.forget_flows();
        self.lab.configure(S3);
        if self.step.0 != "apply" {
            self.must("apply");
        }
        if self.step.0 == "reload" {
            self.lab.configure(LATER);
        }
    }

    /// Its lines: the order of its parts tells which of them was made first, and so does the name of one of them.
    fn table(&self) -> Vec<String> {
        let listed = self.lab.instance.host.sh("nft -s list ruleset");
        let lines = listed.lines().filter(|line| !line.contains("stands_"));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn traced(&self, options: &[&str]) -> String {
        let words = [self.step.1, "--backend", "none", "--wait", "2"];
        let words = if self.step.1 == "remove" {
            &words[..1]
        } else {
            &words
        };
        traced(&self.lab.instance, options, words)
    }

    fn assert_translated(&self, when: &str) {
        let leaked = self.lab.vpc.without_public_address();
        assert_eq!(
            leaked,
            0,
            "{when}: packets with a private address\n{:#?}",
            self.table()
        );
    }

    fn assert_mended(&self) {
        assert_eq!(self.table(), self.wanted);
        let left = temporaries(&self.lab.instance);
        assert!(left.is_empty(), "temporary files are left: {left:?}");
        assert_eq!(self.lab.all_seen(), self.step.2);
        if self.step.0 == "reload" {
            let flows = self.lab.instance.host.sh("conntrack -L 2>/dev/null");
            assert!(!flows.contains(&format!("src={A} ")), "{flows}");
        }
    }
}

impl Stage for Killed {
    fn cells(&mut self) -> Vec<String> {
        self.prepare();
        let trace = self.traced(&["-e", &format!("trace={}", CALLS.join(","))]);
        let mut cells = Vec::new();
        for call in CALLS {
            let head = format!("{call}(");
            let lines = trace.lines().filter(|line| line.starts_with(&head));
            let moments = lines.zip(1..).filter(|(line, _)| changes(line));
            cells.extend(
                moments.flat_map(|(_, moment)| {
                    SIGNALS.map(|signal| format!("{call}.{moment}/{signal}"))
                }),
            );
        }
        let missing = CALLS
            .iter()
            .find(|call| !trace.contains(&format!("{call}(")));
        assert_eq!(missing, None);
        cells
    }

    fn run(&mut self, cell: &str) {
        let (point, signal) = cell.split_once('/').unwrap();
        let (call, moment) = point.split_once('.').unwrap();
        self.prepare();
        let sending = Sending::begin(&self.lab.clients);
        self.traced(&[
            "-e",
            &format!("inject={call}:signal={signal}:when={moment}"),
        ]);
        thread::sleep(Duration::from_millis(50));
        self.assert_translated("at once");
        self.must(self.step.1);
        thread::sleep(Duration::from_millis(50));
        drop(sending);
        self.assert_translated("after the next run");
        self.assert_mended();
        self.assert_translated("at last");
    }
}

/// Clients that send, each by a flow that lasts and by ever new ones, whether they are answered or not.
struct Sending {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Sending {
    fn begin(clients: &[Host]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = clients.iter().map(|client| {
            let (client, stop) = (client.clone(), stop.clone());
            thread::spawn(move || client.enter(|| send(&stop)))
        });
        Self {
            threads: threads.collect(),
            stop,
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn send(stop: &AtomicBool) {
    let lasting = UdpSocket::bind("0.0.0.0:0").unwrap();
    while !stop.load(Ordering::Relaxed) {
        let new = UdpSocket::bind("0.0.0.0:0").unwrap();
        for socket in [&lasting, &new] {
            // Where nothing is forwarded, an error comes back.
            let _ = socket.send_to(b"?", (INTERNET[0], PORT));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

struct Reloads;

impl Stage for Reloads {
    fn cells(&mut self) -> Vec<String> {
        vec![RELOADS.to_owned()]
    }

    fn run(&mut self, cell: &str) {
        let lab = Lab::bare();
        echo(&lab.vpc.inet());
        let clients = lab.crowd(50);
        lab.configure(&changing(0));
        lab.instance.must("apply --backend none");
        let (asked, lost, leaked) = lab.reloads(&clients, cell.parse().unwrap());
        println!("{cell} reloads, {asked} flows: {lost} lost, {leaked} packets without NAT");
        assert_eq!((lost, leaked), (0, 0), "of {asked}");
    }
}
