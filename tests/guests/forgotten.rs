//! A boot at which the metadata service refuses. cloud-init then writes a file with the primary ENI alone, and keeps to
//! it. Every ENI whose NIC is there answers all the same, before the metadata service does.

use crate::baseline::{PRIMARY, Site, ready, ready_but_for_cloud_init};
use crate::guest::Guest;
use crate::image::Image;
use crate::installed;
use crate::survive::{SECOND, all_answer, applies, before_any_run, idle, install, settled};
use crate::table::Steps;
use crate::vpc::Fault;

/// NetworkManager's profile for the second ENI, as cloud-init writes it beside the primary's.
const PROFILE: &str = "/etc/NetworkManager/system-connections/cloud-init-ens6.nmconnection";
const INTERFACES: &str = "/etc/network/interfaces.d/50-cloud-init";

pub fn run(image: Image, steps: &mut Steps) {
    let mut site = Site::new();
    let enis = [site.primary(), site.second()];
    let vpc = &mut site.vpc;
    let Some(mut guest) = steps.essential("boots with two ENIs", || Guest::boot(vpc, image, enis))
    else {
        return;
    };
    steps.step("is up", || ready(&mut guest));
    if image.has_cloud_init() {
        by_files(steps, &mut site, &mut guest, image);
    } else {
        by_units(steps, &mut site, &mut guest, image);
    }
}

/// Real cloud-init. What eniroute wrote stands without cloud-init's file, and before any run.
fn by_files(steps: &mut Steps, site: &mut Site, guest: &mut Guest, image: Image) {
    if steps
        .essential("eniroute is copied in", || install(guest, image))
        .is_none()
    {
        return;
    }
    applies(steps, site, guest, &two());
    site.vpc.imds().fault(Fault::REFUSE);
    if steps.essential("reboots", || guest.reboot()).is_none() {
        return;
    }
    steps.step("is up again, all but cloud-init", || {
        ready_but_for_cloud_init(guest);
    });
    steps.step("cloud-init has forgotten the second ENI", || {
        let yaml = guest.run("cat /etc/netplan/50-cloud-init.yaml");
        assert!(
            yaml.contains("06:1a:2b:00:01:0a") && !yaml.contains("06:1a:2b:00:02:14"),
            "{yaml}"
        );
    });
    before_any_run(steps, site, guest, &two());
    site.vpc.imds().heal();
    applies(steps, site, guest, &two());
    steps.step("apply again: nothing to do", || idle(guest));
}

/// The file of the second ENI is written and taken away as cloud-init does it. eniroute's own units do the rest.
fn by_units(steps: &mut Steps, site: &mut Site, guest: &mut Guest, image: Image) {
    // Its lease and its default come later than the guest is up, and cost the primary pings under a catch-all.
    steps.step("the owner's file has the second ENI, and its lease", || {
        guest.run(&remember(image));
        settled(guest);
    });
    if steps
        .essential("the package is installed", || {
            installed::install(site, guest, image, &two())
        })
        .is_none()
    {
        return;
    }
    steps.step("the owner's file forgets it", || {
        drop(guest.run(&forget(image)))
    });
    site.vpc.imds().fault(Fault::REFUSE);
    if steps.essential("reboots", || guest.reboot()).is_none() {
        return;
    }
    steps.step(
        "every address answers before the metadata service does",
        || all_answer(site, guest, &two()),
    );
    steps.step("is up again", || ready(guest));
    println!(
        "{}",
        guest.run("journalctl -b -u 'eniroute*' -o cat --no-pager")
    );
    site.vpc.imds().heal();
    steps.step(
        "the metadata service is back: every address answers",
        || {
            guest.run("eniroute refresh --wait 15");
            all_answer(site, guest, &two());
        },
    );
    steps.step("nothing changes any more", || {
        settled(guest);
        assert_eq!(
            guest.run("eniroute apply --wait 15").split(':').next(),
            Some("nothing to do")
        );
    });
}

fn two() -> Vec<&'static str> {
    [&PRIMARY[..], &SECOND].concat()
}

/// What cloud-init writes for the second ENI, and has its stack load.
fn remember(image: Image) -> String {
    match image {
        Image::BookwormNm | Image::ForkyNm => format!(
            "sed 's/ens5/ens6/; s/^uuid=c1/uuid=c2/' {} > {PROFILE}; chmod 600 {PROFILE}
             timeout 60 sh -c 'until nmcli device show ens6 >/dev/null 2>&1; do sleep 0.2; done'
             nmcli connection reload; nmcli connection up id 'cloud-init ens6' ifname ens6",
            PROFILE.replace("ens6", "ens5")
        ),
        Image::BullseyeIfupdown => {
            format!(
                "cp {INTERFACES} /root/primary; printf '\\nauto eth1\\niface eth1 inet dhcp\\n' >> {INTERFACES}"
            )
        }
        _ => ":".to_owned(),
    }
}

fn forget(image: Image) -> String {
    match image {
        Image::BookwormNm | Image::ForkyNm => format!("rm {PROFILE}"),
        Image::BullseyeIfupdown => format!("cp /root/primary {INTERFACES}"),
        _ => ":".to_owned(),
    }
}
