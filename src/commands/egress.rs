//! `eniroute egress`: looks after the clients of `[[egress]]`.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cli::{Common, Egress};
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::metadata::cache::Memory;
use crate::net::{Flow, nft};
use crate::reconcile::executor::Executor;
use crate::reconcile::{Host, How, LOCK, Run, converge, demand_root, drained, lock};
use crate::report::{Report, Voice};

/// How often flows are counted.
const PAUSE: Duration = Duration::from_millis(250);

/// What is to be done for clients.
///
/// # Errors
/// Not root; as [`drain`] and [`load`].
pub fn run(common: &Common, what: &Egress) -> Result<Report> {
    demand_root("egress")?;
    match what {
        Egress::Drain { address } => drain(common, *address),
        Egress::Load => load(common),
    }
}

/// Loads the table that the last run made. Silent where there is none. Nobody else runs before the network is up.
///
/// # Errors
/// The file cannot be read; nft is missing or refuses.
fn load(common: &Common) -> Result<Report> {
    let disk = Disk::new(&common.root)?;
    let _lock = disk
        .exists(LOCK)
        .then(|| lock(&disk, common.wait))
        .transpose()?;
    let Some(text) = disk.read(nft::PATH)? else {
        return Ok(Report::silent("egress"));
    };
    let mut host = Host::open_for_removal(common)?;
    let mut report = Report::silent("egress");
    Executor::of(&mut host, common.wait, &mut report).restore(&text)?;
    Ok(report)
}

/// Gives no new flow this address, and waits until no flow has it.
///
/// # Errors
/// The address is no entry's; as [`converge()`].
fn drain(common: &Common, address: Ipv4Addr) -> Result<Report> {
    let disk = Disk::new(&common.root)?;
    let private = private(&disk, address);
    {
        let _lock = lock(&disk, common.wait)?;
        let mut host = Host::open(common)?;
        let metadata = host.metadata(true)?;
        let how = How::all("egress", common);
        demand_in_use(
            &Run::of(&mut host, &how, metadata.clone())?,
            address,
            private,
        )?;
        drained::add(&disk, private)?;
        let report = converge(&mut host, &how, metadata)?;
        if !report.errors.is_empty() {
            return Ok(report);
        }
    }
    let left = wait_for_none(common, private)?;
    let line = match left {
        0 => format!("{address} has no flows left, and gets none until the next `eniroute apply`"),
        1 => format!("{address} has 1 flow left after {:?}", common.wait),
        left => format!("{address} has {left} flows left after {:?}", common.wait),
    };
    Ok(Report {
        voice: Voice::Line(line),
        ..Report::silent("egress")
    })
}

/// # Errors
/// [`Error::Usage`]: no entry has it.
fn demand_in_use(run: &Run, address: Ipv4Addr, private: Ipv4Addr) -> Result<()> {
    let known = &run.assessment;
    let mut pools = known
        .desired
        .egress
        .entries
        .iter()
        .flat_map(|entry| &entry.pool);
    let is_in_use =
        pools.any(|(ip, _)| *ip == private) || known.observed.drained.contains(&private);
    let why = || {
        format!(
            "no [[egress]] in the configuration leaves as {address}; name one of the addresses in `as`"
        )
    };
    is_in_use.then_some(()).ok_or_else(|| Error::Usage(why()))
}

/// The private address that a public one leads to, by what EC2 said last.
fn private(disk: &Disk, address: Ipv4Addr) -> Ipv4Addr {
    let enis = Memory::load(disk).enis;
    let mut pairs = enis.iter().flat_map(|eni| &eni.public);
    let found = pairs.find(|(_, public)| public.contains(&address));
    found.map_or(address, |(private, _)| *private)
}

/// A client's flow has been given this address.
fn is_given(flow: &Flow, address: Ipv4Addr) -> bool {
    flow.answered_at == address && flow.source != address
}

/// How many flows have this address at the end.
fn wait_for_none(common: &Common, address: Ipv4Addr) -> Result<usize> {
    let host = Host::open(common)?;
    let deadline = Instant::now() + common.wait;
    loop {
        let mut count = 0;
        let mut look = |flow: &Flow| count += usize::from(is_given(flow, address));
        host.kernel.flows(&mut look)?;
        if count == 0 || Instant::now() >= deadline {
            return Ok(count);
        }
        sleep(PAUSE);
    }
}
