//! One TCP connection for ureq: to a literal address, bound to a device if asked, every step of it
//! bounded in time. No resolver, no thread, no proxy; knows nothing of metadata.
//!
//! All of ureq's `unversioned` interface that the program uses is here.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrIn6, sockopt};
use nix::sys::time::TimeVal;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
    time::Duration as Timer,
};

use super::endpoint::Way;
use super::pace;
use super::source;

/// Metadata values are short: most answers fit into one read. It has room for the longest head of one (client.rs).
const INPUT: usize = 10 * 1024;
/// For a request's head.
const OUTPUT: usize = 4 * 1024;

/// Opens connections to one address, by one device.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    way: Way,
    dialed: Arc<AtomicU32>,
}

impl Dialer {
    pub(super) fn new(way: Way) -> Self {
        Self {
            way,
            dialed: Arc::default(),
        }
    }

    /// How many connections it has tried to open; shared by all clones.
    pub(super) fn dialed(&self) -> u32 {
        self.dialed.load(Ordering::Relaxed)
    }
}

impl Resolver for Dialer {
    /// The address that the URL spells out. ureq's own resolver starts a thread for each connection.
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.way.endpoint.address());
        Ok(addresses)
    }
}

impl Connector for Dialer {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, ureq::Error> {
        self.dialed.fetch_add(1, Ordering::Relaxed);
        let to = self.way.endpoint.address();
        pace::connection(to.ip());
        let stream = dial(to, self.way.device.as_deref(), bound(details.timeout));
        let stream = stream.map_err(timed(details.timeout))?;
        Ok(Some(Connection {
            stream,
            buffers: LazyBuffers::new(INPUT, OUTPUT),
        }))
    }
}

/// Connects within `limit`. Binding to a device must come before, so that the route lookup heeds it.
fn dial(to: SocketAddr, device: Option<&str>, limit: Option<Duration>) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let fd = socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    if let Some(device) = device {
        socket::setsockopt(&fd, sockopt::BindToDevice, &device.into())?;
        source::bind(&fd, device, family)?;
    }
    if let Some(limit) = limit {
        // Bounds connect(2) too, says socket(7).
        socket::setsockopt(&fd, sockopt::SendTimeout, &time_val(limit))?;
    }
    connect(&fd, to)?;
    let stream = TcpStream::from(fd);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connection that is being opened, by the host's routes, while other things are done.
#[derive(Debug)]
pub(super) struct Knock(Option<TcpStream>);

impl Knock {
    /// Waits for nothing.
    pub(super) fn at(to: SocketAddr) -> Self {
        let family = if to.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket::socket(family, SockType::Stream, flags, None).ok();
        let begun = |fd: &OwnedFd| matches!(begin(fd, to), Ok(()) | Err(Errno::EINPROGRESS));
        Self(fd.filter(begun).map(TcpStream::from))
    }

    /// Whether the host has a route there.
    pub(super) fn is_begun(&self) -> bool {
        self.0.is_some()
    }

    /// Whether somebody has opened by now.
    pub(super) fn is_open(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|stream| stream.peer_addr().is_ok())
    }
}

fn begin(fd: &OwnedFd, to: SocketAddr) -> nix::Result<()> {
    let fd = fd.as_raw_fd();
    match to {
        SocketAddr::V4(to) => socket::connect(
            fd,
            &SockaddrIn::from(SocketAddrV4::new(*to.ip(), to.port())),
        ),
        SocketAddr::V6(to) => socket::connect(
            fd,
            &SockaddrIn6::from(SocketAddrV6::new(*to.ip(), to.port(), 0, 0)),
        ),
    }
}

pub(super) fn connect(fd: &OwnedFd, to: SocketAddr) -> io::Result<()> {
    match begin(fd, to) {
        // Of a blocking socket: its SO_SNDTIMEO is over.
        Err(Errno::EINPROGRESS) => Err(ErrorKind::TimedOut.into()),
        other => Ok(other?),
    }
}

pub(super) fn time_val(duration: Duration) -> TimeVal {
    let micros = duration.subsec_micros().into();
    TimeVal::new(
        duration.as_secs().try_into().unwrap_or(i32::MAX.into()),
        micros,
    )
}

/// What is left, never zero: to a socket, zero means for ever.
fn bound(timeout: NextTimeout) -> Option<Duration> {
    match timeout.after {
        Timer::Exact(left) => Some(left.max(Duration::from_millis(1))),
        Timer::NotHappening => None,
    }
}

/// Gives the socket's ways to say "too late" (EAGAIN after SO_RCVTIMEO) ureq's name.
fn timed(timeout: NextTimeout) -> impl Fn(io::Error) -> ureq::Error {
    move |error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => ureq::Error::Timeout(timeout.reason),
        _ => ureq::Error::Io(error),
    }
}

/// An open connection with ureq's buffers.
pub(super) struct Connection {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{:?}", self.stream)
    }
}

impl Connection {
    /// A read that a signal interrupts goes on with what is left of its time.
    fn receive(&mut self, limit: Option<Duration>) -> io::Result<usize> {
        let end = limit.map(|limit| Instant::now() + limit);
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            self.stream
                .set_read_timeout(left.map(|left| left.max(Duration::from_millis(1))))?;
            match self.stream.read(self.buffers.input_append_buf()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Open and silent: a byte that nobody asked for makes a connection as useless as its end does.
    fn is_idle(&self) -> io::Result<bool> {
        self.stream.set_nonblocking(true)?;
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false)?;
        Ok(peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock))
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(bound(timeout))?;
        self.stream
            .write_all(&self.buffers.output()[..amount])
            .map_err(timed(timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        let amount = self.receive(bound(timeout)).map_err(timed(timeout))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.is_idle().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const LIMIT: Option<Duration> = Some(Duration::from_millis(100));

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn connects_through_the_device_it_is_bound_to() {
        let (_listener, address) = listener();
        let stream = dial(address, Some("lo"), LIMIT).unwrap();
        assert_eq!(
            socket::getsockopt(&stream, sockopt::BindToDevice).unwrap(),
            "lo"
        );
        assert_eq!(stream.peer_addr().unwrap(), address);
    }

    #[test]
    fn a_missing_device_is_an_error() {
        let (_listener, address) = listener();
        let error = dial(address, Some("nosuch0"), LIMIT).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ENODEV as i32));
    }

    #[test]
    fn a_connect_that_nobody_answers_ends_in_time() {
        // A full accept queue drops every further SYN.
        let fd = socket::socket(
            AddressFamily::Inet,
            SockType::Stream,
            SockFlag::empty(),
            None,
        )
        .unwrap();
        socket::bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
        socket::listen(&fd, socket::Backlog::new(0).unwrap()).unwrap();
        let address = TcpListener::from(fd.try_clone().unwrap())
            .local_addr()
            .unwrap();
        let _fills_the_queue = dial(address, None, LIMIT).unwrap();

        let start = Instant::now();
        let error = dial(address, None, LIMIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(
            start.elapsed() >= Duration::from_millis(95),
            "{:?}",
            start.elapsed()
        );
    }

    #[test]
    fn a_refused_connect_says_so() {
        // An address of its own: no other test opens a port there.
        let address = TcpListener::bind("127.1.2.5:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert_eq!(
            dial(address, None, LIMIT).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
    }

    #[test]
    fn only_an_open_and_silent_connection_is_idle() {
        let (listener, address) = listener();
        let open = || {
            let stream = dial(address, None, LIMIT).unwrap();
            (
                Connection {
                    stream,
                    buffers: LazyBuffers::new(INPUT, OUTPUT),
                },
                listener.accept().unwrap().0,
            )
        };
        let (mut silent, _peer) = open();
        assert!(silent.is_open() && silent.is_open());

        let (mut babbling, mut peer) = open();
        peer.write_all(b"?").unwrap();
        babbling.stream.peek(&mut [0]).unwrap(); // waits for the byte
        assert!(!babbling.is_open());

        let (mut closed, peer) = open();
        drop(peer);
        closed.stream.peek(&mut [0]).unwrap(); // waits for the end
        assert!(!closed.is_open());
    }
}
