//! Questions to a host: who answers a ping, as whom does a packet arrive, what is configured. The
//! tools that answer are `fping` and `ip`, so the tests do not believe the code that they test.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use super::eni::parse;
use super::netns::Host;
use super::talk::uninterrupted;

/// Lines of no interest in a comparison: the kernel's own, which come and go by themselves.
const NOISE: [&str; 5] = [
    "table local",
    "ff00::/8",
    "fe80::/64",
    "inet6 fe80:",
    ": lo",
];

/// Values that change by themselves, each followed by one word, and flags that come and go.
const TIMERS: [&str; 5] = ["valid_lft", "preferred_lft", "expires", "pref", "qdisc"];
const FLAGS: [&str; 4] = ["tentative", "dadfailed", "dynamic", "linkdown"];

impl Host {
    /// Pings all of `targets` at once, three times each, and gives those that did not answer.
    pub fn ping<T: ToString>(&self, targets: &[T]) -> Vec<IpAddr> {
        self.fping(&[], targets)
    }

    /// Whether `target` answers a ping sent from `source`.
    pub fn ping_from(&self, source: &str, target: &str) -> bool {
        self.fping(&["-S", source], &[target]).is_empty()
    }

    fn fping<T: ToString>(&self, options: &[&str], targets: &[T]) -> Vec<IpAddr> {
        let targets: Vec<_> = targets.iter().map(T::to_string).collect();
        // -u: tell the unreachable; three tries 0.5 s apart outlast the second after which a lost ARP request is sent again.
        let always = [
            "-u", "-r", "2", "-t", "500", "-B", "1", "-i", "0.5", "-f", "-",
        ];
        let out = self
            .command("fping")
            .args(options)
            .args(always)
            .input(targets.join("\n"))
            .output();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(
            matches!(out.status.code(), Some(0 | 1)),
            "fping on {}: {stderr}",
            self.name()
        );
        String::from_utf8_lossy(&out.stdout)
            .split_whitespace()
            .map(parse)
            .collect()
    }

    /// The source address of a datagram from here, as `observer` sees it; `None` if it never arrives.
    /// `source` is the address that the sender binds; unbound, the kernel chooses.
    pub fn seen_by(&self, observer: &Host, at: IpAddr, source: Option<IpAddr>) -> Option<IpAddr> {
        let any: IpAddr = if at.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let bind = |address: IpAddr| {
            UdpSocket::bind((address, 0)).unwrap_or_else(|e| panic!("bind {address}: {e}"))
        };
        let ear = observer.enter(|| bind(at));
        ear.set_read_timeout(Some(Duration::from_millis(500)))
            .expect("a timeout");
        let mouth = self.enter(|| bind(source.unwrap_or(any)));
        let target: SocketAddr = ear.local_addr().expect("the port it got");
        let attempt = || {
            mouth
                .send_to(b"who am I?", target)
                .ok()
                .and_then(|_| uninterrupted(|| ear.recv_from(&mut [0; 64])).ok())
        };
        (0..3).find_map(|_| attempt()).map(|(_, from)| from.ip())
    }

    /// Waits until duplicate-address detection is through, link-local addresses too: before that,
    /// no IPv6 packet is *forwarded* by a link. Panics after half a minute.
    pub fn settle(&self) {
        let done = || self.ip("-6 address show tentative -dadfailed").is_empty();
        wait_for(
            &format!("duplicate-address detection on {}", self.name()),
            done,
        );
    }

    /// Links, addresses, routes of all tables and rules, in canonical text, to be compared with
    /// another: without counters and lifetimes, and without what the kernel does by itself.
    pub fn dump(&self) -> String {
        let sections = [
            "-o link",
            "-o -4 address",
            "-o -6 address",
            "-4 route show table all",
            "-6 route show table all",
        ];
        let sorted = sections.map(|what| {
            canonical(what, &self.ip(what))
                .into_iter()
                .collect::<Vec<_>>()
                .join("\n")
        });
        // Rules keep the order in which the kernel tries them.
        let rules =
            ["-4 rule", "-6 rule"].map(|what| format!("# ip {what}\n{}", self.ip(what).trim_end()));
        sorted
            .into_iter()
            .chain(rules)
            .collect::<Vec<_>>()
            .join("\n")
            + "\n"
    }
}

/// Asks until the answer is yes. Panics after half a minute, and names what it waited for.
pub fn wait_for(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "waited half a minute for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn canonical(what: &str, output: &str) -> BTreeSet<String> {
    // A section's title sorts before its lines.
    let lines = output
        .lines()
        .filter(|line| !NOISE.iter().any(|noise| line.contains(noise)));
    lines.map(steady).chain([format!("# ip {what}")]).collect()
}

fn steady(line: &str) -> String {
    let mut words = line
        .split_whitespace()
        .map(|word| word.trim_end_matches('\\'))
        .filter(|word| !FLAGS.contains(word));
    let mut kept = vec![];
    while let Some(word) = words.next() {
        if TIMERS.contains(&word) {
            words.next();
        } else if !is_index(word) {
            // `eth0@if7`: the far end's index differs at every attachment.
            kept.push(word.split_once('@').map_or(word, |(name, _)| name));
        }
    }
    kept.join(" ")
}

/// `12:`, the interface index in front of a line.
fn is_index(word: &str) -> bool {
    word.strip_suffix(':')
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}
