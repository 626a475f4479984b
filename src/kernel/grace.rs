//! Packets under way.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Ends when no processor has a packet in hand that it had before: closing a packet socket waits for that
/// (`packet_release`, which calls `synchronize_net`). Where such a socket is forbidden this ends at once.
pub fn let_packets_end() {
    drop(socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        None,
    ));
}
