use super::*;

#[test]
fn a_process_s_age_is_the_uptime_less_the_end_of_the_tick_it_started_in() {
    let mut stat = "612 (systemd (networkd) S".to_owned();
    (4..22).for_each(|field| stat += &format!(" {field}"));
    let age = |stat: &str, uptime| age(stat, uptime).map(|age| age.as_millis());
    assert_eq!(age(&format!("{stat} 300 0 0"), "10.50 20.0\n"), Some(7490));
    // A year and a half after the boot.
    let late = age(&format!("{stat} 4730400000 0 0"), "47304100.02 1.0\n");
    assert_eq!(late, Some(100_010));
    assert_eq!(age(&format!("{stat} 300 0 0"), "2.99 1.0\n"), Some(0));
    assert_eq!(age(&stat, "10.50 20.0\n"), None);
    assert_eq!(age(&stat.replace(')', ""), "10.50 20.0\n"), None);
}

/// As a unit that is made right before networkd starts has been read by it.
#[test]
fn what_was_written_just_before_a_process_started_is_not_newer_than_it() {
    let folder = tempfile::tempdir().unwrap();
    for turn in 0..20 {
        let path = folder.path().join(turn.to_string());
        fs::write(&path, "").unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        let mut process = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let start = start_of(&Path::new("/proc").join(process.id().to_string())).unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        let late = start.duration_since(written);
        assert!(late.is_ok(), "{turn}: {late:?}");
    }
}

#[test]
fn a_process_s_user_is_the_effective_one() {
    let status = "Name:\tsystemd-network\nUid:\t0\t998\t998\t998\nGid:\t1\t1\t1\t1\n";
    assert_eq!(effective_uid(status), Some(998));
    assert_eq!(effective_uid("Name:\tUid:\n"), None);
}

#[test]
fn networkd_s_user_is_found_in_passwd() {
    let passwd = "root:x:0:0::/root:/bin/sh\nsystemd-network:x:998:997::/:/usr/sbin/nologin\n";
    assert_eq!(uid(passwd), Some(998));
    for other in [
        "",
        "systemd-network",
        "systemd-networkx:x:5:5:::\n",
        "systemd-network:x:-1:5",
    ] {
        assert_eq!(uid(other), None, "{other}");
    }
}

/// One that we may start by that name: root may start another user's, too.
#[test]
fn a_process_that_only_calls_itself_so_is_not_networkd() {
    let before = started().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), everybody).unwrap();
    let program = folder.path().join(PROCESS);
    fs::copy("/bin/sleep", &program).unwrap();
    let us = nix::unistd::geteuid();
    let others = us.is_root().then_some(65_534);
    for uid in [us.as_raw()].into_iter().chain(others) {
        let mut command = std::process::Command::new(&program);
        let mut impostor = std::os::unix::process::CommandExt::uid(command.arg("60"), uid)
            .spawn()
            .unwrap();
        let process = Path::new("/proc").join(impostor.id().to_string());
        assert!(is_named(&process), "{uid}");
        let found = started().unwrap();
        impostor.kill().unwrap();
        impostor.wait().unwrap();
        assert_eq!(found.is_some(), before.is_some(), "{uid}");
    }
}
