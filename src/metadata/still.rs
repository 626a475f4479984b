//! Whether the service still says what it said before: cheaper than to read all of it.

use std::collections::BTreeSet;

use super::bounds::Depth;
use super::keys::Reader;
use super::{Incomplete, Source, bounds, judge, list};
use crate::eni::Eni;
use crate::error::Result;
use crate::gather::Gather;
use crate::net::Mac;

/// Every so many turns all is read anew, while an ENI is refused.
const ALL_OVER: u64 = 8;

/// Whether the service still says what it said when `known` was read, by one request, and two for each ENI; what has
/// more than two values that may change is asked in turns, so `turn` should differ from one time to the next. Of an ENI
/// that cannot be true, what is wrong with it is asked each time, and all of it now and then: another may be at fault.
///
/// # Errors
/// When the service fails.
pub fn still_holds(source: &mut impl Source, known: &[Eni], turn: u64) -> Result<bool> {
    still_holds_of(source, known, turn, None)
}

/// The same for what was read of the ENIs that are `present`; see [`super::Reading::of_present`].
///
/// # Errors
/// When the service fails.
pub fn still_holds_of(
    source: &mut impl Source,
    known: &[Eni],
    turn: u64,
    present: Option<&BTreeSet<Mac>>,
) -> Result<bool> {
    let primary = known.iter().filter(|eni| eni.primary).map(|eni| eni.mac);
    let present = present.map(|present| present.iter().copied().chain(primary).into_set());
    let present: Option<&BTreeSet<Mac>> = present.as_ref();
    let (macs, _) = bounds::chosen(list(source)?, present);
    let macs: BTreeSet<Mac> = macs.into_iter().into_set();
    if macs != known.iter().map(|eni| eni.mac).into_set() {
        return Ok(false);
    }
    let judged = judge(known.to_vec(), &BTreeSet::new());
    if !judged.refused.is_empty() && turn.is_multiple_of(ALL_OVER) {
        return Ok(false);
    }
    let depth = |eni: &Eni| Depth::of(eni.mac, present);
    for (eni, Incomplete { key, .. }) in judged.refused.iter().zip(&judged.incomplete) {
        if !Reader::to(depth(eni), source, eni.mac).says(key, eni)? {
            return Ok(false);
        }
    }
    for eni in judged.enis {
        if !Reader::to(depth(&eni), source, eni.mac).still_says(&eni, turn)? {
            return Ok(false);
        }
    }
    Ok(true)
}
