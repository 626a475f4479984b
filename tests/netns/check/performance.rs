//! Group P: a driver's own counters, as ethtool has them. No NIC of a test has EC2's; what those mean is tested beside
//! the code that judges them.

use eniroute::kernel;

use super::host;

#[test]
fn the_counters_of_a_driver_are_read_by_their_names() {
    let (_vpc, instance) = host();
    let (nic, missing) = instance
        .host
        .enter(|| (kernel::nic(&"eth0".into()), kernel::nic(&"eth7".into())));
    let nic = nic.unwrap();
    let peer = instance.host.sh("cat /sys/class/net/eth0/iflink");
    assert_eq!(nic.driver, "veth");
    assert_eq!(
        nic.counters
            .get("peer_ifindex")
            .map(u64::to_string)
            .as_deref(),
        Some(peer.trim())
    );
    assert!(missing.is_err());
}
