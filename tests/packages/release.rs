//! What `make release` publishes. It runs these, and all tests of the packages on its own ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::{dist, package, said};
use crate::same::{assert_tells_no_folder, unpacked};

const ARCHITECTURES: [(&str, &str, &str); 2] = [
    ("x86_64", "_amd64.deb", "-1.x86_64.rpm"),
    ("aarch64", "_arm64.deb", "-1.aarch64.rpm"),
];

fn published(end: &str) -> PathBuf {
    dist().join(format!("eniroute-{}{end}", env!("CARGO_PKG_VERSION")))
}

#[test]
fn release_sums_are_those_of_all_files() {
    let folder = dist();
    said(
        Command::new("sha256sum")
            .args(["--check", "--strict", "SHA256SUMS"])
            .current_dir(&folder),
    );
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let summed: BTreeSet<String> = sums.lines().map(|line| line[66..].to_owned()).collect();
    let files = fs::read_dir(&folder).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files
        .filter(|name| !name.starts_with("SHA256SUMS"))
        .collect();
    assert_eq!(summed, files);
    assert_eq!(files.len(), 8, "{files:?}");
}

#[test]
fn release_binaries_are_those_of_the_packages() {
    for (arch, deb, rpm) in ARCHITECTURES {
        let binary = fs::read(published(&format!("-{arch}"))).unwrap();
        for end in [deb, rpm] {
            let tree = unpacked(&package(end));
            let packaged = fs::read(tree.path().join("usr/sbin/eniroute")).unwrap();
            assert!(packaged == binary, "{end}");
        }
    }
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/binary");
    said(Command::new(check).arg(published("-x86_64")));
}

#[test]
fn release_tells_no_folder() {
    assert_tells_no_folder(&dist());
    for (_, deb, rpm) in ARCHITECTURES {
        for end in [deb, rpm] {
            assert_tells_no_folder(unpacked(&package(end)).path());
        }
    }
}

/// cargo's own list of what is linked is the oracle. The bill has some crates more, of features that only tests turn on.
#[test]
fn release_lists_every_crate_with_its_licence() {
    let tree = said(
        Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--edges=normal", "--prefix=none"])
            .arg("--target=x86_64-unknown-linux-gnu"),
    );
    let crates = tree.lines().filter(|line| !line.starts_with("eniroute "));
    let crate_of = |line: &str| {
        let mut words = line.split(' ').map(|word| word.trim_start_matches('v'));
        format!("{} {}", words.next().unwrap(), words.next().unwrap())
    };
    let crates: BTreeSet<String> = crates.map(crate_of).collect();
    let bill = fs::read(published(".cdx.json")).unwrap();
    let bill: serde_json::Value = serde_json::from_slice(&bill).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let listed = bill["components"].as_array().unwrap().iter().map(|one| {
        assert!(
            one["licenses"]
                .as_array()
                .is_some_and(|all| !all.is_empty()),
            "{one}"
        );
        format!(
            "{} {}",
            one["name"].as_str().unwrap(),
            one["version"].as_str().unwrap()
        )
    });
    let listed: BTreeSet<String> = listed.collect();
    let lacking: Vec<_> = crates.difference(&listed).collect();
    assert!(lacking.is_empty() && !crates.is_empty(), "{lacking:?}");
    let licences = fs::read_to_string(published(".licences.txt")).unwrap();
    let licensed = licences.lines().map(|line| {
        assert!(line.split(' ').count() > 2, "{line}");
        crate_of(line)
    });
    assert_eq!(licensed.collect::<BTreeSet<_>>(), listed);
}
