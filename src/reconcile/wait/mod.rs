//! A run that goes on while EC2 publishes more: at the boot, and when an interface has appeared. Each time more is
//! complete, the host is made that; and where the service does not answer at once, what EC2 said last, before this boot.

mod ask;
mod burst;
pub mod client;
mod told;

use std::mem::take;
use std::thread::sleep;
use std::time::{Duration, Instant};

use log::{info, warn};

use super::apart::set_apart;
use super::converge::converge;
use super::host::Host;
use super::how::How;
use super::kept::read_ledger;
use super::lock::{lock, tidy};
use crate::error::{Error, Lack, Result};
use crate::gather::Gather;
use crate::metadata::cache::Memory;
use crate::metadata::record::Record;
use crate::metadata::{Incomplete, Metadata, Reading};
use crate::net::{self, Link, Mac};
use crate::platform;
use crate::report::Report;
use burst::Burst;
use told::{is_all_late, is_partial, tell};

/// The first pause between two looks at the metadata, and the longest: an ENI shall answer within a tenth of a second
/// once EC2 has published it. One small request for each look, for at most `--wait`, is far below EC2's limit of 1024
/// packets a second.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(60);

/// What has been read longer ago is read again before it is acted upon.
const STALE: Duration = Duration::from_secs(5);

/// How long a service that is silent keeps the host from what is known of it since the last boot.
const GRACE: Duration = Duration::from_secs(1);

/// How long the boot's run waits for an address of an ENI of which EC2 publishes everything else. Those of an instance are
/// attached before it starts; what has none by then is an EFA-only device, or of a secondary network, and each refresh
/// looks again.
const ADDRESSES: Duration = Duration::from_secs(5);

/// A run that waits for EC2 to publish what the host's interfaces are.
pub struct Wait<'a> {
    host: &'a mut Host,
    how: &'a How,
    began: Instant,
    deadline: Instant,
    /// What the host has been made already.
    known: Memory,
    /// What EC2 said before this run.
    last: Record,
    /// What was known when a change was taken back, and why it was.
    failed: Option<(Memory, Error)>,
    report: Report,
}

/// What has been read of the metadata, and since when.
struct Read {
    reading: Reading,
    began: Instant,
}

impl Read {
    fn just(reading: Reading) -> Self {
        Self {
            reading,
            began: Instant::now(),
        }
    }
}

impl<'a> Wait<'a> {
    /// Nothing is done yet; the host is `known` to be so.
    pub fn new(host: &'a mut Host, how: &'a How, known: Memory, deadline: Instant) -> Self {
        let report = Report {
            command: how.command,
            ..Report::default()
        };
        let last = Record::load(&host.disk);
        Self {
            host,
            how,
            began: Instant::now(),
            deadline,
            known,
            last,
            failed: None,
            report,
        }
    }

    /// Makes the host what is complete of the metadata, if that is more than is known, and again whenever EC2 has
    /// published more, until all the interfaces that are meant have been dealt with, or the deadline. The lock is free
    /// while it waits.
    ///
    /// # Errors
    /// The service fails, and nothing has been done yet.
    pub fn until_served(mut self, is_meant: impl Fn(&Link) -> bool) -> Result<Report> {
        let mut burst = Burst::new(&self.host.disk, &self.known);
        let Some(mut read) = self.first_reading()? else {
            return Ok(self.report);
        };
        let mut links = self.host.kernel.links()?;
        let mut pause = FIRST_PAUSE;
        loop {
            let metadata = self.completed(read.reading.metadata(), &links);
            if let Err(error) = self.follow(&metadata, &links, &mut burst) {
                return self.report.ended_by(error);
            }
            let is_unserved = |nic: &&Link| is_meant(nic) && !self.known.has_served(nic);
            let unserved: Vec<&Link> = net::nics(&links).filter(is_unserved).gathered();
            if self.is_over() || unserved.iter().all(|nic| self.is_given_up(nic, &metadata)) {
                let ledger = read_ledger(&self.host.disk);
                let told = set_apart(metadata, &ledger, &self.host.disk, &links);
                let late = &told.incomplete;
                self.note_others(late, &links, &is_meant);
                tell(&mut self.report, &unserved, &told, self.how.wait);
                self.report.awaits = is_all_late(&self.report.errors, late);
                return match self.failed {
                    Some((_, error)) => self.report.ended_by(error),
                    None => Ok(self.report),
                };
            }
            sleep(pause);
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            links = self.host.kernel.links()?;
            if let Err(error) = self.read_on(&mut read, &links) {
                return self.report.ended_by(error);
            }
        }
    }

    /// What another interface waits for does not fail this one's run; at a boot, all are meant.
    fn note_others(
        &mut self,
        late: &[Incomplete],
        links: &[Link],
        is_meant: impl Fn(&Link) -> bool,
    ) {
        let own = links.iter().filter(|nic| is_meant(nic));
        let own: Vec<Mac> = own.filter_map(Link::eni_mac).gathered();
        let is_other = |late: &&Incomplete| !self.host.is_starting && !own.contains(&late.mac);
        let others = late.iter().filter(is_other).map(Incomplete::to_string);
        let others: Vec<String> = others.gathered();
        let errors = take(&mut self.report.errors).into_iter();
        let (notes, errors): (Vec<_>, _) = errors.partition(|error| others.contains(error));
        self.report.errors = errors;
        self.report.notes.extend(notes);
    }

    /// At a boot nothing waits for an ENI that has no address, unless it once had one.
    fn is_given_up(&self, nic: &Link, metadata: &Metadata) -> bool {
        let is_its = |lack: &&Incomplete| nic.eni_mac() == Some(lack.mac);
        let lack = metadata.incomplete.iter().find(is_its);
        self.host.is_starting
            && self.began.elapsed() >= ADDRESSES
            && lack.is_some_and(|lack| lack.lack == Lack::Addresses && !self.was_complete(lack.mac))
    }

    fn was_complete(&self, mac: Mac) -> bool {
        self.last.enis.iter().any(|eni| eni.mac == mac)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Makes the host what `metadata` says, if that is news, and no more interfaces are on their way. What was taken back
    /// may be right with what EC2 has still to say, of the primary ENI above all.
    fn follow(&mut self, metadata: &Metadata, links: &[Link], burst: &mut Burst) -> Result<()> {
        let now = self.known.after(metadata, links, self.how.force);
        let is_tried = self.failed.as_ref().is_some_and(|(tried, _)| *tried == now);
        if now == self.known || is_tried || burst.is_on(links) {
            return Ok(());
        }
        match self.converge(metadata.clone()) {
            Ok(()) => (self.known, self.failed) = (now, None),
            Err(error @ Error::Failed(_)) if is_partial(metadata, links) => {
                warn!("{error}; it is tried again when EC2 has said more");
                self.failed = Some((now, error));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn converge(&mut self, metadata: Metadata) -> Result<()> {
        let _lock = lock(&self.host.disk, self.how.wait)?;
        tidy(&self.host.disk);
        let next = converge(self.host, self.how, metadata)?;
        self.report = take(&mut self.report).followed_by(next);
        Ok(())
    }

    /// Looks for more. A service that fails for the moment is asked again, until the deadline.
    fn read_on(&mut self, read: &mut Read, links: &[Link]) -> Result<()> {
        match self.read_more(read, links) {
            Err(error) if !ask::may_pass(self.host, &error) || self.is_over() => Err(error),
            Err(_) => {
                self.host.imds = None;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Looks for more, and reads all of it again where what was read first is old.
    fn read_more(&mut self, read: &mut Read, links: &[Link]) -> Result<()> {
        let wanted: Vec<Mac> = net::nics(links).filter_map(Link::eni_mac).gathered();
        if read.reading.go_on(self.host.imds()?, &wanted)? && read.began.elapsed() > STALE {
            *read = self.read_all()?;
        }
        Ok(())
    }

    fn read_all(&mut self) -> Result<Read> {
        let public = self.host.needs_public(&self.how.selected);
        ask::until(self.host, public, self.deadline).map(Read::just)
    }

    /// A service that refuses, or is silent for a moment, does not keep the host from what EC2 said before this boot;
    /// it is asked on, and there is no reading where it does not answer at all.
    fn first_reading(&mut self) -> Result<Option<Read>> {
        let Some(recalled) = self.recalled()? else {
            return self.read_all().map(Some);
        };
        // The primary ENI's own NIC, or the instance's id, says so.
        self.host.is_ec2 = true;
        let public = self.host.needs_public(&self.how.selected);
        match ask::once(self.host, public, self.how.wait.min(GRACE)) {
            Ok(reading) => Ok(Some(Read::just(reading))),
            Err(error) if !ask::may_pass(self.host, &error) => Err(error),
            Err(error) => Ok(self.go_by(recalled, &error)),
        }
    }

    /// What EC2 said before this boot, where it is worth anything on this host as it is now.
    fn recalled(&mut self) -> Result<Option<Metadata>> {
        let links = self.host.kernel.links()?;
        let instance = platform::instance(&self.host.disk);
        let recalled = self.last.clone().recall(instance.as_deref(), &links);
        Ok(recalled.filter(|_| self.tells_exclusions()))
    }

    /// Without the public addresses it could not be told which ENIs are excluded by one.
    fn tells_exclusions(&self) -> bool {
        let public = self.host.needs_public(&self.how.selected);
        !public || self.last.enis.iter().any(|eni| !eni.public.is_empty())
    }

    /// At the boot, what the service says of an ENI late, EC2 said before: that one does not wait for it.
    fn completed(&self, said: Metadata, links: &[Link]) -> Metadata {
        if !self.host.is_starting || !self.tells_exclusions() {
            return said;
        }
        let instance = platform::instance(&self.host.disk);
        self.last.clone().beside(said, instance.as_deref(), links)
    }

    /// Makes the host what EC2 said last, because the service has failed with `error`, and then asks it on.
    fn go_by(&mut self, recalled: Metadata, error: &Error) -> Option<Read> {
        let went_by = format!(
            "went by what EC2 said last, unchanged for {}",
            Record::age(&self.host.disk)
        );
        info!("{error}; {went_by}");
        if let Err(error) = self.converge(recalled) {
            self.report.errors = vec![error.to_string()];
        }
        let read = self.read_all();
        if let Err(error) = &read {
            let told =
                format!("{error}; {went_by}, took nothing away, and each refresh asks again");
            self.report.notes.push(told);
        }
        read.ok()
    }
}
