//! What the kernel answers, message by message: a row of a list, the one reply, an acknowledgement or a refusal.

use std::io::Cursor;

use neli::nl::{NlPayload, Nlmsghdr};
use neli::types::Buffer;
use neli::{FromBytes, FromBytesWithInput};

use super::frame;
use super::refusal::Refusal;

/// A message before its payload is decoded: neli keeps the kernel's words only in this form.
pub type Message = Nlmsghdr<u16, Buffer>;

/// Takes an answer, and says whether it was the last one.
pub type Take<'a> = &'a mut dyn FnMut(Message) -> Result<bool, Refusal>;

/// Hands a datagram's messages to `take` until it says that it has all; whether it did.
pub fn in_datagram(datagram: &[u8], take: Take) -> Result<bool, Refusal> {
    let mut rest = Cursor::new(datagram);
    while rest.position() < datagram.len() as u64 {
        let left = datagram.get(rest.position() as usize..).unwrap_or_default();
        if !frame::is_whole(left) {
            return Err(Refusal::because(
                "expected netlink messages as long as they say, got one that is cut off",
            ));
        }
        if take(Message::from_bytes(&mut rest).map_err(Refusal::because)?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What `decode` makes of a datagram's messages, as a list is read.
#[cfg(any(test, fuzzing))]
pub fn rows<R: FromBytesWithInput<Input = usize>>(datagram: &[u8]) -> Vec<R> {
    let mut rows = Vec::new();
    // A refusal ends the reading; what came before it is looked at all the same.
    let _ = in_datagram(datagram, &mut |answer| {
        let row = decode(&refused(answer)?)?;
        let done = row.is_none();
        rows.extend(row);
        Ok(done)
    });
    rows
}

/// Instead of a reply, what says that there is none.
pub fn no_reply() -> Refusal {
    Refusal::because("expected one reply from the kernel, got one without content")
}

/// The message itself, unless it says that the request, or the rest of a dump, failed.
pub fn refused(message: Message) -> Result<Message, Refusal> {
    refusal(&message).map_or(Ok(message), Err)
}

/// Why the request, or the rest of a dump, failed, if it did.
pub fn refusal(message: &Message) -> Option<Refusal> {
    match message.nl_payload() {
        NlPayload::Err(error) => Refusal::kernel(error),
        NlPayload::DumpExtAck(end) => Refusal::kernel(end),
        _ => None,
    }
}

/// What `read` makes of the payload in place, which is behind the reader then; `None`: nothing, and it is to be decoded.
pub fn in_place<T>(
    payload: &mut Cursor<impl AsRef<[u8]>>,
    length: usize,
    read: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    let start = payload.position() as usize;
    let bytes = payload.get_ref().as_ref().get(start..start + length);
    let row = bytes.and_then(read)?;
    payload.set_position((start + length) as u64);
    Some(row)
}

/// The payload; `None` for an acknowledgement and for the end of a dump.
pub fn decode<R: FromBytesWithInput<Input = usize>>(
    message: &Message,
) -> Result<Option<R>, Refusal> {
    let NlPayload::Payload(bytes) = message.nl_payload() else {
        return Ok(None);
    };
    let decoded = R::from_bytes_with_input(&mut Cursor::new(bytes.as_ref()), bytes.len());
    decoded.map(Some).map_err(Refusal::because)
}
