//! Scenario S4: an appliance behind VPC ingress routing, with one arm.

use std::path::PathBuf;

use super::stage::Stage;
use super::vpc::{EniSpec, Host, INTERNET, RouteTable, Vpc};

const OPENING: &str = "\
An appliance behind VPC ingress routing: the Internet gateway's route table sends all that is for the subnet 10.0.3.0/24 to
eth1 of the appliance, and the subnet's route table sends its way out there, too. Nothing is translated: what comes in by
eth1 has to leave by eth1, whatever its addresses are. eth0 is for the administrator, and is checked by EC2.

  outside ── Internet gateway ──> eth1 10.0.1.20 ── appliance ──> eth1 ──> 10.0.3.50 (Elastic IP 203.0.113.50)";

const CONFIGURATION: &str = "[forwarding]\nenabled = true\n";
const PUBLIC: &str = "203.0.113.50";
const CLIENT: &str = "10.0.3.50";
const SUBNET: &str = "10.0.3.0/24";

pub fn show(eniroute: PathBuf) -> Stage {
    let mut vpc = Vpc::new();
    let front = vpc.subnet("10.0.0.0/24", None);
    let arms = vpc.subnet("10.0.1.0/24", None);
    let clients = vpc.subnet(SUBNET, None);
    vpc.attach(EniSpec::new(front, "eth0").ipv4(["10.0.0.10"]));
    let arm = vpc.attach(EniSpec::new(arms, "eth1").ipv4(["10.0.1.20"]).unchecked());
    let client = vpc.instance(clients, "client", &[CLIENT]);
    vpc.elastic_ip(CLIENT, PUBLIC);
    vpc.route(RouteTable::Internet, SUBNET, arm);
    vpc.route(RouteTable::Subnet(clients), "0.0.0.0/0", arm);
    let stage = Stage::of(vpc, eniroute);
    stage.write("/etc/eniroute.toml", CONFIGURATION);
    Appliance { stage, client }.show()
}

struct Appliance {
    stage: Stage,
    client: Host,
}

impl Appliance {
    fn show(mut self) -> Stage {
        self.stage.screen.say(OPENING);
        self.stage.screen.heading("Before: nothing passes");
        self.passes(false);
        self.stage.screen.heading("The configuration, and one run");
        self.stage.on_guest("cat /etc/eniroute.toml");
        self.stage.eniroute("apply");
        let before = self.stage.vpc.spoofed();
        self.passes(true);
        let spoofed = self.stage.vpc.spoofed() - before;
        let words = "nothing has left by eth0, where the VPC would have dropped it";
        self.stage.screen.good(spoofed == 0, words);
        self.stage.screen.heading("How");
        let rules = self.stage.on_guest("ip -4 rule");
        let words =
            "what comes in by eth1 goes on by eth1's table, and what is marked as its answer, too";
        self.stage.screen.good(rules.contains("iif eth1"), words);
        let forward = self
            .stage
            .on_guest("sysctl net.ipv4.ip_forward net.ipv4.conf.eth1.forwarding");
        let words = "the host is no router for anything else";
        self.stage
            .screen
            .good(forward.contains("ip_forward = 0"), words);
        self.stage.screen.heading("Taken back");
        self.stage.eniroute("remove");
        self.passes(false);
        self.stage
    }

    /// Pings from either side.
    fn passes(&mut self, expected: bool) {
        for (who, host, to) in [
            ("outside$ ", &self.stage.vpc.inet(), PUBLIC),
            ("client$ ", &self.client, INTERNET[0]),
        ] {
            let output = host.command("fping").args(["-r1", to]).output();
            let said = self.stage.shown(who, &format!("fping -r1 {to}"), output);
            let screen = &mut self.stage.screen;
            if said.contains("is alive") {
                screen.good(expected, "it passes");
            } else {
                screen.bad(!expected, "nothing passes");
            }
        }
    }
}
