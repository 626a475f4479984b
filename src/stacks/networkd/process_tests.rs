use super::*;

#[test]
fn a_process_s_age_is_the_uptime_less_its_start() {
    let mut stat = "612 (systemd (networkd) S".to_owned();
    (4..22).for_each(|field| stat += &format!(" {field}"));
    let age = |stat: &str, uptime| age(stat, uptime).map(|age| age.as_millis());
    assert_eq!(age(&format!("{stat} 300 0 0"), "10.50 20.0\n"), Some(7500));
    assert_eq!(age(&format!("{stat} 300 0 0"), "2.99 1.0\n"), Some(0));
    assert_eq!(age(&stat, "10.50 20.0\n"), None);
    assert_eq!(age(&stat.replace(')', ""), "10.50 20.0\n"), None);
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
