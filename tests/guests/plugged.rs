//! An ENI that is plugged into a host with one: the installed units configure it, and the running systemd-networkd has
//! loaded what it needs, so that a later restart of it changes nothing. Not in the boot of the installation: dpkg has
//! systemd reload its units, at which netplan before 1.2 writes all of networkd's anew, the primary ENI's too.

use crate::baseline::{PRIMARY, PUBLIC, Site, ready};
use crate::guest::Guest;
use crate::image::Image;
use crate::installed;
use crate::loaded::loaded;
use crate::pings::Pings;
use crate::survive::{SECOND, all_answer, reboots};
use crate::table::Steps;

pub fn run(image: Image, steps: &mut Steps) {
    if image.manager() != "systemd-networkd" {
        return;
    }
    let mut site = Site::new();
    let primary = site.primary();
    let vpc = &mut site.vpc;
    let Some(mut guest) =
        steps.essential("boots with one ENI", || Guest::boot(vpc, image, [primary]))
    else {
        return;
    };
    steps.step("is up", || ready(&mut guest));
    let installed = steps.essential("the package is installed", || {
        installed::install(&mut site, &mut guest, image, &PRIMARY)
    });
    if installed.is_none() {
        return;
    }
    if !reboots(steps, &mut guest) {
        return;
    }
    steps.step("the primary ENI answers", || {
        all_answer(&mut site, &mut guest, &PRIMARY)
    });
    let pings = Pings::start(&site.vpc);
    steps.step("an ENI is plugged in: every address answers", || {
        plug(&mut site, &mut guest, image)
    });
    steps.step("meanwhile the primary ENI lost no ping", || {
        assert_eq!(pings.lost(), [(PUBLIC, 0), (PRIMARY[1], 0)])
    });
    steps.step("the run has ended, and left no lock", || {
        ended(&mut guest, image)
    });
    loaded(steps, &site.vpc, &mut guest, image, &[1]);
    steps.step("networkd starts again: every address answers", || {
        guest.run("systemctl restart systemd-networkd");
        all_answer(&mut site, &mut guest, &two());
    });
}

fn two() -> Vec<&'static str> {
    [&PRIMARY[..], &SECOND].concat()
}

pub fn plug(site: &mut Site, guest: &mut Guest, image: Image) {
    let spec = site.second();
    guest.plug(&mut site.vpc, spec);
    assert!(
        guest.comes_true(&format!("ip link show {}", image.interface(1)), 30),
        "{}",
        guest.run("ip link")
    );
    all_answer(site, guest, &two());
}

/// The kernel answers before the hand-over ends; that may take as long as networkd takes in an emulated guest.
fn ended(guest: &mut Guest, image: Image) {
    let dev = image.interface(1);
    let ended =
        format!("systemctl show -P ActiveState eniroute-hotplug@{dev}.service | grep -qx inactive");
    assert!(
        guest.comes_true(&ended, 60),
        "{}",
        guest.run("systemctl status 'eniroute*'")
    );
    println!(
        "{}",
        guest.run(&format!(
            "journalctl -b -u eniroute-hotplug@{dev} -o short-precise --no-pager"
        ))
    );
    guest.run("flock --nonblock /run/eniroute.lock true");
}
