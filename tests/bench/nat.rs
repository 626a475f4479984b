//! What `[[egress]]` costs: a forwarded packet by the number of clients, a new connection against the least that nftables
//! can do, and a refresh with a thousand clients.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use eniroute::config::Wishes;
use eniroute::numbering::{Number, Slot};
use eniroute::plan::egress::Range;
use eniroute::plan::nft::{Entry, Filter, Port};
use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};
use tempfile::TempDir;

use crate::life::make_disk;
use crate::vpc::{EniSpec, Fault, Host, Vpc};
use crate::{IMDS_TAKES, ROUNDS, binary, measure, median, min_median};

/// New connections of one turn. A table's turns follow another's at once, and begin each round by another one.
const CONNECTIONS: u32 = 1_000;
const TURNS: usize = 12;

/// Datagrams of one turn.
const PACKETS: u32 = 60_000;
const CLIENTS: [usize; 4] = [1, 10, 1_000, 10_000];

const OWN: &str = "198.18.1.1";
const SERVER: &str = "198.18.1.2";
const PORT: u16 = 4000;

/// The least: whoever leaves has the address.
const BY_HAND: &str = "table ip by_hand { chain outwards { type nat hook postrouting priority 100;
    ip saddr 10.9.0.2 snat to 198.18.1.1; ip saddr 10.9.0.3 snat to 198.18.1.1; }; }";

pub fn rows() -> Vec<Vec<String>> {
    // Its names of hosts are this process's own.
    let _vpc = Vpc::new();
    let site = Site::new();
    let mut rows = site.packets();
    rows.extend(site.connections());
    rows.extend(refreshes());
    rows
}

/// A client, the host that forwards for it, and who answers outside.
struct Site {
    client: Host,
    host: Host,
    outside: Host,
}

impl Site {
    fn new() -> Self {
        let [client, host, outside] = ["nat-client", "nat-host", "nat-outside"].map(Host::new);
        for (near, peer, far) in [("in", &client, "c0"), ("eth1", &outside, "o0")] {
            let name = peer.name();
            host.ip(&format!(
                "link add {near} type veth peer name {far} netns {name}"
            ));
            host.ip(&format!("link set {near} up"));
            peer.ip(&format!("link set {far} up"));
        }
        host.ip("address add 10.9.0.1/24 dev in");
        client.ip("address add 10.9.0.2/24 dev c0");
        client.ip("route add default via 10.9.0.1");
        host.ip(&format!("address add {OWN}/24 dev eth1"));
        outside.ip(&format!("address add {SERVER}/24 dev o0"));
        // A flow's first datagram, a long one, is answered; all others end here, with NAT and without.
        outside.sh("nft 'table ip quiet { chain inwards { type filter hook prerouting priority 0; udp length < 64 drop; }; }'");
        outside.ip("route add 10.9.0.0/24 via 198.18.1.1");
        // All connections of a turn wait for an acceptor that may sleep: none is turned away, to be tried again a second later.
        outside.sysctl("net.core.somaxconn", 8 * CONNECTIONS);
        for words in [
            format!("route add default via {SERVER} dev eth1"),
            format!("route add default via {SERVER} dev eth1 table 10001"),
            "rule add fwmark 0x2000000/0xff000000 lookup 10001 pref 10001".to_owned(),
        ] {
            host.ip(&words);
        }
        host.sysctl("net.ipv4.ip_forward", 1);
        Self {
            client,
            host,
            outside,
        }
    }

    /// Nanoseconds a packet of an established flow.
    fn packets(&self) -> Vec<Vec<String>> {
        let mut times = vec![Vec::new(); CLIENTS.len() + 2];
        let answers = self
            .outside
            .enter(|| UdpSocket::bind((SERVER, PORT)).expect("a port"));
        thread::spawn(move || answer(&answers));
        let ours = CLIENTS.map(table);
        let others = ["", BY_HAND].into_iter();
        let tables: Vec<&str> = others.chain(ours.iter().map(String::as_str)).collect();
        for round in 0..ROUNDS {
            for turn in 0..tables.len() {
                let at = (round + turn) % tables.len();
                self.load(tables[at]);
                times[at].push(self.client.enter(packets));
            }
        }
        let none = median(&times[0]);
        let names = ["no NAT, 0 clients", "NAT by hand, two rules"].map(str::to_owned);
        let clients = CLIENTS.map(|clients| format!("{clients} clients"));
        let names = names.into_iter().chain(clients);
        let rows = names.zip(&times).map(|(name, times)| {
            let time = median(times);
            vec![
                format!("a packet of an established flow, ns: {name}"),
                format!("{time:.0}"),
                format!("{:+.0}", time - none),
            ]
        });
        rows.collect()
    }

    /// New connections a second.
    fn connections(&self) -> Vec<Vec<String>> {
        let listener = self
            .outside
            .enter(|| TcpListener::bind((SERVER, PORT)).expect("a port"));
        listen(&listener, Backlog::MAXALLOWABLE).expect("to listen to so many");
        thread::spawn(move || listener.incoming().for_each(drop));
        let ours = table(1_000);
        let tables = [BY_HAND, &ours];
        let mut rates = [Vec::new(), Vec::new()];
        for turn in 0..ROUNDS * TURNS {
            for at in [turn % 2, 1 - turn % 2] {
                self.load(tables[at]);
                rates[at].push(self.client.enter(connect));
            }
        }
        let pairs = rates[0].iter().zip(&rates[1]);
        let ratios: Vec<f64> = pairs.map(|(by_hand, ours)| ours / by_hand).collect();
        let row = |name: &str, rates: &[f64], ratio: String| {
            vec![name.to_owned(), format!("{:.0}", median(rates)), ratio]
        };
        let ratio = format!("{:.2}", median(&ratios));
        vec![
            row(
                "new connections a second, by hand",
                &rates[0],
                String::new(),
            ),
            row("the same, 1,000 clients", &rates[1], ratio),
        ]
    }

    /// Replaces what there is.
    fn load(&self, table: &str) {
        let script = format!("flush ruleset\n{table}\n");
        self.host
            .command("nft")
            .args(["-f", "-"])
            .input(&script)
            .run();
        self.host.command("conntrack").arg("-F").output();
    }
}

/// What eniroute makes for so many clients, of which the one that sends is the last.
fn table(clients: usize) -> String {
    let client = |n: u32| Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 9, 0, 2)) + n);
    let ranges = (0..clients as u32).map(|n| ipnet::IpNet::from(ipnet::Ipv4Net::from(client(n))));
    let own: Ipv4Addr = OWN.parse().expect("an address");
    let slot = Slot::of(Number::new(1, 0)).expect("a slot");
    let filter = Filter {
        ports: vec![Port {
            dev: "eth1".into(),
            slot,
            addresses: vec![own],
        }],
        leads: Vec::new(),
        entries: vec![Entry {
            key: "e_1".to_owned(),
            place: String::new(),
            drained: Vec::new(),
            absent: Vec::new(),
            clients: ranges.map(Range::from).collect(),
            pool: vec![(own, slot)],
            ipv6: None,
            not_to: Vec::new(),
            wishes: Wishes {
                resets: false,
                random_ports: false,
                mss: 0,
                idle: 350,
                limit: None,
            },
        }],
        exempt: Vec::new(),
        is_router: false,
    };
    filter.table().text.to_string()
}

/// Each datagram comes back.
fn answer(socket: &UdpSocket) {
    let mut datagram = [0; 256];
    while let Ok((length, from)) = socket.recv_from(&mut datagram) {
        socket
            .send_to(&datagram[..length], from)
            .expect("to answer");
    }
}

/// Nanoseconds a datagram of a flow that was answered: a veth pair's far side works in the sender's time.
fn packets() -> f64 {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect((SERVER, PORT)).expect("to connect");
    let patience = Some(Duration::from_secs(10));
    socket.set_read_timeout(patience).expect("a timeout");
    socket.send(&[0; 200]).expect("to send");
    socket.recv(&mut [0; 256]).expect("the answer");
    let begin = Instant::now();
    for _ in 0..PACKETS {
        let _ = socket.send(&[0; 18]);
    }
    begin.elapsed().as_nanos() as f64 / f64::from(PACKETS)
}

/// Connections that end by a reset: none waits for its port to be free again.
fn connect() -> f64 {
    let begin = Instant::now();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect((SERVER, PORT)).expect("a connection");
        let at_once = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, sockopt::Linger, &at_once).expect("no lingering");
    }
    f64::from(CONNECTIONS) / begin.elapsed().as_secs_f64()
}

/// Of a host with two ENIs, with and without a thousand clients.
fn refreshes() -> Vec<Vec<String>> {
    let mut vpc = Vpc::new();
    let subnets = ["10.0.0.0/20", "10.1.0.0/20"].map(|net| vpc.subnet(net, None));
    for (n, subnet) in subnets.into_iter().enumerate() {
        let (private, public) = (format!("10.{n}.0.10"), format!("203.0.113.{}", 10 + n));
        let spec = EniSpec::new(subnet, &format!("eth{n}")).ipv4([&private]);
        vpc.attach(spec.public(&private, public).unchecked());
    }
    vpc.imds().fault(Fault::Slow(IMDS_TAKES));
    let folder =
        || TempDir::new_in(Path::new(&binary()).parent().expect("a folder")).expect("a folder");
    let roots = [folder(), folder()];
    roots.iter().for_each(|root| make_disk(root.path()));
    let clients: Vec<String> = (0..1_000)
        .map(|n| format!("\"10.0.{}.{}\"", 4 + n / 250, n % 250))
        .collect();
    let config = format!(
        "[[egress]]\nfrom = [{}]\nas = \"203.0.113.11\"\n",
        clients.join(", ")
    );
    fs::write(roots[1].path().join("etc/eniroute.toml"), config).expect("the configuration");
    let mut rows = Vec::new();
    for (root, name) in roots.iter().zip(["no client", "1,000 clients"]) {
        let root = root.path().display().to_string();
        let config = format!("{root}/etc/eniroute.toml");
        let options = match name {
            "no client" => vec!["--root", &root],
            _ => vec!["--root", &root, "--config", &config],
        };
        let run =
            |command: &'static str| measure(&vpc.guest(), &[&options[..], &[command]].concat());
        run("apply");
        vpc.imds().clear_log();
        let times: Vec<f64> = (0..ROUNDS).map(|_| run("refresh")[0]).collect();
        let requests = vpc.imds().log().len() / ROUNDS;
        rows.push(vec![
            format!("refresh, {name}"),
            min_median(&times),
            format!("{requests} requests"),
        ]);
        run("remove");
    }
    rows
}
