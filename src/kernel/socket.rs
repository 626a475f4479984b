//! One rtnetlink request at a time: send, then read its acknowledgement, its one reply or its dump. It
//! knows sequence numbers, interrupted dumps and the kernel's errors, and nothing of routes or rules.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::types::Buffer;
use neli::utils::Groups;
use neli::{FromBytesWithInput, Size, ToBytes};
use nix::errno::Errno;

use super::refusal::Refusal;
use super::reply::{Take, decode, in_datagram, no_reply, refusal, refused};
use super::request::Request;
use crate::gather::Gather;

/// How long one request may take, its dump included. The kernel answers rtnetlink within `send` itself, so
/// this ends only a wait for an answer that was lost.
const DEADLINE: Duration = Duration::from_secs(5);
const NAP: Duration = Duration::from_millis(1);

/// How often a list that something else changes meanwhile is asked for: over one second in all.
const DUMP_TRIES: u32 = 10;

/// The kernel fills at most 32 KiB per datagram (`netlink_recvmsg` caps `max_recvmsg_len`).
const DATAGRAM: usize = 64 * 1024;

/// Asked for as `SO_RCVBUF`; the kernel takes `net.core.rmem_max` instead where that is less.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// Adds to a list what is kept of a row, if anything.
pub type Keep<'a, R, L> = &'a dyn Fn(&mut L, R);

/// An rtnetlink socket of the network namespace in which it was opened.
///
/// neli's own handle blocks without a time-out, and giving it one needs `unsafe`: its descriptor is a bare
/// number. So every receive here is non-blocking, with a deadline of ours.
pub struct Socket {
    socket: NlSocket,
    seq: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// One of the calling thread's network namespace.
    ///
    /// # Errors
    /// The process has too many files open, or is forbidden `AF_NETLINK`.
    pub fn open() -> io::Result<Self> {
        Self::of(NlFamily::Route)
    }

    /// The same for another part of the kernel, which may have none (`EPROTONOSUPPORT`).
    pub fn of(family: NlFamily) -> io::Result<Self> {
        let socket = NlSocket::connect(family, None, Groups::empty())?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        // Linux before 4.12 knows no extended acknowledgement and before 4.20 no strict checking (which leaves
        // out cached routes): errors then come without words, and the decoder skips what is cached.
        let options = [
            socket.enable_ext_ack(true),
            socket.enable_strict_checking(true),
        ];
        for error in options.into_iter().filter_map(io::Result::err) {
            log::debug!("netlink socket option: {error}");
        }
        Ok(Self {
            socket,
            seq: 0,
            buffer: vec![0; DATAGRAM],
        })
    }

    /// A change, acknowledged by the kernel.
    pub fn change<P: Size + ToBytes>(
        &mut self,
        kind: Rtm,
        flags: NlmF,
        payload: P,
    ) -> Result<(), Refusal> {
        let refused = self.changes(&[Request::of(kind, flags, &payload)?])?;
        refused.into_iter().next().flatten().map_or(Ok(()), Err)
    }

    /// Changes in one datagram, done in their order, none stopped by another one. Of each, why it was not done.
    pub fn changes(&mut self, requests: &[Request]) -> Result<Vec<Option<Refusal>>, Refusal> {
        let mut refused: Vec<Option<Refusal>> = requests.iter().map(|_| None).gathered();
        // The kernel answers in any case where it refuses, and so the last answer is that to the last one.
        let first = self.send_all(requests, NlmF::ACK)?;
        self.answers(&mut |answer| {
            let at = answer.nl_seq().wrapping_sub(first) as usize;
            if let Some(slot) = refused.get_mut(at) {
                *slot = refusal(&answer);
            }
            Ok(at + 1 == requests.len())
        })?;
        Ok(refused)
    }

    /// A question with one reply.
    pub fn get<P, R>(&mut self, kind: Rtm, payload: P) -> Result<R, Refusal>
    where
        P: Size + ToBytes,
        R: FromBytesWithInput<Input = usize>,
    {
        let mut replies = self.get_all(&[Request::of(kind, NlmF::REQUEST, &payload)?])?;
        replies.pop().unwrap_or_else(|| Err(no_reply()))
    }

    /// Questions with one reply each, in one datagram.
    pub fn get_all<R>(&mut self, requests: &[Request]) -> Result<Vec<Result<R, Refusal>>, Refusal>
    where
        R: FromBytesWithInput<Input = usize>,
    {
        let mut replies: Vec<_> = requests.iter().map(|_| Err(no_reply())).gathered();
        let first = self.send_all(requests, NlmF::empty())?;
        self.answers(&mut |answer| {
            let at = answer.nl_seq().wrapping_sub(first) as usize;
            if let Some(slot) = replies.get_mut(at) {
                let reply = refused(answer).and_then(|answer| decode(&answer));
                *slot = reply.and_then(|reply| reply.ok_or_else(no_reply));
            }
            Ok(at + 1 == requests.len())
        })?;
        Ok(replies)
    }

    /// Sends them in one datagram, the last one with these flags, too. Returns the first one's sequence number.
    fn send_all(&mut self, requests: &[Request], last: NlmF) -> Result<u32, Refusal> {
        let first = self.seq.wrapping_add(1);
        let mut bytes = Vec::new();
        for (at, request) in requests.iter().enumerate() {
            let flags = match at + 1 == requests.len() {
                true => NlmF::REQUEST | last,
                false => NlmF::REQUEST,
            };
            self.seq = self.seq.wrapping_add(1);
            request.write(flags, self.seq, &mut bytes);
        }
        self.send(&bytes)?;
        Ok(first)
    }

    /// A list, whole and of one moment: a dump that was interrupted or lost a part is asked for again. Of each row the
    /// list has what `keep` makes of it, as it comes: there can be ten thousand.
    pub fn dump<P, R, L>(&mut self, kind: Rtm, payload: P, keep: Keep<R, L>) -> Result<L, Refusal>
    where
        P: Size + ToBytes,
        R: FromBytesWithInput<Input = usize>,
        L: Default,
    {
        let request = Request::of(kind, NlmF::REQUEST | NlmF::DUMP, &payload)?;
        settled(|| self.dump_once(&request, keep))
    }

    /// Hands each row of a list to `take`, whatever changes it meanwhile: it may be too long to be kept, and never of one
    /// moment.
    pub fn each<P: Size + ToBytes>(
        &mut self,
        kind: Rtm,
        payload: P,
        mut take: impl FnMut(Buffer),
    ) -> Result<(), Refusal> {
        self.ask(&Request::of(kind, NlmF::REQUEST | NlmF::DUMP, &payload)?)?;
        self.answers_to_last(&mut |answer| {
            let row = decode(&answer)?;
            let done = row.is_none();
            row.into_iter().for_each(&mut take);
            Ok(done)
        })?;
        Ok(())
    }

    /// `None` when it has to be repeated. It is read to its end in any case: a socket has one dump at a time.
    fn dump_once<R, L>(&mut self, request: &Request, keep: Keep<R, L>) -> Result<Option<L>, Refusal>
    where
        L: Default,
        R: FromBytesWithInput<Input = usize>,
    {
        self.ask(request)?;
        let mut list = L::default();
        let mut interrupted = false;
        let lost = self.answers_to_last(&mut |answer| {
            interrupted |= answer.nl_flags().contains(NlmF::DUMP_INTR);
            let row = decode(&answer)?;
            let done = row.is_none();
            row.into_iter().for_each(|row| keep(&mut list, row));
            Ok(done)
        })?;
        Ok((!lost && !interrupted).then_some(list))
    }

    fn ask(&mut self, request: &Request) -> Result<(), Refusal> {
        self.seq = self.seq.wrapping_add(1);
        let mut bytes = Vec::new();
        request.write(NlmF::empty(), self.seq, &mut bytes);
        self.send(&bytes)
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Refusal> {
        retry_interrupted(|| self.socket.send(bytes, Msg::empty()))?;
        Ok(())
    }

    /// Hands the answers to the last request to `take` until it says that it has all, and skips those to an earlier one that was
    /// given up; a refusal ends it.
    fn answers_to_last(&mut self, take: Take) -> Result<bool, Refusal> {
        let seq = self.seq;
        self.answers(&mut |answer| match *answer.nl_seq() == seq {
            true => take(refused(answer)?),
            false => Ok(false),
        })
    }

    /// Hands all answers to `take` until it says that it has all. True when the kernel says that it dropped some (`ENOBUFS`).
    fn answers(&mut self, take: Take) -> Result<bool, Refusal> {
        let deadline = Instant::now() + DEADLINE;
        let mut lost = false;
        loop {
            let size = match self.receive(deadline) {
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                    lost = true;
                    continue;
                }
                size => size?,
            };
            let datagram = self.buffer.get(..size).unwrap_or_default();
            if in_datagram(datagram, take)? {
                return Ok(lost);
            }
        }
    }

    /// The size of the next datagram, now in the buffer.
    fn receive(&mut self, deadline: Instant) -> io::Result<usize> {
        let flags = Msg::DONTWAIT | Msg::TRUNC; // TRUNC: the whole length, so that a cut is seen
        loop {
            match retry_interrupted(|| self.socket.recv(&mut self.buffer, flags)) {
                Ok((size, _)) if size <= self.buffer.len() => return Ok(size),
                Ok((size, _)) => {
                    let why =
                        format!("a netlink message of {size} bytes, expected at most {DATAGRAM}");
                    return Err(io::Error::other(why));
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) if Instant::now() >= deadline => return Err(io::ErrorKind::TimedOut.into()),
                Err(_) => thread::sleep(NAP),
            }
        }
    }
}

/// Asks for a list until it is of one moment, waiting twice as long each time.
pub fn settled<T>(mut ask: impl FnMut() -> Result<Option<T>, Refusal>) -> Result<T, Refusal> {
    for attempt in 0..DUMP_TRIES {
        if let Some(list) = ask()? {
            return Ok(list);
        }
        thread::sleep(NAP * 2_u32.pow(attempt));
    }
    Err(Refusal::because(format!(
        "it changed during each of {DUMP_TRIES} dumps, so something alters it all the time; try again"
    )))
}

pub(super) fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
