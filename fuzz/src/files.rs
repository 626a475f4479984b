//! Other people's files. An input is one file at the place where a stack looks first, or several: a line `%% /PATH` begins
//! the next one. Whatever they say, no two files of ours have one path, and a second run changes nothing.

use std::collections::BTreeSet;
use std::path::Path;

use eniroute::config::Config;
use eniroute::files::{Disk, File, FileChange};
use eniroute::plan::Desired;
use eniroute::stacks::{Rendered, Stacks, Target, by_name, render};

use super::guest;

/// More files than any of the readers needs to be confused.
const FILES: usize = 8;

/// A file system in memory: a run writes and syncs files.
const MEMORY: &str = "/dev/shm";

/// YAML of netplan's.
pub fn netplan(input: &[u8]) {
    stack("netplan", "/etc/netplan/50-cloud-init.yaml", input);
}

/// systemd-networkd's .network files and drop-ins.
pub fn networkd(input: &[u8]) {
    stack("networkd", "/etc/systemd/network/20-eth0.network", input);
}

/// Red Hat's ifcfg, route and rule files.
pub fn ifcfg(input: &[u8]) {
    let path = "/etc/sysconfig/network-scripts/ifcfg-eth0";
    stack("network-scripts", path, input);
}

/// NetworkManager's keyfiles.
pub fn keyfile(input: &[u8]) {
    let path = "/etc/NetworkManager/system-connections/a.nmconnection";
    stack("network-manager", path, input);
}

/// /etc/network/interfaces and what it sources.
pub fn interfaces(input: &[u8]) {
    stack("ifupdown", "/etc/network/interfaces", input);
}

/// /etc/eniroute.toml, and the plan by it.
pub fn toml(input: &[u8]) {
    let root = tempfile::tempdir_in(MEMORY).unwrap();
    let path = root.path().join("eniroute.toml");
    std::fs::write(&path, input).unwrap();
    match Config::load(&path, true) {
        Ok(config) => assert_eq!(guest::desired(&config), guest::desired(&config)),
        Err(error) => assert_eq!(error.exit_code(), 2),
    }
}

fn stack(name: &str, path: &str, input: &[u8]) {
    let root = tempfile::tempdir_in(MEMORY).unwrap();
    let disk = Disk::new(root.path()).unwrap();
    for (path, text) in split(path, &String::from_utf8_lossy(input)) {
        write(&disk, path, text);
    }
    let desired = guest::desired(&Config::default());
    let stacks = [
        Stacks::find(&disk, &desired, &guest::links()),
        Ok(by_name(name).unwrap().into()),
    ];
    let found = stacks.into_iter().flatten();
    found.for_each(|stacks| holds(&disk, &stacks, &desired));
}

fn split<'a>(path: &'a str, input: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut files = vec![(path, input.split("%% /").next().unwrap_or_default())];
    let others = input.split("%% ").filter(|part| part.starts_with('/'));
    files.extend(others.filter_map(|part| part.split_once('\n')).take(FILES));
    files
}

/// A path that nobody could write at is no file.
fn write(disk: &Disk, path: &str, text: &str) {
    let (path, text) = (path.into(), text.to_owned());
    let file = File {
        path,
        mode: 0o644,
        text,
    };
    let _ = disk.commit(&FileChange::Create(file));
}

fn holds(disk: &Disk, stacks: &Stacks, desired: &Desired) {
    let Some(first) = rendered(disk, stacks, desired) else {
        return;
    };
    let paths: BTreeSet<&Path> = first.wanted.iter().map(|file| &*file.path).collect();
    assert_eq!(paths.len(), first.wanted.len(), "{paths:?}");
    let Ok(changes) = disk.plan(first.wanted, &first.obsolete) else {
        return;
    };
    if changes.iter().any(|change| disk.commit(change).is_err()) {
        return;
    }
    let second = rendered(disk, stacks, desired).expect("what is written can be read again");
    assert_eq!(
        disk.plan(second.wanted, &second.obsolete).unwrap(),
        [],
        "a second run"
    );
}

fn rendered(disk: &Disk, stacks: &Stacks, desired: &Desired) -> Option<Rendered> {
    let links = guest::links();
    let target = Target {
        disk,
        links: &links,
    };
    render(&target, stacks, desired, &BTreeSet::new()).ok()
}
