//! Whether the service still says what it said before: cheaper than to read all of it.

use std::collections::BTreeSet;

use super::ahead::Ahead;
use super::bounds::Depth;
use super::keys::{MACS, Reader, asked_again, key_of};
use super::{Incomplete, Metadata, Source, bounds, judge, list};
use crate::eni::Eni;
use crate::error::Result;
use crate::gather::Gather;
use crate::net::Mac;

/// Every so many turns all is read anew, while an ENI is refused.
const ALL_OVER: u64 = 8;

/// What the service said before.
#[derive(Clone, Copy, Default)]
pub struct Known<'a> {
    /// The ENIs that were all there, also those that cannot be true.
    pub enis: &'a [Eni],
    /// Those that were not, and are not expected any more.
    pub apart: &'a [Incomplete],
    /// What it was read of; see [`super::Reading::of_present`].
    pub present: Option<&'a BTreeSet<Mac>>,
}

/// Whether the service still says what it said when `known` was read, by one request, and two for each ENI; what has
/// more than two values that may change is asked in turns, so `turn` should differ from one time to the next. Of an ENI
/// that cannot be true, or of which something is lacking, that is asked each time; and where one cannot be true, all of it
/// now and then: another may be at fault.
///
/// # Errors
/// When the service fails.
pub fn still_holds(source: &mut dyn Source, known: Known, turn: u64) -> Result<bool> {
    let primary = known.enis.iter().filter(|eni| eni.primary);
    let primary = primary.map(|eni| eni.mac);
    let present = known
        .present
        .map(|present| present.iter().copied().chain(primary).into_set());
    let judged = judge(known.enis.to_vec(), &BTreeSet::new());
    let mut source = ask_together(source, &judged, known.apart, turn);
    let (macs, _) = bounds::chosen(list(&mut source)?, present.as_ref());
    let (enis, apart) = (known.enis.iter(), known.apart.iter());
    let before = enis
        .map(|eni| eni.mac)
        .chain(apart.map(|lack| lack.mac))
        .into_set();
    if macs.into_iter().into_set() != before {
        return Ok(false);
    }
    if !judged.refused.is_empty() && turn.is_multiple_of(ALL_OVER) {
        return Ok(false);
    }
    let depth = |mac| Depth::of(mac, present.as_ref());
    for lack in known.apart {
        if !Reader::to(depth(lack.mac), &mut source, lack.mac).still_lacks(lack)? {
            return Ok(false);
        }
    }
    for (eni, Incomplete { key, .. }) in judged.refused.iter().zip(&judged.incomplete) {
        if !Reader::to(depth(eni.mac), &mut source, eni.mac).says(key, eni)? {
            return Ok(false);
        }
    }
    for eni in judged.enis {
        if !Reader::to(depth(eni.mac), &mut source, eni.mac).still_says(&eni, turn)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Asks for the list of the ENIs and all that is asked of them at once; of one ENI one after the other.
fn ask_together<'a>(
    source: &'a mut dyn Source,
    judged: &Metadata,
    apart: &[Incomplete],
    turn: u64,
) -> Ahead<'a> {
    if judged.read().count() + apart.len() < 2 {
        return Ahead::new(source);
    }
    let mut paths = vec![MACS.to_owned()];
    paths.extend(asked(judged, apart, turn));
    Ahead::of(source, paths)
}

/// The paths that are asked for.
fn asked(judged: &Metadata, apart: &[Incomplete], turn: u64) -> Vec<String> {
    let lacks = apart.iter().chain(&judged.incomplete);
    let lacks = lacks.map(|lack| key_of(lack.mac, lack.asked()));
    let again = |eni: &Eni| {
        asked_again(eni, turn)
            .map(|key| key_of(eni.mac, key))
            .gathered()
    };
    let whole = judged
        .enis
        .iter()
        .flat_map(|eni| -> Vec<String> { again(eni) });
    lacks.chain(whole).gathered()
}
