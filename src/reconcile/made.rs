//! What eniroute made before, by the ledger and by other witnesses. Reads only.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::files::Disk;
use crate::gather::Gather;
use crate::ledger::{Ledger, Wanted};
use crate::metadata::Metadata;
use crate::metadata::cache::Memory;
use crate::net::{IndexRule, Link, Mac, link_of_mac};
use crate::object::{Object, Observed};
use crate::plan::{Desired, Planned};
use crate::stacks;

/// The ledger as the host is now, with what is there by our doing of ENIs that it lacks.
pub(super) fn brought_up_to_date(
    mut ledger: Ledger,
    disk: &Disk,
    desired: &Desired,
    observed: &Observed,
) -> Ledger {
    ledger.bring_up_to_date(observed);
    // Its form, its place and its protocol are nobody else's: a ledger that is lost does not make it foreign.
    ledger.host.rule_index |= observed.index.iter().any(IndexRule::is_fixed);
    let is_new = |planned: &Planned| !ledger.enis.contains_key(&planned.eni.mac);
    if desired.enis.iter().any(is_new) {
        ledger.restore(&wanted(desired), observed, &configured(disk, desired));
    }
    ledger
}

/// What the ledger has to know of each planned ENI. Files have also what a link's owner keeps itself, for the day when it
/// lets go of it.
pub fn wanted(desired: &Desired) -> Vec<Wanted<'_>> {
    desired.enis.iter().map(one).collect()
}

fn one(planned: &Planned) -> Wanted<'_> {
    let Planned { eni, dev, .. } = planned;
    Wanted {
        mac: eni.mac,
        id: &eni.id,
        dev,
        number: eni.number(),
        objects: lasting(planned),
    }
}

/// What of an ENI lasts, and what its owner makes, too.
fn lasting(planned: &Planned) -> Vec<Object> {
    let left = planned.left_to_owner.iter().cloned().map(Object::Route);
    let own = planned.objects().filter(Object::is_lasting);
    own.chain(left).collect()
}

/// The ENIs that we have configured, by other witnesses than the ledger: what was done in this boot, and files. The
/// primary's rules stand in the others' files, too.
fn configured(disk: &Disk, desired: &Desired) -> BTreeSet<Mac> {
    let mut macs: BTreeSet<Mac> = stacks::readable_own_files(disk)
        .into_iter()
        .filter_map(|file| file.mac())
        .into_set();
    let primary = desired
        .enis
        .iter()
        .find(|planned| planned.eni.primary && !macs.is_empty());
    macs.extend(primary.map(|planned| planned.eni.mac));
    macs.extend(Memory::load(disk).enis.iter().map(|eni| eni.mac));
    macs
}

/// An instance keeps its primary ENI for life. Who takes another one for it would treat the real one as any other.
///
/// # Errors
/// [`Error::Refused`]: the metadata names another one than before, whose interface is still here.
pub(super) fn demand_same_primary(
    ledger: &Ledger,
    metadata: &Metadata,
    links: &[Link],
) -> Result<()> {
    let (Some(before), Some(now)) = (ledger.primary, metadata.primary) else {
        return Ok(());
    };
    if before == now || link_of_mac(before, links).is_none() {
        return Ok(());
    }
    Err(Error::Refused {
        url: "/latest/meta-data/mac".to_owned(),
        why: format!(
            "{now} is not the primary ENI of this instance, which was {before} before and never changes; nothing was \
             changed. If {before} was wrong, take it back with `eniroute remove` and apply again"
        ),
    })
}

/// ENIs of ours that EC2's list lacks while their interface is still there. The list says nothing of them then: on a
/// detachment the interface goes, too.
pub(super) fn unlisted(ledger: &Ledger, metadata: &Metadata, links: &[Link]) -> BTreeSet<Mac> {
    let is_listed = |mac: &Mac| {
        metadata
            .enis
            .iter()
            .any(|eni| eni.mac == *mac && !metadata.recalled.contains(mac))
            || metadata
                .incomplete
                .iter()
                .any(|incomplete| incomplete.mac == *mac)
    };
    ledger
        .enis
        .keys()
        .filter(|mac| !is_listed(mac) && link_of_mac(**mac, links).is_some())
        .copied()
        .into_set()
}
