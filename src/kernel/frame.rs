//! The frame of a netlink message, looked at before neli reads it: neli subtracts the lengths in it without a check.

use neli::consts::nl::Nlmsg;

/// `struct nlmsghdr`: length, type (2 bytes), flags (2), sequence number, port.
const HEADER: usize = 16;
/// The error code, at the beginning of what answers with one.
const CODE: usize = 4;

/// Whether the first message in `datagram` is all there, and so is what it says that it has in it: an answer with an
/// error repeats the request, and the end of a list has a code.
pub fn is_whole(datagram: &[u8]) -> bool {
    let Some(length) = length(datagram, HEADER) else {
        return false;
    };
    let payload = datagram.get(HEADER..length).unwrap_or_default();
    let is = |kind: Nlmsg| datagram.get(4..6) == Some(&u16::from(kind).to_ne_bytes()[..]);
    if is(Nlmsg::Error) {
        let request = payload.get(CODE..).unwrap_or_default();
        let is_short = payload.starts_with(&[0; CODE]) && request.len() >= HEADER;
        return is_short || self::length(request, HEADER).is_some();
    }
    !is(Nlmsg::Done) || payload.len() >= CODE
}

/// What `message` gives as its length, where it is so long, with the padding of its end.
fn length(message: &[u8], least: usize) -> Option<usize> {
    let length = usize::try_from(u32::from_ne_bytes(*message.first_chunk()?)).ok()?;
    let is_there = (least..=message.len()).contains(&length);
    is_there.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::datagram;

    fn message(length: u32, kind: u16, payload: &[u8]) -> Vec<u8> {
        let header = [
            &length.to_ne_bytes()[..],
            &kind.to_ne_bytes(),
            &[2, 0],
            &[0; 8],
        ];
        [&header.concat(), payload].concat()
    }

    #[test]
    fn a_message_that_is_not_as_long_as_it_says_is_not_read() {
        let error =
            |length: u32| [&(-22_i32).to_ne_bytes()[..], &message(length, 24, &[])].concat();
        for (length, kind, payload) in [
            (0, 16, &[][..]),
            (15, 16, &[0; 8]),
            (4000, 16, &[0; 8]),
            (u32::MAX, 16, &[0; 8]),
            (16, 2, &[]),
            (20, 2, &[0; 4]),
            (36, 2, &error(0)),
            (36, 2, &error(17)),
            (36, 2, &error(u32::MAX)),
            (16, 3, &[]),
            (18, 3, &[0; 2]),
        ] {
            let message = message(length, kind, payload);
            assert!(!is_whole(&message), "{message:?}");
            for list in 0..5 {
                assert_eq!(datagram::read(list, &message, &[]), 0, "{message:?}");
            }
        }
        assert!(!is_whole(&[]) && !is_whole(&[16, 0]));
    }

    #[test]
    fn what_the_kernel_says_is_whole() {
        let error = [&(-22_i32).to_ne_bytes()[..], &message(20, 24, &[7; 4])].concat();
        for (kind, payload) in [(16, &[0; 16][..]), (2, &error), (2, &[0; 20]), (3, &[0; 4])] {
            let length = 16 + payload.len() as u32;
            assert!(is_whole(&message(length, kind, payload)), "{payload:?}");
        }
    }
}
