//! Scenario S3 with its instance, whose primary ENI the private subnet's route table has as the way out.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::instance::Instance;
pub use super::vpc::nat::{A, B, C, FIRST, SECOND};
use super::vpc::nat::{NatSite, seen};
use super::vpc::{EniId, Host, INTERNET, RouteTable, SubnetId, Vpc, uninterrupted, wait_for};

pub const S3: &str = r#"
[[egress]]
from = "172.31.26.176"
as = "54.178.197.195"

[[egress]]
from = "172.31.20.5"
as = "54.178.213.178"
"#;

pub const PORT: u16 = 4000;

/// How long one of so many clients that ask over and over rests: each flow has a port for half a minute.
fn breath(clients: usize) -> Duration {
    Duration::from_millis(2) * u32::try_from(clients).unwrap()
}

pub struct Lab {
    pub vpc: Vpc,
    pub instance: Instance,
    pub public: SubnetId,
    pub private: SubnetId,
    pub enis: [EniId; 2],
    /// `A`, `B` and `C`.
    pub clients: [Host; 3],
    has_ipv6: bool,
}

impl Lab {
    /// With this configuration applied.
    pub fn new(config: &str) -> Self {
        let lab = Self::bare();
        lab.configure(config);
        lab.instance.must("apply --backend none");
        lab
    }

    /// Nothing is configured yet.
    pub fn bare() -> Self {
        let mut site = NatSite::new();
        let enis = site.enis().map(|eni| site.vpc.attach(eni));
        site.route(enis[0]);
        let NatSite {
            vpc,
            public,
            private,
            clients,
        } = site;
        let instance = Instance::bare(vpc.guest());
        Self {
            vpc,
            instance,
            public,
            private,
            enis,
            clients,
            has_ipv6: false,
        }
    }

    pub fn configure(&self, config: &str) {
        self.instance.write("etc/eniroute.toml", config);
    }

    /// What the Internet sees of a client's datagram; empty: nothing.
    pub fn seen(&self, client: &Host) -> String {
        seen(&self.vpc, client)
    }

    /// What the Internet sees of all three.
    pub fn all_seen(&self) -> [String; 3] {
        [0, 1, 2].map(|index| self.seen(&self.clients[index]))
    }

    /// conntrack knows no flow any more, as after a fail-over.
    pub fn forget_flows(&self) {
        self.instance.host.command("conntrack").arg("-F").output();
    }

    /// The seconds after which each established TCP flow to the Internet is forgotten.
    pub fn timeouts(&self) -> Vec<u32> {
        let listed = self
            .instance
            .host
            .command("conntrack")
            .args(["-L", "-p", "tcp", "--dst", INTERNET[0]])
            .run();
        let flows = listed.lines().filter(|line| line.contains(" ESTABLISHED "));
        flows
            .map(|line| line.split_whitespace().nth(2).unwrap().parse().unwrap())
            .collect()
    }

    /// A client with both families, which leave by the primary ENI; both ENIs have IPv6 from then on.
    pub fn dual_client(&mut self, name: &str, v4: &str, v6: &str) -> Host {
        if !self.has_ipv6 {
            for (eni, ip) in self.enis.into_iter().zip(["10", "20"]) {
                self.vpc.assign(eni, format!("2001:db8:0:1::{ip}"));
            }
            let table = RouteTable::Subnet(self.private);
            self.vpc.route(table, "::/0", self.enis[0]);
            self.has_ipv6 = true;
        }
        self.vpc.instance(self.private, name, &[v4, v6])
    }

    /// So many clients more.
    pub fn crowd(&self, count: usize) -> Vec<Host> {
        let one = |n| self.client(&format!("crowd-{n}"), &format!("172.31.28.{}", n + 1));
        (0..count).map(one).collect()
    }

    /// Runs `count` applications of ever other configurations under these clients, who open flows all the time. How many
    /// flows they opened, how many of those had no answer, and how many packets left with a private address.
    pub fn reloads(&self, clients: &[Host], count: usize) -> (usize, usize, u64) {
        let without = self.vpc.without_public_address();
        let asking = Asking::begin(clients);
        after(&asking, clients.len());
        for n in 1..=count {
            self.configure(&changing(n));
            self.instance.must("apply --backend none");
        }
        after(&asking, clients.len());
        let (asked, lost) = asking.end();
        (asked, lost, self.vpc.without_public_address() - without)
    }

    /// Another client.
    pub fn client(&self, name: &str, ip: &str) -> Host {
        self.vpc.instance(self.private, name, &[ip])
    }
}

/// S3 with a pool for the crowd, and a client more or less each time.
pub fn changing(n: usize) -> String {
    let others = format!("\"172.31.30.{}\", \"172.31.31.0/{}\"", n % 200, 24 + n % 5);
    format!(
        "{S3}\n[[egress]]\nfrom = [\"172.31.28.0/24\", {others}]\nas = [\"{FIRST}\", \"{SECOND}\"]\n"
    )
}

/// On the Internet: answers each datagram and each piece of a TCP flow with the same, until it is dropped with the network.
pub fn echo(inet: &Host) {
    let (tcp, udp) = inet.enter(|| {
        let at = (INTERNET[0], PORT);
        (TcpListener::bind(at).unwrap(), UdpSocket::bind(at).unwrap())
    });
    thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            thread::spawn(move || repeat(stream));
        }
    });
    thread::spawn(move || {
        let mut datagram = [0; 64];
        while let Ok((length, from)) = udp.recv_from(&mut datagram) {
            let _ = udp.send_to(&datagram[..length], from);
        }
    });
}

fn repeat(mut stream: TcpStream) {
    let mut piece = [0; 64];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        if stream.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// A TCP flow of a client's to the Internet.
pub struct Flow(TcpStream);

impl Flow {
    pub fn open(client: &Host) -> Self {
        let stream = client.enter(|| TcpStream::connect((INTERNET[0], PORT)).unwrap());
        stream
            .set_read_timeout(Some(Duration::from_secs(4)))
            .unwrap();
        let mut flow = Self(stream);
        assert!(flow.lives());
        flow
    }

    /// What the client sends comes back, or why not.
    pub fn outcome(&mut self) -> Result<(), ErrorKind> {
        let mut answer = [0; 4];
        let sent = self.0.write_all(b"ping");
        let ended = sent.and_then(|()| self.0.read_exact(&mut answer));
        ended.map_err(|error| error.kind())
    }

    /// What the client sends comes back.
    pub fn lives(&mut self) -> bool {
        self.outcome().is_ok()
    }
}

/// Clients that ask the Internet by a new UDP flow each time, over and over.
pub struct Asking {
    stop: Arc<AtomicBool>,
    lost: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Asking {
    pub fn begin(clients: &[Host]) -> Self {
        let mut asking = Self {
            stop: Arc::default(),
            lost: Arc::default(),
            asked: Arc::default(),
            threads: Vec::new(),
        };
        let breath = breath(clients.len());
        for client in clients {
            let client = client.clone();
            let (stop, lost, asked) = (
                asking.stop.clone(),
                asking.lost.clone(),
                asking.asked.clone(),
            );
            let work = move || {
                while !stop.load(Ordering::Relaxed) {
                    let answered = ask_from_here();
                    asked.fetch_add(1, Ordering::Relaxed);
                    lost.fetch_add(usize::from(!answered), Ordering::Relaxed);
                    thread::sleep(breath);
                }
            };
            asking
                .threads
                .push(thread::spawn(move || client.enter(work)));
        }
        asking
    }

    /// How many flows were opened, and how many of them had no answer.
    pub fn end(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        (
            self.asked.load(Ordering::Relaxed),
            self.lost.load(Ordering::Relaxed),
        )
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// One datagram by a socket of its own, and its answer.
pub fn ask(client: &Host) -> bool {
    client.enter(ask_from_here)
}

fn ask_from_here() -> bool {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    socket.send_to(b"ask", (INTERNET[0], PORT)).is_ok()
        && uninterrupted(|| socket.recv_from(&mut [0; 8])).is_ok()
}

/// Until so many flows more have been opened.
pub fn after(asking: &Asking, more: usize) {
    let until = asking.asked() + more;
    wait_for("more flows", || asking.asked() >= until);
}
