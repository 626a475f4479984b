//! What systemd-networkd has loaded after a hand-over, by its own word: a hand-over that it never heard of shows nowhere
//! else, as the kernel is right all the same.

use crate::guest::Guest;
use crate::image::Image;
use crate::table::Steps;
use crate::vpc::Vpc;

/// Fails unless the unit by which networkd runs a NIC, with its drop-ins, has the ENI's table, and networkd's record
/// names all of those; older ones keep no list of drop-ins.
const LOADED: &str = r#"
    record=/run/systemd/netif/links/$(cat /sys/class/net/$dev/ifindex)
    cat $record
    grep -qx ADMIN_STATE=configured $record || [ "$waits" ] || exit 1
    unit=$(sed -n 's/^NETWORK_FILE=//p' $record)
    networkctl status --no-pager --full --lines=0 $dev | grep -F "$unit" || exit 1
    drop_ins=$(ls /etc/systemd/network/$(basename $unit).d/60-eniroute-*.conf 2>/dev/null)
    cat $unit $drop_ins | grep -x Table=$table || exit 1
    named=$(sed -n 's/^NETWORK_FILE_DROPINS=//p' $record)
    [ -z "$named" ] || for path in $drop_ins; do grep -qF $path <<<"$named" || exit 1; done
"#;

/// Whether all that networkd waits for, by its own debug log, is an address that has been there all the time. 252 deletes an
/// address without its length, and where a lease's and ours are one, it may wait for the end of the lease's in vain, until
/// that is renewed.
const WAITS_IN_VAIN: &str = r#"
    systemctl service-log-level systemd-networkd debug
    ip address add 192.0.2.99/32 dev $dev
    sleep 2
    ip address del 192.0.2.99/32 dev $dev
    systemctl service-log-level systemd-networkd info
    said=$(journalctl -b -u systemd-networkd --no-pager | sed -n 's/.*: link_check_ready(): //p' | tail -1)
    address=$(sed -n 's/^address \([0-9.]*\/[0-9]*\) is not ready\.$/\1/p' <<<"$said")
    [ "$address" ] && ip -o -4 address show dev $dev | grep -F " ${address%/*}/32 " &&
        ip -o -4 address show dev $dev | grep -F " $address "
"#;

/// Of the ENIs with these device numbers, on an image with networkd.
pub fn loaded(steps: &mut Steps, vpc: &Vpc, guest: &mut Guest, image: Image, numbers: &[usize]) {
    if image.manager() != "systemd-networkd" {
        return;
    }
    steps.step("networkd has loaded what was handed over", || {
        for number in numbers {
            let (dev, table) = (image.interface(*number), 10_000 + number);
            let script = format!("dev={dev} table={table}\n{LOADED}");
            let state = format!(
                "ip -d address show dev {dev}; journalctl -b -u systemd-networkd -o short-precise --no-pager"
            );
            let is_loaded = guest.comes_true(&script, 30) || {
                let waits = format!("dev={dev}\n{WAITS_IN_VAIN}");
                let waits_in_vain = guest.try_run(&waits).status == 0;
                waits_in_vain && guest.try_run(&format!("waits=1 {script}")).status == 0
            };
            assert!(
                is_loaded,
                "{}\n{}\n{}",
                vpc.dhcp_log(),
                guest.try_run(&script).output,
                guest.try_run(&state).output
            );
        }
    });
}
