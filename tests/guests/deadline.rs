//! Bounded waiting: sockets that are not there yet, and lines and bytes that may never come.

use std::env;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// So many seconds from now, times the patience.
    pub fn after(seconds: u64) -> Self {
        Self(Instant::now() + Duration::from_secs(seconds * patience()))
    }

    pub fn passed(self) -> bool {
        Instant::now() >= self.0
    }

    fn left(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() {
            Err(ErrorKind::TimedOut.into())
        } else {
            Ok(left)
        }
    }
}

/// How many times as long everything may take, on a machine that is busy with other things: `ENIROUTE_PATIENCE`, a whole
/// number; 1 unless it is set.
fn patience() -> u64 {
    env::var("ENIROUTE_PATIENCE").map_or(1, |times| {
        times
            .parse()
            .unwrap_or_else(|e| panic!("ENIROUTE_PATIENCE={times}: {e}"))
    })
}

/// Whether it comes true within so many seconds. Asks again and again.
pub fn comes_true(seconds: u64, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline = Deadline::after(seconds);
    while !is_true() {
        if deadline.passed() {
            return false;
        }
        thread::sleep(Duration::from_millis(300));
    }
    true
}

/// The reading half of a socket, each read of which has a deadline.
pub struct Reader(BufReader<UnixStream>);

impl Reader {
    pub fn new(stream: &UnixStream) -> Self {
        Self(BufReader::new(
            stream
                .try_clone()
                .expect("a copy of the socket's descriptor"),
        ))
    }

    /// A line without its end.
    pub fn line(&mut self, deadline: Deadline) -> io::Result<String> {
        let mut line = vec![];
        while line.pop_if(|&mut last| last == b'\n').is_none() {
            line.push(self.byte(deadline)?);
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    pub fn bytes(&mut self, count: usize, deadline: Deadline) -> io::Result<Vec<u8>> {
        (0..count).map(|_| self.byte(deadline)).collect()
    }

    fn byte(&mut self, deadline: Deadline) -> io::Result<u8> {
        if self.0.buffer().is_empty() {
            self.fill(deadline)?;
        }
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn fill(&mut self, deadline: Deadline) -> io::Result<()> {
        self.0.get_ref().set_read_timeout(Some(deadline.left()?))?;
        match self.0.fill_buf()?.len() {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Connects to a socket that its owner has yet to make.
pub fn connect(path: &Path, deadline: Deadline) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path) {
            Err(_) if !deadline.passed() => thread::sleep(Duration::from_millis(20)),
            result => return result,
        }
    }
}
