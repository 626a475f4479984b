//! The same source and binary give the same bytes, in whatever folder they are made into a package, and nothing in a package
//! tells where that was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::place::{package, said, script, target};

/// The files of a package, below a folder.
pub fn unpacked(package: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let unpack = match package.extension().is_some_and(|end| end == "deb") {
        true => "dpkg-deb -R \"$0\" .",
        false => "rpm2cpio \"$0\" | cpio -id --quiet",
    };
    said(
        Command::new("sh")
            .args(["-ec", unpack])
            .arg(package)
            .current_dir(&folder),
    );
    folder
}

/// Made once more, in another folder, of the binary that is in it.
pub fn assert_made_again(kind: &str, arch: &str, end: &str) {
    let (package, folder) = (package(end), tempfile::tempdir().unwrap());
    let tree = unpacked(&package);
    let mut build = Command::new(script("build"));
    build
        .args([kind, arch])
        .arg(tree.path().join("usr/sbin/eniroute"));
    said(build.arg(folder.path()));
    let again = folder.path().join(package.file_name().unwrap());
    let differs = fs::read(&again).unwrap() != fs::read(&package).unwrap();
    assert!(
        !differs,
        "{} is made otherwise the second time",
        package.display()
    );
}

/// No file below this folder has the name of a folder of this machine.
pub fn assert_tells_no_folder(root: &Path) {
    let home = std::env::var("HOME").unwrap() + "/";
    let places = [
        PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        target(),
        home.into(),
    ];
    let names = places
        .iter()
        .flat_map(|place| ["-e", place.to_str().unwrap()]);
    let found = Command::new("grep")
        .args([
            "--recursive",
            "--fixed-strings",
            "--text",
            "--only-matching",
        ])
        .args(names)
        .arg(root)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(1), "{text}");
}

#[test]
fn packages_made_in_two_folders_are_the_same_bytes() {
    assert_made_again("deb", "x86_64", "_amd64.deb");
    assert_made_again("rpm", "x86_64", "-1.x86_64.rpm");
}

#[test]
fn packages_do_not_tell_where_they_were_made() {
    for end in ["_amd64.deb", "-1.x86_64.rpm"] {
        assert_tells_no_folder(unpacked(&package(end)).path());
    }
    let made = "%{BUILDHOST} %{BUILDTIME}";
    let made = said(
        Command::new("rpm")
            .args(["-qp", "--queryformat", made])
            .arg(package("-1.x86_64.rpm")),
    );
    let commit = said(Command::new("git").args(["log", "-1", "--format=eniroute %ct"]));
    assert_eq!(made, commit.trim());
}

#[test]
fn a_file_that_tells_a_folder_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let told = format!("\0panicked at {}/src/main.rs\0", env!("CARGO_MANIFEST_DIR"));
    fs::write(folder.path().join("binary"), told).unwrap();
    let looked = std::panic::catch_unwind(|| assert_tells_no_folder(folder.path()));
    assert!(looked.is_err());
}
