//! An appliance behind VPC ingress routing (scenario S4), with one arm and then with two: both families pass from either
//! side, from the first packet after a reboot on, before eniroute has run; and again when its arm is plugged in anew.
//! Needs the .deb: `make packages`.

use std::time::Instant;

use crate::baseline::{ready, state};
use crate::deadline::comes_true;
use crate::early;
use crate::guest::Guest;
use crate::image::Image;
use crate::packages;
use crate::table::Steps;
use crate::vpc::EniId;
use crate::vpc::ingress::{IngressSite, assert_passes};

const ONE_ARM: &str = "[forwarding]\nenabled = true\n";

pub fn run(image: Image, steps: &mut Steps) {
    let mut site = IngressSite::new();
    let [first, second] = site.arms();
    let enis = [site.primary(), first, second];
    let vpc = &mut site.vpc;
    let booted = steps.essential("boots with three ENIs", || Guest::boot(vpc, image, enis));
    let Some(mut guest) = booted else { return };
    let able = steps.essential("is up, and has nftables and eniroute", || {
        packages::beside_nftables(&mut guest, image)
    });
    if able.is_none() {
        return;
    }
    let [first, second] = [1, 2].map(|number| guest.eni(number));
    site.route(first, first);
    steps.step("one arm: both sides reach each other", || {
        configure(&mut guest, ONE_ARM);
        passes(&site, &mut guest);
    });
    if !reboots(steps, &site, &mut guest) {
        return;
    }
    steps.step("the arm is unplugged, and plugged in again", || {
        replug(&mut site, &mut guest, first, image);
    });
    site.route(second, first);
    steps.step("two arms: both sides reach each other", || {
        configure(&mut guest, &two_arms(image));
        passes(&site, &mut guest);
    });
    if !reboots(steps, &site, &mut guest) {
        return;
    }
    steps.step("no unit has failed", || ready(&mut guest));
}

/// In by one arm, out by the other.
fn two_arms(image: Image) -> String {
    let path = |input, output| {
        let [input, output] = [input, output].map(|number| image.interface(number));
        format!("[[forwarding.path]]\nin = \"{input}\"\nout = \"{output}\"\n")
    };
    [ONE_ARM, &path(1, 2), &path(2, 1)].concat()
}

fn configure(guest: &mut Guest, config: &str) {
    guest.run(&format!("cat >/etc/eniroute.toml <<'END'\n{config}END"));
    println!("{}", guest.run("eniroute apply -v --wait 15"));
}

/// Flows of every kind, once pings pass: DHCPv6 may be late.
fn passes(site: &IngressSite, guest: &mut Guest) {
    comes_true(60, || site.silent().is_empty());
    assert_passes(&site.vpc, &site.client, || state(guest));
}

fn reboots(steps: &mut Steps, site: &IngressSite, guest: &mut Guest) -> bool {
    if !early::reboots(steps, guest) {
        return false;
    }
    steps.step("so they do after a reboot, before any run", || {
        passes(site, guest)
    });
    early::in_order(steps, guest);
    early::resumes(steps, guest);
    true
}

/// As at a fail-over it comes to a host that knows nothing of it. Before Linux 6.17 all links pass IPv6 on or none, so that
/// nobody asks for that until the ENI is configured.
fn replug(site: &mut IngressSite, guest: &mut Guest, arm: EniId, image: Image) {
    guest.unplug(&mut site.vpc, arm);
    let forgotten = format!(
        "! grep {} /etc/sysctl.d/99-zz-eniroute.conf",
        image.interface(1)
    );
    assert!(
        guest.comes_true(&forgotten, 60),
        "{}",
        guest.run(&forgotten)
    );
    guest.replug(&mut site.vpc, arm, 1);
    let began = Instant::now();
    comes_true(60, || site.silent_ipv4().is_empty());
    let passed = began.elapsed().as_millis();
    println!("the first ping has passed {passed} ms after the attach");
    passes(site, guest);
}
