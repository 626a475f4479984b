//! An ENI that is attached while NetworkManager runs, which has it by a profile of its own and a DHCP lease at once.

use crate::consumer::{eniroute, power_cycle, program};
use crate::instance::neighbours_reach;
use crate::network_manager::{CLOUD_INIT, FOLDER, Guest, guest};
use crate::vpc::{Background, EniSpec};

/// EC2's DHCP, for the newcomer.
fn dhcp_server(guest: &Guest) -> Background {
    let server = guest
        .vpc
        .inet()
        .command("ip")
        .args(["netns", "exec", "router", "dnsmasq"]);
    let options = "--no-daemon --port=0 --conf-file=/dev/null --leasefile-ro --user=root --dhcp-authoritative --no-ping \
                   --interface=subnet* --dhcp-range=10.1.0.0,static,1h --dhcp-host=06:00:00:00:00:77,10.1.0.77";
    server.args(options.split_whitespace()).background()
}

/// What is called on NetworkManager's bus, as a monitor sees it.
fn monitor(guest: &Guest) -> Background {
    let words =
        "dbus-monitor --system type='method_call',destination='org.freedesktop.NetworkManager'";
    program(&guest.instance, words).background()
}

/// How often each of these was called.
fn calls(monitor: &Background, members: [&str; 3]) -> [usize; 3] {
    members.map(|member| monitor.log().matches(&format!("member={member}")).count())
}

/// The newcomer's default is better than the primary's: until it has gone, the primary needs rules that all keyfiles
/// would have to hold.
#[test]
fn a_newcomer_s_profile_is_written_once_and_brought_up_once_and_no_other_one_is_touched() {
    let mut guest = guest();
    let owner = format!("{FOLDER}/cloud-init-eth0.nmconnection");
    guest.instance.write(
        &owner,
        &CLOUD_INIT.replace("route-metric=100", "route-metric=700"),
    );
    power_cycle(&guest.instance.host, &["eth0"]);
    let _running = guest.network_manager();
    guest.until("the primary's profile", || guest.is_activated("eth0"));
    guest.apply("");
    let _dhcp = dhcp_server(&guest);
    let newcomer = EniSpec::new(guest.subnets[1], "eth4").mac("06:00:00:00:00:77");
    guest.vpc.attach(newcomer.ipv4(["10.1.0.77", "10.1.0.78"]));
    guest.until("the newcomer's lease", || {
        guest
            .instance
            .host
            .ip("route show table main")
            .contains("via 10.1.0.1 dev eth4 proto dhcp")
    });
    let monitor = monitor(&guest);
    guest.until("the monitor", || monitor.log().contains("NameAcquired"));
    let ran = eniroute(&guest.instance, "hotplug add eth4 -v");
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.stdout.contains("files (network-manager): 1 changed"),
        "{ran:#?}"
    );
    assert_eq!(
        calls(
            &monitor,
            ["ReloadConnections", "ActivateConnection", "Reapply"]
        ),
        [1, 1, 0],
        "{}",
        monitor.log()
    );
    neighbours_reach(
        &mut guest.vpc,
        &guest.subnets,
        &["10.1.0.77", "10.1.0.78", "10.0.0.20"],
    );
    let again = eniroute(&guest.instance, "apply");
    assert!(
        again.stdout.starts_with("nothing to do: 5 ENIs"),
        "{again:#?}"
    );
}
