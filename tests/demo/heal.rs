//! Scenario S1: the second Elastic IP is dead; eniroute runs; both answer.

use std::{fs, io};

use super::stage::{DISK, ETH0, ETH1, Stage, row};

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

pub struct Heal(pub Stage);

impl Heal {
    pub fn show(mut self) -> Stage {
        self.0.screen.say(OPENING);
        self.before();
        self.heal();
        self.inside();
        self.next_boot();
        self.again();
        self.0
    }

    fn before(&mut self) {
        self.0
            .screen
            .heading("Before: the second Elastic IP is dead");
        self.0.on_guest("ip -4 -brief address");
        self.0.on_guest("ip rule");
        let [first, second] = self.0.ping();
        self.0.screen.good(first, "54.178.213.178 (eth0) answers");
        self.0
            .screen
            .bad(!second, "3.104.193.180 (eth1) does not answer");
        let way = self.0.on_guest(WAY_OUT);
        let spoofed = self.0.vpc.spoofed();
        self.0.screen.bad(
            way.contains(" dev eth0 ") && spoofed > 0,
            &format!(
                "the answers left by eth0, and the VPC has dropped {spoofed} frames as spoofed"
            ),
        );
        self.0.screen.say(WHY);
    }

    fn heal(&mut self) {
        self.0.screen.heading("eniroute runs once");
        let report = self.0.eniroute("apply");
        self.0.screen.good(
            report.contains("set\n"),
            "routes and rules are set, and the files for the next boot are written",
        );
        let before = self.0.vpc.spoofed();
        let answers = self.0.ping();
        self.0
            .screen
            .good(answers == [true, true], "both Elastic IPs answer");
        let spoofed = self.0.vpc.spoofed() - before;
        self.0
            .screen
            .good(spoofed == 0, "the VPC has dropped no frame since");
    }

    fn inside(&mut self) {
        self.0.screen.heading("What it did");
        let rules = self.0.on_guest("ip rule");
        self.0.screen.good(
            rules.contains("from 172.31.41.29 lookup 10001"),
            "what is from eth1's address is routed by a table of its own, 10001",
        );
        let table = self.0.on_guest("ip route show table 10001");
        self.0.screen.good(
            table.contains("default via 172.31.32.1 dev eth1"),
            "which sends it out by eth1",
        );
        let way = self.0.on_guest(WAY_OUT);
        self.0.screen.good(
            way.contains(" dev eth1 table 10001 "),
            "and the kernel agrees",
        );
        let status = self.0.eniroute("status");
        let told = [ETH0, ETH1]
            .iter()
            .all(|[.., public]| row(&status, public).ends_with(" ok"));
        self.0.screen.good(
            told,
            "both Elastic IPs are known from inside, and all is well",
        );
    }

    fn next_boot(&mut self) {
        self.0.screen.heading("What it wrote for the next boot");
        let files = written().unwrap_or_else(|e| panic!("{DISK}/etc/netplan: {e}"));
        for path in &files {
            self.0.on_guest(&format!("cat {path}"));
        }
        self.0
            .screen
            .good(files.len() == 2, "one netplan file for each ENI");
    }

    fn again(&mut self) {
        self.0.screen.heading("A second run changes nothing");
        let report = self.0.eniroute("apply");
        self.0.screen.good(
            report.starts_with("nothing to do"),
            "there was nothing to do",
        );
    }
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
