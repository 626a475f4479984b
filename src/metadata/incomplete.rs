//! What EC2 has not published, or not truly, of one ENI: no failure of the others.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Found;
use crate::eni::Eni;
use crate::error::{Error, Lack, Result};
use crate::net::Mac;

/// What keeps an ENI from being complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    pub mac: Mac,
    /// The metadata key below the ENI's own; empty: its listing.
    pub key: String,
    pub why: String,
    pub lack: Lack,
}

impl Incomplete {
    /// The key that tells first that it has changed. An address may come by any: the listing tells.
    pub fn asked(&self) -> &str {
        match self.lack {
            Lack::Addresses => "",
            _ => &self.key,
        }
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self {
            mac,
            key,
            why,
            lack,
        } = self.clone();
        Error::Metadata {
            mac,
            key,
            why,
            lack,
        }
        .fmt(f)
    }
}

/// What is wrong with one ENI is no failure of the reading.
pub(super) fn outcome(read: Result<Eni>) -> Result<Found> {
    match read {
        Ok(eni) => Ok(Ok(eni)),
        Err(Error::Metadata {
            mac,
            key,
            why,
            lack,
        }) => Ok(Err(Incomplete {
            mac,
            key,
            why,
            lack,
        })),
        Err(error) => Err(error),
    }
}
