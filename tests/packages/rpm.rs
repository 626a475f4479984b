//! The .rpm's life, by Debian's rpm: it knows nothing of the packages that are there already.

use std::process::Output;

use crate::place::{ENABLED, Place, package, text};

fn rpm(place: &Place, words: &str) -> Output {
    let root = place.root().display().to_string();
    let rpm = place.host.command("rpm").args([
        "--root",
        &root,
        "--dbpath",
        "/var/lib/rpm",
        "--force-debian",
    ]);
    rpm.args(words.split_whitespace())
        .env("ENIROUTE_IMDS", "http://169.254.169.254")
        .output()
}

fn must(place: &Place, words: &str) -> String {
    let out = rpm(place, words);
    assert!(out.status.success(), "rpm {words}: {}", text(&out));
    text(&out)
}

fn install(place: &Place, words: &str) -> String {
    must(
        place,
        &format!("--nodeps {words} {}", package("-1.x86_64.rpm").display()),
    )
}

#[test]
fn install_upgrade_and_removal() {
    let mut place = Place::new();
    let files = place.files();
    let said = install(&place, "-i");
    place.assert_answers(true);
    assert!(!said.contains("could not"), "{said}");
    let asked = place.asked_of_systemd();
    assert!(
        asked.contains("after apply: daemon-reload")
            && !asked.contains("before apply: daemon-reload"),
        "{asked}"
    );
    assert!(!asked.contains("start eniroute.service"), "{asked}");
    ENABLED
        .iter()
        .for_each(|link| assert!(place.has(link), "{link}"));
    assert_eq!(must(&place, "-V --nodeps eniroute"), "");

    place.write("etc/eniroute.toml", "main_route = true # mine\n");
    place.run("systemctl disable eniroute-refresh.timer");
    let state = |place: &Place| {
        (
            place.host.dump(),
            place.read("var/lib/eniroute/ledger.json"),
        )
    };
    let before = state(&place);
    install(&place, "-U --replacepkgs --replacefiles");
    assert_eq!(state(&place), before);
    assert_eq!(
        place.read("etc/eniroute.toml"),
        "main_route = true # mine\n"
    );
    assert!(
        !place.has(ENABLED[2]),
        "who has disabled the timer wants it disabled"
    );
    let asked = place.asked_of_systemd();
    assert!(
        asked.contains("restart eniroute-link.socket")
            && !asked.contains("restart eniroute-refresh"),
        "{asked}"
    );

    let said = must(&place, "-e eniroute");
    assert!(
        said.contains("until the next boot") && said.contains("eniroute remove"),
        "{said}"
    );
    assert_eq!(place.host.dump(), before.0);
    place.assert_answers(true);
    // A person's configuration is kept; what the kernel holds is told until the reboot.
    let left: Vec<_> = place
        .files()
        .into_iter()
        .filter(|file| !files.contains(file))
        .collect();
    assert_eq!(
        left,
        [
            "/etc/eniroute.toml",
            "/run/eniroute.lock",
            "/run/eniroute/ledger.json"
        ]
    );
}

#[test]
fn a_configuration_that_came_before_the_package_is_kept() {
    let mut place = Place::new();
    place.write("etc/eniroute.toml", "exclude = [\"eth1\"]\n");
    let kept = |place: &Place| {
        assert_eq!(place.read("etc/eniroute.toml"), "exclude = [\"eth1\"]\n");
        assert!(!place.has("etc/eniroute.toml.rpmnew") && !place.has("etc/eniroute.toml.rpmsave"));
    };
    install(&place, "-i");
    kept(&place);
    place.assert_answers(false);
    assert!(
        place
            .read("etc/eniroute.toml.example")
            .contains("#exclude = ")
    );
    install(&place, "-U --replacepkgs --replacefiles");
    kept(&place);
}

#[test]
fn removed_after_eniroute_remove_it_leaves_the_host_as_it_was() {
    let place = Place::new();
    let (dump, files) = (place.host.dump(), place.files());
    install(&place, "-i");
    place.run("eniroute remove");
    let said = must(&place, "-e eniroute");
    assert!(!said.contains("until the next boot"), "{said}");
    assert_eq!(place.host.dump(), dump);
    let left: Vec<_> = place
        .files()
        .into_iter()
        .filter(|file| !files.contains(file))
        .collect();
    assert_eq!(left, ["/run/eniroute.lock"]);
}

#[test]
fn in_an_image_that_is_built_nothing_runs() {
    let place = Place::image();
    let dump = place.host.dump();
    install(&place, "-i");
    assert_eq!(place.host.dump(), dump);
    assert!(!place.has("run/eniroute"));
    ENABLED
        .iter()
        .for_each(|link| assert!(place.has(link), "{link}"));
    let asked = place.asked_of_systemd();
    assert!(
        asked
            .lines()
            .all(|line| line.contains("--no-reload preset")),
        "{asked}"
    );
    must(&place, "-e eniroute");
    assert_eq!(place.host.dump(), dump);
}

/// Nothing of its scripts may fail: rpm would keep half of a package.
#[test]
fn a_package_can_be_removed_with_a_full_var_and_run() {
    for run in ["size=64k", "nr_inodes=1"] {
        let place = Place::new();
        install(&place, "-i");
        place.fill_state();
        place.run(&format!("mount -t tmpfs -o {run} none /run"));
        let said = must(&place, "-e eniroute");
        assert!(said.contains("stay until the next boot"), "{run}: {said}");
        assert!(!place.has("usr/sbin/eniroute"), "{run}");
    }
}
