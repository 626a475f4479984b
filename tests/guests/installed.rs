//! Nobody runs eniroute by hand: the package is installed, and from then on an ENI answers after its attach, a link
//! that was down is repaired, a detached ENI is forgotten, and reboots change nothing; until the package is purged.
//! Needs the .deb: `make packages`.

use crate::baseline::{PRIMARY, PUBLIC, Site, ready};
use crate::guest::Guest;
use crate::image::Image;
use crate::loaded::loaded;
use crate::packages::{self, dpkg};
use crate::pings::Pings;
use crate::survive::{SECOND, THIRD, all_answer, plug, reboots, same, settled};
use crate::table::Steps;
use crate::vpc::EniId;

/// Fails when a trace of the third ENI is left: in the kernel, in a file, or in the ledger.
const FORGOTTEN: &str = r#"
    ! { ip rule; ip -6 rule; } | grep -E '10\.0\.3\.4|:c::40' &&
        ! grep -rl '06:1a:2b:00:03:28' /etc/netplan /etc/network /etc/NetworkManager/system-connections \
        /etc/systemd/network /run/systemd/network /var/lib/eniroute/ledger.json 2>/dev/null
"#;

pub fn run(image: Image, steps: &mut Steps) {
    let mut site = Site::new();
    let enis = [site.primary(), site.second()];
    let vpc = &mut site.vpc;
    let Some(mut guest) = steps.essential("boots with two ENIs", || Guest::boot(vpc, image, enis))
    else {
        return;
    };
    steps.step("is up", || ready(&mut guest));
    let before = settled(&mut guest);
    let two = [&PRIMARY[..], &SECOND].concat();
    let three = [&two[..], &THIRD].concat();
    if steps
        .essential("the package is installed: every address answers", || {
            install(&mut site, &mut guest, image, &two)
        })
        .is_none()
    {
        return;
    }
    let late = steps.essential("an ENI is plugged in: every address answers", || {
        let late = plug(&mut site, &mut guest, image);
        all_answer(&mut site, &mut guest, &three);
        late
    });
    let Some(late) = late else { return };
    steps.step("a link goes down and up: its routes are back", || {
        down_and_up(&mut site, &mut guest, image, &three)
    });
    steps.step("no unit has failed", || ready(&mut guest));
    if !reboots(steps, &mut guest) {
        return;
    }
    steps.step("every address answers after the reboot", || {
        all_answer(&mut site, &mut guest, &three)
    });
    loaded(steps, &site.vpc, &mut guest, image, &[1, 2]);
    steps.step("the units run", || units_run(&mut guest));
    steps.step("the ENI is unplugged and forgotten", || {
        unplug(&mut site, &mut guest, late, &two)
    });
    steps.step("still no unit has failed", || ready(&mut guest));
    steps.step("the package is removed: every address answers", || {
        removed(&mut site, &mut guest, &two)
    });
    steps.step("the package is purged", || purge(&mut guest));
    if reboots(steps, &mut guest) {
        steps.step("the host is as it was", || {
            same(&before, &settled(&mut guest))
        });
    }
}

/// As an administrator does, and the primary ENI loses nothing by it.
pub fn install(site: &mut Site, guest: &mut Guest, image: Image, addresses: &[&str]) {
    let pings = Pings::start(&site.vpc);
    println!("{}", packages::install(guest, &[packages::eniroute(image)]));
    all_answer(site, guest, addresses);
    assert_eq!(pings.lost(), [(PUBLIC, 0), (PRIMARY[1], 0)]);
}

/// Where the network manager does not put the routes back, eniroute does. The guest is emulated, and slow.
fn down_and_up(site: &mut Site, guest: &mut Guest, image: Image, addresses: &[&str]) {
    let script = format!(
        "ip link set {0} down; ip link set {0} up; begin=$(date +%s%N)
         until [ \"$(ip route show table 10001 | grep -c .)\" -ge 2 ] && [ \"$(ip -6 route show table 10001 | grep -c .)\" -ge 2 ]
         do sleep 0.05; [ $(($(date +%s%N) - begin)) -lt 30000000000 ] || exit 1; done
         echo $((($(date +%s%N) - begin) / 1000000)) ms",
        image.interface(1)
    );
    println!("the routes are back after {}", guest.run(&script));
    all_answer(site, guest, addresses);
}

fn units_run(guest: &mut Guest) {
    guest.run("systemctl is-active eniroute.service eniroute-refresh.timer eniroute-link.socket");
    let log = guest.run("journalctl -b -u 'eniroute*' -o cat --no-pager");
    println!("{log}");
    assert!(!log.contains("Failed"), "{log}");
    assert!(guest.comes_true(
        "systemctl show -P ExecMainExitTimestampMonotonic eniroute-refresh.service | grep -v '^0$'",
        120
    ));
}

fn unplug(site: &mut Site, guest: &mut Guest, eni: EniId, others: &[&str]) {
    guest.unplug(&mut site.vpc, eni);
    assert!(
        guest.comes_true(FORGOTTEN, 20),
        "{}",
        guest
            .try_run(&format!("{FORGOTTEN}; journalctl -b -u 'eniroute*'"))
            .output
    );
    all_answer(site, guest, others);
}

fn removed(site: &mut Site, guest: &mut Guest, addresses: &[&str]) {
    let kernel = "ip rule; ip -6 rule; ip -4 route show table 10001; ip -6 route show table 10001 | sed 's/ expires.*//'";
    let before = guest.run(kernel);
    let said = dpkg(guest, "--remove eniroute");
    assert!(said.contains("until the next boot"), "{said}");
    same(&before, &guest.run(kernel));
    all_answer(site, guest, addresses);
    ready(guest);
}

fn purge(guest: &mut Guest) {
    dpkg(guest, "--purge eniroute");
    let left = guest.run(
        "! ip rule | grep 'lookup 1000'; ls -d /var/lib/eniroute /run/eniroute /etc/eniroute.toml 2>/dev/null || :",
    );
    assert_eq!(left, "");
    ready(guest);
}
