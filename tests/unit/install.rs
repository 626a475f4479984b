//! What `make install` lays down elsewhere than a package does.

use std::process::Command;

use tempfile::TempDir;

/// The lines of all units and drop-ins that run eniroute.
fn runs(prefix: &str, units: &str) -> Vec<String> {
    let root = TempDir::new().unwrap();
    let folder = root.path().display();
    let make = Command::new("make")
        .args(["--silent", "install", "BINARY=/bin/true"])
        .args([format!("DESTDIR={folder}"), format!("PREFIX={prefix}")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&make.stderr);
    assert!(make.status.success(), "{said}");
    let grep = Command::new("grep")
        .args(["--recursive", "--no-filename", "^Exec.*eniroute"])
        .arg(root.path().join(units))
        .output()
        .unwrap();
    let lines = String::from_utf8_lossy(&grep.stdout);
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn every_unit_and_drop_in_runs_the_program_where_it_is() {
    for (prefix, units) in [
        ("/usr", "usr/lib/systemd/system"),
        ("/usr/local", "etc/systemd/system"),
    ] {
        let (runs, program) = (runs(prefix, units), format!("{prefix}/sbin/eniroute "));
        assert!(runs.len() > 10, "{runs:?}");
        for line in runs {
            let (_, command) = line.split_once('=').unwrap();
            assert!(
                command.trim_start_matches('-').starts_with(&program),
                "{line}"
            );
        }
    }
}
