//! Packets of clients for which connection tracking, or the ways, are not as the table of nftables has them.

use std::net::UdpSocket;
use std::time::Duration;

use crate::instance::Instance;
use crate::nat::{FIRST, Flow, Lab, PORT, S3, SECOND, echo};
use crate::vpc::{INTERNET, uninterrupted};

/// Something else goes on tracking connections while our table is not there.
const TRACKING: &str = "nft 'add table ip other; add chain ip other seen { type filter hook prerouting priority 0; }; \
    add rule ip other seen ct state new counter'";

#[test]
fn a_flow_that_began_without_the_table_leaves_with_no_private_address_and_goes_on_with_its_own() {
    let lab = Lab::bare();
    let instance = Instance::with_netplan(lab.vpc.guest());
    instance.write("etc/eniroute.toml", S3);
    instance.must("apply");
    echo(&lab.vpc.inet());
    let socket = lab.clients[1].enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    let socket = lab.clients[1].enter(|| {
        socket.connect((INTERNET[0], PORT)).unwrap();
        socket
    });
    let patience = Duration::from_millis(500);
    socket.set_read_timeout(Some(patience)).unwrap();
    let asks = || socket.send(b"ask").is_ok() && uninterrupted(|| socket.recv(&mut [0; 8])).is_ok();
    instance.host.sh(TRACKING);
    // As where the table goes while a flow's first packet is between its chains.
    let decided = "ct status & confirmed == 0 ct mark set 0x80000000";
    let rule = format!("nft 'add rule ip other seen {decided}'");
    instance.host.sh(&rule);
    instance.host.sh("nft delete table inet eniroute");
    assert!(!asks());
    let leaked = lab.vpc.without_public_address();
    assert_eq!(leaked, 1, "nothing was there to keep it back");
    instance
        .host
        .sh("nft 'flush chain ip other seen; add rule ip other seen ct state new counter'");
    let file = instance.root().join("var/lib/eniroute/nat.nft");
    instance.host.sh(&format!("nft -f {}", file.display()));
    assert!(!asks(), "somebody else has loaded it");
    assert_eq!(lab.vpc.without_public_address(), leaked);
    instance.must("egress load");
    socket.set_read_timeout(Some(10 * patience)).unwrap();
    assert!(asks(), "{}", instance.host.sh("conntrack -L"));
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
    assert_eq!(lab.vpc.without_public_address(), leaked);
}

#[test]
fn a_client_of_an_eni_whose_rule_is_not_there_leaves_by_no_other_one() {
    let lab = Lab::new(S3);
    echo(&lab.vpc.inet());
    let mut flow = Flow::open(&lab.clients[1]);
    let host = &lab.instance.host;
    host.ip("rule del fwmark 0x2000000/0xff000000");
    let refused = || host.sh("nft list counter inet eniroute refused");
    let before = refused();
    assert_eq!([0, 1].map(|n| lab.seen(&lab.clients[n])), [FIRST, ""]);
    assert_ne!(refused(), before, "it is counted");
    lab.instance.must("refresh");
    assert!(flow.lives());
    assert_eq!(lab.all_seen(), [FIRST, SECOND, ""]);
    assert_eq!(
        (lab.vpc.spoofed(), lab.vpc.without_public_address()),
        (0, 0)
    );
}
