//! The network stacks that read our files, run as they are on the disk of an [`Instance`]: its folder becomes a root
//! with this machine's programs and those that tests/consumers unpacked. Mounts stay in the guest's own namespace.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;

use nix::mount::{MsFlags, mount};

use crate::instance::{Instance, Run, copy_program};
use crate::support::confined::confined;
use crate::vpc::{Cmd, Host};

const UNPACKED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/consumers/usr");

/// Its place below the root, where no consumer looks.
const ENIROUTE: &str = "eniroute";

/// Makes the instance's folder a root to run programs in.
pub fn furnish(instance: &Instance) {
    furnish_from(instance, UNPACKED);
}

/// The same, with another folder's programs in place of this machine's.
pub fn furnish_from(instance: &Instance, programs: &str) {
    let root = instance.root();
    assert!(
        Path::new(programs).is_dir(),
        "{programs} is not there: run tests/setup"
    );
    for name in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{name}"), root.join(name)).unwrap();
    }
    let folder = |name: &str| {
        let path = root.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    };
    let [usr, tmp] = ["usr", "tmp"].map(folder);
    fs::create_dir_all(tmp).unwrap();
    copy_program(&root.join(ENIROUTE));
    let binds = ["proc", "sys", "dev"].map(|name| (Path::new("/").join(name), folder(name)));
    instance.host.enter(|| {
        let lower = format!("lowerdir={programs}:/usr");
        mount(
            Some("overlay"),
            &usr,
            Some("overlay"),
            MsFlags::MS_RDONLY,
            Some(lower.as_str()),
        )
        .unwrap();
        binds.iter().for_each(|(from, to)| bind(from, to));
    });
}

fn bind(from: &PathBuf, to: &PathBuf) {
    let none = None::<&str>;
    mount(
        Some(from),
        to,
        none,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        none,
    )
    .unwrap_or_else(|e| panic!("{from:?}: {e}"));
}

/// A program of the instance's own, with this root.
pub fn program(instance: &Instance, words: &str) -> Cmd {
    let root = instance.root().display().to_string();
    instance
        .host
        .command("chroot")
        .arg(root)
        .args(words.split_whitespace())
}

/// `eniroute ARGUMENTS` with this root for its own: to it this is the running host, whose daemons it may tell. It has a
/// unit's capabilities.
pub fn eniroute(instance: &Instance, arguments: &str) -> Run {
    Run::of(
        program(
            instance,
            &format!("{} /{ENIROUTE} {arguments}", confined().join(" ")),
        )
        .output(),
    )
}

/// Runs it; it must succeed. Standard output and error.
pub fn run(instance: &Instance, words: &str) -> String {
    let out = program(instance, words).output();
    assert!(out.status.success(), "{words}: {}", said(&out));
    said(&out)
}

pub fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

/// Forgets what a reboot forgets, but for the addresses and routes that the fake DHCP client gave the primary.
pub fn power_cycle(host: &Host, secondaries: &[&str]) {
    let tables = (0..10).map(|number| 10_000 + number);
    let mut script =
        "for f in 4 6; do ip -$f rule flush; ip -$f rule add lookup main priority 32766; done\n\
                      ip -4 rule add lookup default priority 32767\n"
            .to_owned();
    for table in tables {
        script +=
            &format!("for f in 4 6; do ip -$f route flush table {table} 2>/dev/null || :; done\n");
    }
    for dev in secondaries {
        script += &format!("ip address flush dev {dev}; ip link set {dev} down\n");
    }
    host.sh(&script);
    let left = host.dump();
    let ours = ["table 1000", "lookup 1000", "metric 1000"];
    assert!(
        !ours.iter().any(|word| left.contains(word)),
        "the power cycle left {left}"
    );
}
