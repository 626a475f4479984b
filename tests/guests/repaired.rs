//! What goes wrong beside eniroute is repaired, and leaves no trace: the network manager starts again, which drops what it
//! does not know; a boot finds a silent metadata service, and no word of it from before. Needs the .deb: `make packages`.

use std::time::Instant;

use crate::baseline::{PRIMARY, Site, ready, ready_but_for_cloud_init};
use crate::guest::Guest;
use crate::image::Image;
use crate::installed;
use crate::survive::{SECOND, all_answer};
use crate::table::Steps;
use crate::vpc::Fault;

/// The units that end well once they have nothing left to do.
const UNITS: &str = "systemctl is-failed 'eniroute*' | grep -x failed";

pub fn run(image: Image, steps: &mut Steps) {
    let mut site = Site::new();
    let enis = [site.primary(), site.second()];
    let vpc = &mut site.vpc;
    let Some(mut guest) = steps.essential("boots with two ENIs", || Guest::boot(vpc, image, enis))
    else {
        return;
    };
    steps.step("is up", || ready(&mut guest));
    let two = [&PRIMARY[..], &SECOND].concat();
    let installed = steps.essential("the package is installed", || {
        installed::install(&mut site, &mut guest, image, &two)
    });
    if installed.is_none() {
        return;
    }
    steps.step("the manager starts again: all is back at once", || {
        restart(&mut guest, image);
        all_answer(&mut site, &mut guest, &two);
    });
    steps.note(&logged(&mut guest));
    guest.run("rm /var/lib/eniroute/metadata.json");
    // Where a connection is accepted and never answered, cloud-init 22.4 waits for ever, and with it the boot.
    site.vpc.imds().fault(Fault::Dead);
    if steps.essential("reboots", || guest.reboot()).is_none() {
        return;
    }
    steps.step("is up again, all but cloud-init", || {
        ready_but_for_cloud_init(&mut guest);
    });
    site.vpc.imds().heal();
    steps.step(
        "the metadata service answers: so does every address",
        || {
            guest.run("eniroute refresh --wait 15");
            all_answer(&mut site, &mut guest, &two);
        },
    );
    steps.step("no unit has failed", || {
        assert_ne!(
            guest.try_run(UNITS).status,
            0,
            "{}",
            guest.run("systemctl status 'eniroute*' || :")
        );
    });
}

/// The kernel has what it had before, within so many seconds.
fn restart(guest: &mut Guest, image: Image) {
    let state = "{ ip rule; ip -6 rule; for t in 10000 10001; do ip route show table $t; ip -6 route show table $t; done; } \
                 2>/dev/null | sed 's/ proto [a-z]*//; s/ expires.*//; s/ *$//; s/ linkdown//' | sort";
    guest.run(&format!("{state} >/root/before"));
    let began = Instant::now();
    guest.run(&format!("systemctl restart {}", image.manager()));
    let is_back = format!("{state} >/root/now; cmp /root/before /root/now");
    assert!(
        guest.comes_true(&is_back, 20),
        "{}",
        guest.run("diff /root/before /root/now || :")
    );
    println!(
        "all is back {} ms after the restart",
        began.elapsed().as_millis()
    );
    // A unit that nobody but its owner knows of wants nothing of ours.
    if !image.has_stack() {
        return;
    }
    let unit = "systemctl show -P ExecMainStartTimestampMonotonic eniroute-restarted.service | grep -v '^0$'";
    assert!(guest.comes_true(unit, 20), "the unit has not run");
}

/// What systemd and eniroute log of a refresh that changes nothing.
fn logged(guest: &mut Guest) -> String {
    let count =
        "journalctl -b -o cat --no-pager | grep -c -e eniroute-refresh -e 'Follow what EC2'";
    let runs = "systemctl show -P ExecMainStartTimestampMonotonic eniroute-refresh.service";
    guest.run(&format!("before=$({count}); for n in 1 2; do last=$({runs}); for s in $(seq 45); do sleep 1; \
                        [ $({runs}) = $last ] || break; done; done; echo lines of two refreshes: $(($({count}) - before))"))
}
