//! What the distributions' own checkers say of the packages, and what all their files must agree on.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::place::{package, said, script, text};

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
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("eniroute.spec");
    let recipe = said(Command::new(script("build")).args(["spec", "x86_64", "/bin/true"]));
    fs::write(&spec, recipe).unwrap();
    let config = Path::new(HERE).join("rpm/rpmlint.toml");
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

/// What stands at the beginning of a package's own changelog, and what its history has first.
#[test]
fn each_package_has_the_version_of_cargo_toml_and_the_history_of_the_changelog() {
    let version = env!("CARGO_PKG_VERSION");
    let history = fs::read_to_string(Path::new(HERE).join("CHANGELOG.md")).unwrap();
    let newest = history
        .lines()
        .find_map(|line| line.strip_prefix("- "))
        .unwrap();
    let newest: String = newest.chars().take(40).collect();
    let (deb, rpm) = (package("_amd64.deb"), package("-1.x86_64.rpm"));
    let changelog =
        "dpkg-deb --fsys-tarfile \"$0\" | tar -xO ./usr/share/doc/eniroute/changelog.gz | zcat";
    for (words, begin) in [
        ("dpkg-deb -f \"$0\" Version", version.to_owned()),
        (changelog, format!("eniroute ({version}) ")),
    ] {
        let text = said(Command::new("sh").args(["-c", words]).arg(&deb));
        assert!(text.starts_with(&begin), "{words}: {text}");
        assert!(
            words != changelog || joined(&text).contains(&newest),
            "{newest}: {text}"
        );
    }
    let query = |words: &[&str]| said(Command::new("rpm").arg("-qp").args(words).arg(&rpm));
    assert_eq!(query(&["--queryformat", "%{VERSION}"]), version);
    let text = query(&["--changelog"]);
    let first = text.lines().next().unwrap();
    assert!(first.ends_with(&format!("- {version}-1")), "{first}");
    assert!(joined(&text).contains(&newest), "{newest}: {text}");
}

fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
