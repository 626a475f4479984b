//! What runs again and again: it must find its way where something stays odd, and cost nothing while nothing changes.

use std::process::Command;

const NOBODYS_ID: u32 = 65534;

/// systemd itself says what it would run. As a user who has no units of his own.
#[test]
fn a_hyphen_in_an_interface_s_name_is_not_taken_for_a_slash() {
    let units = concat!(env!("CARGO_MANIFEST_DIR"), "/system");
    for (unit, command) in [("eniroute-hotplug", "hotplug add wan-1 "), ("eniroute-detach", "hotplug remove wan-1 ")] {
        let home = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(home.path(), Some(NOBODYS_ID), None).unwrap();
        let mut systemd = Command::new("setpriv");
        systemd.args([
            "--reuid",
            &NOBODYS_ID.to_string(),
            "--clear-groups",
            "/lib/systemd/systemd",
            "--test",
            "--user",
        ]);
        systemd.arg(format!("--unit={unit}@wan-1.service")).env("SYSTEMD_UNIT_PATH", format!("{units}:"));
        let out = systemd.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let lines: Vec<&str> = said.lines().filter(|line| line.contains("/usr/sbin/eniroute")).collect();
        assert!(lines.iter().any(|line| line.contains(command)), "{lines:?} {out:?}");
    }
}
