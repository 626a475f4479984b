//! What a NIC's driver says of itself: its name, its version and its own counters. They are to be had by the ethtool
//! ioctl alone: ethtool's netlink family tells only counters that every driver has. The one `unsafe` block of eniroute is here.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;

use nix::libc::{self, Ioctl};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType};

use crate::gather::Gather;
use crate::net::Dev;

/// `SIOCETHTOOL` (linux/sockios.h).
const REQUEST: Ioctl = 0x8946;
/// `ETHTOOL_GDRVINFO`, `ETHTOOL_GSTRINGS`, `ETHTOOL_GSTATS`, and the set of strings that names the counters,
/// `ETH_SS_STATS` (linux/ethtool.h).
const DRIVER: u32 = 0x03;
const NAMES: u32 = 0x1b;
const VALUES: u32 = 0x1d;
const STATISTICS: u32 = 1;
/// `struct ethtool_drvinfo`: its size, and where its texts of 32 bytes and `n_stats` begin.
const DRIVER_LENGTH: usize = 196;
const DRIVER_NAME: usize = 4;
const DRIVER_VERSION: usize = 36;
const COUNT: usize = 180;
/// `ETH_GSTRING_LEN`.
const TEXT: usize = 32;
/// No driver has more counters: the ENA driver has some 20 for each of at most 256 queues.
const MOST: usize = 16 * 1024;

/// A NIC's driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nic {
    /// `ena`, `veth`, ...
    pub driver: String,
    /// The module's, or the kernel's.
    pub version: String,
    /// By name, since the driver was started.
    pub counters: BTreeMap<String, u64>,
}

/// What the driver of `dev` says, in the calling thread's network namespace. Takes no privilege.
///
/// # Errors
/// The link is gone, or its driver has no ethtool part (`EOPNOTSUPP`).
pub fn nic(dev: &Dev) -> io::Result<Nic> {
    let driver = ask(dev, request(DRIVER, &[], DRIVER_LENGTH))?;
    let mut nic = Nic {
        driver: text(&driver, DRIVER_NAME),
        version: text(&driver, DRIVER_VERSION),
        counters: BTreeMap::new(),
    };
    if number(&driver, COUNT) > 0 {
        // The kernel writes as many as there are by then, whatever it is asked for: there is room for all.
        let names = ask(dev, request(NAMES, &[STATISTICS], 12 + MOST * TEXT))?;
        let values = ask(dev, request(VALUES, &[], 8 + MOST * 8))?;
        nic.counters = counters(&names, &values);
    }
    Ok(nic)
}

/// `struct ethtool_gstrings` (command, set, count, names) with `struct ethtool_stats` (command, count, values).
fn counters(names: &[u8], values: &[u8]) -> BTreeMap<String, u64> {
    let count = number(names, 8).min(number(values, 4));
    let names = (0..count).map(|place| text(names, 12 + place * TEXT));
    let value = |place: usize| {
        let bytes = values.get(8 + place * 8..)?.first_chunk::<8>()?;
        Some(u64::from_ne_bytes(*bytes))
    };
    let counters = names
        .enumerate()
        .filter_map(|(place, name)| Some((name, value(place)?)));
    counters.filter(|(name, _)| !name.is_empty()).into_map()
}

fn request(command: u32, rest: &[u32], length: usize) -> Vec<u8> {
    let words = [&[command], rest].concat();
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).gathered();
    bytes.resize(length, 0);
    bytes
}

fn number(bytes: &[u8], at: usize) -> usize {
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>);
    word.map_or(0, |word| u32::from_ne_bytes(*word) as usize)
}

fn text(bytes: &[u8], at: usize) -> String {
    let text = bytes.get(at..at + TEXT).unwrap_or_default();
    let end = text.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&text[..end.unwrap_or(text.len())]).into_owned()
}

/// The buffer, as the kernel has filled it.
fn ask(dev: &Dev, mut buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    let fd = socket::socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: buffer.as_mut_ptr().cast(),
        },
    };
    let last = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name[..last].iter_mut().zip(dev.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    #[expect(
        unsafe_code,
        reason = "no safe interface has a driver's own counters; `request` lives to the end of the call, its name ends \
                  with a zero, and `buffer`, which it points to, has room for all that each of the three questions is \
                  answered with"
    )]
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), REQUEST, &raw mut request) };
    nix::errno::Errno::result(answer)?;
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ethtool -S` of an ENA device, cut to two counters: what the two questions are answered with.
    #[test]
    fn counters_are_read_by_their_names_and_what_is_cut_is_left_out() {
        let name = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(TEXT, 0);
            bytes
        };
        let words = |words: &[u32]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_ne_bytes()).collect()
        };
        let names = [
            words(&[NAMES, STATISTICS, 2]),
            name("bw_in_allowance_exceeded"),
            name("conntrack_allowance_available"),
        ]
        .concat();
        let values = [
            words(&[VALUES, 2]),
            7u64.to_ne_bytes().to_vec(),
            136_812u64.to_ne_bytes().to_vec(),
        ]
        .concat();
        let read = counters(&names, &values);
        assert_eq!(read["bw_in_allowance_exceeded"], 7);
        assert_eq!(read["conntrack_allowance_available"], 136_812);
        for cut in 0..names.len() {
            assert!(counters(&names[..cut], &values).len() <= 2);
        }
        for cut in 0..values.len() {
            assert!(counters(&names, &values[..cut]).len() < 2);
        }
    }

    #[test]
    fn a_link_that_is_not_there_is_an_error_and_the_loopback_has_no_driver() {
        assert!(nic(&"not-there-0".into()).is_err());
        assert!(nic(&"lo".into()).map_or(true, |nic| nic.counters.is_empty()));
    }
}
