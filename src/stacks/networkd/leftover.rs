//! What a DHCP client leaves behind on a secondary ENI that it loses to a complete unit of ours. Pure.

use std::collections::BTreeMap;

use crate::net::{Address, Dev};
use crate::object::{Change, Object, Observed};
use crate::plan::Desired;

/// The leases to be taken away: an address that is there as we want it and with the subnet's prefix length too, on a
/// link that has a complete unit of ours in `units`.
///
/// A lease that comes in while eniroute runs comes after our own /32. networkd 252 then asks the kernel to delete
/// the address without its prefix length, which takes the first of the two: ours. The lease stays, with a subnet
/// route in main, and networkd stays `configuring` until it goes.
pub fn leftovers(desired: &Desired, observed: &Observed, units: &BTreeMap<Dev, String>) -> Vec<Change> {
    let is_complete = |dev: &Dev| units.get(dev).is_some_and(|unit| unit.contains("eniroute-"));
    let enis = desired.enis.iter().filter(|planned| !planned.eni.primary && is_complete(&planned.dev));
    let there = enis.flat_map(|planned| &planned.addresses).filter(|wanted| observed.addresses.contains(wanted));
    let twins = |wanted: &Address| {
        let found = observed.addresses.iter().filter(|address| address.is_same_ip(wanted) && address.net != wanted.net);
        found.cloned().collect::<Vec<_>>()
    };
    there.flat_map(twins).map(|lease| Change::Remove(Object::Address(lease))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stacks::guest;

    fn address(dev: &str, net: &str) -> Address {
        Address { dev: dev.into(), net: net.parse().unwrap() }
    }

    fn units(unit: &str) -> BTreeMap<Dev, String> {
        BTreeMap::from([("eth1".into(), unit.to_owned())])
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
        let found = |observed: &Observed, unit| leftovers(&guest::desired(), observed, &units(unit));
        assert_eq!(found(&observed, "10-eniroute-eth1.network"), [], "networkd is not done: ours is not there");
        observed.addresses.push(ours);
        assert_eq!(found(&observed, "10-eniroute-eth1.network"), [Change::Remove(Object::Address(lease))]);
        assert_eq!(found(&observed, "10-netplan-eth1.network"), [], "its owner's lease stays");
    }
}
