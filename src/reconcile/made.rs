//! What eniroute made before, by the ledger and by other witnesses. Reads only.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::files::Disk;
use crate::gather::Gather;
use crate::ledger::{Ledger, Made, Wanted};
use crate::metadata::Metadata;
use crate::metadata::cache::Memory;
use crate::net::{IndexRule, Link, Mac, link_of_mac};
use crate::object::{Object, Observed, in_order};
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

/// What earlier runs made and is not exactly as it is wanted still, of addresses and rules: an instance has thousands of
/// them.
pub(super) fn made(ledger: &Ledger, links: &[Link], desired: &Desired) -> Vec<Made> {
    let enis = desired.enis.iter();
    let addresses = in_order(enis.clone().flat_map(|planned| &planned.addresses));
    let rules = in_order(enis.flat_map(|planned| &planned.rules));
    ledger.made(links, &|object| match (object.address(), object.rule()) {
        (Some(address), _) => addresses.binary_search(&address).is_err(),
        (_, Some(rule)) => rules.binary_search(&rule).is_err(),
        (None, None) => true,
    })
}

/// What the ledger has to know of each planned ENI. Files have also what a link's owner keeps itself, for the day when it
/// lets go of it.
pub fn wanted(desired: &Desired) -> Vec<Wanted<'_>> {
    desired.enis.iter().map(one).gathered()
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
    let left = planned.left_to_owner.iter().cloned().map(Object::from);
    let own = planned.objects().filter(Object::is_lasting);
    own.chain(left).gathered()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::object::Change;
    use crate::plan::plan;
    use crate::plan::tests::{eni, host};

    #[test]
    fn of_thousands_of_addresses_and_rules_only_those_are_listed_again_that_nobody_wants_any_more()
    {
        let primary = eni(0, &["10.0.0.10"], "10.0.0.0/20");
        let second = |addresses: &[&str]| eni(1, addresses, "10.0.16.0/20");
        let before = [primary.clone(), second(&["10.0.16.10", "10.0.16.11"])];
        let after = [primary, second(&["10.0.16.10"])];
        let observed = host(&before);
        let planned = |enis| plan(enis, &observed, &Config::default());
        let mut ledger = Ledger::default();
        ledger.adopt(&wanted(&planned(&before)), &observed);
        let listed = |desired: &Desired| -> Vec<String> {
            let made = made(&ledger, &observed.links, desired);
            let objects = made.into_iter().flat_map(|made| made.objects);
            let many = objects.filter(|one| one.address().is_some() || one.rule().is_some());
            many.map(|one| Change::Remove(one).to_string()).collect()
        };
        assert_eq!(listed(&planned(&before)), [""; 0]);
        let gone = [
            "ip -4 address del 10.0.16.11/32 dev eth1",
            "ip -4 rule del from 10.0.16.11 lookup 10001 priority 10001",
        ];
        assert_eq!(listed(&planned(&after)), gone);
        assert_eq!(listed(&Desired::default()).len(), 5);
    }
}
