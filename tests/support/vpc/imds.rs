//! The instance metadata service, version 2, as the instance meets it: HTTP/1.1 with keep-alive in the
//! router's namespace. Plain sockets and threads; [`super::metadata`] has the text, [`super::faults`]
//! what goes wrong.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use nix::libc;
use nix::sys::socket::{self, setsockopt, sockopt};

use super::faults::{Fault, Faults};
use super::http::{Answer, Request as Head};
use super::metadata::{Tree, get};
use super::netns::Host;
use super::router::{IMDS, IMDS6};

/// A request that came in, in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub method: String,
    /// As sent: `/latest/meta-data/mac`.
    pub path: String,
    /// As answered; 0 for no answer at all.
    pub status: u16,
    /// The source address, which tells the ENI.
    pub from: IpAddr,
    /// When it came.
    pub at: Instant,
}

/// One instance in the eyes of the service: its text, and the source addresses that are its own.
pub struct Instance {
    pub tree: Tree,
    pub sources: Vec<IpNet>,
}

#[derive(Default)]
struct State {
    instances: Vec<Instance>,
    tokens: HashMap<String, (usize, Instant)>,
    issued: u64,
    /// Of every instance.
    user_data: Option<String>,
    faults: Faults,
    log: Vec<Request>,
    /// Who serves a connection owns it; this is to end it.
    open: Vec<Weak<TcpStream>>,
    /// How many were open at once.
    most_open: usize,
}

/// The service, until it is dropped.
pub struct Imds {
    router: Host,
    state: Arc<Mutex<State>>,
    listeners: Mutex<Vec<Listener>>,
    ipv6: bool,
}

struct Listener {
    socket: TcpListener,
    thread: JoinHandle<()>,
}

impl Imds {
    pub(super) fn start(router: &Host) -> Self {
        let imds = Self {
            router: router.clone(),
            state: Arc::default(),
            listeners: Mutex::default(),
            ipv6: false,
        };
        imds.listen();
        imds
    }

    /// What an instance is given along at its launch.
    pub fn user_data(&self, text: String) {
        self.state().user_data = Some(text);
    }

    /// From now on, and until [`Imds::heal`]. Several faults at once are possible.
    pub fn fault(&self, fault: Fault) {
        match fault {
            Fault::Dead => self.silence(),
            fault => self.state().faults.add(fault, None),
        }
    }

    /// For the next `times` requests that it concerns.
    pub fn fault_for(&self, times: usize, fault: Fault) {
        assert!(
            fault != Fault::Dead,
            "a service that is dead sees no requests to count"
        );
        assert!(times > 0, "no request at all: {fault:?}");
        self.state().faults.add(fault, Some(times));
    }

    /// Ends all faults. Who talks with the service goes on undisturbed; who waits in vain is let go.
    pub fn heal(&self) {
        if self.state().faults.clear().contains(&Fault::Blackhole) {
            self.hang_up();
        }
        if self.listeners.lock().expect("the listeners").is_empty() {
            self.listen();
        }
    }

    /// All requests since the start or since [`Imds::clear_log`].
    pub fn log(&self) -> Vec<Request> {
        self.state().log.clone()
    }

    /// What the first instance gets for this path when all is well.
    pub fn text_of(&self, path: &str) -> Option<String> {
        let state = self.state();
        get(&state.instances.first()?.tree, below_version(path)?, |_| {
            false
        })
    }

    /// Forgets what there was.
    pub fn clear_log(&self) {
        let mut state = self.state();
        (state.log, state.most_open) = (Vec::new(), 0);
    }

    /// How many connections were open at once since then.
    pub fn most_connections(&self) -> usize {
        self.state().most_open
    }

    /// Tokens handed out so far are worth nothing from now on.
    pub fn expire_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Turns the IPv6 endpoint on, which EC2 leaves off.
    pub(super) fn enable_ipv6(&mut self) {
        self.silence();
        self.router
            .ip(&format!("address add {IMDS6}/128 dev lo nodad"));
        self.ipv6 = true;
        self.listen();
    }

    pub(super) fn publish(&self, instances: Vec<Instance>) {
        self.state().instances = instances;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn listen(&self) {
        let addresses = if self.ipv6 {
            vec![IMDS, IMDS6]
        } else {
            vec![IMDS]
        };
        let listeners = addresses.into_iter().map(|address| self.listener(address));
        self.listeners
            .lock()
            .expect("the listeners")
            .extend(listeners);
    }

    fn listener(&self, address: &str) -> Listener {
        let socket = self
            .router
            .enter(|| TcpListener::bind((address, 80)))
            .unwrap_or_else(|e| panic!("{address}:80: {e}"));
        hop_limit_1(&socket, address);
        let acceptor = socket.try_clone().expect("a copy of the listener");
        let state = self.state.clone();
        // Ends when `silence` shuts the listener down.
        let thread = thread::spawn(move || {
            acceptor
                .incoming()
                .map_while(Result::ok)
                .for_each(|c| welcome(&state, c))
        });
        Listener { socket, thread }
    }

    /// Nothing listens and nothing is connected, when this returns.
    fn silence(&self) {
        for Listener { socket, thread } in self.listeners.lock().expect("the listeners").drain(..) {
            // Linux: wakes accept(2), and refuses connections from now on.
            socket::shutdown(socket.as_raw_fd(), socket::Shutdown::Both)
                .expect("shut the listener down");
            thread.join().expect("the listener's thread");
        }
        self.hang_up();
    }

    fn hang_up(&self) {
        for stream in self
            .state()
            .open
            .drain(..)
            .filter_map(|stream| stream.upgrade())
        {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Imds {
    fn drop(&mut self) {
        self.silence();
    }
}

/// EC2's default: an answer does not travel beyond the instance, to a container say.
fn hop_limit_1(socket: &TcpListener, address: &str) {
    if address.contains(':') {
        setsockopt(socket, sockopt::Ipv6Ttl, &1).expect("a hop limit of 1");
    } else {
        setsockopt(socket, sockopt::Ipv4Ttl, &1).expect("a TTL of 1");
    }
}

/// With these the client gets no answer.
const MUTE: [Fault; 4] = [
    Fault::Blackhole,
    Fault::Garbage,
    Fault::Reset,
    Fault::Closed,
];

/// Serves a connection, in a thread of its own.
fn welcome(state: &Arc<Mutex<State>>, stream: TcpStream) {
    let Ok(peer) = stream.peer_addr() else { return };
    let _ = stream.set_nodelay(true);
    let (state, stream) = (state.clone(), Arc::new(stream));
    lock(&state).remember(&stream);
    thread::spawn(move || serve(&state, &stream, peer.ip()));
}

fn serve(state: &Mutex<State>, stream: &TcpStream, from: IpAddr) {
    let mut reader = io::BufReader::new(stream);
    while let Ok(Some(head)) = Head::read(&mut reader) {
        let begin = Instant::now();
        let mut state = lock(state);
        // An address that is nobody's: a frame that no ENI of the VPC may have sent.
        let Some(instance) = state
            .instances
            .iter()
            .position(|i| i.sources.iter().any(|net| net.contains(&from)))
        else {
            return;
        };
        let faults = state.faults.strike(&head.path);
        let answer = state.answer(instance, &head, &faults);
        let mute = faults.iter().any(|fault| MUTE.contains(fault));
        let status = if mute { 0 } else { answer.status };
        state.log.push(Request {
            method: head.method.clone(),
            path: head.path.clone(),
            status,
            from,
            at: begin,
        });
        drop(state);
        if !reply(stream, &answer, &faults, begin) || head.close {
            return;
        }
    }
}

/// Sends the answer, as the faults have it; false when the connection is at its end.
fn reply(mut stream: &TcpStream, answer: &Answer, faults: &[Fault], begin: Instant) -> bool {
    let is = |fault| faults.contains(&fault);
    if is(Fault::Blackhole) {
        let _ = io::copy(&mut stream, &mut io::sink());
        return false;
    }
    let delays = faults.iter().filter_map(|fault| {
        if let Fault::Slow(delay) = fault {
            Some(*delay)
        } else {
            None
        }
    });
    wait_until(begin + delays.sum::<Duration>());
    if is(Fault::Reset) {
        // Unsent data is dropped, and the peer hears of it when the connection is closed.
        let at_once = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        let _ = setsockopt(&stream, sockopt::Linger, &at_once);
    }
    if is(Fault::Reset) || is(Fault::Closed) {
        return false;
    }
    let garbage = || b"SSH-2.0-OpenSSH_9.2\r\n\0\xff\xfe".to_vec();
    let bytes = if is(Fault::Garbage) {
        garbage()
    } else {
        answer.bytes(is(Fault::Truncated))
    };
    let sent = io::Write::write_all(&mut stream, &bytes).is_ok();
    sent && !is(Fault::Garbage) && !is(Fault::Truncated)
}

/// To some microseconds, which a sleeping thread alone does not reach.
fn wait_until(deadline: Instant) {
    thread::sleep(
        deadline
            .saturating_duration_since(Instant::now())
            .saturating_sub(Duration::from_micros(150)),
    );
    while Instant::now() < deadline {
        std::hint::spin_loop();
    }
}

impl State {
    fn remember(&mut self, stream: &Arc<TcpStream>) {
        self.open.retain(|stream| stream.strong_count() > 0);
        self.open.push(Arc::downgrade(stream));
        self.most_open = self.most_open.max(self.open.len());
    }

    fn answer(&mut self, instance: usize, head: &Head, faults: &[Fault]) -> Answer {
        for fault in faults {
            match fault {
                Fault::Status(status) | Fault::StatusOf(_, status) => {
                    return Answer::error(*status);
                }
                _ => {}
            }
        }
        let text = faults.iter().find_map(|fault| match fault {
            Fault::Value(_, text) => Some(text),
            _ => None,
        });
        match (head.method.as_str(), text) {
            ("PUT", Some(text)) => Answer::text(text.clone()),
            ("PUT", None) => self.issue(instance, head),
            ("GET" | "HEAD", _) => self.read(instance, head, faults),
            _ => Answer::error(405),
        }
    }

    fn issue(&mut self, instance: usize, head: &Head) -> Answer {
        if head.path != "/latest/api/token" || head.header("x-forwarded-for").is_some() {
            return Answer::error(403);
        }
        let ttl = head
            .header("x-aws-ec2-metadata-token-ttl-seconds")
            .and_then(|text| text.parse().ok());
        let Some(ttl @ 1..=21600) = ttl else {
            return Answer::error(400);
        };
        self.issued += 1;
        let token = format!("AQAEA{:049}==", self.issued);
        self.tokens.insert(
            token.clone(),
            (instance, Instant::now() + Duration::from_secs(ttl)),
        );
        Answer::text(token).with_header(format!("X-Aws-Ec2-Metadata-Token-Ttl-Seconds: {ttl}"))
    }

    fn read(&self, instance: usize, head: &Head, faults: &[Fault]) -> Answer {
        let token = head
            .header("x-aws-ec2-metadata-token")
            .and_then(|token| self.tokens.get(token));
        if !token.is_some_and(|&(owner, expiry)| owner == instance && Instant::now() < expiry) {
            return Answer::error(401);
        }
        for fault in faults {
            match fault {
                Fault::Late(_) | Fault::Absent(_) => return Answer::error(404),
                Fault::Value(_, text) => {
                    return Answer::text(text.clone()).without_body_if(head.method == "HEAD");
                }
                _ => {}
            }
        }
        let tree = &self.instances[instance].tree;
        let found = below_version(&head.path).and_then(|path| match path {
            "user-data" => self.user_data.clone(),
            path => get(tree, path, |child| self.faults.hides(child)),
        });
        found
            .map_or_else(|| Answer::error(404), Answer::text)
            .without_body_if(head.method == "HEAD")
    }
}

/// `meta-data/mac` of `/latest/meta-data/mac` or `/2021-07-15/meta-data/mac`.
fn below_version(path: &str) -> Option<&str> {
    let path = path.strip_prefix('/')?;
    let (version, rest) = path.split_once('/').unwrap_or((path, ""));
    let dated = version.len() == 10 && version.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    (version == "latest" || dated).then_some(rest)
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state
        .lock()
        .expect("no thread of the service panics while it holds the state")
}
