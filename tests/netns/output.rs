//! Whatever becomes of stdout and stderr, a run ends as it would otherwise, and the network is right.

use std::fs::File;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::unistd::pipe;

use crate::instance::{Instance, changed};
use crate::support::lab::Lab;
use crate::vpc::{EniSpec, Vpc};

fn two_enis() -> (Vpc, Instance) {
    // Enough to say to fill a pipe.
    let addresses = (20..60).map(|host| format!("10.0.0.{host}"));
    let eth1 = |subnet| EniSpec::new(subnet, "eth1").ipv4(addresses);
    let Lab { vpc, instance, .. } =
        Lab::of(|[a, _]| [Lab::eth0(a), eth1(a).public("10.0.0.20", "203.0.113.20")]);
    (vpc, instance)
}

fn assert_all_is_well(vpc: &Vpc, instance: &Instance, how: &str) {
    assert!(
        vpc.inet()
            .ping(&["203.0.113.10", "203.0.113.20"])
            .is_empty(),
        "{how}"
    );
    assert!(instance.has("etc/netplan/60-eniroute-eth1.yaml"), "{how}");
    assert!(instance.must("apply").starts_with("nothing to do"), "{how}");
}

#[test]
fn a_reader_that_goes_away_or_a_full_disk_under_the_log_ends_no_run() {
    let (vpc, instance) = two_enis();
    let before = instance.host.dump();
    let (binary, root) = (env!("CARGO_BIN_EXE_eniroute"), instance.root().display());
    for how in [
        "2>&-",
        ">&- 2>&-",
        "2>/dev/full",
        ">/dev/full 2>/dev/full",
        "2>&1 | true",
        "2>&1 | head -2",
        "2>&1 | sed -n '/address replace/q'",
        "2>&1 | sed -n '/rule add/q'",
        "2>&1 | sed -n '/kernel:/q'",
    ] {
        // Each in turn: `apply`, and `remove`, which fails as soon as one of them fails.
        instance
            .host
            .sh(&format!("{binary} --root {root} apply -v -v {how}"));
        assert_all_is_well(&vpc, &instance, how);
        instance
            .host
            .sh(&format!("{binary} --root {root} remove -v -v {how}"));
        assert_eq!(
            changed(&before, &instance.host.dump()),
            [] as [String; 0],
            "{how}"
        );
    }
}

/// An ssh session that is cut off reads no more: what waits for it would never come to its proof.
#[test]
fn a_reader_that_falls_asleep_keeps_no_run_waiting() {
    let (vpc, instance) = two_enis();
    let (asleep, stderr) = pipe().unwrap();
    fcntl(&stderr, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let mut run = instance.host.enter(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eniroute"));
        command
            .arg("--root")
            .arg(instance.root())
            .args(["apply", "-v", "-v"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::from(stderr))
            .spawn()
            .unwrap()
    });
    let end = Instant::now() + Duration::from_secs(60);
    while run.try_wait().unwrap().is_none() && Instant::now() < end {
        sleep(Duration::from_millis(10));
    }
    let _ = run.kill();
    assert_eq!(
        run.wait().unwrap().code(),
        Some(0),
        "it did not end by itself, or not well"
    );
    drop(asleep);
    assert_all_is_well(&vpc, &instance, "asleep");
}
