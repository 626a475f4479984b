//! A request to the kernel, written out: several can go in one datagram.

use std::io::Cursor;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use neli::{Size, ToBytes};

use super::refusal::Refusal;

/// `struct nlmsghdr`: length, type (2 bytes), flags (2), sequence number, port; what follows is aligned to four bytes.
const HEADER: usize = 16;

/// How many changes go in one datagram: the answers to them have room in the socket's buffer, whatever they are.
pub const BATCH: usize = 32;

/// A request, but for its sequence number.
pub struct Request {
    kind: u16,
    flags: NlmF,
    body: Vec<u8>,
}

impl Request {
    /// One whose message neli writes.
    pub fn of<P: Size + ToBytes>(kind: Rtm, flags: NlmF, payload: &P) -> Result<Self, Refusal> {
        let mut body = Cursor::new(Vec::with_capacity(payload.padded_size()));
        payload.to_bytes(&mut body).map_err(Refusal::because)?;
        Ok(Self::raw(kind, flags, body.into_inner()))
    }

    /// One whose message is this.
    pub fn raw(kind: Rtm, flags: NlmF, body: Vec<u8>) -> Self {
        let kind = kind.into();
        Self { kind, flags, body }
    }

    /// Appends it to a datagram.
    pub fn write(&self, flags: NlmF, seq: u32, bytes: &mut Vec<u8>) {
        let length = u32::try_from(HEADER + self.body.len()).unwrap_or_default();
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&length.to_ne_bytes());
        header[4..6].copy_from_slice(&self.kind.to_ne_bytes());
        header[6..8].copy_from_slice(&(self.flags | flags).bits().to_ne_bytes());
        header[8..12].copy_from_slice(&seq.to_ne_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&self.body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
}
