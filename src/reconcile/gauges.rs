//! What `status --metrics` tells beside what was found. Reads only.

use crate::files::{Disk, plain};
use crate::metadata::cache;
use crate::report::Gauges;

/// How full the kernel's table of connections is (Documentation/networking/nf_conntrack-sysctl.rst).
const CONNTRACK: [&str; 2] = [
    "/proc/sys/net/netfilter/nf_conntrack_count",
    "/proc/sys/net/netfilter/nf_conntrack_max",
];

/// All of it, as far as it is there.
pub fn read(disk: &Disk) -> Gauges {
    let [count, most] = CONNTRACK.map(|path| plain::text(path).ok()?.trim().parse().ok());
    Gauges {
        last_good_run: disk.modified(cache::GOOD),
        conntrack: count.zip(most),
    }
}
