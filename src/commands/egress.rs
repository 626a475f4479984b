//! `eniroute egress`: looks after the clients of `[[egress]]`.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use log::warn;

use crate::cli::{Common, Egress};
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::metadata::Metadata;
use crate::net::{Flow, nft};
use crate::plan::nft::Entry;
use crate::reconcile::executor::Executor;
use crate::reconcile::{Host, How, LOCK, Run, demand_root, drained, lock, tidy};
use crate::report::{DrainReport, Report};

/// How often flows are counted, at most.
const PAUSE: Duration = Duration::from_millis(250);

/// Counting takes no more than one part of so many and one of the time.
const SHARE: u32 = 4;

/// How often a person who waits is told.
const TELL: Duration = Duration::from_secs(5);

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
    let is_used = disk.exists(LOCK);
    let _lock = is_used.then(|| lock(&disk, common.wait)).transpose()?;
    if is_used {
        tidy(&disk);
    }
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
/// The address is no entry's; as [`Run::converge`].
fn drain(common: &Common, address: Ipv4Addr) -> Result<Report> {
    let (mut report, private) = keep_from_new_flows(common, address)?;
    if !report.errors.is_empty() {
        return Ok(report);
    }
    let flows = wait_for_none(common, address, private)?;
    report.drained = Some(DrainReport {
        address,
        private,
        flows,
        waited: common.wait,
    });
    Ok(report)
}

/// Returns its private address, too.
fn keep_from_new_flows(common: &Common, address: Ipv4Addr) -> Result<(Report, Ipv4Addr)> {
    let disk = Disk::new(&common.root)?;
    let _lock = lock(&disk, common.wait)?;
    tidy(&disk);
    let mut host = Host::open(common)?;
    let metadata = host.metadata(true)?;
    let private = private(&metadata, address);
    let mut all = drained::load(&disk);
    all.insert(private);
    host.drained = Some(all.clone());
    let how = How::all("egress", common);
    let mut run = Run::of(&mut host, &how, metadata)?;
    let alone = emptied(&run.assessment.desired.egress.entries, address, private)?;
    run.report.notes.extend(alone);
    drained::save(&disk, &all)?;
    Ok((run.converge()?, private))
}

/// What is to be known of the entries whose last address this was.
///
/// # Errors
/// [`Error::Usage`]: no entry has it.
fn emptied(entries: &[Entry], address: Ipv4Addr, private: Ipv4Addr) -> Result<Vec<String>> {
    let has = |entry: &&Entry| entry.drained.iter().any(|(ip, _)| *ip == private);
    let entries: Vec<&Entry> = entries.iter().filter(has).gathered();
    if entries.is_empty() {
        return Err(Error::Usage(format!(
            "no [[egress]] in the configuration leaves as {address}; name one of the addresses in `as`, private or public"
        )));
    }
    let emptied = entries.iter().filter(|entry| entry.pool.is_empty());
    let note = |entry: &&Entry| {
        format!(
            "{}: no other address is left in `as`, so new flows of these clients are refused",
            entry.place
        )
    };
    Ok(emptied.map(note).gathered())
}

/// The private address that a public one leads to.
fn private(metadata: &Metadata, address: Ipv4Addr) -> Ipv4Addr {
    let mut pairs = metadata.enis.iter().flat_map(|eni| &eni.public);
    let found = pairs.find(|(_, public)| public.contains(&address));
    found.map_or(address, |(private, _)| *private)
}

/// How many flows have this address at the end.
fn wait_for_none(common: &Common, address: Ipv4Addr, private: Ipv4Addr) -> Result<usize> {
    let kernel = Kernel::open()?;
    let start = Instant::now();
    let mut told = start;
    loop {
        let before = Instant::now();
        let count = left(&kernel, private)?;
        let waited = start.elapsed();
        if count == 0 || waited >= common.wait {
            return Ok(count);
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            let (waited, all) = (waited.as_secs(), common.wait.as_secs());
            let flows = if count == 1 { "flow" } else { "flows" };
            warn!("{address} has {count} {flows} left after {waited} of {all} seconds");
        }
        // A table of a million connections takes a while to look through.
        let pause = PAUSE.max(before.elapsed() * SHARE);
        sleep(pause.min(common.wait.saturating_sub(waited)));
    }
}

/// How many flows of clients have been given this address.
fn left(kernel: &Kernel, private: Ipv4Addr) -> Result<usize> {
    let mut count = 0;
    let mut look = |flow: &Flow| {
        let is_given = flow.answered_at == private && flow.source != private;
        count += usize::from(is_given);
    };
    kernel.flows(&mut look)?;
    Ok(count)
}
