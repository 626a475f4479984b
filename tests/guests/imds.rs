//! systemd-imdsd, of Debian's own package: its unit for the early boot takes every NIC, the primary ENI's too where nobody
//! else has one, and keeps the metadata service to itself (`locked`). It owns none of them: an ENI that is plugged in has a
//! unit of its own, which networkd has loaded, and answers before and after a reboot. Needs the .deb: `make packages`.

use crate::baseline::{PRIMARY, PUBLIC, Site, ready};
use crate::guest::Guest;
use crate::image::Image;
use crate::installed;
use crate::loaded::loaded;
use crate::packages;
use crate::pings::Pings;
use crate::plugged;
use crate::survive::{SECOND, all_answer, reboots};
use crate::table::Steps;

/// Nobody else has a unit for a NIC. The mode is a word of the kernel's command line, and here of its service alone.
const ALONE: &str = "
    touch /etc/cloud/cloud-init.disabled
    rm -f /etc/netplan/*.yaml
    mkdir -p /etc/systemd/system/systemd-imds-early-network.service.d
    printf '[Service]\\nEnvironment=\"SYSTEMD_PROC_CMDLINE=systemd.imds.network=locked\"\\n' \
        >/etc/systemd/system/systemd-imds-early-network.service.d/locked.conf
";

/// The early unit has the primary ENI, and the metadata service is shut to whoever just asks.
const EARLY: &str = "
    networkctl status --no-pager --full --lines=0 $dev | grep -F /run/systemd/network/85-imds-early.network || exit 1
    ! ip route get 169.254.169.254 || exit 1
    ! find /etc/systemd/network /run/systemd/network -path '*85-imds-early.network.d*' | grep .
";

pub fn run(image: Image, steps: &mut Steps) {
    let mut site = Site::new();
    let primary = site.primary();
    let vpc = &mut site.vpc;
    let booted = steps.essential("boots with one ENI", || Guest::boot(vpc, image, [primary]));
    let Some(mut guest) = booted else { return };
    let able = steps.essential("is up, and has systemd-imds alone", || {
        ready(&mut guest);
        let files = image.debs(&["systemd-imds"]);
        println!("{}", packages::install(&mut guest, &files));
        guest.run(ALONE);
    });
    if able.is_none() || !reboots(steps, &mut guest) {
        return;
    }
    let locked = steps.essential("the early unit has the primary ENI, and is locked", || {
        early(&mut guest, image)
    });
    if locked.is_none() {
        return;
    }
    let installed = steps.essential("the package is installed", || {
        installed::install(&mut site, &mut guest, image, &PRIMARY)
    });
    if installed.is_none() {
        return;
    }
    let pings = Pings::start(&site.vpc);
    steps.step("an ENI is plugged in: every address answers", || {
        plugged::plug(&mut site, &mut guest, image)
    });
    steps.step("meanwhile the primary ENI lost no ping", || {
        assert_eq!(pings.lost(), [(PUBLIC, 0), (PRIMARY[1], 0)])
    });
    loaded(steps, &site.vpc, &mut guest, image, &[1]);
    steps.step("the early unit has still the primary ENI", || {
        early(&mut guest, image)
    });
    if !reboots(steps, &mut guest) {
        return;
    }
    steps.step("every address answers after the reboot", || {
        all_answer(&mut site, &mut guest, &[&PRIMARY[..], &SECOND].concat())
    });
    loaded(steps, &site.vpc, &mut guest, image, &[1]);
    steps.step("the early unit has still the primary ENI after it", || {
        early(&mut guest, image)
    });
    steps.step("eniroute has nothing to do", || {
        let report = guest.run("eniroute apply --wait 15");
        assert!(report.starts_with("nothing to do"), "{report}");
    });
}

fn early(guest: &mut Guest, image: Image) {
    let script = format!("dev={}\n{EARLY}", image.interface(0));
    let there = guest.comes_true(&script, 30);
    assert!(there, "{}", guest.try_run(&script).output);
}
