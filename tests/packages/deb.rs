//! The .deb's life.

use std::path::Path;
use std::process::Command;

use crate::place::{ENABLED, Place, package, said, script};
use crate::vpc::Fault;

const STANZA: &str = "etc/network/interfaces.d/60-eniroute-eth1";
const FOREIGN_RULE: &str = "from 198.51.100.1 lookup 10001 priority 10001";

pub fn install(place: &Place) -> String {
    installed(place, &package("_amd64.deb"))
}

fn installed(place: &Place, deb: &Path) -> String {
    place.write("tmp/eniroute.deb", std::fs::read(deb).unwrap());
    place.run("dpkg --install /tmp/eniroute.deb </dev/null")
}

/// The same package, with what this script makes of its files and of its DEBIAN/ is installed.
fn install_changed(place: &Place, change: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let deb = folder.path().join("new.deb");
    let change = format!(
        "dpkg-deb -R {} tree; cd tree; {change}; dpkg-deb -Znone -b . ../new.deb",
        package("_amd64.deb").display()
    );
    said(
        Command::new("sh")
            .args(["-ec", &change])
            .arg(script("previous"))
            .current_dir(&folder),
    );
    installed(place, &deb)
}

/// A later version, whose example of a configuration is another one.
fn upgrade(place: &Place) -> String {
    let change =
        "sed -i 's/^Version: .*/&.1/' DEBIAN/control; echo '# new' >> etc/eniroute.toml.example";
    install_changed(place, change)
}

/// An earlier one, with the maintainer scripts of 0.1.0.
fn previous(place: &Place) -> String {
    let change = "sed -i 's/^Version: .*/Version: 0.1.0~/' DEBIAN/control; cp \"$0\"/* DEBIAN/";
    install_changed(place, change)
}

#[test]
fn install_configures_every_eni_and_starts_nothing_else() {
    let mut place = Place::new();
    place.assert_answers(false);
    let said = install(&place);
    place.assert_answers(true);
    assert!(!said.contains("could not"), "{said}");
    assert!(place.read(STANZA).starts_with("# Written by eniroute"));
    ENABLED
        .iter()
        .for_each(|link| assert!(place.has(link), "{link}"));
    let asked = place.asked_of_systemd();
    // netplan's generator runs with each daemon-reload; until then eniroute may have networkd load its files.
    assert!(
        asked.contains("after apply: --system daemon-reload"),
        "{asked}"
    );
    assert!(
        !asked.contains("before apply: --system daemon-reload"),
        "{asked}"
    );
    let started: Vec<_> = asked
        .lines()
        .filter(|line| line.contains("start "))
        .collect();
    let allowed = ["eniroute-link.socket", "eniroute-refresh.timer"];
    assert_eq!(
        started,
        ["after apply: --quiet --system start ".to_owned() + &allowed.join(" ")],
        "{asked}"
    );
}

#[test]
fn an_upgrade_keeps_the_state_and_the_configuration() {
    let mut place = Place::new();
    install(&place);
    place.write("etc/eniroute.toml", "main_route = true # mine\n");
    place.run("systemctl disable eniroute-refresh.timer");
    let state = |place: &Place| {
        (
            place.host.dump(),
            place.read("var/lib/eniroute/ledger.json"),
            place.read(STANZA),
        )
    };
    let before = state(&place);
    upgrade(&place);
    assert_eq!(state(&place), before);
    assert_eq!(
        place.read("etc/eniroute.toml"),
        "main_route = true # mine\n"
    );
    assert!(
        !place.has(ENABLED[2]),
        "who has disabled the timer wants it disabled"
    );
    place.assert_answers(true);
}

/// As user-data runs it: nobody is there to answer a question.
#[test]
fn a_configuration_that_came_before_the_package_is_kept_without_a_question() {
    let mut place = Place::new();
    place.write("etc/eniroute.toml", "exclude = [\"eth1\"]\n");
    place.write(
        "tmp/eniroute.deb",
        std::fs::read(package("_amd64.deb")).unwrap(),
    );
    // apt's own call of dpkg, without apt's lists.
    place.run("dpkg --unpack --auto-deconfigure /tmp/eniroute.deb </dev/null && dpkg --configure --pending </dev/null");
    place.assert_answers(false);
    assert_eq!(place.read("etc/eniroute.toml"), "exclude = [\"eth1\"]\n");
    assert!(
        place
            .read("etc/eniroute.toml.example")
            .contains("#exclude = ")
    );
    upgrade(&place);
    assert_eq!(place.read("etc/eniroute.toml"), "exclude = [\"eth1\"]\n");
    place.run("dpkg --purge eniroute");
    assert!(!place.has("etc/eniroute.toml") && !place.has("etc/eniroute.toml.example"));
}

#[test]
fn removal_leaves_the_kernel_to_the_next_boot_and_purge_takes_everything_back() {
    let mut place = Place::new();
    let (dump, files) = (place.host.dump(), place.files());
    install(&place);
    place.write("etc/eniroute.toml", "main_route = true # mine\n");
    let applied = place.host.dump();

    let said = place.run("dpkg --remove eniroute");
    assert_eq!(place.host.dump(), applied);
    place.assert_answers(true);
    assert!(
        said.contains("until the next boot") && said.contains("apt-get purge eniroute"),
        "{said}"
    );
    assert!(!place.has(STANZA) && !place.has("usr/sbin/eniroute"));
    assert!(place.has("etc/eniroute.toml"));
    assert!(
        !place.has("run/eniroute/metadata.json"),
        "nobody is in charge any more"
    );

    place.run("dpkg --purge eniroute");
    assert_eq!(place.host.dump(), dump);
    assert_eq!(place.files(), files);
}

#[test]
fn after_a_reboot_a_purge_leaves_the_kernel_alone() {
    let place = Place::new();
    install(&place);
    place.run("dpkg --remove eniroute");
    place.run("find /run -mindepth 1 -delete");
    place.host.ip(&format!("rule add {FOREIGN_RULE}"));
    place.run("dpkg --purge eniroute");
    assert!(
        place.host.dump().contains("from 198.51.100.1 lookup 10001"),
        "{}",
        place.host.dump()
    );
    assert!(!place.has("var/lib/eniroute") && !place.has("etc/eniroute.toml"));
}

#[test]
fn what_was_removed_can_be_installed_again() {
    let mut place = Place::new();
    let dump = place.host.dump();
    install(&place);
    let applied = place.host.dump();
    place.run("dpkg --remove eniroute");
    install(&place);
    assert_eq!(place.host.dump(), applied);
    assert!(place.has(STANZA) && !place.has("var/lib/eniroute/eniroute"));
    place.assert_answers(true);
    // The ledger has come through it, too.
    place.run("eniroute remove");
    assert_eq!(place.host.dump(), dump);
}

#[test]
fn a_failed_run_does_not_fail_the_installation() {
    let place = Place::new();
    place.vpc.imds().fault(Fault::Dead);
    let said = install(&place);
    assert!(
        said.contains("could not configure") && said.contains("systemctl restart eniroute"),
        "{said}"
    );
    assert_eq!(
        place.run("dpkg-query -W -f '${db:Status-Status}' eniroute"),
        "installed"
    );
}

#[test]
fn in_an_image_that_is_built_nothing_runs() {
    let place = Place::image();
    let dump = place.host.dump();
    install(&place);
    assert_eq!(place.host.dump(), dump);
    ENABLED
        .iter()
        .for_each(|link| assert!(place.has(link), "{link}"));
    assert!(!place.has("var/lib/eniroute/ledger.json") && !place.has("run/eniroute"));
    let asked = place.asked_of_systemd();
    assert!(
        asked
            .lines()
            .all(|line| line.contains("--preset-mode=enable-only preset ")),
        "{asked}"
    );
    place.run("dpkg --purge eniroute");
    assert_eq!(place.host.dump(), dump);
}

#[test]
fn the_scripts_of_the_previous_version_are_followed_and_go_before() {
    let mut place = Place::new();
    let (dump, files) = (place.host.dump(), place.files());
    previous(&place);
    place.assert_answers(true);
    let state = |place: &Place| {
        (
            place.host.dump(),
            place.read("var/lib/eniroute/ledger.json"),
        )
    };
    let before = state(&place);
    install(&place);
    assert_eq!(state(&place), before);
    previous(&place);
    assert_eq!(state(&place), before, "a downgrade");
    place.run("dpkg --remove eniroute");
    install(&place);
    assert_eq!(
        state(&place),
        before,
        "installed beside what the previous one kept"
    );
    place.run("dpkg --purge eniroute");
    assert_eq!((place.host.dump(), place.files()), (dump, files));
}

#[test]
fn a_package_whose_program_is_gone_can_be_removed_and_purged() {
    let place = Place::new();
    install(&place);
    place.run("rm /usr/sbin/eniroute");
    place.run("dpkg --remove eniroute && dpkg --purge eniroute");
    assert!(!place.has("var/lib/eniroute") && !place.has("run/eniroute"));
    assert!(!place.has("etc/eniroute.toml"));
}

#[test]
fn a_purge_without_the_program_that_was_kept_leaves_the_kernel_alone() {
    let place = Place::new();
    install(&place);
    place.run("dpkg --remove eniroute && rm /var/lib/eniroute/eniroute");
    let applied = place.host.dump();
    let said = place.run("dpkg --purge eniroute");
    assert!(!said.contains("not found"), "{said}");
    assert_eq!(place.host.dump(), applied);
    assert!(!place.has("var/lib/eniroute") && !place.has("run/eniroute"));
}

/// The program itself does not fit beside what is there.
#[test]
fn a_package_can_be_removed_with_a_full_var() {
    let place = Place::new();
    install(&place);
    place.fill_state();
    let said = place.run("dpkg --remove eniroute");
    assert!(
        said.contains("stay until the next boot") && said.contains("no room"),
        "{said}"
    );
    assert!(!place.has("usr/sbin/eniroute") && !place.has("var/lib/eniroute/eniroute"));
    assert!(!place.has(STANZA));
}
