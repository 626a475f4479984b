//! What a netlink socket that somebody else has opened tells: the links that have changed or lost an address.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

/// A link that goes down and up is reported in several messages: this long a silence ends them.
const SILENCE: Duration = Duration::from_millis(50);

/// Where links change all the time (containers), what came until then is enough.
const ROUNDS: usize = 6;

/// The kernel's messages about one link are a few KiB; only their heads are read.
const DATAGRAM: usize = 32 * 1024;

/// `struct nlmsghdr`: length, type, flags, sequence number, port; then `struct ifinfomsg`: family, type, index; or `struct
/// ifaddrmsg`: family, prefix length, flags, scope, index.
const TYPE: usize = 4;
const INDEX: usize = 20;
const RTM_NEWLINK: u16 = 16;
const RTM_DELADDR: u16 = 21;

/// The indexes of the links that standard input, a netlink socket in the groups of links and addresses, has reported as
/// changed or as having lost an address since it was read last. `None`: it cannot tell, because messages were lost, or because it is no such socket.
pub fn changed_links() -> Option<BTreeSet<u32>> {
    let stdin = io::stdin().as_raw_fd();
    let mut buffer = vec![0; DATAGRAM];
    let mut changed = Some(BTreeSet::new());
    for _ in 0..ROUNDS {
        let mut is_silent = true;
        loop {
            match recv(stdin, &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) | Err(Errno::EAGAIN) => break,
                Ok(length) => note(&mut changed, &buffer[..length]),
                Err(Errno::ENOBUFS) => changed = None,
                Err(_) => return None,
            }
            is_silent = false;
        }
        if is_silent {
            break;
        }
        sleep(SILENCE);
    }
    changed
}

fn note(changed: &mut Option<BTreeSet<u32>>, event: &[u8]) {
    if let Some(changed) = changed {
        changed.extend(link_of(event));
    }
}

/// The index in a message about a link that is there, or about an address that is not there any more.
fn link_of(message: &[u8]) -> Option<u32> {
    let kind = u16::from_ne_bytes(message.get(TYPE..TYPE + 2)?.try_into().ok()?);
    let index = u32::from_ne_bytes(message.get(INDEX..INDEX + 4)?.try_into().ok()?);
    [RTM_NEWLINK, RTM_DELADDR].contains(&kind).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_message_about_a_link_that_is_there_or_an_address_that_is_gone_counts() {
        let mut message = vec![0; 32];
        message[4] = 16;
        message[20] = 7;
        assert_eq!(link_of(&message), Some(7));
        assert_eq!(link_of(&message[..23]), None);
        for (kind, index) in [(17, None), (20, None), (21, Some(7)), (24, None)] {
            message[4] = kind;
            assert_eq!(
                link_of(&message),
                index,
                "DELLINK, NEWADDR, DELADDR, NEWROUTE: {kind}"
            );
        }
    }
}
