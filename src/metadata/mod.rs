//! The instance metadata: reads every ENI, and goes on reading while EC2 still publishes a part of them. Text becomes
//! types here, and text ends here.

mod ahead;
mod bounds;
pub mod cache;
mod details;
pub mod imds;
mod incomplete;
pub mod instance;
mod judge;
mod keys;
pub mod record;
mod still;
mod top;

use std::collections::{BTreeMap, BTreeSet};

use crate::eni::Eni;
use crate::error::Result;
use crate::gather::Gather;
use crate::net::Mac;
use ahead::Ahead;
pub use ahead::Answers;
use bounds::Depth;
pub use bounds::{REQUESTS, note as note_of_unread};
pub use details::{Member, details};
pub use incomplete::Incomplete;
use incomplete::outcome;
pub use judge::judge;
use judge::{is_id, is_sound, overlapping};
use keys::Reader;
pub use keys::key_of;
pub use still::{Known, still_holds};
use top::{list, primary};

/// Where metadata values come from. `None` means that the service says: no such key (404).
pub trait Source {
    /// Reads `path` below `/latest/meta-data/`, for example `network/interfaces/macs/`.
    ///
    /// # Errors
    /// The service fails.
    fn get(&mut self, path: &str) -> Result<Option<String>>;

    /// What the service says at once of `paths`, which are about to be asked for one after the other; of those that are not
    /// among the answers, [`Source::get`] has the first word.
    fn ahead(&mut self, _paths: Vec<String>) -> Answers {
        Answers::new()
    }
}

/// All ENIs of the instance, as far as the metadata service could say.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The primary ENI, which the service names also while the ENI itself is not complete.
    pub primary: Option<Mac>,
    /// Complete ENIs, the primary one first, then by number.
    pub enis: Vec<Eni>,
    /// ENIs that are listed, but of which something is missing, late or wrong.
    pub incomplete: Vec<Incomplete>,
    /// Those of which EC2 says no address, and of which none is expected any more: they are left alone.
    pub apart: Vec<Incomplete>,
    /// Those of the incomplete ones that are all there, but cannot be true.
    pub refused: Vec<Eni>,
    /// Complete ENIs that are as the service said before this boot: nothing is taken away from them.
    pub recalled: BTreeSet<Mac>,
    /// How many listed ENIs were not read, because they have no interface here, and are too many.
    pub unread: usize,
}

impl Metadata {
    /// The ENIs that the service says all of, also those that cannot be true.
    pub fn read(&self) -> impl Iterator<Item = &Eni> {
        self.enis.iter().chain(&self.refused)
    }

    /// These ENIs, with the VPCs that the service has said.
    pub fn members(&self, macs: &[Mac]) -> Vec<Member> {
        let vpc = |mac: Mac| self.read().find(|eni| eni.mac == mac)?.vpc.clone();
        macs.iter().map(|mac| (*mac, vpc(*mac))).gathered()
    }

    /// Those that it does not say all of.
    pub fn late(&self) -> impl Iterator<Item = &Incomplete> {
        let late = self.incomplete.iter();
        late.filter(|late| self.read().all(|eni| eni.mac != late.mac))
    }
}

/// What is read of an ENI beside what configures it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Also {
    /// Its public addresses: one request for each where it has several private ones.
    pub public: bool,
    /// The ranges of its VPC: one request for each family.
    pub ranges: bool,
}

/// What has been read so far.
pub struct Reading {
    primary: Mac,
    also: Also,
    /// The ENIs that have an interface here; `None`: not known, so all are read.
    present: Option<BTreeSet<Mac>>,
    unread: usize,
    /// In EC2's order.
    found: Vec<(Mac, Found)>,
    /// What the key that an ENI waits for said last.
    seen: BTreeMap<Mac, (String, Option<String>)>,
}

type Found = Result<Eni, Incomplete>;

impl Reading {
    /// Reads every ENI.
    ///
    /// # Errors
    /// Only what makes the whole answer worthless: the service fails, or it has no list of ENIs. What is wrong with
    /// one ENI stands in [`Metadata::incomplete`].
    pub fn start(source: &mut dyn Source, also: Also) -> Result<Self> {
        Self::begin(source, also, None)
    }

    /// The same, but of the ENIs that have no interface among `present` only a few are read, and those in outline.
    ///
    /// # Errors
    /// As [`Reading::start`].
    pub fn of_present(source: &mut dyn Source, also: Also, present: BTreeSet<Mac>) -> Result<Self> {
        Self::begin(source, also, Some(present))
    }

    fn begin(
        source: &mut dyn Source,
        also: Also,
        mut present: Option<BTreeSet<Mac>>,
    ) -> Result<Self> {
        let mut top = Ahead::new(source);
        // One ENI is read over one connection.
        if present.as_ref().is_none_or(|present| present.len() > 1) {
            top.ask_first(present.as_ref());
        }
        let primary = primary(&mut top)?;
        if let Some(present) = &mut present {
            present.insert(primary);
        }
        let (macs, unread) = bounds::chosen(list(&mut top)?, present.as_ref());
        let known = top.into_known();
        let mut reading = Self {
            primary,
            also,
            present,
            unread,
            found: Vec::new(),
            seen: BTreeMap::new(),
        };
        reading.found = reading.read(source, &macs, known)?;
        reading.tell_apart(source)?;
        Ok(reading)
    }

    /// Asks for the list, if one of `wanted` was not on it, and for what each incomplete ENI waits for: one request
    /// each, and the ENI's other keys once that has moved. Returns whether there is more now, or less.
    ///
    /// # Errors
    /// As [`Reading::start`].
    pub fn go_on(&mut self, source: &mut dyn Source, wanted: &[Mac]) -> Result<bool> {
        let before = self.metadata();
        self.expect(wanted);
        if !wanted.iter().all(|mac| self.is_read(*mac)) {
            self.look_for_new_ones(source)?;
        }
        for Incomplete { mac, key, .. } in before.incomplete {
            let now = (key.clone(), Reader::new(source, mac).get(&key)?);
            if self.seen.get(&mac) != Some(&now) || self.is_in_conflict(mac, &key) {
                self.seen.insert(mac, now);
                self.read_again(source, mac)?;
            }
        }
        self.tell_apart(source)?;
        Ok(self.metadata().enis != before.enis)
    }

    fn is_read(&self, mac: Mac) -> bool {
        self.found.iter().any(|(known, _)| *known == mac)
    }

    /// These have an interface by now: what was read of them in outline is forgotten.
    fn expect(&mut self, wanted: &[Mac]) {
        if let Some(present) = &mut self.present {
            let new: Vec<&Mac> = wanted
                .iter()
                .filter(|mac| !present.contains(mac))
                .gathered();
            self.found.retain(|(mac, _)| !new.contains(&mac));
            present.extend(new);
        }
    }

    fn read_again(&mut self, source: &mut dyn Source, mac: Mac) -> Result<()> {
        let read = self.read(source, &[mac], Answers::new())?.pop();
        let mut found = self.found.iter_mut();
        if let Some(found) = found.find(|(known, _)| *known == mac) {
            *found = read.unwrap_or_else(|| found.clone());
        }
        Ok(())
    }

    /// What is known now.
    pub fn metadata(&self) -> Metadata {
        let (primary, unread) = (self.primary, self.unread);
        let found = self.found.clone();
        Self::judged(primary, unread, found)
    }

    /// What is known in the end.
    pub fn into_metadata(self) -> Metadata {
        Self::judged(self.primary, self.unread, self.found)
    }

    fn judged(primary: Mac, unread: usize, found: Vec<(Mac, Found)>) -> Metadata {
        let (mut read, mut incomplete) = (Vec::new(), Vec::new());
        for (_, found) in found {
            match found {
                Ok(eni) => read.push(eni),
                Err(why) => incomplete.push(why),
            }
        }
        let mut metadata = Metadata {
            primary: Some(primary),
            unread,
            ..judge(read, &BTreeSet::new())
        };
        metadata.incomplete.splice(0..0, incomplete);
        metadata
    }

    /// Reads each of `macs`, in their order, up to the first failure of the service, which has said what is `known`.
    fn read(
        &self,
        source: &mut dyn Source,
        macs: &[Mac],
        mut known: Answers,
    ) -> Result<Vec<(Mac, Found)>> {
        let wanted = ahead::Read {
            primary: self.primary,
            also: self.also,
            present: self.present.as_ref(),
        };
        let mut read = Vec::new();
        for macs in macs.chunks(ahead::TOGETHER) {
            let mut source = Ahead::knowing(source, std::mem::take(&mut known));
            source.ask_of_enis(macs, &wanted);
            for mac in macs {
                let depth = Depth::of(*mac, wanted.present);
                let reader = Reader::to(depth, &mut source, *mac);
                read.push((*mac, outcome(reader.eni(self.primary, self.also))?));
            }
        }
        Ok(read)
    }

    fn look_for_new_ones(&mut self, source: &mut dyn Source) -> Result<()> {
        let (macs, unread) = bounds::chosen(list(source)?, self.present.as_ref());
        self.unread = unread;
        self.found.retain(|(mac, _)| macs.contains(mac));
        let new = macs.into_iter().filter(|mac| !self.is_read(*mac));
        let read = self.read(source, &new.gathered::<Vec<_>>(), Answers::new())?;
        self.found.extend(read);
        Ok(())
    }

    /// Asks for the VPCs of those ENIs whose ranges overlap: two VPCs may have the same.
    fn tell_apart(&mut self, source: &mut dyn Source) -> Result<()> {
        let found = self.found.iter();
        let overlapping = overlapping(found.filter_map(|(_, found)| found.as_ref().ok()));
        let found = self.found.iter_mut();
        let found = found.filter_map(|(_, found)| found.as_mut().ok());
        let untold = found.filter(|eni| eni.vpc.is_none() && overlapping.contains(&eni.mac));
        let untold: Vec<&mut Eni> = untold.gathered();
        let paths = untold.iter().map(|eni| key_of(eni.mac, "vpc-id"));
        let mut source = Ahead::of(source, paths.gathered());
        for eni in untold {
            eni.vpc = Reader::new(&mut source, eni.mac).get("vpc-id")?;
        }
        Ok(())
    }

    /// It is complete, and yet cannot be: another ENI has its number, and its network card may not be listed yet.
    fn is_in_conflict(&self, mac: Mac, key: &str) -> bool {
        key == "device-number"
            && self
                .found
                .iter()
                .any(|(known, found)| *known == mac && found.is_ok())
    }
}

#[cfg(test)]
mod tests;
