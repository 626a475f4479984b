//! What the distributions' own checkers say of the packages, and what all their files must agree on.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::place::{package, said, text};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn lintian_finds_nothing() {
    lintian("_amd64.deb");
}

#[test]
fn rpmlint_finds_nothing() {
    rpmlint("-1.x86_64.rpm");
}

pub fn lintian(deb: &str) {
    let out = Command::new("lintian")
        .args(["-EI", "--pedantic", "--allow-root"])
        .arg(package(deb))
        .output();
    assert_eq!(text(&out.expect("tests/packages/setup installs it")), "");
}

pub fn rpmlint(rpm: &str) {
    let [config, spec] =
        ["rpm/rpmlint.toml", "rpm/eniroute.spec"].map(|path| Path::new(HERE).join(path));
    let out = said(
        Command::new("rpmlint")
            .arg("-c")
            .arg(config)
            .args([package(rpm), spec]),
    );
    assert!(
        out.contains("1 packages and 1 specfiles checked; 0 errors, 0 warnings"),
        "{out}"
    );
}

#[test]
fn there_is_one_version() {
    let version = env!("CARGO_PKG_VERSION");
    let read = |path: &str| fs::read_to_string(Path::new(HERE).join(path)).unwrap();
    let changelog = read("debian/changelog");
    assert!(
        changelog.starts_with(&format!("eniroute ({version}) ")),
        "debian/changelog"
    );
    let spec = read("rpm/eniroute.spec");
    assert!(
        spec.lines()
            .any(|line| line.split_whitespace().eq(["Version:", version])),
        "rpm/eniroute.spec"
    );
}
