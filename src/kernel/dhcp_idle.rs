//! The DHCP clients of this network namespace that have no socket on their port while a lease lasts: those that listen by
//! a packet socket, and busybox's udhcpc, which has none at all and is known by its process.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::files::{name, plain};
use crate::gather::Gather;
use crate::net::{Dev, Link};

/// The packet sockets of the calling thread's network namespace (packet(7)): the fourth column is the protocol, the fifth
/// the index of the link that the socket is bound to.
const SOCKETS: &str = "/proc/thread-self/net/packet";
/// `ETH_P_IP`: what listens to everything is no client.
const IPV4: &str = "0800";

const PROCESSES: &str = "/proc";
const NAMESPACE: &str = "ns/net";

/// busybox's client, and the interface that it takes where none is named.
const UDHCPC: &[u8] = b"udhcpc";
const BUSYBOX: &[u8] = b"busybox";
const USUAL: &str = "eth0";
/// Its options of one letter that take no value, and may stand before `i` in one word.
const FLAGS: &[u8] = b"fnqRbSvBoCa";

/// The interfaces that one of them runs.
pub fn idle_clients(links: &[Link]) -> BTreeSet<Dev> {
    let own = fs::read_link("/proc/thread-self/ns/net").ok();
    let processes = fs::read_dir(PROCESSES).into_iter().flatten().flatten();
    let processes = processes.filter_map(|entry| of_process(&entry.path(), own.as_deref()));
    listening(links).chain(processes).into_set()
}

fn listening(links: &[Link]) -> impl Iterator<Item = Dev> {
    let text = plain::text(SOCKETS).unwrap_or_default();
    let bound: BTreeSet<u32> = text.lines().filter_map(bound).into_set();
    let listening = links.iter().filter(move |link| bound.contains(&link.index));
    listening.map(|link| link.name.clone())
}

fn bound(line: &str) -> Option<u32> {
    let mut words = line.split_whitespace().skip(3);
    let (protocol, link) = (words.next()?, words.next()?);
    (protocol == IPV4).then(|| link.parse().ok()).flatten()
}

/// Whose namespace may not be looked at counts as this one's.
fn of_process(folder: &Path, own: Option<&Path>) -> Option<Dev> {
    let is_process = name(folder).bytes().all(|byte| byte.is_ascii_digit());
    let words = is_process.then(|| plain::bytes(folder.join("cmdline")).ok());
    let dev = interface(&words??)?;
    let its: Option<PathBuf> = fs::read_link(folder.join(NAMESPACE)).ok();
    let is_elsewhere = its.is_some_and(|its| own.is_some_and(|own| its != own));
    (!is_elsewhere).then_some(dev)
}

/// The interface of a udhcpc with this command line, whose words end with a NUL each.
fn interface(line: &[u8]) -> Option<Dev> {
    let mut words = line.split(|byte| *byte == 0);
    let is_udhcpc = match program(words.next()?) {
        BUSYBOX => words.next() == Some(UDHCPC),
        name => name == UDHCPC,
    };
    let mut named = USUAL.as_bytes();
    while let Some(word) = words.next() {
        match after_option(word) {
            Some([]) => named = words.next()?,
            Some(value) => named = value,
            None => {}
        }
    }
    let named = str::from_utf8(named).ok().filter(|_| is_udhcpc)?;
    Some(named.into())
}

/// Its name without the folder.
fn program(path: &[u8]) -> &[u8] {
    let mut parts = path.rsplit(|byte| *byte == b'/');
    parts.next().unwrap_or_default()
}

/// What follows `-i` or `--interface` in the same word.
fn after_option(word: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = word.strip_prefix(b"--interface") {
        return Some(rest.strip_prefix(b"=").unwrap_or(rest));
    }
    let letters = word.strip_prefix(b"-")?;
    let flags = letters
        .iter()
        .take_while(|letter| FLAGS.contains(letter))
        .count();
    letters[flags..].strip_prefix(b"i")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_of_a_udhcpc_is_told_by_its_command_line_and_no_other_program_has_one() {
        let of =
            |line: &str| interface(line.replace(' ', "\0").as_bytes()).map(|dev| dev.to_string());
        for line in [
            "udhcpc -i eth1",
            "/sbin/udhcpc -b -ieth1 -s /x",
            "busybox udhcpc --interface=eth1",
            "/bin/busybox udhcpc -fi eth1 -q",
            "udhcpc -f --interface eth1 -p /run/udhcpc.eth1.pid",
        ] {
            assert_eq!(of(line).as_deref(), Some("eth1"), "{line}");
        }
        assert_eq!(of("udhcpc -f -p /run/i").as_deref(), Some("eth0"));
        for line in [
            "",
            "udhcpcd -i eth1",
            "busybox sh -i eth1",
            "vi udhcpc -i eth1",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn a_packet_socket_for_ipv4_that_is_bound_to_a_link_is_a_client_s() {
        let socket = |protocol: &str, link: u32| {
            format!("ffff0000a 3      2    {protocol}   {link}     1 0      0      12345")
        };
        assert_eq!(bound(&socket("0800", 3)), Some(3));
        assert_eq!(bound(&socket("0003", 3)), None);
        assert_eq!(
            bound("sk               RefCnt Type Proto  Iface R Rmem   User   Inode"),
            None
        );
    }
}
