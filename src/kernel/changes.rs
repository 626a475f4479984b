//! Whether something has changed in the kernel meanwhile, whoever has done it.

use std::io;

use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;
use nix::errno::Errno;

use super::socket::retry_interrupted;

/// Listens to what the kernel says of changes, whoever makes them.
pub struct Changes {
    socket: NlSocket,
}

impl Changes {
    /// From now on, in these multicast groups.
    pub fn of(groups: &[u32]) -> io::Result<Self> {
        Ok(Self {
            socket: NlSocket::connect(NlFamily::Route, None, Groups::new_groups(groups))?,
        })
    }

    /// Whether there were any since it was last asked. More than the buffer holds (`ENOBUFS`) are some too.
    pub fn any(&self) -> io::Result<bool> {
        let mut any = false;
        loop {
            match retry_interrupted(|| self.socket.recv([0; 64], Msg::DONTWAIT)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(any),
                Err(error) if error.raw_os_error() != Some(Errno::ENOBUFS as i32) => {
                    return Err(error);
                }
                _ => any = true,
            }
        }
    }
}
