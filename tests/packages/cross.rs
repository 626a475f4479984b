//! The packages for aarch64, built on x86_64, hold the same, and their binary does the same: it runs under qemu's user
//! emulation, with this machine's kernel. Graviton's own kernel and drivers are not here. `make test-dist` runs this.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::lint;
use crate::place::{Place, package, said, text};
use crate::same;

const EMULATOR: &str = "qemu-aarch64-static";

/// The binary, as it comes out of the .deb.
fn unpacked(folder: &TempDir, deb: &str) -> String {
    let root = folder.path().join(deb);
    said(
        Command::new("dpkg-deb")
            .arg("-x")
            .arg(package(deb))
            .arg(&root),
    );
    root.join("usr/sbin/eniroute").display().to_string()
}

/// What both binaries say to these words, on an instance with two ENIs: this machine's, and the emulated one.
fn both(place: &Place, words: &str) -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    let [native, foreign] = ["_amd64.deb", "_arm64.deb"].map(|deb| unpacked(&folder, deb));
    // An empty disk: kernel only.
    let root = folder.path().display().to_string();
    let run = |program: &[&str]| {
        place
            .host
            .command(program[0])
            .args(&program[1..])
            .args(["--root", &root])
            .args(words.split_whitespace())
            .run()
    };
    [run(&[&native]), run(&[EMULATOR, &foreign])]
}

#[test]
fn cross_packages_hold_the_same_files() {
    let list = |deb: &str| said(Command::new("dpkg-deb").arg("-c").arg(package(deb)));
    let names = |list: String| {
        list.lines()
            .map(|line| line.split_whitespace().nth(5).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(list("_arm64.deb")), names(list("_amd64.deb")));
    let list = |rpm: &str| said(Command::new("rpm").arg("-qlp").arg(package(rpm)));
    assert_eq!(list("-1.aarch64.rpm"), list("-1.x86_64.rpm"));
    let field = |program: &str, words: &[&str], path: &Path| {
        said(Command::new(program).args(words).arg(path))
    };
    assert_eq!(
        field(
            "dpkg-deb",
            &["--showformat=${Architecture}", "-W"],
            &package("_arm64.deb")
        ),
        "arm64"
    );
    assert_eq!(
        field(
            "rpm",
            &["-qp", "--queryformat", "%{ARCH}"],
            &package("-1.aarch64.rpm")
        ),
        "aarch64"
    );
}

#[test]
fn cross_packages_are_clean() {
    lint::lintian("_arm64.deb");
    lint::rpmlint("-1.aarch64.rpm");
}

#[test]
fn cross_packages_made_in_two_folders_are_the_same_bytes_and_tell_no_folder() {
    for (kind, end) in [("deb", "_arm64.deb"), ("rpm", "-1.aarch64.rpm")] {
        same::assert_made_again(kind, "aarch64", end);
        same::assert_tells_no_folder(same::unpacked(&package(end)).path());
    }
}

#[test]
fn cross_binary_shows_the_same_help() {
    let [native, foreign] = both(&Place::image(), "help");
    assert!(native.contains("Usage: eniroute"), "{native}");
    assert_eq!(foreign, native);
}

#[test]
fn cross_binary_plans_the_same() {
    let [native, foreign] = both(&Place::image(), "plan");
    assert!(
        native.contains("ip -4 rule add from 10.1.0.31 lookup 10001"),
        "{native}"
    );
    assert_eq!(foreign, native);
}

/// qemu does not pass on requests that concern rules, so no address answers; the rest is made. Routes of the secondary ENI in
/// the main table would take the primary's answers along without them, and everything be taken back.
#[test]
fn cross_binary_makes_addresses_and_routes() {
    let place = Place::image();
    let folder = tempfile::tempdir().unwrap();
    let (binary, root) = (
        unpacked(&folder, "_arm64.deb"),
        folder.path().display().to_string(),
    );
    let settings = folder.path().join("settings.toml");
    std::fs::write(&settings, "main_route = false\n").unwrap();
    let out = place
        .host
        .command(EMULATOR)
        .args([&binary, "apply", "--root", &root, "--config"])
        .arg(settings.display())
        .output();
    let dump = place.host.dump();
    for object in [
        "eth1 inet 10.1.0.31/32",
        "eth1 inet6 2001:db8:0:b::300/128",
        "default via 10.1.0.1 dev eth1 table 10001",
        "default via fe80:ec2::1 dev eth1 table 10001",
    ] {
        assert!(dump.contains(object), "{object}: {dump}{}", text(&out));
    }
}
