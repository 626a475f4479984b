//! The DHCP clients of this network namespace, told by their sockets: whoever they are, they listen on port 68 (DHCPv6:
//! 546).

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::files::plain;
use crate::gather::Gather;

/// The UDP sockets of the calling thread's network namespace (proc(5)).
const SOCKETS: &str = "/proc/thread-self/net/udp";
const SOCKETS_V6: &str = "/proc/thread-self/net/udp6";

/// The clients' ports (RFC 2131, 4.1; RFC 8415, 7.2), as the lists have them.
const PORT: &str = "0044";
const PORT_V6: &str = "0222";

/// The addresses that DHCP clients are bound to; `0.0.0.0` is everywhere.
pub fn clients_v4() -> BTreeSet<Ipv4Addr> {
    let text = plain::text(SOCKETS).unwrap_or_default();
    let bound = text.lines().filter_map(|line| client::<4>(line, PORT));
    bound.map(Ipv4Addr::from).into_set()
}

/// The addresses that DHCPv6 clients are bound to. None where the list cannot be read: a kernel without IPv6.
pub fn clients_v6() -> BTreeSet<Ipv6Addr> {
    let text = plain::text(SOCKETS_V6).unwrap_or_default();
    let bound = text.lines().filter_map(|line| client::<16>(line, PORT_V6));
    bound.map(Ipv6Addr::from).into_set()
}

/// A line begins with the slot and the local address, `0: 000080FE000000000000000002000000:0222`: numbers of 32 bits in
/// this machine's own order (IPv4 has one, IPv6 four), and the port.
fn client<const N: usize>(line: &str, of: &str) -> Option<[u8; N]> {
    let (address, port) = line.split_whitespace().nth(1)?.split_once(':')?;
    let mut bytes = [0; N];
    for (number, four) in bytes.chunks_exact_mut(4).enumerate() {
        let digits = address.get(8 * number..8 * number + 8)?;
        four.copy_from_slice(&u32::from_str_radix(digits, 16).ok()?.to_ne_bytes());
    }
    (port == of).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_line_about_port_546_tells_of_a_client() {
        let address: Ipv6Addr = "fe80::4ff:fe00:1".parse().unwrap();
        let octets = address.octets();
        let word = |four: &[u8]| format!("{:08X}", u32::from_ne_bytes(four.try_into().unwrap()));
        let text: String = octets.chunks(4).map(word).collect();
        let line = format!(
            "  73: {text}:0222 {:032}:0000 07 00000000:00000000 00:00000000",
            0
        );
        let client = |line: &str| client(line, PORT_V6).map(Ipv6Addr::from);
        assert_eq!(client(&line), Some(address));
        assert_eq!(client(&line.replace(":0222", ":0223")), None);
        for cut in 0..line.find(":0222").unwrap() + 5 {
            assert_eq!(client(&line[..cut]), None, "{}", &line[..cut]);
        }
        assert_eq!(
            client("  sl  local_address                         remote_address"),
            None
        );
    }

    #[test]
    fn a_client_of_dhcpv4_is_told_by_port_68() {
        let word = u32::from_ne_bytes([10, 0, 0, 133]);
        let line = format!("  73: {word:08X}:0044 00000000:0000 07 00000000:00000000");
        let client = |line: &str| client(line, PORT).map(Ipv4Addr::from);
        assert_eq!(client(&line), Some(Ipv4Addr::new(10, 0, 0, 133)));
        assert_eq!(client(&line.replace(":0044", ":0043")), None);
    }
}
