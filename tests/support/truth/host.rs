//! The instance whose state is broken and mended: two to six ENIs in one or several subnets, in both families.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::container;
use super::state::State;
use crate::support::instance::Instance;
use crate::support::vpc::{EniId, EniSpec, Host, SubnetId, Vpc, wait_for};

/// How many ENIs in how many subnets.
pub const SHAPES: [(usize, usize); 6] = [(2, 1), (2, 2), (3, 2), (4, 4), (5, 3), (6, 1)];

/// Which VPC the states of a number are of.
pub fn shape_of(number: u64) -> usize {
    usize::try_from(number).unwrap() % SHAPES.len()
}

/// The `n`th number of a shape.
pub fn number(n: u64, shape: usize) -> u64 {
    n * SHAPES.len() as u64 + shape as u64
}

const FAMILIES: [&str; 2] = ["-4", "-6"];
const TABLES: usize = 10_000;

/// One ENI: its interface, and its addresses by family.
pub struct Nic {
    pub dev: String,
    pub table: usize,
    pub subnet: usize,
    pub addresses: [Vec<IpAddr>; 2],
    id: EniId,
    mac: String,
}

pub struct Stand {
    pub vpc: Vpc,
    pub instance: Instance,
    pub enis: Vec<Nic>,
    /// Of the ENIs, and one that none is in.
    pub subnets: Vec<SubnetId>,
    /// Behind a bridge of the host's own.
    pub container: Option<Host>,
    good: [Good; 2],
}

/// What is to be there in one family, as lines of `ip -batch`.
#[derive(Clone, PartialEq)]
struct Good {
    addresses: Vec<String>,
    routes: Vec<String>,
    rules: Vec<String>,
}

/// The ranges of the `n`th subnet.
pub fn ranges(n: usize) -> [String; 2] {
    [
        format!("10.0.{n}.0/24"),
        format!("2001:db8:0:{:x}::/64", 16 + n),
    ]
}

/// By which an address is known on the Internet.
pub fn public(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let [_, _, subnet, host] = ip.octets();
            Ipv4Addr::new(203, 0, 100 + subnet, host).into()
        }
        ip => ip,
    }
}

impl Stand {
    pub fn new(shape: usize) -> Self {
        let (enis, subnets) = SHAPES[shape];
        let mut vpc = Vpc::new();
        let guest = vpc.guest();
        for of in ["all", "default"] {
            guest.sysctl(&format!("net.ipv6.conf.{of}.accept_dad"), 0);
        }
        let all: Vec<SubnetId> = (0..=subnets)
            .map(|n| {
                let [v4, v6] = ranges(n);
                vpc.subnet(&v4, Some(&v6))
            })
            .collect();
        let enis = (0..enis).map(|n| attach(&mut vpc, &all, n, n % subnets));
        let enis: Vec<Nic> = enis.collect();
        let instance = Instance::with_netplan(guest.clone());
        make_permanent(&guest, &enis[0]);
        instance.must("apply");
        keep_metadata(&guest, enis[0].addresses[0][0]);
        let container = container::of_shape(shape, &guest);
        let good = [0, 1].map(|v6| Good::of(&guest, v6));
        let mut stand = Self {
            vpc,
            instance,
            enis,
            subnets: all,
            container,
            good,
        };
        stand.mend();
        let again = [0, 1].map(|v6| Good::of(&guest, v6));
        let lines = |good: &[Good; 2]| good.iter().flat_map(Good::lines).collect::<BTreeSet<_>>();
        assert_eq!(lines(&again), lines(&stand.good), "mended");
        stand
    }

    pub fn addresses(&self) -> Vec<IpAddr> {
        let enis = self.enis.iter();
        enis.flat_map(|eni| eni.addresses.iter().flatten().copied())
            .collect()
    }

    pub fn addresses_of(&self, mac: &str) -> Vec<IpAddr> {
        let enis = self.enis.iter().filter(|eni| eni.mac == mac);
        enis.flat_map(|eni| eni.addresses.iter().flatten().copied())
            .collect()
    }

    /// The interface that EC2 gives the address to.
    pub fn dev_of(&self, ip: IpAddr) -> String {
        let mut enis = self.enis.iter();
        let has = |eni: &&Nic| eni.addresses.iter().flatten().any(|own| *own == ip);
        enis.find(has).unwrap().dev.clone()
    }

    /// The interfaces that have the address.
    pub fn devs_of(&self, ip: IpAddr) -> Vec<String> {
        let listed = self.instance.host.ip(&format!("-o address show to {ip}"));
        let devs = listed.lines().map(|line| line.split_whitespace().nth(1));
        devs.map(|dev| dev.unwrap().to_owned()).collect()
    }

    pub fn break_by(&self, state: &State) {
        let host = &self.instance.host;
        for (family, lines) in FAMILIES.iter().zip(&state.lines) {
            force(host, family, lines);
        }
        for (key, value) in &state.settings {
            host.sysctl(key, *value);
        }
    }

    /// All is as `apply` left it.
    pub fn mend(&mut self) {
        let host = &self.instance.host;
        for of in ["all", "default"]
            .into_iter()
            .map(str::to_owned)
            .chain(self.devs())
        {
            host.sysctl(
                &format!("net.ipv4.conf.{of}.rp_filter"),
                if of == "all" { 0 } else { 2 },
            );
        }
        for (v6, family) in FAMILIES.iter().enumerate() {
            let container = self.container.as_ref().filter(|_| v6 == 0);
            let flush = container::flush(container);
            let lines = self.good[v6].commands(&self.enis);
            force(host, family, &[flush, lines].concat());
        }
        let router = self.vpc.router();
        for eni in &self.enis {
            let state = format!("/sys/class/net/{}/brport/state", self.vpc.tap(eni.id));
            wait_for("the ports to forward", || {
                let text = router.enter(|| std::fs::read_to_string(&state).unwrap());
                text.trim() == "3"
            });
        }
    }

    fn devs(&self) -> impl Iterator<Item = String> {
        self.enis.iter().map(|eni| eni.dev.clone())
    }

    pub fn dump(&self) -> String {
        let host = &self.instance.host;
        host.dump() + &host.ip("neighbour")
    }
}

fn attach(vpc: &mut Vpc, subnets: &[SubnetId], n: usize, subnet: usize) -> Nic {
    let host = |k: usize| 20 + 10 * n + k;
    let [v4, v6] = ranges(subnet);
    let v4 = v4.trim_end_matches("0/24").to_owned();
    let v6 = v6.trim_end_matches("/64").to_owned();
    let v4: Vec<IpAddr> = (0..3)
        .map(|k| format!("{v4}{}", host(k)).parse().unwrap())
        .collect();
    let v6: Vec<IpAddr> = (0..2)
        .map(|k| format!("{v6}{}", host(k)).parse().unwrap())
        .collect();
    let dev = format!("eth{n}");
    let spec = EniSpec::new(subnets[subnet], &dev)
        .ipv4(v4.iter())
        .ipv6(v6.iter());
    let spec = v4
        .iter()
        .fold(spec, |spec, ip| spec.public(ip, public(*ip)));
    let id = vpc.attach(spec);
    Nic {
        dev,
        table: TABLES + n,
        subnet,
        addresses: [v4, v6],
        id,
        mac: vpc.mac(id).to_owned(),
    }
}

/// No client would renew a lease here.
fn make_permanent(host: &Host, primary: &Nic) {
    let forever = "valid_lft forever preferred_lft forever";
    let own = primary.addresses[0][0];
    host.ip(&format!("address change {own}/24 dev eth0 {forever}"));
    for ip in &primary.addresses[1] {
        host.ip(&format!("-6 address change {ip}/128 dev eth0 {forever}"));
    }
}

/// `check` is to have its metadata whatever else is broken.
fn keep_metadata(host: &Host, own: IpAddr) {
    host.ip(&format!(
        "route add 169.254.169.254 via 10.0.0.1 dev eth0 src {own} table 99"
    ));
    host.ip("rule add to 169.254.169.254 lookup 99 pref 9000");
}

/// Runs the lines, whatever comes of each.
fn force(host: &Host, family: &str, lines: &[String]) {
    let ip = host.command("ip").args([family, "-force", "-batch", "-"]);
    drop(ip.input(lines.join("\n") + "\n").output());
}

impl Good {
    fn of(host: &Host, v6: usize) -> Self {
        let family = FAMILIES[v6];
        let listed = |what: &str| host.ip(&format!("{family} {what}"));
        let addresses = listed("-o address show scope global");
        let routes = listed("route show table all");
        let routes = routes.lines().filter(|line| !line.contains("table local"));
        let mut routes: Vec<String> = routes.map(route).collect();
        // What is on the link comes before what goes by a router there.
        routes.sort_by_key(|line| line.contains(" via "));
        let rules = listed("rule");
        let rules = rules.lines().filter(|line| !line.starts_with("0:"));
        Self {
            addresses: addresses.lines().map(|line| address(line, v6)).collect(),
            routes,
            rules: rules.map(rule).collect(),
        }
    }

    fn lines(&self) -> Vec<String> {
        [
            self.addresses.clone(),
            self.routes.clone(),
            self.rules.clone(),
        ]
        .concat()
    }

    /// Makes it so.
    fn commands(&self, enis: &[Nic]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for Nic { dev, .. } in enis {
            lines.push(format!("link set {dev} up"));
            lines.push(format!("address flush dev {dev} scope global"));
        }
        lines.extend(self.addresses.iter().cloned());
        let tables = ["main", "99", "100"].map(str::to_owned).into_iter();
        let tables = tables.chain(enis.iter().map(|eni| eni.table.to_string()));
        lines.extend(tables.map(|table| format!("route flush table {table}")));
        lines.extend(self.routes.iter().cloned());
        lines.push("rule flush".to_owned());
        lines.extend(self.rules.iter().cloned());
        for Nic { dev, .. } in enis {
            lines.push(format!("neighbour flush dev {dev}"));
        }
        lines
    }
}

/// `2: eth0 inet 10.0.0.20/24 metric 100 brd ...`
fn address(line: &str, v6: usize) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |name: &str| {
        let place = words.iter().position(|word| *word == name);
        place.map(|place| words[place + 1])
    };
    let net = after(["inet", "inet6"][v6]).unwrap();
    let metric = after("metric").map_or(String::new(), |metric| format!("metric {metric}"));
    let flags = if v6 == 1 { "nodad noprefixroute" } else { "" };
    format!("address add {net} dev {} {metric} {flags}", words[1])
}

/// Without an end, and without the states of its link.
fn route(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut kept = vec!["route", "append"];
    while let Some(word) = words.next() {
        match word {
            "expires" => drop(words.next()),
            "linkdown" | "dead" => {}
            word => kept.push(word),
        }
    }
    kept.join(" ")
}

/// `10001: from 10.0.1.30 lookup 10001 proto static`
fn rule(line: &str) -> String {
    let (priority, words) = line.split_once(':').unwrap();
    format!("rule add pref {priority} {}", words.trim())
}
