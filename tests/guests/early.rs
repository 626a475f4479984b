//! A boot at which eniroute itself does not run: what is forwarded goes by what the last run left to nftables, the network
//! stack and sysctl, from the first packet on.

use crate::baseline::ready;
use crate::guest::Guest;
use crate::table::Steps;

/// Whatever empties all tables of nftables at boot has done so before eniroute's is loaded, and both before the network.
const IN_ORDER: &str = r#"
    at() { systemctl show -P ActiveEnterTimestampMonotonic $1; }
    nftables=$(at nftables.service) ours=$(at eniroute-nat.service) network=$(at network-pre.target)
    echo "nftables $nftables us, eniroute-nat $ours us, network-pre $network us"
    [ "$nftables" -gt 0 ] && [ "$nftables" -le "$ours" ] && [ "$ours" -le "$network" ]
"#;

/// nftables' own unit runs, too, as on a host with a packet filter. Gives whether the guest has come back.
pub fn reboots(steps: &mut Steps, guest: &mut Guest) -> bool {
    let done = steps.essential("reboots, and eniroute does not run", || {
        guest.run("systemctl enable nftables.service; systemctl mask eniroute.service");
        guest.reboot();
    });
    done.is_some()
}

/// What holds in such a boot besides the packets.
pub fn in_order(steps: &mut Steps, guest: &mut Guest) {
    steps.step("is up again", || ready(guest));
    steps.step("the table was loaded before the network", || {
        println!("{}", guest.run(IN_ORDER));
        guest.run("! [ -e /run/eniroute/metadata.json ]");
    });
}

/// From here on eniroute runs again, and has nothing to do.
pub fn resumes(steps: &mut Steps, guest: &mut Guest) {
    steps.step("eniroute runs again: nothing to do", || {
        guest.run("systemctl unmask eniroute.service; systemctl start eniroute.service");
        println!(
            "{}",
            guest.run("journalctl -b -u eniroute.service -o cat --no-pager")
        );
        let report = guest.run("eniroute apply --wait 15");
        assert!(report.starts_with("nothing to do"), "{report}");
    });
}
