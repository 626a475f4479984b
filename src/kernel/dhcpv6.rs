//! The DHCPv6 clients of this network namespace, told by their sockets: whoever they are, they listen on port 546.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use crate::files::plain;
use crate::gather::Gather;

/// The UDP sockets of the calling thread's network namespace (proc(5)).
const SOCKETS: &str = "/proc/thread-self/net/udp6";

/// The client's port (RFC 8415, 7.2), as the list has it.
const PORT: &str = "0222";

/// The addresses that such clients are bound to. None where the list cannot be read: a kernel without IPv6.
pub fn clients() -> BTreeSet<Ipv6Addr> {
    plain::text(SOCKETS)
        .unwrap_or_default()
        .lines()
        .filter_map(client)
        .into_set()
}

/// A line begins with the slot and the local address, `0: 000080FE000000000000000002000000:0222`: four numbers of 32
/// bits in this machine's own order, and the port.
fn client(line: &str) -> Option<Ipv6Addr> {
    let (address, port) = line.split_whitespace().nth(1)?.split_once(':')?;
    let mut bytes = [0; 16];
    for (number, four) in bytes.chunks_exact_mut(4).enumerate() {
        let digits = address.get(8 * number..8 * number + 8)?;
        four.copy_from_slice(&u32::from_str_radix(digits, 16).ok()?.to_ne_bytes());
    }
    (port == PORT).then(|| bytes.into())
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
}
