//! What a new flow costs by the number of addresses: without rules, past the flat rules, and by the rule index. Loops of
//! UDP connects, of unbound datagrams, and of packets that the host forwards, each of which looks up a route.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;

use eniroute::kernel::Kernel;
use eniroute::net::Rule;
use eniroute::net::index_rule::IndexRule;
use eniroute::plan::rule_index::{Ground, in_order};

use crate::median;
use crate::vpc::{Host, Vpc};

const ROUNDS: usize = 7;
const CONNECTS: u32 = 20_000;
const PACKETS: u32 = 60_000;

/// From outside of the addresses.
const FORWARDED: [(&str, &str); 2] = [
    ("a forwarded packet", "203.0.113.9:9"),
    ("a forwarded packet, IPv6", "[2001:db8:ffff::9]:9"),
];

/// ENIs, IPv4 and IPv6 addresses of each.
const CASES: [[usize; 3]; 2] = [[15, 50, 10], [80, 50, 0]];

/// The table: nanoseconds a flow, and the ratios to a host without rules.
pub fn rows() -> Vec<Vec<String>> {
    // Its names of hosts are this process's own.
    let _vpc = Vpc::new();
    let header = [
        "a flow",
        "none ns",
        "flat",
        "index",
        "flat/none",
        "index/none",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(CASES.into_iter().flat_map(of_case));
    rows
}

fn of_case([enis, ipv4, ipv6]: [usize; 3]) -> Vec<Vec<String>> {
    let host = Host::new(&format!("flows{enis}"));
    let client = Host::new(&format!("client{enis}"));
    furnish(&host, &client, [enis, ipv4, ipv6]);
    let last = enis - 1;
    let to = |text: &str| SocketAddr::new(text.parse().unwrap(), 9);
    let (v4, v6) = (to("203.0.113.9"), to("2001:db8:ffff::9"));
    let mut kinds: Vec<(&str, Option<IpAddr>, SocketAddr)> = vec![
        ("an unbound datagram", None, v4),
        ("from the primary ENI", Some(address(0, 0)), v4),
        ("from the last ENI", Some(address(last, ipv4 - 1)), v4),
    ];
    if ipv6 > 0 {
        kinds.push((
            "from the last ENI, IPv6",
            Some(address6(last, ipv6 - 1)),
            v6,
        ));
    }
    let states = ["none", "flat", "index"];
    let forwarded: &[(&str, &str)] = match ipv6 {
        0 => &FORWARDED[..1],
        _ => &FORWARDED,
    };
    let mut times = vec![[const { Vec::new() }; 3]; kinds.len() + forwarded.len()];
    let mut built = Vec::new();
    let mut one = Vec::new();
    for _ in 0..ROUNDS {
        for (state, _) in states.iter().enumerate() {
            match state {
                0 => {}
                1 => rules(&host, [enis, ipv4, ipv6], "add"),
                _ => built.push(host.enter(build)),
            }
            for (at, (_, from, to)) in kinds.iter().enumerate() {
                times[at][state].push(host.enter(|| one_by_one(*from, *to)));
            }
            for (at, (_, to)) in forwarded.iter().enumerate() {
                times[kinds.len() + at][state].push(client.enter(|| packets(to)));
            }
        }
        one.push(host.enter(change_one));
        host.enter(take_away);
        rules(&host, [enis, ipv4, ipv6], "del");
    }
    let names = kinds
        .iter()
        .map(|(name, ..)| *name)
        .chain(forwarded.iter().map(|(name, _)| *name));
    let mut rows: Vec<Vec<String>> = names
        .zip(&times)
        .map(|(name, states)| {
            let [none, flat, index] = states.each_ref().map(|times| median(times));
            let name = format!("{} addresses, {name}", enis * ipv4);
            let ratio = |time: f64| format!("{:.2}", time / none);
            let cells = [none, flat, index].map(|time| format!("{time:.0}"));
            [vec![name], cells.to_vec(), vec![ratio(flat), ratio(index)]].concat()
        })
        .collect();
    let name = format!(
        "{} addresses, the index made: ms; one address: ms",
        enis * ipv4
    );
    let cells = [median(&built), median(&one)].map(|time| format!("{time:.2}"));
    rows.push([vec![name], cells.to_vec(), vec![String::new(); 3]].concat());
    rows
}

fn address(eni: usize, host: usize) -> IpAddr {
    IpAddr::from([10, (eni % 2) as u8, eni as u8, 10 + host as u8])
}

fn address6(eni: usize, host: usize) -> IpAddr {
    let eni = eni as u16;
    IpAddr::from([0x2001, 0xdb8, eni % 2, eni, 0, 0, 0, 16 + host as u16])
}

fn all([enis, ipv4, ipv6]: [usize; 3]) -> impl Iterator<Item = (usize, IpAddr)> {
    let of_eni = move |eni| {
        let v4 = (0..ipv4).map(move |host| address(eni, host));
        let v6 = (0..ipv6).map(move |host| address6(eni, host));
        v4.chain(v6).map(move |ip| (eni, ip))
    };
    (0..enis).flat_map(of_eni)
}

/// Addresses, a table for each ENI, and a client whose packets are forwarded.
fn furnish(host: &Host, client: &Host, case: [usize; 3]) {
    for (near, far) in [("out", "o0"), ("fw", "c0")] {
        let peer = client.name();
        host.ip(&format!(
            "link add {near} type veth peer name {far} netns {peer}"
        ));
        client.ip(&format!("link set {far} up"));
    }
    // Whatever leaves by it goes to nobody, without a question.
    host.ip("link set out arp off up");
    host.ip("link set fw up");
    host.ip("address add 198.18.0.1/24 dev fw");
    client.ip("address add 198.18.0.2/24 dev c0");
    client.ip("route add default via 198.18.0.1");
    host.ip("-6 address add fd00:18::1/64 dev fw nodad");
    client.ip("-6 address add fd00:18::2/64 dev c0 nodad");
    client.ip("-6 route add default via fd00:18::1");
    for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
        host.sysctl(key, 1);
    }
    let addresses = all(case).map(|(_, ip)| match ip {
        IpAddr::V4(ip) => format!("address add {ip}/32 dev out\n"),
        IpAddr::V6(ip) => format!("-6 address add {ip}/128 dev out nodad\n"),
    });
    let tables = (0..case[0]).flat_map(|eni| {
        let table = 10_000 + eni;
        ["", "-6 "].map(|flag| format!("{flag}route add default dev out table {table}\n"))
    });
    let main = [
        "route add default dev out\n",
        "-6 route add default dev out\n",
    ];
    let lines: String = addresses
        .chain(tables)
        .chain(main.map(str::to_owned))
        .collect();
    host.ip_batch(&lines);
}

fn rules(host: &Host, case: [usize; 3], verb: &str) {
    let lines = all(case).map(|(eni, ip)| {
        let flag = if ip.is_ipv6() { "-6 " } else { "" };
        let table = 10_000 + eni;
        format!("{flag}rule {verb} from {ip} lookup {table} pref {table} protocol static\n")
    });
    host.ip_batch(&lines.collect::<String>());
}

/// Nanoseconds a connect; of a socket that is bound to no address, a datagram: connected, it would keep its source.
fn one_by_one(from: Option<IpAddr>, to: SocketAddr) -> f64 {
    let any: IpAddr = if to.is_ipv4() {
        IpAddr::from([0, 0, 0, 0])
    } else {
        IpAddr::from([0_u16; 8])
    };
    let socket = UdpSocket::bind((from.unwrap_or(any), 0)).unwrap();
    let begin = Instant::now();
    for n in 0..CONNECTS {
        // Another port each time: the kernel connects anew.
        let to = SocketAddr::new(to.ip(), 1024 + (n % 60_000) as u16);
        match from {
            Some(_) => socket.connect(to).unwrap(),
            None => drop(socket.send_to(&[0; 18], to)),
        }
    }
    begin.elapsed().as_nanos() as f64 / f64::from(CONNECTS)
}

/// Nanoseconds a packet that the host forwards: a veth pair's far side works in the sender's time.
fn packets(to: &str) -> f64 {
    let to: SocketAddr = to.parse().unwrap();
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(to).unwrap();
    let begin = Instant::now();
    for _ in 0..PACKETS {
        let _ = socket.send(&[0; 18]);
    }
    begin.elapsed().as_nanos() as f64 / f64::from(PACKETS)
}

/// What eniroute makes of the rules that stand.
fn wanted(kernel: &mut Kernel) -> Vec<IndexRule> {
    let observed = kernel.observe().unwrap();
    let families = [eniroute::net::Family::Ipv4, eniroute::net::Family::Ipv6];
    let of_family = |family| {
        let rules = observed.rules.iter().filter(|rule| rule.family == family);
        let rules: Vec<&Rule> = rules.collect();
        let standing = observed.index.iter().filter(|rule| rule.family == family);
        let standing: Vec<&IndexRule> = standing.collect();
        let ground = Ground {
            family,
            rules: &rules,
            is_ours: &|_| true,
            standing: &standing,
            has_made: true,
        };
        ground.wanted().unwrap()
    };
    let index: std::collections::BTreeSet<_> = families.into_iter().flat_map(of_family).collect();
    in_order(index.iter().copied().collect())
}

/// Milliseconds.
fn build() -> f64 {
    let mut kernel = Kernel::open().unwrap();
    let index = wanted(&mut kernel);
    let begin = Instant::now();
    kernel.change_index(&[], &index).unwrap();
    begin.elapsed().as_secs_f64() * 1e3
}

/// Milliseconds for a node and its rules: what a change of one address costs.
fn change_one() -> f64 {
    let mut kernel = Kernel::open().unwrap();
    let index = wanted(&mut kernel);
    let some: Vec<IndexRule> = index.iter().rev().skip(20).take(10).copied().collect();
    let again: Vec<IndexRule> = some.iter().rev().copied().collect();
    let begin = Instant::now();
    kernel.change_index(&some, &again).unwrap();
    begin.elapsed().as_secs_f64() * 1e3
}

fn take_away() {
    let mut kernel = Kernel::open().unwrap();
    let mut index = wanted(&mut kernel);
    index.reverse();
    kernel.change_index(&index, &[]).unwrap();
}
