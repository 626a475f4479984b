//! Fail-over: the ENI, or the address, that flows leave by comes to a stand-by with the same configuration.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use super::flows::by;
use crate::crowd::Crowd;
use crate::instance::Instance;
use crate::nat::{A, B, FIRST, Lab, PORT, SECOND, echo};
use crate::vpc::{EniId, EniSpec, GuestId, Host, INTERNET, RouteTable};

const EACH: [usize; 4] = [13, 12, 12, 13];

/// The stand-by's own public address.
const THIRD: &str = "54.178.200.9";

/// An instance and its stand-by.
struct Pair {
    lab: Lab,
    other: Instance,
    guest: GuestId,
    eth0: EniId,
}

impl Pair {
    /// Both with this entry, whose `as` is `leave_as`. Clients are routed to the ENI that has it.
    fn new(leave_as: &str, wishes: &str) -> Self {
        let mut lab = Lab::bare();
        let guest = lab.vpc.second_guest("standby");
        let eth0 = EniSpec::new(lab.public, "eth0").ipv4(["172.31.5.11"]);
        let eth0 = eth0.public("172.31.5.11", THIRD).unchecked().on(guest);
        let eth0 = lab.vpc.attach(eth0);
        lab.vpc
            .associate(lab.enis[1], "172.31.8.209", "54.178.200.1");
        lab.vpc
            .route(RouteTable::Subnet(lab.private), "0.0.0.0/0", lab.enis[1]);
        let other = Instance::bare(lab.vpc.guest_of(guest));
        let config = format!(
            "[forwarding]\nstandby = [\"{leave_as}\"]\n[[egress]]\nfrom = [\"{A}\", \"{B}\"]\nas = \"{leave_as}\"\n{wishes}\n"
        );
        for instance in [&lab.instance, &other] {
            instance.write("etc/eniroute.toml", &config);
            instance.must("apply --backend none");
        }
        Self {
            lab,
            other,
            guest,
            eth0,
        }
    }

    fn crowd(&self) -> Crowd {
        Crowd::open(&self.lab.vpc.inet(), &self.lab.clients[..2], EACH)
    }

    /// The ENI goes, and its host is told.
    fn detach(&mut self) {
        self.lab.vpc.detach(self.lab.enis[1]);
        self.lab.instance.must("hotplug remove eth1");
    }

    /// The ENI comes to the stand-by, whose udev calls eniroute. How long after its metadata are complete the first packet
    /// was forwarded.
    fn attach(&mut self) -> Duration {
        let probe = Probe::begin(&self.lab.clients[0]);
        self.lab.vpc.move_to(self.lab.enis[1], self.guest, "eth7");
        let attached = Instant::now();
        self.other.must("hotplug add eth7 --wait 30");
        probe.end().duration_since(attached)
    }

    fn assert_clean(&self) {
        assert_eq!(self.lab.vpc.without_public_address(), 0);
        assert_eq!(self.lab.vpc.spoofed(), 0);
    }
}

/// A client that asks by one flow, every millisecond, until it is answered.
struct Probe {
    answered: JoinHandle<Instant>,
    stop: Arc<AtomicBool>,
}

impl Probe {
    fn begin(client: &Host) -> Self {
        let socket = client.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
        socket
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let answered = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                socket.send_to(b"?", (INTERNET[0], PORT)).unwrap();
                if socket.recv_from(&mut [0; 8]).is_ok() {
                    return Instant::now();
                }
            }
            panic!("nothing was forwarded");
        });
        Self { answered, stop }
    }

    fn end(self) -> Instant {
        let patient = Instant::now() + Duration::from_secs(5);
        while !self.answered.is_finished() && Instant::now() < patient {
            thread::sleep(Duration::from_millis(5));
        }
        self.stop.store(true, Ordering::Relaxed);
        self.answered.join().unwrap()
    }
}

/// Programs that eniroute runs on a host, each a line of what they leave here: its name, what it is to do, and whether `eth7`
/// passes packets on by then.
fn watched(instance: &Instance) -> impl Fn() -> Vec<String> + use<> {
    let log = instance.root().join("programs");
    let script = format!(
        "echo $(basename $0) $1 $(cat /proc/sys/net/ipv4/conf/eth7/forwarding) >>{}\nexec $(basename $0) \"$@\"",
        log.display()
    );
    for program in ["nft", "getent"] {
        instance.instead_of(program, &script);
    }
    move || {
        let lines = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(&log);
        lines.lines().map(str::to_owned).collect()
    }
}

/// A session to the host itself, and its two ends.
fn session(from: &Host, host: &Host, private: &str, public: &str) -> impl FnMut() -> bool + use<> {
    let listener = host.enter(|| TcpListener::bind((private, 22)).unwrap());
    let mut near = from.enter(|| TcpStream::connect((public, 22)).unwrap());
    let (mut far, _) = listener.accept().unwrap();
    near.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
    move || {
        let said = far.write_all(b"x").and_then(|()| near.read_exact(&mut [0]));
        said.and_then(|()| near.write_all(b"y"))
            .and_then(|()| far.read_exact(&mut [0]))
            .is_ok()
    }
}

#[test]
fn of_fifty_flows_all_whose_client_speaks_go_on_at_the_standby_and_the_silent_ones_when_they_do() {
    let mut pair = Pair::new("eni-00000060000000001", "");
    let inert = pair.other.host.sh("nft list set inet eniroute snat4");
    assert!(!inert.contains("elements"), "{inert}");
    let mut crowd = pair.crowd();
    let mut login = session(&pair.lab.vpc.inet(), &pair.other.host, "172.31.5.11", THIRD);
    pair.detach();
    crowd.drain();
    let took = pair.attach();
    println!("metadata complete to first forwarded packet: {took:?}");
    assert!(pair.other.is_soon(took, Duration::from_secs(4)), "{took:?}");
    let [speaks, idle, keeps_alive, unasked] = crowd.alive();
    assert_eq!([speaks, idle, keeps_alive], [13, 12, 12]);
    assert_eq!(
        unasked, 0,
        "nobody but the client can make itself known here"
    );
    assert_eq!(crowd.alive_when_asked(), EACH);
    assert!(login(), "the host's own session");
    assert_eq!(pair.lab.seen(&pair.lab.clients[0]), SECOND);
    pair.assert_clean();
}

#[test]
fn before_the_first_packet_at_a_standby_two_programs_run_and_no_resolver_and_a_refresh_runs_none_of_nft_s()
 {
    let mut pair = Pair::new("172.31.8.208", "");
    let hosts = pair.other.root().join("hosts");
    fs::write(&hosts, format!("{A} db1.internal\n")).unwrap();
    let bind = format!("mount --bind {} /etc/hosts", hosts.display());
    pair.other.host.sh(&bind);
    let config = pair.other.read("etc/eniroute.toml");
    let named = config.replace(&format!("\"{A}\""), "\"db1.internal\"");
    pair.other.write("etc/eniroute.toml", &named);
    pair.other.must("apply --backend none");
    let ran = watched(&pair.other);
    echo(&pair.lab.vpc.inet());
    pair.detach();
    pair.attach();
    let mut before = ran();
    before.retain(|line| !line.ends_with(" 1"));
    assert_eq!(before, ["nft -f 0", "nft -f 0"], "the guard, and the table");
    assert_eq!(pair.other.json("refresh")["kernel"], json!([]));
    assert_eq!(ran(), ["getent ahosts 1"]);
    pair.other.host.sh("/usr/sbin/nft add table inet of_others");
    assert_eq!(pair.other.json("refresh")["kernel"], json!([]));
    assert_eq!(ran(), ["nft -s 1", "getent ahosts 1"], "it is looked at");
    pair.assert_clean();
}

#[test]
fn with_stale_reset_every_flow_is_ended_by_a_reset_at_its_client_s_next_packet() {
    let mut pair = Pair::new("eni-00000060000000001", "stale = \"reset\"");
    let mut crowd = pair.crowd();
    pair.detach();
    pair.attach();
    assert_eq!(crowd.reset(), EACH);
    assert_eq!(
        pair.lab.seen(&pair.lab.clients[0]),
        SECOND,
        "new ones are welcome"
    );
    pair.assert_clean();
}

#[test]
fn flows_follow_an_address_that_moves_to_another_host_s_eni() {
    const MOVING: &str = "172.31.8.209";
    let mut pair = Pair::new(MOVING, "");
    let mut crowd = pair.crowd();
    let mut login = session(
        &pair.lab.vpc.inet(),
        &pair.lab.instance.host,
        "172.31.5.10",
        FIRST,
    );
    let (eth1, eth0) = (pair.lab.enis[1], pair.eth0);
    assert!(by(&pair.lab, MOVING) >= 50);
    pair.lab.vpc.unassign(eth1, MOVING);
    pair.lab.vpc.assign(eth0, MOVING);
    pair.lab
        .vpc
        .route(RouteTable::Subnet(pair.lab.private), "0.0.0.0/0", eth0);
    crowd.drain();
    pair.other.must("refresh");
    assert_eq!(crowd.alive()[..3], EACH[..3]);
    assert_eq!(crowd.alive_when_asked(), EACH);
    // What the other host knows of flows by an address that it has no more.
    pair.lab.instance.must("refresh");
    assert_eq!(by(&pair.lab, MOVING), 0);
    assert!(login(), "the host's own session");
    pair.assert_clean();
}
