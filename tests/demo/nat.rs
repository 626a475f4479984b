//! Scenario S3: a NAT instance that chooses the public address by client.

use std::path::PathBuf;

use super::stage::Stage;
use super::vpc::{EniSpec, Host, INTERNET, RouteTable, Vpc};

const OPENING: &str = "\
A NAT instance with two ENIs, an Elastic IP on each, and the source/destination check off. The route table of a private
subnet has it as the way to the Internet. Client 172.31.20.5 is to be seen as 54.178.213.178, client 172.31.26.176 as
54.178.197.195, whichever is the way in; 172.31.20.9 is nobody's.

  outside ── VPC router ──┬── eth0  172.31.5.10   Elastic IP 54.178.213.178 ──┬── NAT instance
                          ├── eth1  172.31.8.208  Elastic IP 54.178.197.195 ──┘
                          └── private subnet: 172.31.20.5, 172.31.26.176, 172.31.20.9";

const CONFIGURATION: &str = r#"[[egress]]
from = "172.31.26.176"
as = "54.178.197.195"

[[egress]]
from = "172.31.20.5"
as = "54.178.213.178"
"#;

/// Each client, and what the Internet is to see of it.
const CLIENTS: [(&str, Option<&str>); 3] = [
    ("172.31.20.5", Some("54.178.213.178")),
    ("172.31.26.176", Some("54.178.197.195")),
    ("172.31.20.9", None),
];

pub fn show(eniroute: PathBuf) -> Stage {
    let mut vpc = Vpc::new();
    let public = vpc.subnet("172.31.0.0/20", None);
    let private = vpc.subnet("172.31.16.0/20", None);
    let [first, _] = [
        ("eth0", "172.31.5.10", "54.178.213.178"),
        ("eth1", "172.31.8.208", "54.178.197.195"),
    ]
    .map(|(name, private, elastic)| {
        let eni = EniSpec::new(public, name).ipv4([private]);
        vpc.attach(eni.public(private, elastic).unchecked())
    });
    vpc.route(RouteTable::Subnet(private), "0.0.0.0/0", first);
    let client = |name, index: usize| vpc.instance(private, name, &[CLIENTS[index].0]);
    let clients = [
        client("client-a", 0),
        client("client-b", 1),
        client("client-c", 2),
    ];
    let stage = Stage::of(vpc, eniroute);
    stage.write("/etc/eniroute.toml", CONFIGURATION);
    Nat { stage, clients }.show()
}

struct Nat {
    stage: Stage,
    clients: [Host; 3],
}

impl Nat {
    fn show(mut self) -> Stage {
        self.stage.screen.say(OPENING);
        self.stage.screen.heading("Before: no client gets out");
        self.everybody_is_seen(|_| None);
        self.stage.screen.heading("The configuration, and one run");
        self.stage.on_guest("cat /etc/eniroute.toml");
        self.stage.eniroute("apply");
        self.everybody_is_seen(|elastic| elastic);
        self.stage.screen.heading("How");
        let rules = self.stage.on_guest("ip -4 rule");
        let marks = rules.matches("fwmark").count();
        let words =
            "a rule for each ENI, none for a client: packets are marked by one look-up in a map";
        self.stage.screen.good(marks >= 2, words);
        self.stage.on_guest("nft list map inet eniroute new4");
        let way = self.stage.eniroute("explain 172.31.26.176");
        let words = "explain says which, without asking the kernel";
        self.stage
            .screen
            .good(way.contains("54.178.197.195"), words);
        self.stage.screen.heading("Taken back");
        self.stage.eniroute("remove");
        self.everybody_is_seen(|_| None);
        self.stage
    }

    /// Each client sends a datagram to the Internet.
    fn everybody_is_seen(&mut self, expected: fn(Option<&'static str>) -> Option<&'static str>) {
        let internet = INTERNET[0].parse().unwrap_or_else(|e| panic!("{e}"));
        for ((ip, elastic), client) in CLIENTS.into_iter().zip(&self.clients) {
            let seen = client.seen_by(&self.stage.vpc.inet(), internet, None);
            let seen = seen.map(|ip| ip.to_string());
            let as_told = seen.as_deref() == expected(elastic);
            let screen = &mut self.stage.screen;
            match seen {
                Some(seen) => screen.good(as_told, &format!("{ip} is seen as {seen}")),
                None => screen.bad(as_told, &format!("{ip} is not seen")),
            }
        }
    }
}
