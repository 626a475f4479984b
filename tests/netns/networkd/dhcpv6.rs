//! The primary's IPv6 address and systemd-networkd's own DHCPv6 client, in both orders.

use super::lab::Lab;
use crate::traffic::under_traffic;
use crate::vpc::Background;

const ADDRESS: &str = "2001:db8:0:a::100";
const DROP_IN: &str = "/etc/systemd/network/10-eth0.network.d/60-eniroute-eth0.conf";
const UNIT: (&str, &str) = (
    "/etc/systemd/network/10-eth0.network",
    "[Match]\nName=eth0\n[Network]\nDHCP=yes\nIPv6AcceptRA=yes\n",
);

/// A router that advertises itself and leases the address.
fn serve(lab: &Lab) -> Background {
    let router = lab.vpc.router();
    let dnsmasq = router.command("dnsmasq").args([
        "--no-daemon",
        "--port=0",
        "--bind-dynamic",
        "--interface=subnet0",
    ]);
    let dnsmasq = dnsmasq.args([
        "--dhcp-leasefile=/dev/null",
        "--dhcp-authoritative",
        "--enable-ra",
    ]);
    let dnsmasq = dnsmasq.args([
        "--ra-param=subnet0,4,1800",
        "--dhcp-range=2001:db8:0:a::,static,64,450",
    ]);
    dnsmasq
        .arg(format!(
            "--dhcp-host={},[{ADDRESS}]",
            lab.vpc.mac(lab.enis[0])
        ))
        .background()
}

fn is_leased(lab: &Lab) -> bool {
    let shown = lab.guest.ip("-6 address show dev eth0");
    shown
        .lines()
        .any(|line| line.contains(ADDRESS) && line.contains("dynamic"))
}

#[test]
fn an_address_that_networkd_s_client_brings_is_in_no_file_of_ours() {
    let mut lab = Lab::new(&[UNIT]);
    lab.vpc.assign(lab.enis[0], ADDRESS);
    let server = serve(&lab);
    lab.boot(&["eth0"]);
    lab.until(&format!("the lease: {}", server.log()), || is_leased(&lab));
    lab.apply();
    assert!(
        !lab.guest
            .sh(&format!("cat {DROP_IN} 2>/dev/null || :"))
            .contains(ADDRESS)
    );
    lab.guest.settle();
    assert!(lab.vpc.inet().ping(&[ADDRESS]).is_empty());
    lab.guest.ip(&format!("address del {ADDRESS}/128 dev eth0"));
    let said = lab.eniroute("apply");
    assert!(
        said.stdout.contains("missing 1")
            && said.stdout.contains("the DHCPv6 client that runs there"),
        "{said:?}"
    );
}

#[test]
fn networkd_s_client_takes_an_address_of_ours_over_without_a_packet_lost() {
    let mut lab = Lab::new(&[UNIT]);
    lab.vpc.assign(lab.enis[0], ADDRESS);
    lab.boot(&["eth0"]);
    lab.apply();
    assert!(
        lab.guest.sh(&format!("cat {DROP_IN}")).contains(ADDRESS),
        "nobody else brings it"
    );
    assert!(lab.vpc.inet().ping(&[ADDRESS]).is_empty());
    let mut server = None;
    let lost = under_traffic(&lab.vpc, &lab.guest, ADDRESS, || {
        server = Some(serve(&lab));
        lab.until("the lease", || is_leased(&lab));
        lab.await_configured("eth0");
        lab.apply();
    });
    assert_eq!(lost, 0, "{}", lab.log());
    assert!(
        !lab.guest
            .sh(&format!("cat {DROP_IN} 2>/dev/null || :"))
            .contains(ADDRESS),
        "it is the client's now"
    );
    assert!(is_leased(&lab) && lab.vpc.inet().ping(&[ADDRESS]).is_empty());
}
