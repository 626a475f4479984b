//! What EC2 said last, kept over boots in /var: at a boot while the metadata service is silent or refuses, the ENIs whose
//! NICs are there are configured by it. It is of one instance; an image of the disk is of no use to another.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::eni::Eni;
use crate::error::Result;
use crate::files::Disk;
use crate::gather::{Gather, Order};
use crate::metadata::{Metadata, is_sound, judge};
use crate::net::link_of_mac;
use crate::net::{Link, Mac};

/// Where it lies, below `--root`.
pub const PATH: &str = "/var/lib/eniroute/metadata.json";

/// What the service said last, for a boot in which it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The instance that it is of (`i-...`), where the firmware tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The primary ENI, which no instance ever changes.
    pub primary: Option<Mac>,
    /// The ENIs that were there and complete.
    pub enis: Vec<Eni>,
}

impl Record {
    /// Reads its text. What cannot be of an ENI is not known: its id goes into names.
    ///
    /// # Errors
    /// Says what is wrong with it; the caller names the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut record: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        record.enis.retain(is_sound);
        Ok(record)
    }

    /// What an earlier run left; nothing if there was none, or if it cannot be read.
    pub fn load(disk: &Disk) -> Self {
        disk.read_own(PATH, Self::parse)
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    /// What is known once the service has said `metadata` on `instance`. Of an ENI that it does not tell all of, or does
    /// not list while its interface is there, the last word stands.
    #[must_use]
    pub fn after(self, metadata: &Metadata, instance: Option<String>, links: &[Link]) -> Self {
        let primary = metadata
            .enis
            .iter()
            .find(|eni| eni.primary)
            .map(|eni| eni.mac);
        let is_this = self.instance == instance && (primary.is_none() || self.primary == primary);
        let is_told = |mac: Mac| metadata.enis.iter().any(|eni| eni.mac == mac);
        let stands =
            |eni: &Eni| is_this && !is_told(eni.mac) && link_of_mac(eni.mac, links).is_some();
        let mut enis = metadata.enis.clone();
        enis.extend(self.enis.into_iter().filter(stands));
        enis.order_by_key(|eni| (!eni.primary, eni.number()));
        Self {
            instance,
            primary: primary.or(self.primary.filter(|_| is_this)),
            enis,
        }
    }

    /// What it says of the ENIs that have an interface among `links`, judged anew; `None` where that is nothing, or
    /// where this is not the `instance` that it is of. Without an id to compare, that one has the primary ENI.
    pub fn recall(self, instance: Option<&str>, links: &[Link]) -> Option<Metadata> {
        let is_there = |mac: &Mac| link_of_mac(*mac, links).is_some();
        let is_this = match (self.instance.as_deref(), instance) {
            (Some(then), Some(now)) => then == now,
            _ => self.primary.as_ref().is_some_and(is_there),
        };
        let mut present = self.enis;
        present.retain(|eni| is_there(&eni.mac));
        let recalled = present.iter().map(|eni| eni.mac).into_set();
        (is_this && !present.is_empty()).then(|| judge(present, &recalled))
    }

    /// What the service has `said`, and with it the last word on each ENI that it does not tell all of, or does not list,
    /// while its interface is among `links`. That stays incomplete. What does not go with what was said now is left out.
    pub fn beside(self, said: Metadata, instance: Option<&str>, links: &[Link]) -> Metadata {
        let is_this = self.primary.is_none() || self.primary == said.primary;
        let Some(last) = self.recall(instance, links).filter(|_| is_this) else {
            return said;
        };
        let is_read = |mac: Mac| said.read().any(|eni| eni.mac == mac);
        let (known, late): (Vec<Eni>, Vec<Eni>) =
            last.enis.into_iter().partition(|eni| is_read(eni.mac));
        if late.is_empty() {
            return said;
        }
        let recalled = late.iter().map(|eni| eni.mac).into_set();
        let read = said.read().map(|eni| with_vpc(eni, &known));
        let judged = judge(read.chain(late).gathered(), &recalled);
        let is_said = |mac: Mac| !recalled.contains(&mac);
        let wrong = judged
            .incomplete
            .into_iter()
            .filter(|wrong| is_said(wrong.mac));
        let refused = judged.refused.into_iter().filter(|eni| is_said(eni.mac));
        Metadata {
            primary: said.primary,
            incomplete: said.late().cloned().chain(wrong).gathered(),
            refused: refused.gathered(),
            ..judged
        }
    }

    /// Writes it, if it differs from what is there; where it says nothing, there is no file.
    ///
    /// # Errors
    /// [`crate::error::Error::File`].
    pub fn save(&self, disk: &Disk) -> Result<()> {
        if self.enis.is_empty() {
            disk.delete_own(&[PATH])
        } else {
            disk.write_own(PATH, self)
        }
    }

    /// Forgets the ENIs that are `meant`: they are not to come back at the next boot.
    ///
    /// # Errors
    /// As [`Record::save`].
    pub fn forget(disk: &Disk, meant: impl Fn(Mac) -> bool) -> Result<()> {
        let mut record = Self::load(disk);
        record.enis.retain(|eni| !meant(eni.mac));
        record.save(disk)
    }

    /// For how long EC2 has said nothing else, in words.
    pub fn age(disk: &Disk) -> String {
        let stamp = disk
            .stamp(PATH)
            .and_then(|stamp| stamp.changed.elapsed().ok());
        stamp.map_or_else(|| "an unknown time".to_owned(), in_words)
    }
}

/// The service is asked for an ENI's VPC, which never changes, only where ranges of those that it tells overlap.
fn with_vpc(eni: &Eni, known: &[Eni]) -> Eni {
    let same = known.iter().find(|known| known.id == eni.id);
    let vpc = eni.vpc.as_ref().or_else(|| same?.vpc.as_ref());
    Eni {
        vpc: vpc.cloned(),
        ..eni.clone()
    }
}

fn in_words(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86400),
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
