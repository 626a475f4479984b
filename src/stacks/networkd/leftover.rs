//! What networkd's DHCP client leaves behind on a secondary ENI that networkd has configured anew with files of ours.
//! Pure.

use crate::gather::Gather;
use crate::net::{Address, Dev};
use crate::object::{Change, Object, Observed};
use crate::plan::Desired;
use crate::stacks::stack::Before;

/// The leases to be taken away: an address that is there as we want it and with the subnet's prefix length too, on a
/// link that has a complete unit of ours, or whose client waits for the lease to go.
///
/// A lease may stand after our own /32: because it came in while eniroute runs, or because the subnet's first
/// address is another one. networkd 252 asks the kernel to delete the address without its prefix length, which takes
/// the first of the two: ours. The lease stays, with a subnet route in main, and networkd stays `configuring` until
/// it goes: a client that is to go on has its new lease, and makes nothing of it.
pub fn leftovers(before: &Before, desired: &Desired, observed: &Observed) -> Vec<Change> {
    let enis = desired.enis.iter().filter(|planned| !planned.eni.primary);
    let there = enis
        .flat_map(|planned| &planned.addresses)
        .filter(|wanted| observed.addresses.contains(wanted));
    let goes = |address: &&Address| {
        let dev = &address.dev;
        let waits = observed.expiring.contains_key(*address) && waits(before, dev, observed);
        waits || is_complete(before, dev)
    };
    there
        .flat_map(|wanted| twins(wanted, observed))
        .filter(goes)
        .map(|lease| Change::Remove(Object::Address(lease.clone())))
        .gathered()
}

/// The same address with another prefix length, on the same link.
fn twins<'a>(wanted: &'a Address, observed: &'a Observed) -> impl Iterator<Item = &'a Address> {
    let up = observed.addresses.iter();
    up.filter(|up| up.is_same_ip(wanted) && up.net != wanted.net)
}

fn is_complete(before: &Before, dev: &Dev) -> bool {
    before
        .definitions
        .get(dev)
        .is_some_and(|unit| unit.contains("eniroute-"))
}

/// The owner's client on `dev` had its default in main, and has not any more, though networkd has had its time.
fn waits(before: &Before, dev: &Dev, observed: &Observed) -> bool {
    let mut defaults = before
        .kept
        .iter()
        .filter(|route| route.dst.prefix_len() == 0 && route.leaves_by(dev));
    before.definitions.contains_key(dev) && defaults.any(|route| !observed.routes.contains(route))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::net::{MAIN, Route};
    use crate::stacks::guest;

    fn address(dev: &str, net: &str) -> Address {
        Address {
            dev: dev.into(),
            net: net.parse().unwrap(),
        }
    }

    fn found(unit: &str, kept: &[Route], observed: &Observed) -> Vec<Change> {
        let units = BTreeMap::from([("eth1".into(), unit.to_owned())]);
        leftovers(
            &Before {
                definitions: units,
                kept: kept.to_vec(),
            },
            &guest::desired(),
            observed,
        )
    }

    #[test]
    fn a_lease_beside_our_own_address_goes_where_the_unit_is_ours() {
        let ours = guest::eth1().addresses[0].clone();
        let lease = address("eth1", &format!("{}/20", ours.net.addr()));
        let elsewhere = address("eth2", &format!("{}/20", ours.net.addr()));
        let mut observed = Observed {
            addresses: vec![lease.clone(), elsewhere, address("eth1", "192.0.2.1/24")],
            ..Observed::default()
        };
        let (complete, owner_s) = ("10-eniroute-eth1.network", "10-netplan-eth1.network");
        assert_eq!(
            found(complete, &[], &observed),
            [],
            "networkd is not done: ours is not there"
        );
        observed.addresses.push(ours);
        observed.expiring.insert(lease.clone(), 3000);
        assert_eq!(
            found(complete, &[], &observed),
            [Change::Remove(Object::Address(lease.clone()))]
        );
        assert_eq!(
            found(owner_s, &[], &observed),
            [],
            "its owner's lease stays"
        );

        let default = guest::eth1()
            .routes
            .into_iter()
            .find(|route| route.dst.prefix_len() == 0)
            .unwrap();
        let default = Route {
            table: MAIN,
            metric: 200,
            ..default
        };
        let kept = std::slice::from_ref(&default);
        assert_eq!(
            found(owner_s, kept, &observed),
            [Change::Remove(Object::Address(lease.clone()))],
            "the client waits"
        );
        observed.expiring.clear();
        assert_eq!(
            found(owner_s, kept, &observed),
            [],
            "an address without an end is no lease"
        );
        observed.expiring.insert(lease, 3000);
        observed.routes.push(default.clone());
        assert_eq!(found(owner_s, kept, &observed), [], "the client is done");
    }
}
