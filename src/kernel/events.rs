//! What a netlink socket that somebody else has opened tells: the links that have changed.

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

/// `struct nlmsghdr`: length, type, flags, sequence number, port; then `struct ifinfomsg`: family, type, index.
const TYPE: usize = 4;
const INDEX: usize = 20;
const RTM_NEWLINK: u16 = 16;

/// The indexes of the links that standard input, a netlink socket in the group of links (`RTNLGRP_LINK`), has reported
/// since it was read last. `None`: it cannot tell, because messages were lost, or because it is no such socket.
pub fn changed_links() -> Option<BTreeSet<u32>> {
    let stdin = io::stdin().as_raw_fd();
    let mut buffer = vec![0; DATAGRAM];
    let mut changed = Some(BTreeSet::new());
    for _ in 0..ROUNDS {
        let mut silent = true;
        loop {
            match recv(stdin, &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) | Err(Errno::EAGAIN) => break,
                Ok(length) => changed.iter_mut().for_each(|all| all.extend(link_of(&buffer[..length]))),
                Err(Errno::ENOBUFS) => changed = None,
                Err(_) => return None,
            }
            silent = false;
        }
        if silent {
            break;
        }
        sleep(SILENCE);
    }
    changed
}

/// The index in a message about a link that is there.
fn link_of(message: &[u8]) -> Option<u32> {
    let kind = u16::from_ne_bytes(message.get(TYPE..TYPE + 2)?.try_into().ok()?);
    let index = u32::from_ne_bytes(message.get(INDEX..INDEX + 4)?.try_into().ok()?);
    (kind == RTM_NEWLINK).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_message_about_a_link_that_is_there_has_an_index() {
        let mut message = vec![0; 32];
        message[4] = 16;
        message[20] = 7;
        assert_eq!(link_of(&message), Some(7));
        assert_eq!(link_of(&message[..23]), None);
        message[4] = 17;
        assert_eq!(link_of(&message), None, "RTM_DELLINK");
    }
}
