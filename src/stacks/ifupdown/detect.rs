//! Which NICs ifup has brought up. Reads the disk only.

use super::STACK;
use crate::error::Result;
use crate::plan::Planned;
use crate::stacks::stack::{Claim, Host, Sure, Witness};

/// What ifupdown, and Alpine's ifupdown-ng, have brought up: one `INTERFACE=DEFINITION` a line.
const IFSTATES: [&str; 2] = ["/run/network/ifstate", "/run/ifstate"];

/// ifup's record.
pub struct Records<'a>(pub Host<'a>);

impl Witness for Records<'_> {
    fn claims(&self, planned: &Planned) -> Result<Vec<Claim>> {
        for path in IFSTATES {
            let state = self.0.disk.read(path)?.unwrap_or_default();
            let mut devs = state.lines().filter_map(|line| line.split_once('='));
            if devs.any(|(dev, _)| *dev == *planned.dev) {
                let why = format!("{path} says that ifup brought it up");
                return Ok(vec![Claim::new(&STACK, Sure::BroughtUp, why)]);
            }
        }
        Ok(Vec::new())
    }
}
