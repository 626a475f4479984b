//! What is seen of the host before it is known what EC2 says: it can be looked at while that is asked. Reads only.

use super::drained;
use super::host::Host;
use super::kept::read_ledger;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::net::sysctl::Key;
use crate::net::{Route, is_plain};
use crate::object::Observed;

/// What is seen.
pub struct Seen {
    /// What we made before.
    pub ledger: Ledger,
    /// What the kernel holds at this time of the boot, the settings that we made included.
    pub observed: Observed,
    /// Routes of others that are on their way back.
    pub expected: Vec<Route>,
}

impl Seen {
    /// Now.
    pub fn of(host: &mut Host) -> Result<Self> {
        let ledger = read_ledger(&host.disk);
        host.kernel.observe_also(ledger.host.keys());
        let tunnels = host.config.forwarding.paths.iter();
        let tunnels = tunnels
            .map(|path| &*path.input)
            .filter(|name| is_plain(name));
        host.kernel.observe_also(tunnels.flat_map(Key::passing));
        if ledger.host.nft().is_some() || host.config.marks() {
            host.kernel.observe_nft();
        }
        let drained = host.drained.clone();
        let mut observed = Observed {
            is_starting: host.is_starting,
            drained: drained.unwrap_or_else(|| drained::load(&host.disk)),
            ..host.kernel.observe()?
        };
        observed.learn(ledger.host.nft());
        Ok(Self {
            ledger,
            observed,
            expected: Vec::new(),
        })
    }
}
