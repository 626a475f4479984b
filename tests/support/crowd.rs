//! Established TCP flows of NAT clients, of the four kinds that a fail-over or a gap of the NAT tells apart: by who speaks.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{KeepAlive, TcpKeepIdle, TcpKeepInterval};

use super::nat::{PORT, echo};
use super::vpc::{Host, INTERNET, uninterrupted, wait_for};

/// Where a server speaks unasked, whatever it hears.
const TALKING: u16 = PORT + 1;

/// How often it does, and how long a client that speaks rests.
const OFTEN: Duration = Duration::from_millis(50);

/// How long an answer may take: a lost packet is sent again after 0.2 s, 0.4 s, ...
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The client speaks all the time, and is answered.
    Speaks,
    /// Nobody speaks until the client does.
    Idle,
    /// The server speaks, and the client has TCP keep-alive.
    KeepsAlive,
    /// The server speaks, and the client never.
    Silent,
}

pub const KINDS: [Kind; 4] = [Kind::Speaks, Kind::Idle, Kind::KeepsAlive, Kind::Silent];

/// Flows of each kind, dealt to the clients in turn.
pub struct Crowd {
    flows: Vec<Member>,
    stop: Arc<AtomicBool>,
}

struct Member {
    kind: Kind,
    stream: TcpStream,
    /// Of one that speaks: how often it was answered. Of any: how it ended.
    answered: Arc<AtomicUsize>,
    end: Arc<Mutex<Option<ErrorKind>>>,
}

impl Crowd {
    /// So many of each of [`KINDS`], with servers of their own on the Internet.
    pub fn open(inet: &Host, clients: &[Host], each: [usize; 4]) -> Self {
        // A server whose packets are lost for a while tries again soon (since Linux 6.15).
        let bound = "/proc/sys/net/ipv4/tcp_rto_max_ms";
        inet.sh(&format!("[ ! -e {bound} ] || echo 2000 >{bound}"));
        echo(inet);
        talk(inet);
        let stop = Arc::new(AtomicBool::new(false));
        let kinds = KINDS
            .iter()
            .zip(each)
            .flat_map(|(kind, count)| vec![*kind; count]);
        let flows = kinds.zip(clients.iter().cycle());
        let flows = flows.map(|(kind, client)| Member::open(kind, client, &stop));
        Self {
            flows: flows.collect(),
            stop,
        }
    }

    /// Forgets what has been heard so far.
    pub fn drain(&mut self) {
        self.flows.iter_mut().for_each(|flow| {
            flow.drain();
        });
    }

    /// How many of each of [`KINDS`] go on, without a word of the silent ones.
    pub fn alive(&mut self) -> [usize; 4] {
        self.count(|flow| match flow.kind {
            Kind::Silent => flow.drain(),
            _ => flow.outcome().is_ok(),
        })
    }

    /// How many of each go on once their client says something.
    pub fn alive_when_asked(&mut self) -> [usize; 4] {
        self.break_silence();
        self.count(|flow| {
            let outcome = flow.outcome();
            if let Err(kind) = outcome {
                println!(
                    "{:?} from {:?}: {kind}",
                    flow.kind,
                    flow.stream.local_addr()
                );
            }
            outcome.is_ok()
        })
    }

    /// How many of each end by a reset, once their client says something.
    pub fn reset(&mut self) -> [usize; 4] {
        self.break_silence();
        self.count(|flow| flow.outcome() == Err(ErrorKind::ConnectionReset))
    }

    /// All at once: a server that hears nothing gives up after half a minute.
    fn break_silence(&mut self) {
        let silent = self.flows.iter_mut();
        for flow in silent.filter(|flow| flow.kind == Kind::Silent) {
            flow.drain();
            // Where it has ended, hearing tells how.
            let _ = flow.stream.write_all(b"x");
        }
    }

    fn count(&mut self, mut is_one: impl FnMut(&mut Member) -> bool) -> [usize; 4] {
        let mut counts = [0; 4];
        for flow in &mut self.flows {
            let kind = KINDS.iter().position(|kind| *kind == flow.kind).unwrap();
            counts[kind] += usize::from(is_one(flow));
        }
        counts
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Member {
    fn open(kind: Kind, client: &Host, stop: &Arc<AtomicBool>) -> Self {
        let port = match kind {
            Kind::Speaks | Kind::Idle => PORT,
            Kind::KeepsAlive | Kind::Silent => TALKING,
        };
        let stream = client.enter(|| TcpStream::connect((INTERNET[0], port)).unwrap());
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        if kind == Kind::KeepsAlive {
            setsockopt(&stream, KeepAlive, &true).unwrap();
            setsockopt(&stream, TcpKeepIdle, &1).unwrap();
            setsockopt(&stream, TcpKeepInterval, &1).unwrap();
        }
        let mut flow = Self {
            kind,
            stream,
            answered: Arc::default(),
            end: Arc::default(),
        };
        if kind == Kind::Speaks {
            flow.speak(stop.clone());
        }
        assert_eq!(flow.outcome(), Ok(()), "{kind:?}");
        flow
    }

    fn speak(&self, stop: Arc<AtomicBool>) {
        let mut stream = self.stream.try_clone().unwrap();
        let (answered, end) = (self.answered.clone(), self.end.clone());
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if let Err(kind) = exchange(&mut stream) {
                    *end.lock().unwrap() = Some(kind);
                    return;
                }
                answered.fetch_add(1, Ordering::Relaxed);
                thread::sleep(OFTEN);
            }
        });
    }

    /// What the client hears, after a word of its own where it is one that speaks.
    fn outcome(&mut self) -> Result<(), ErrorKind> {
        match self.kind {
            Kind::Speaks => self.spoken(),
            Kind::Idle => exchange(&mut self.stream),
            Kind::KeepsAlive | Kind::Silent => self.hear(),
        }
    }

    fn spoken(&self) -> Result<(), ErrorKind> {
        let before = self.answered.load(Ordering::Relaxed);
        let end = || *self.end.lock().unwrap();
        wait_for("an answer", || {
            self.answered.load(Ordering::Relaxed) > before || end().is_some()
        });
        end().map_or(Ok(()), Err)
    }

    /// What is there is forgotten; then the next word is awaited.
    fn hear(&mut self) -> Result<(), ErrorKind> {
        self.drain();
        let ended = *self.end.lock().unwrap();
        if let Some(kind) = ended {
            return Err(kind);
        }
        match uninterrupted(|| self.stream.read(&mut [0; 64])) {
            Ok(0) => Err(ErrorKind::UnexpectedEof),
            Ok(_) => Ok(()),
            Err(error) => Err(error.kind()),
        }
    }

    /// Whether there was something. An end is remembered: the kernel tells of it once.
    fn drain(&mut self) -> bool {
        if self.kind == Kind::Speaks {
            return false;
        }
        self.stream.set_nonblocking(true).unwrap();
        let mut piece = [0; 4096];
        let mut heard = false;
        let end = loop {
            match self.stream.read(&mut piece) {
                Ok(0) => break Some(ErrorKind::UnexpectedEof),
                Ok(_) => heard = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
                Err(error) => break Some(error.kind()),
            }
        };
        self.stream.set_nonblocking(false).unwrap();
        let mut known = self.end.lock().unwrap();
        *known = known.or(end);
        heard
    }
}

fn exchange(stream: &mut TcpStream) -> Result<(), ErrorKind> {
    let mut answer = [0; 4];
    let sent = stream.write_all(b"ping");
    let ended = sent.and_then(|()| stream.read_exact(&mut answer));
    ended.map_err(|error| error.kind())
}

/// On the Internet: says something to whoever connects, over and over.
fn talk(inet: &Host) {
    let listener = inet.enter(|| TcpListener::bind((INTERNET[0], TALKING)).unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                while stream.write_all(b".").is_ok() {
                    thread::sleep(OFTEN);
                }
            });
        }
    });
}
