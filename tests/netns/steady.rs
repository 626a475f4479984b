//! What runs again and again: it must find its way where something stays odd, and cost nothing while nothing changes.

use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, recv};

use crate::converge::is_held;
use crate::instance::{Instance, Run, changed};
use crate::life::{change, end, link_socket, start};
use crate::support::lab::Lab;
use crate::vpc::{EniSpec, Fault, Vpc, wait_for};

const NOBODYS_ID: u32 = 65534;

/// The kind of a message, by its bytes 4 and 5 (rtnetlink(7)).
const RTM_NEWADDR: u16 = 20;

/// An EFA-only ENI never has an interface; one that a container has taken is listed, too.
#[test]
fn a_refresh_is_as_cheap_where_an_eni_has_no_interface() {
    let Lab {
        mut vpc,
        instance,
        enis: [_, eth1],
        ..
    } = Lab::two_enis();
    instance.must("apply");
    vpc.unplug(eth1);
    instance.must("hotplug remove eth1");
    instance.must("refresh");
    let (dump, disk) = (instance.host.dump(), instance.disk_state());
    for _ in 0..3 {
        vpc.imds().clear_log();
        assert_eq!(instance.must("refresh"), "");
        let log = vpc.imds().log();
        assert!(log.len() <= 2 + 2 * 2, "{} requests: {log:?}", log.len());
        assert_eq!(
            (instance.host.dump(), instance.disk_state()),
            (dump.clone(), disk.clone())
        );
    }
}

#[test]
fn a_link_is_repaired_while_the_metadata_service_is_silent() {
    let Lab { vpc, instance, .. } = Lab::two_enis();
    instance.must("apply");
    let dump = instance.host.dump();
    vpc.imds().fault(Fault::Dead);
    instance.host.ip("link set eth1 down");
    instance.host.ip("link set eth1 up");
    let run = instance.eniroute("hotplug change");
    assert!(run.code == 0 && run.stdout.contains("kernel:"), "{run:?}");
    instance.host.settle();
    assert_eq!(changed(&dump, &instance.host.dump()), [] as [String; 0]);
}

/// The ways of packets are looked up while the metadata service is asked, and what is found then is told.
#[test]
fn a_refresh_tells_what_it_has_found_while_it_asked() {
    let Lab { vpc, instance, .. } = Lab::two_enis();
    instance.must("apply");
    instance
        .host
        .ip("rule add from 10.1.0.30 lookup main priority 100");
    vpc.imds().fault(Fault::Slow(Duration::from_millis(120)));
    let trace = tempfile::NamedTempFile::new().unwrap();
    let strace = instance.host.command("strace");
    let strace = strace.args(["-f", "--seccomp-bpf", "-e", "trace=sendto", "-o"]);
    let strace = strace.arg(trace.path().display());
    let strace = strace.args([env!("CARGO_BIN_EXE_eniroute"), "--root"]);
    let said = strace.arg(instance.root().display()).arg("refresh").run();
    assert!(said.contains("the rule `from 10.1.0.30"), "{said}");
    let trace = std::fs::read_to_string(trace.path()).unwrap();
    let last = |word: &str| {
        let lines = trace.lines().enumerate();
        let its = lines.filter(|(_, line)| line.contains(word) && !line.contains("NLM_F_DUMP"));
        its.last().map(|(at, _)| at)
    };
    let (looked, asked) = (last("RTM_GETROUTE"), last("GET /latest"));
    assert!(looked.is_some() && looked < asked, "{trace}");
}

/// It looks at the host while it asks, and again where that takes long.
#[test]
fn a_refresh_goes_by_how_the_host_is_when_a_slow_service_has_answered() {
    let Lab { vpc, instance, .. } = Lab::two_enis();
    instance.must("apply");
    let dump = instance.host.dump();
    vpc.imds().clear_log();
    vpc.imds().fault(Fault::Slow(Duration::from_millis(400)));
    let refresh = start(&instance, "refresh");
    wait_for("the second request", || vpc.imds().log().len() > 1);
    instance.host.ip("route flush table 10001");
    let run = end(refresh);
    assert!(run.code == 0 && run.stdout.contains("kernel:"), "{run:?}");
    assert_eq!(changed(&dump, &instance.host.dump()), [] as [String; 0]);
}

#[test]
fn an_interface_that_is_renamed_gets_its_files_under_its_new_name() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::two_enis();
    instance.must("apply");
    instance.host.ip("link set eth1 down");
    instance.host.ip("link set eth1 name wan-1");
    instance.must("hotplug add wan-1");
    instance.must("refresh");
    assert!(
        instance
            .host
            .ip("route show table 10001")
            .contains("default via 10.1.0.1 dev wan-1")
    );
    assert!(
        instance.has("etc/netplan/60-eniroute-wan-1.yaml")
            && !instance.has("etc/netplan/60-eniroute-eth1.yaml")
    );
    assert_eq!(instance.must("refresh"), "");
}

#[test]
fn what_the_configuration_says_now_holds_for_what_is_remembered() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::two_enis();
    instance.must("apply");
    instance.write("etc/eniroute.toml", "main_route = false\n");
    instance.must("refresh");
    assert!(
        !instance.host.ip("route").contains("metric 10001"),
        "{}",
        instance.host.ip("route")
    );
    instance.write("etc/eniroute.toml", "exclude = [\"eth1\"]\n");
    instance.must("refresh");
    assert!(
        !instance
            .host
            .ip("rule")
            .contains("from 10.1.0.31 lookup 10001"),
        "what we made there goes"
    );
    assert_eq!(instance.must("refresh"), "");
}

#[test]
fn a_nic_whose_eni_ec2_no_longer_lists_keeps_all_and_costs_no_more() {
    let Lab {
        mut vpc,
        instance,
        enis: [_, eth1],
        ..
    } = Lab::two_enis();
    instance.must("apply");
    let dump = instance.host.dump();
    vpc.forget(eth1);
    instance.must("refresh");
    let disk = instance.disk_state();
    vpc.imds().clear_log();
    for command in ["refresh", "hotplug remove eth1", "hotplug change"] {
        let run = instance.eniroute(command);
        assert!(
            run.code == 0 && run.stdout.is_empty() && run.stderr.is_empty(),
            "{command}: {run:?}"
        );
    }
    assert!(
        vpc.imds().log().len() <= 2 + 2 * 2,
        "{:?}",
        vpc.imds().log()
    );
    instance.host.settle();
    assert_eq!(changed(&dump, &instance.host.dump()), [] as [String; 0]);
    assert_eq!(instance.disk_state(), disk);
}

/// An ENI of which EC2 says only a part yet.
fn with_a_late_eni() -> (Vpc, Instance) {
    let Lab {
        mut vpc, instance, ..
    } = Lab::two_enis();
    instance.must("apply");
    let c = vpc.subnet("10.2.0.0/20", None);
    vpc.imds()
        .fault(Fault::late("macs/06:00:00:00:00:77/local-ipv4s"));
    vpc.attach(
        EniSpec::new(c, "eth2")
            .ipv4(["10.2.0.40"])
            .mac("06:00:00:00:00:77"),
    );
    (vpc, instance)
}

#[test]
fn a_refresh_leaves_what_is_waited_for_to_the_run_that_waits() {
    let (vpc, instance) = with_a_late_eni();
    let run = instance.eniroute("refresh");
    assert!(
        run.code == 1 && run.stderr.contains("local-ipv4s"),
        "nobody waits: {run:?}"
    );
    let waiting = start(&instance, "hotplug add eth2 --wait 60");
    let queue = instance.root().join("run/eniroute/hotplug.lock");
    wait_for("its turn", || is_held(&instance, &queue));
    assert_eq!(instance.must("refresh"), "");
    vpc.imds().heal();
    let run = end(waiting);
    assert!(run.code == 0 && run.stdout.contains("kernel:"), "{run:?}");
}

/// How a run ends that waits so many seconds for a late ENI, where the service fails once another has been configured; `None`
/// where it ended before that.
fn service_fails_later(wait: u32) -> Option<Run> {
    let (mut vpc, instance) = with_a_late_eni();
    let d = vpc.subnet("10.3.0.0/20", None);
    vpc.attach(EniSpec::new(d, "eth3").ipv4(["10.3.0.41"]));
    let mut waiting = start(&instance, &format!("hotplug add eth2 --wait {wait}"));
    while !instance.has("etc/netplan/60-eniroute-eth3.yaml") {
        if waiting.try_wait().unwrap().is_some() {
            return None;
        }
        sleep(Duration::from_millis(20));
    }
    vpc.imds().fault(Fault::Dead);
    Some(end(waiting))
}

#[test]
fn what_was_done_is_told_although_the_service_fails_then() {
    // A busy machine may not come to it within the first.
    let mut ends = [2, 30].into_iter().filter_map(service_fails_later);
    let run = ends
        .next()
        .expect("nothing is done before the late one is there");
    assert_eq!(run.code, 1, "something was changed: {run:?}");
    assert!(
        run.stdout.contains("kernel:") && run.stderr.contains("metadata service"),
        "{run:?}"
    );
}

/// What it does not read starts it again at once, until systemd gives up: a failed unit on every host off EC2.
#[test]
fn changed_links_are_read_also_where_eniroute_stands_down() {
    for (path, text) in [
        ("sys/class/dmi/id/sys_vendor", "QEMU\n"),
        ("etc/cni/net.d/10-aws.conflist", "{}"),
    ] {
        let Lab {
            vpc: _vpc,
            instance,
            ..
        } = Lab::two_enis();
        instance.must("apply");
        instance.write(path, text);
        let socket = link_socket(&instance);
        instance.host.ip("link add stray type veth peer name other");
        let run = change(&instance, &socket);
        assert!(
            run.code == 0 && run.stdout.is_empty() && run.stderr.is_empty(),
            "{run:?}"
        );
        // The kernel may tell of a link-local address meanwhile, which is no longer tentative.
        let mut left = [0; 4096];
        while recv(socket.as_raw_fd(), &mut left, MsgFlags::MSG_DONTWAIT).is_ok() {
            assert_eq!(
                u16::from_ne_bytes([left[4], left[5]]),
                RTM_NEWADDR,
                "{path}"
            );
        }
    }
}

/// Where containers come and go, systemd starts one run after another. After StartLimitBurst of them within
/// StartLimitInterval it would give up the socket for good.
#[test]
fn links_that_change_all_the_time_do_not_use_up_the_starts_that_systemd_allows() {
    let unit = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/system/eniroute-link.service"
    ));
    let number = |key: &str| -> u32 {
        unit.lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap()
            .parse()
            .unwrap()
    };
    let allowed =
        Duration::from_secs(number("StartLimitInterval=").into()) / number("StartLimitBurst=");
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::two_enis();
    instance.must("apply");
    for (config, code) in [("", 0), ("nonsense", 2)] {
        instance.write("etc/eniroute.toml", config);
        let begin = Instant::now();
        assert_eq!(instance.eniroute("hotplug change").code, code);
        assert!(begin.elapsed() > 2 * allowed, "{:?}", begin.elapsed());
    }
}

/// systemd itself says what it would run. As a user who has no units of his own.
#[test]
fn a_hyphen_in_an_interface_s_name_is_not_taken_for_a_slash() {
    let units = concat!(env!("CARGO_MANIFEST_DIR"), "/system");
    for (unit, command) in [
        ("eniroute-hotplug", "hotplug add wan-1 "),
        ("eniroute-detach", "hotplug remove wan-1 "),
    ] {
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
        systemd
            .arg(format!("--unit={unit}@wan-1.service"))
            .env("SYSTEMD_UNIT_PATH", format!("{units}:"));
        let out = systemd
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let lines: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("/usr/sbin/eniroute"))
            .collect();
        assert!(
            lines.iter().any(|line| line.contains(command)),
            "{lines:?} {out:?}"
        );
    }
}
