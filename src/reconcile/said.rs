//! What EC2 says, or said last where the metadata service does not answer: for who only looks.

use super::host::Host;
use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::metadata::cache::{self, Memory};
use crate::metadata::record::{self, Record};
use crate::platform;

/// What the ENIs are judged by.
pub struct Said {
    pub metadata: Metadata,
    /// Why the service says nothing now.
    pub refusal: Option<Error>,
    /// Which file has what EC2 said last, where that is so.
    pub basis: Option<&'static str>,
}

impl Host {
    /// What the service says; else what it said in this boot, or before it; else nothing. `public`: the public addresses,
    /// too.
    ///
    /// # Errors
    /// The kernel cannot be asked for the NICs.
    pub fn said(&mut self, public: bool) -> Result<Said> {
        let (metadata, basis, refusal) = match self.metadata(public) {
            Ok(metadata) => (Some(metadata), None, None),
            Err(error) => {
                let (metadata, basis) = self.last_word()?.unzip();
                (metadata, basis, Some(error))
            }
        };
        Ok(Said {
            metadata: metadata.unwrap_or_default(),
            refusal,
            basis,
        })
    }

    fn last_word(&mut self) -> Result<Option<(Metadata, &'static str)>> {
        let links = self.kernel.links()?;
        let memory = Memory::load(&self.disk);
        if memory.is_of(&links) {
            return Ok(Some((memory.metadata(), cache::PATH)));
        }
        let instance = platform::instance(&self.disk);
        let recalled = Record::load(&self.disk).recall(instance.as_deref(), &links);
        Ok(recalled.map(|metadata| (metadata, record::PATH)))
    }
}
