//! Who answers whom: pings of all addresses from several hosts at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::host::{Stand, public};
use crate::support::vpc::Host;

/// How long an answer may take, in milliseconds, and how often it is asked for again.
pub type Patience = [&'static str; 2];

/// For a first look, which the dead cost.
pub const QUICK: Patience = ["80", "1"];
/// Before an address is called dead.
pub const SLOW: Patience = ["600", "3"];

/// The hosts that ping.
pub struct Pingers {
    hosts: Vec<Host>,
    /// Every address.
    pub targets: BTreeSet<IpAddr>,
}

impl Pingers {
    pub fn new(stand: &mut Stand) -> Self {
        let mut hosts = vec![stand.vpc.inet()];
        for subnet in stand.subnets.clone() {
            hosts.push(stand.vpc.neighbour(subnet));
        }
        Self {
            hosts,
            targets: stand.addresses().into_iter().collect(),
        }
    }

    /// Those of `targets` that do not answer some host, with its name.
    pub fn dead(
        &self,
        patience: Patience,
        targets: &BTreeSet<IpAddr>,
    ) -> BTreeMap<IpAddr, Vec<String>> {
        let mut dead: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
        std::thread::scope(|scope| {
            let ping = |host| scope.spawn(move || silent(host, patience, targets));
            let threads: Vec<_> = self.hosts.iter().map(|host| (host, ping(host))).collect();
            for (host, thread) in threads {
                for ip in thread.join().unwrap() {
                    dead.entry(ip).or_default().push(host.name().to_owned());
                }
            }
        });
        dead
    }
}

fn silent(host: &Host, [wait, again]: Patience, targets: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
    let is_outside = host.name() == "inet";
    let name = |ip: &IpAddr| if is_outside { public(*ip) } else { *ip };
    let names: BTreeMap<IpAddr, IpAddr> = targets.iter().map(|ip| (name(ip), *ip)).collect();
    let list: Vec<String> = names.keys().map(ToString::to_string).collect();
    let fping = host.command("fping").args([
        "-u", "-r", again, "-t", wait, "-B", "1", "-i", "0.2", "-f", "-",
    ]);
    let out = fping.input(list.join("\n")).output();
    assert!(matches!(out.status.code(), Some(0 | 1)), "fping: {out:?}");
    let silent = String::from_utf8(out.stdout).unwrap();
    let silent = silent.split_whitespace();
    silent.map(|ip| names[&ip.parse().unwrap()]).collect()
}
