//! How long after an ENI has come to a stand-by, its metadata complete, the packets of its clients are forwarded again.

use std::fs;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::life::{disk, run};
use crate::vpc::nat::{A, NatSite};
use crate::vpc::{EniId, EniSpec, Fault, GuestId, Host, INTERNET};
use crate::{IMDS_TAKES, ROUNDS, min_median};

const PORT: u16 = 4000;
const STANDBY: [&str; 2] = ["172.31.5.11", "54.178.200.9"];

/// Shortly after another run, an attached ENI waits for more that may follow it.
const APART: Duration = Duration::from_millis(1100);

/// A client's flow that is not answered within this time is not forwarded at all.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn rows() -> Vec<Vec<String>> {
    let mut pair = Pair::new();
    let times: Vec<f64> = (0..ROUNDS).map(|_| pair.round()).collect();
    vec![vec![
        "egress moved to a stand-by: attached to first forwarded packet".to_owned(),
        min_median(&times),
    ]]
}

/// Two instances with the same configuration, and the ENI that clients leave by.
struct Pair {
    site: NatSite,
    eni: EniId,
    guests: [(Host, GuestId, TempDir); 2],
}

impl Pair {
    fn new() -> Self {
        let mut site = NatSite::new();
        let [_, eth1] = site.enis().map(|eni| site.vpc.attach(eni));
        site.route(eth1);
        let standby = site.vpc.second_guest("standby");
        let other = EniSpec::new(site.public, "eth0").ipv4([STANDBY[0]]);
        let other = other.public(STANDBY[0], STANDBY[1]).unchecked();
        site.vpc.attach(other.on(standby));
        answer(&site.vpc.inet());
        let config = format!(
            "[forwarding]\nstandby = [\"172.31.8.208\"]\n[[egress]]\nfrom = \"{A}\"\nas = \"172.31.8.208\"\n"
        );
        let guests = [GuestId::default(), standby].map(|guest| {
            let root = disk();
            fs::write(root.path().join("etc/eniroute.toml"), &config).expect("its configuration");
            (site.vpc.guest_of(guest), guest, root)
        });
        for (host, _, root) in &guests {
            run(host, root, "apply --backend none");
        }
        site.vpc.imds().fault(Fault::Slow(IMDS_TAKES));
        Self {
            site,
            eni: eth1,
            guests,
        }
    }

    /// There and back; milliseconds of the way there.
    fn round(&mut self) -> f64 {
        self.leave(0, "eth1");
        thread::sleep(APART);
        let there = self.come(1, "eth7");
        self.leave(1, "eth7");
        self.come(0, "eth1");
        there
    }

    fn leave(&mut self, index: usize, name: &str) {
        self.site.vpc.detach(self.eni);
        let (host, _, root) = &self.guests[index];
        run(host, root, &format!("hotplug remove {name}"));
    }

    fn come(&mut self, index: usize, name: &str) -> f64 {
        let client = self.site.clients[0].clone();
        let socket = client.enter(|| UdpSocket::bind("0.0.0.0:0").expect("a socket"));
        let answered = thread::spawn(move || first_answer(&socket));
        let (host, guest, root) = &self.guests[index];
        self.site.vpc.move_to(self.eni, *guest, name);
        let attached = Instant::now();
        run(host, root, &format!("hotplug add {name} --wait 30"));
        let first = answered.join().expect("the client");
        first.duration_since(attached).as_secs_f64() * 1e3
    }
}

/// One flow's datagrams, a millisecond apart, until one is answered.
fn first_answer(socket: &UdpSocket) -> Instant {
    let pause = Some(Duration::from_millis(1));
    socket.set_read_timeout(pause).expect("a timeout");
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        socket.send_to(b"?", (INTERNET[0], PORT)).expect("to send");
        if socket.recv_from(&mut [0; 8]).is_ok() {
            return Instant::now();
        }
    }
    panic!("no packet was forwarded within {PATIENCE:?}");
}

/// On the Internet: each datagram comes back.
fn answer(inet: &Host) {
    let socket = inet.enter(|| UdpSocket::bind((INTERNET[0], PORT)).expect("a port"));
    thread::spawn(move || {
        let mut datagram = [0; 8];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            socket
                .send_to(&datagram[..length], from)
                .expect("to answer");
        }
    });
}
