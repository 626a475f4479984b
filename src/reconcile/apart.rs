//! ENIs that EC2 lists and gives no address: an EFA-only device, the interface of a secondary network. No ENI is waited for
//! so for ever: what is not going to be told is left alone, and is no fault.

use std::collections::BTreeMap;

use crate::error::Lack;
use crate::files::{Disk, plain};
use crate::gather::Gather;
use crate::ledger::Ledger;
use crate::metadata::{Incomplete, Metadata};
use crate::net::{Dev, Link, link_of_mac};

/// EC2 publishes an ENI within half a minute after the attach. What is late after so many seconds is not on its way.
const LONG: u64 = 120;

/// What of `metadata` is late is set apart where it is not expected any more. An ENI of the ledger's once had all of it:
/// nothing is taken away from it, and it is told.
pub(super) fn set_apart(
    mut metadata: Metadata,
    ledger: &Ledger,
    disk: &Disk,
    links: &[Link],
) -> Metadata {
    let is_known = |late: &Incomplete| {
        metadata.primary == Some(late.mac) || ledger.enis.contains_key(&late.mac)
    };
    let ages = ages(disk, links);
    let is_over = |late: &Incomplete| match (late.lack, link_of_mac(late.mac, links)) {
        (Lack::Wrong, _) => false,
        (Lack::Addresses, _) | (Lack::Late, None) => true,
        (Lack::Late, Some(link)) => ages.get(&link.name).is_some_and(|age| *age >= LONG),
    };
    let all = std::mem::take(&mut metadata.incomplete).into_iter();
    let all = all.chain(std::mem::take(&mut metadata.apart));
    let (apart, late) = all.partition(|late| !is_known(late) && is_over(late));
    (metadata.apart, metadata.incomplete) = (apart, late);
    metadata
}

/// Why an ENI is set apart, in words.
pub(super) fn why(lack: Lack) -> &'static str {
    match lack {
        Lack::Addresses => {
            "EC2 lists no address of it, as of an EFA-only device, of the interface of a secondary network, or while an \
             attach is not done; each refresh looks again"
        }
        Lack::Late | Lack::Wrong => {
            "EC2 publishes nothing of it that could be configured; each refresh looks again"
        }
    }
}

/// udev notes when it first saw a device, in microseconds since the boot (`I:` in /run/udev/data).
pub(super) fn ages(disk: &Disk, links: &[Link]) -> BTreeMap<Dev, u64> {
    let uptime = plain::text("/proc/uptime").unwrap_or_default();
    let uptime: Option<u64> = uptime.split('.').next().and_then(|text| text.parse().ok());
    let age = |link: &Link| {
        let text = disk
            .read(format!("/run/udev/data/n{}", link.index))
            .ok()??;
        let seen = text.lines().find_map(|line| line.strip_prefix("I:"))?;
        let seen: u64 = seen.trim().parse().ok()?;
        Some((link.name.clone(), uptime?.saturating_sub(seen / 1_000_000)))
    };
    links.iter().filter_map(age).into_map()
}
