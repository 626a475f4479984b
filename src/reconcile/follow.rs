//! A run that goes on while EC2 publishes more: at the boot, and when an interface has appeared. Each time more is
//! complete, the host is made that; and where the service does not answer at once, what EC2 said last, before this boot.

use std::thread::sleep;
use std::time::{Duration, Instant};

use log::info;

use super::{Host, ask, converge, lock};
use crate::cli::{Apply, Common};
use crate::error::Result;
use crate::files::Disk;
use crate::metadata::cache::{self, Memory};
use crate::metadata::record::Record;
use crate::metadata::{Incomplete, Metadata, Reading};
use crate::net::{self, Link, Mac};
use crate::platform;
use crate::report::Report;

/// The first pause between two looks at the metadata, and the longest: an ENI shall answer within a tenth of a second
/// once EC2 has published it. One small request for each look, for at most `--wait`, is far below EC2's limit of 1024
/// packets a second.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(60);

/// While a run was so short ago, more interfaces may be on their way, and are waited for: at most as long again, and
/// until none has come for a while.
const BURST: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_millis(150);

/// What has been read longer ago is read again before it is acted upon.
const STALE: Duration = Duration::from_secs(5);

/// How long a service that is silent keeps the host from what is known of it since the last boot.
const GRACE: Duration = Duration::from_secs(1);

/// What such a run is asked for.
pub struct Follow<'a> {
    pub common: &'a Common,
    pub options: &'a Apply,
    /// `apply` or `hotplug`.
    pub command: &'static str,
    pub deadline: Instant,
}

impl Follow<'_> {
    /// Makes the host what is complete of the metadata, if that is more than `known`, and again whenever EC2 has
    /// published more, until all the interfaces that are meant have been dealt with, or the deadline. The lock is free
    /// while it waits.
    ///
    /// # Errors
    /// The service fails, and nothing has been done yet.
    pub fn run(&self, host: &mut Host, mut known: Memory, is_meant: impl Fn(&Link) -> bool) -> Result<Report> {
        let mut burst = Burst::new(&host.disk, &known);
        let (mut report, mut reading) = match self.begin(host)? {
            (report, Some(reading)) => (report, reading),
            (report, None) => return Ok(report),
        };
        let (mut read, mut pause) = (Instant::now(), FIRST_PAUSE);
        let mut links = host.kernel.links()?;
        loop {
            let now = known.after(&reading.metadata(), &links, self.options.force);
            if now != known && !burst.is_on(&links) {
                report = match self.converge(host, reading.metadata()) {
                    Ok(next) => report.followed_by(next),
                    Err(error) => return report.ended_by(error),
                };
                known = now;
            }
            let unserved: Vec<&Link> =
                net::nics(&links).filter(|nic| is_meant(nic) && !known.has_served(nic)).collect();
            if unserved.is_empty() || Instant::now() >= self.deadline {
                tell(&mut report, &unserved, &reading.metadata().incomplete, self.common.wait);
                return Ok(report);
            }
            sleep(pause);
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            links = host.kernel.links()?;
            match self.go_on(host, &mut reading, &mut read, &links) {
                Err(error) if !ask::may_pass(host, &error) => return report.ended_by(error),
                Err(error) if Instant::now() >= self.deadline => return report.ended_by(error),
                Err(_) => host.imds = None,
                Ok(()) => {}
            }
        }
    }

    fn converge(&self, host: &mut Host, metadata: Metadata) -> Result<Report> {
        let _lock = lock(self.common)?;
        converge(host, metadata, self.common, self.options, self.command)
    }

    /// Looks for more, and reads all of it again where what was read first is old.
    fn go_on(&self, host: &mut Host, reading: &mut Reading, read: &mut Instant, links: &[Link]) -> Result<()> {
        let wanted: Vec<Mac> = net::nics(links).filter_map(Link::eni_mac).collect();
        let public = host.needs_public(&self.options.selected);
        if reading.go_on(host.imds()?, &wanted)? && read.elapsed() > STALE {
            (*reading, *read) = (ask::until(host, public, self.deadline)?, Instant::now());
        }
        Ok(())
    }

    /// The first reading. A service that refuses, or is silent for a moment, does not keep the host from what EC2 said
    /// before this boot; it is asked on, and there is no reading where it does not answer at all.
    fn begin(&self, host: &mut Host) -> Result<(Report, Option<Reading>)> {
        let report = Report { command: self.command, ..Report::default() };
        let public = host.needs_public(&self.options.selected);
        let links = host.kernel.links()?;
        let recalled = Record::load(&host.disk).recall(platform::instance(&host.disk).as_deref(), &links);
        // Without the public addresses it could not be told which ENIs are excluded by one.
        let tells = |known: &Metadata| !public || known.enis.iter().any(|eni| !eni.public.is_empty());
        let Some(recalled) = recalled.filter(tells) else {
            return Ok((report, Some(ask::until(host, public, self.deadline)?)));
        };
        // The primary ENI's own NIC, or the instance's id, says so.
        host.is_ec2 = true;
        let error = match ask::once(host, public, self.common.wait.min(GRACE)) {
            Ok(reading) => return Ok((report, Some(reading))),
            Err(error) if !ask::may_pass(host, &error) => return Err(error),
            Err(error) => error,
        };
        let went_by = format!("went by what EC2 said last, unchanged for {}", Record::age(&host.disk));
        info!("{error}; {went_by}");
        let mut report = match self.converge(host, recalled) {
            Ok(next) => report.followed_by(next),
            Err(error) => Report { errors: vec![error.to_string()], ..report },
        };
        match ask::until(host, public, self.deadline) {
            Ok(reading) => Ok((report, Some(reading))),
            Err(error) => {
                report.notes.push(format!("{error}; {went_by}, took nothing away, and each refresh asks again"));
                Ok((report, None))
            }
        }
    }
}

/// Says of each interface that was waited for in vain why.
fn tell(report: &mut Report, unserved: &[&Link], late: &[Incomplete], wait: Duration) {
    for nic in unserved {
        match late.iter().find(|incomplete| nic.eni_mac() == Some(incomplete.mac)) {
            Some(incomplete) if report.errors.contains(&incomplete.to_string()) => {}
            Some(incomplete) => report.errors.push(incomplete.to_string()),
            None => report.notes.push(format!(
                "EC2 lists no ENI for {} ({}) after {} s; `eniroute refresh` goes on looking",
                nic.name,
                nic.eni_mac().map_or(String::new(), |mac| mac.to_string()),
                wait.as_secs_f64()
            )),
        }
    }
}

/// Many interfaces that appear at once are dealt with by a few runs.
struct Burst {
    end: Option<Instant>,
    nics: Vec<u32>,
    grown: Instant,
}

impl Burst {
    fn new(disk: &Disk, known: &Memory) -> Self {
        let stamp = disk.stamp(cache::PATH).filter(|_| !known.enis.is_empty());
        let was_just_now = stamp.and_then(|stamp| stamp.changed.elapsed().ok()).is_some_and(|age| age < BURST);
        let now = Instant::now();
        Self { end: was_just_now.then(|| now + BURST), nics: Vec::new(), grown: now }
    }

    /// Whether there was a run just now, and more interfaces may follow those that have come since.
    fn is_on(&mut self, links: &[Link]) -> bool {
        let nics: Vec<u32> = net::nics(links).map(|link| link.index).collect();
        if nics != self.nics {
            (self.nics, self.grown) = (nics, Instant::now());
        }
        self.grown.elapsed() < QUIET && self.end.is_some_and(|end| Instant::now() < end)
    }
}
