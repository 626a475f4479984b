//! What EC2 said last, kept in memory-backed /run: it tells the next run of this boot what has been done for which
//! interface, and `refresh` what to compare with. While it is there, eniroute is in charge of this host; an image or
//! the next boot does not have it.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use log::debug;
use serde::{Deserialize, Serialize};

use crate::eni::Eni;
use crate::error::Result;
use crate::files::{Disk, File};
use crate::gather::Gather;
use crate::metadata::{Incomplete, Metadata, is_id, is_sound, judge};
use crate::net::{self, Link, Mac};

/// Where it lies, below `--root`. The units start nothing while it is absent.
pub const PATH: &str = "/run/eniroute/metadata.json";

/// An empty file, whose time is that of the last run that came to a good end.
pub const GOOD: &str = "/run/eniroute/last-good-run";

/// What the service said last in this boot, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The interface index of each NIC that was there. The kernel gives a new one to a NIC that comes anew.
    pub nics: BTreeMap<Mac, u32>,
    /// The ENIs that were complete, and could be true.
    pub enis: Vec<Eni>,
    /// Those that were complete, and could not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Eni>,
    /// Those of which something is lacking that is not expected any more: see [`Metadata::apart`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<Incomplete>,
    /// Those that the service has not told in this boot yet: they are as it said before.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub recalled: BTreeSet<Mac>,
    /// What has been said of ENIs that are not configured, or whose traffic takes another way: what runs every minute does
    /// not say it again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
    /// Host addresses of ours that went because EC2 took them away, while no network manager was asked to load the file
    /// without them: one that has the old file loaded may bring them up again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub let_go: BTreeMap<Mac, BTreeSet<IpNet>>,
    /// Somebody has told eniroute to go on beside another tool (`--force`); this holds for the runs that follow, too.
    pub forced: bool,
}

impl Memory {
    /// What is known after a run with this `metadata` and these links.
    pub fn after(&self, metadata: &Metadata, links: &[Link], force: bool) -> Self {
        Self {
            nics: nics(links),
            enis: metadata.enis.clone(),
            refused: metadata.refused.clone(),
            apart: metadata.apart.clone(),
            recalled: metadata.recalled.clone(),
            told: metadata
                .incomplete
                .iter()
                .map(Incomplete::to_string)
                .gathered(),
            let_go: self.let_go.clone(),
            forced: self.forced || force,
        }
    }

    /// What an earlier run of this boot left; nothing if there was none, or if it cannot be read.
    pub fn load(disk: &Disk) -> Self {
        disk.read_own(PATH, Self::parse)
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    /// Reads its text. What cannot be of an ENI is not known: its id goes into names.
    ///
    /// # Errors
    /// Says what is wrong with it; the caller names the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut memory: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        memory.enis.retain(is_sound);
        memory.refused.retain(|eni| is_id(&eni.id));
        Ok(memory)
    }

    /// Writes it, if it differs from what is there.
    ///
    /// # Errors
    /// [`crate::error::Error::File`].
    pub fn save(&self, disk: &Disk) -> Result<()> {
        disk.write_own(PATH, self)
    }

    /// A run has come to a good end, while eniroute is in charge: [`GOOD`] has the time of it.
    pub fn confirm(disk: &Disk) {
        let marked = match (disk.exists(PATH), disk.exists(GOOD)) {
            (false, _) => Ok(()),
            (true, false) => disk.put(File::readable(GOOD, String::new())),
            (true, true) => disk.touch(GOOD),
        };
        if let Err(error) = marked {
            debug!("{error}: when the last good run was is not known");
        }
    }

    /// Forgets everything: eniroute is no longer in charge.
    ///
    /// # Errors
    /// [`crate::error::Error::File`].
    pub fn erase(disk: &Disk) -> Result<()> {
        disk.delete_own(&[PATH, GOOD])
    }

    /// Whether the service said so in this boot, of these very interfaces.
    pub fn is_of(&self, links: &[Link]) -> bool {
        !self.enis.is_empty() && self.recalled.is_empty() && self.nics == nics(links)
    }

    /// Whether a run has dealt with this very interface, by what the service has said in this boot.
    pub fn has_served(&self, nic: &Link) -> bool {
        let is_it =
            |mac: Mac| nic.eni_mac() == Some(mac) && self.nics.get(&mac) == Some(&nic.index);
        let mut macs = self.enis.iter().map(|eni| eni.mac);
        macs.any(|mac| is_it(mac) && !self.recalled.contains(&mac))
    }

    /// Every ENI that was all there.
    pub fn read(&self) -> Vec<Eni> {
        self.enis.iter().chain(&self.refused).cloned().gathered()
    }

    /// All of it, judged anew: the file may say anything. An ENI that has no interface (EFA-only, or in a container's
    /// namespace) is still listed by EC2.
    pub fn metadata(self) -> Metadata {
        Metadata {
            apart: self.apart.clone(),
            ..judge(self.read(), &self.recalled)
        }
    }

    /// Without the ENIs whose interface is not among `links`: they are gone.
    pub fn of_present(mut self, links: &[Link]) -> Metadata {
        let there = nics(links);
        self.enis.retain(|eni| there.contains_key(&eni.mac));
        self.refused.retain(|eni| there.contains_key(&eni.mac));
        self.metadata()
    }
}

/// What may be an ENI, by its MAC.
fn nics(links: &[Link]) -> BTreeMap<Mac, u32> {
    net::nics(links)
        .filter_map(|link| Some((link.eni_mac()?, link.index)))
        .into_map()
}
