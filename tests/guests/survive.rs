//! What eniroute is for: after one run every address of every ENI answers, and after a reboot it still
//! does, before any run; and what it did can be taken back. Needs the static binary, `ENIROUTE_BINARY`.

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use similar::TextDiff;

use crate::baseline::{PRIMARY, PUBLIC, Site, ready, state};
use crate::deadline::{Deadline, comes_true};
use crate::guest::Guest;
use crate::image::Image;
use crate::loaded::loaded;
use crate::pings::Pings;
use crate::table::Steps;
use crate::vpc::{EniId, Host};

const INSTALLED: &str = "/usr/local/sbin/eniroute";
/// Everything takes longer in an emulated guest, netplan's Python above all.
const WAIT: &str = "--wait 15";
const UDEV_RULE: &str = "/etc/udev/rules.d/99-eniroute.rules";
pub const SECOND: [&str; 3] = ["10.0.2.20", "10.0.2.21", "2001:db8:1:b::20"];
pub const THIRD: [&str; 3] = ["10.0.3.40", "10.0.3.41", "2001:db8:1:c::40"];

/// All that eniroute may have changed: a difference after `remove` is something left behind. What the
/// kernel, router advertisements and DHCP make is not ours, and differs from boot to boot: cloud-init 25 asks by
/// dhcpcd on a secondary ENI too, and leaves the routes there beside networkd's; dhclient gives its default route to the
/// NIC whose lease came first. The order of cloud-init's rules, which have no priority, is networkd's whim.
const TRACES: &str = r#"
    cd / && find etc/netplan etc/network etc/NetworkManager/system-connections etc/systemd/network -type f 2>/dev/null |
        sort | xargs sha256sum
    strip() { sed -E 's/ (expires|valid_lft|preferred_lft) [0-9]+sec//g; s/ (dynamic|tentative)//g'; }
    for family in -4 -6; do ip $family rule | sed -E 's/^327([0-5][0-9]|6[0-5]):/auto:/' | sort; done
    for family in -4 -6; do ip $family route show table all | strip | sort; done | grep -vE 'proto (kernel|ra|dhcp) |fe80::|^default via [0-9.]+ dev eth[0-9]+ *$'
    ip -o address | awk '{ print $2, $4 }' | grep -v ' fe80:' | sort
"#;

pub fn run(image: Image, steps: &mut Steps) {
    if !image.has_stack() {
        return;
    }
    let mut site = Site::new();
    let enis = [site.primary(), site.second()];
    let vpc = &mut site.vpc;
    let Some(mut guest) = steps.essential("boots with two ENIs", || Guest::boot(vpc, image, enis))
    else {
        return;
    };
    steps.step("is up", || ready(&mut guest));
    let before = settled(&mut guest);
    if steps
        .essential("eniroute is copied in", || install(&mut guest, image))
        .is_none()
    {
        return;
    }
    let two = [&PRIMARY[..], &SECOND].concat();
    applies(steps, &mut site, &mut guest, &two);
    loaded(steps, &site.vpc, &mut guest, image, &[1]);
    let late = steps.essential("an ENI is plugged in", || {
        plug(&mut site, &mut guest, image)
    });
    let Some(late) = late else { return };
    let three = [&two[..], &THIRD].concat();
    applies(steps, &mut site, &mut guest, &three);
    steps.step("apply again: nothing to do", || idle(&mut guest));
    if !reboots(steps, &mut guest) {
        return;
    }
    before_any_run(steps, &mut site, &mut guest, &three);
    loaded(steps, &site.vpc, &mut guest, image, &[1, 2]);
    applies(steps, &mut site, &mut guest, &three);
    steps.step("no frame is dropped as spoofed", || {
        unspoofed(&mut site, &mut guest, &three)
    });
    restarts(steps, &mut site, &mut guest, image, &three);
    steps.step("remove", || remove(&mut site, &mut guest, late));
    if reboots(steps, &mut guest) {
        steps.step("the host is as it was", || {
            same(&before, &settled(&mut guest))
        });
        // Without eniroute that is all that a host with two ENIs promises.
        let neighbour = site.vpc.neighbour(site.subnets[0]);
        steps.step("the primary ENI answers its subnet", || {
            assert!(neighbour.ping(&PRIMARY[..1]).is_empty())
        });
    }
}

/// The binary, and the udev rule, which promises it that every new NIC will be told; the units that the rule starts
/// are left out, so that nothing runs but what the story says.
pub fn install(guest: &mut Guest, image: Image) {
    guest.push(&binary(image), INSTALLED);
    guest.push(
        concat!(env!("CARGO_MANIFEST_DIR"), "/system/99-eniroute.rules").as_ref(),
        UDEV_RULE,
    );
    guest.run(&format!("chmod 644 {UDEV_RULE}"));
}

/// What was built for the image's architecture.
pub fn binary(image: Image) -> PathBuf {
    let root = env!("CARGO_MANIFEST_DIR");
    let (variable, default, how) = if image.is_arm64() {
        let folder = "target/packages/aarch64-unknown-linux-gnu/aarch64-unknown-linux-gnu";
        let path = format!("{root}/{folder}/release/eniroute");
        ("ENIROUTE_BINARY_ARM64", path, "make dist")
    } else {
        let path = format!("{root}/target/release/eniroute");
        ("ENIROUTE_BINARY", path, "make build")
    };
    let path = PathBuf::from(env::var(variable).unwrap_or(default));
    assert!(
        path.is_file(),
        "{} is not there: `{how}`, or set {variable}",
        path.display()
    );
    path
}

/// Runs eniroute under pings of the primary ENI, and tells how many of them it cost.
pub fn applies(steps: &mut Steps, site: &mut Site, guest: &mut Guest, addresses: &[&str]) {
    let pings = Pings::start(&site.vpc);
    steps.step("apply: every address answers", || {
        println!("{}", guest.run(&format!("{INSTALLED} apply -v {WAIT}")));
        all_answer(site, guest, addresses);
    });
    steps.step("meanwhile the primary ENI lost no ping", || {
        assert_eq!(pings.lost(), [(PUBLIC, 0), (PRIMARY[1], 0)])
    });
}

/// Neither the report nor the kernel nor the disk shows a second run.
pub fn idle(guest: &mut Guest) {
    let before = settled(guest);
    let report = guest.run(&format!("{INSTALLED} apply {WAIT}"));
    same(&before, &guest.run(TRACES));
    assert!(report.starts_with("nothing to do"), "{report}");
}

/// The traces when they no longer change by themselves, as they do until DHCPv6 is done.
pub fn settled(guest: &mut Guest) -> String {
    let deadline = Deadline::after(60);
    let mut last = guest.run(TRACES);
    loop {
        thread::sleep(Duration::from_secs(5));
        let now = guest.run(TRACES);
        if now == last {
            return now;
        }
        assert!(
            !deadline.passed(),
            "the guest is never at rest:\n{}",
            diff(&last, &now)
        );
        last = now;
    }
}

pub fn same(expected: &str, actual: &str) {
    assert!(expected == actual, "{}", diff(expected, actual));
}

fn diff(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(0)
        .to_string()
}

pub fn plug(site: &mut Site, guest: &mut Guest, image: Image) -> EniId {
    let spec = site.late();
    let eni = guest.plug(&mut site.vpc, spec);
    assert!(
        guest.comes_true(&format!("ip link show {}", image.interface(2)), 30),
        "{}",
        guest.run("ip link")
    );
    eni
}

pub fn reboots(steps: &mut Steps, guest: &mut Guest) -> bool {
    let done = steps.essential("reboots", || guest.reboot()).is_some();
    steps.step("is up again", || ready(guest));
    done
}

/// From the Internet (IPv4 by its public address) and from a neighbour in each of the three subnets.
pub fn all_answer(site: &mut Site, guest: &mut Guest, addresses: &[&str]) {
    let mut silent = vec![];
    let all = comes_true(60, || {
        silent = self::silent(site, addresses);
        silent.is_empty()
    });
    assert!(all, "no answer: {silent:?}\n{}", state(guest));
}

/// Who asked in vain, and whom.
fn silent(site: &mut Site, addresses: &[&str]) -> Vec<(String, IpAddr)> {
    let public: Vec<_> = addresses
        .iter()
        .filter_map(|address| Site::from_the_internet(address))
        .collect();
    let neighbours = site.subnets.map(|subnet| site.vpc.neighbour(subnet));
    let asked = |host: &Host, of: &[&str]| {
        host.ping(of)
            .into_iter()
            .map(|to| (host.name().to_owned(), to))
            .collect()
    };
    let inet: Vec<_> = asked(&site.vpc.inet(), &public);
    inet.into_iter()
        .chain(
            neighbours
                .iter()
                .flat_map(|host| -> Vec<_> { asked(host, addresses) }),
        )
        .collect()
}

pub fn before_any_run(steps: &mut Steps, site: &mut Site, guest: &mut Guest, addresses: &[&str]) {
    steps.step("every address answers before any run", || {
        all_answer(site, guest, addresses)
    });
    steps.step("no frame is dropped as spoofed", || {
        unspoofed(site, guest, addresses)
    });
}

fn unspoofed(site: &mut Site, guest: &mut Guest, addresses: &[&str]) {
    let before = (site.vpc.spoofed(), site.vpc.wrong_arp());
    all_answer(site, guest, addresses);
    assert_eq!(
        (site.vpc.spoofed(), site.vpc.wrong_arp()),
        before,
        "{}",
        state(guest)
    );
}

fn restarts(
    steps: &mut Steps,
    site: &mut Site,
    guest: &mut Guest,
    image: Image,
    addresses: &[&str],
) {
    steps.step(
        "the network manager restarts: every address answers",
        || {
            guest.run(&format!("systemctl restart {}", image.manager()));
            all_answer(site, guest, addresses);
        },
    );
    applies(steps, site, guest, addresses);
}

fn remove(site: &mut Site, guest: &mut Guest, late: EniId) {
    println!("{}", guest.run(&format!("{INSTALLED} remove -v {WAIT}")));
    guest.unplug(&mut site.vpc, late);
}
