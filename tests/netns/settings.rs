//! Settings of the kernel's: what is printed is what is done, and what they were before is put back, by `remove` and where a
//! change does not stand its proof. `sysctl` takes every line that is printed.

use std::time::Duration;

use eniroute::cli::Common;
use eniroute::net::sysctl::{Key, Sysctl};
use eniroute::object::Object;
use eniroute::reconcile::{Host, How, Run};
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::nat::{Lab, S3, SECOND};
use crate::support::cut::{MARK, Scene, Way};
use crate::vpc::{EniSpec, Vpc};

const LEDGER: &str = "var/lib/eniroute/ledger.json";

/// Sends what leaves the primary's address by a way that is fatal as soon as eth1's table is filled.
const CUT: &str = "-4 rule add from 10.0.0.10 lookup 10001 priority 9000";

/// eth0, and a second ENI on this interface, which is down and whose `accept_ra` is 2.
fn with_second(dev: &str) -> (Vpc, Instance) {
    let mut vpc = Vpc::new();
    let subnet = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    vpc.attach(EniSpec::new(subnet, "eth0").ipv4(["10.0.0.10"]));
    vpc.attach(EniSpec::new(subnet, dev).ipv4(["10.0.0.20"]));
    let instance = Instance::bare(vpc.guest());
    set(&instance, dev, "2");
    (vpc, instance)
}

fn set(instance: &Instance, dev: &str, value: &str) {
    instance.host.sh(&format!(
        "echo {value} >/proc/sys/net/ipv6/conf/{dev}/accept_ra"
    ));
}

fn accept_ra(instance: &Instance, dev: &str) -> String {
    instance
        .host
        .sh(&format!("cat /proc/sys/net/ipv6/conf/{dev}/accept_ra"))
        .trim()
        .to_owned()
}

/// The commands for settings that this command of eniroute's tells of.
fn told(instance: &Instance, command: &str) -> Vec<String> {
    let report = instance.json(command);
    let commands = report["kernel"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap().to_owned());
    commands
        .filter(|line| line.starts_with("sysctl "))
        .collect()
}

fn edited(instance: &Instance, path: &str, edit: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_str(&instance.read(path)).unwrap();
    edit(&mut value);
    instance.write(path, &value.to_string());
}

#[test]
fn what_a_setting_was_before_is_put_back_and_told() {
    for dev in ["eth1", "eth.1", "a-b_c.conf"] {
        let (_vpc, instance) = with_second(dev);
        let off = format!("sysctl -qw net/ipv6/conf/{dev}/accept_ra=0");
        assert_eq!(told(&instance, "plan"), [&*off]);
        instance.host.sh(&off);
        assert_eq!(
            accept_ra(&instance, dev),
            "0",
            "the command that is printed does it"
        );
        set(&instance, dev, "2");
        assert_eq!(told(&instance, "apply --backend none"), [off]);
        assert_eq!(accept_ra(&instance, dev), "0");
        assert_eq!(told(&instance, "apply --backend none"), [""; 0]);
        let back = format!("sysctl -qw net/ipv6/conf/{dev}/accept_ra=2");
        assert_eq!(told(&instance, "remove"), [back]);
        assert_eq!(accept_ra(&instance, dev), "2");
    }
}

#[test]
fn a_setting_that_somebody_has_changed_since_is_theirs() {
    let (_vpc, instance) = with_second("eth1");
    instance.must("apply --backend none");
    set(&instance, "eth1", "1");
    assert_eq!(
        told(&instance, "apply --backend none"),
        [""; 0],
        "the link is up, and has an owner"
    );
    assert_eq!(told(&instance, "remove"), [""; 0]);
    assert_eq!(accept_ra(&instance, "eth1"), "1");
    assert!(!instance.has(LEDGER));
}

/// It has forgotten what it was before: as after a boot, or by another hand while the link was down.
#[test]
fn what_a_setting_was_before_is_what_it_was_before_the_last_change() {
    let (_vpc, instance) = with_second("eth1");
    instance.must("apply --backend none");
    instance.host.ip("link set eth1 down");
    set(&instance, "eth1", "1");
    instance.must("apply --backend none");
    assert_eq!(accept_ra(&instance, "eth1"), "0");
    instance.must("remove");
    assert_eq!(accept_ra(&instance, "eth1"), "1");
}

/// Earlier versions wrote only that they had changed it.
#[test]
fn where_the_ledger_does_not_say_what_it_was_before_the_setting_gets_what_new_links_get() {
    for default in ["1", "2"] {
        let (_vpc, instance) = with_second("eth1");
        instance.must("apply --backend none");
        set(&instance, "default", default);
        edited(&instance, LEDGER, |ledger| {
            for entry in ledger["enis"].as_object_mut().unwrap().values_mut() {
                let settings = entry.as_object_mut().unwrap().remove("settings");
                entry["no_router_advertisements"] = settings.is_some().into();
            }
        });
        assert_eq!(
            told(&instance, "remove"),
            [format!("sysctl -qw net/ipv6/conf/eth1/accept_ra={default}")]
        );
        assert_eq!(accept_ra(&instance, "eth1"), default);
    }
}

#[test]
fn a_change_that_is_taken_back_takes_its_setting_back() {
    let scene = Scene::new();
    set(&scene.instance, "eth1", "2");
    scene.instance.host.ip(CUT);
    let run = scene.instance.eniroute("apply --wait 1");
    assert!(
        run.code == 1 && run.stderr.contains("taken back"),
        "{run:?}"
    );
    assert_eq!(accept_ra(&scene.instance, "eth1"), "2");
}

/// The next run may be one of a later version.
#[test]
fn the_next_run_takes_back_the_setting_of_one_that_was_killed() {
    for of_earlier_version in [false, true] {
        let scene = Scene::new();
        let moment = scene.first_of_proof(Way::Plain);
        set(&scene.instance, "eth1", "2");
        scene.instance.host.ip(CUT);
        scene.kill_in_proof(moment);
        assert_eq!(
            accept_ra(&scene.instance, "eth1"),
            "0",
            "it was killed after that"
        );
        if of_earlier_version {
            edited(&scene.instance, MARK, |mark| {
                for change in mark["changes"].as_array_mut().unwrap() {
                    if change["Add"].get("Sysctl").is_some() {
                        *change = json!({ "Add": { "NoRouterAdvertisements": "eth1" } });
                    }
                }
            });
        }
        let default = accept_ra(&scene.instance, "default");
        assert_ne!(default, "2");
        let run = scene.instance.eniroute("refresh");
        assert!(run.code == 0 && !scene.instance.has(MARK), "{run:?}");
        assert_eq!(
            accept_ra(&scene.instance, "eth1"),
            if of_earlier_version { &default } else { "2" }
        );
    }
}

/// No plan of today's wants one: it is given to the run. What takes it back knows of it by the ledger alone.
#[test]
fn a_setting_of_the_host_is_made_written_down_and_put_back() {
    let (_vpc, instance) = with_second("eth1");
    let forward = || {
        instance
            .host
            .sh("cat /proc/sys/net/ipv4/ip_forward")
            .trim()
            .to_owned()
    };
    let wait = Duration::from_secs(5);
    let root = instance.root().to_owned();
    let common = Common {
        wait,
        json: false,
        root,
        imds: None,
        config: None,
        verbose: 0,
        quiet: true,
    };
    let command = instance.host.enter(|| {
        let key = Key::of_host("net/ipv4/ip_forward");
        let stack = Some(eniroute::stacks::by_name("network-scripts").unwrap());
        let how = How {
            stack,
            ..How::all("apply", &common)
        };
        let mut host = Host::open_for_removal(&common).unwrap();
        host.kernel.observe_also([key.clone()]);
        let mut run = Run::removal(&mut host, &how).unwrap();
        run.assessment.desired.host = vec![Object::from(Sysctl::new(key, "1"))];
        run.change_kernel().unwrap();
        let files = run.plan_files();
        run.commit_files(&files);
        assert_eq!(run.report.errors, [""; 0]);
        assert_eq!(run.changes(), []);
        run.report
            .kernel
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    });
    assert_eq!(
        (&command[..], &*forward()),
        (&["sysctl -qw net/ipv4/ip_forward=1".to_owned()][..], "1")
    );
    let file = "etc/sysctl.d/99-zz-eniroute.conf";
    instance.host.sysctl("net.ipv4.ip_forward", 0);
    instance.host.sh(&format!(
        "sysctl -qp {}",
        instance.root().join(file).display()
    ));
    assert_eq!(forward(), "1", "the next boot sets it");
    assert_eq!(
        told(&instance, "remove"),
        ["sysctl -qw net/ipv4/ip_forward=0"]
    );
    assert!(!instance.has(file));
    assert_eq!(forward(), "0");
    assert!(!instance.has(LEDGER));
}

/// The file has them for the boot from the first run on, which makes none of an interface whose client has not brought its
/// address.
#[test]
fn what_a_boot_sets_by_our_file_before_any_run_did_is_put_back_too() {
    let lab = Lab::bare();
    let (instance, host) = (&lab.instance, &lab.instance.host);
    let forwarding = || {
        let keys = ["eth0", "eth1"].map(|dev| format!("/proc/sys/net/ipv4/conf/{dev}/forwarding"));
        host.sh(&format!("cat {}", keys.join(" ")))
            .replace('\n', "")
    };
    let address = "address add 172.31.5.10/20 dev eth0";
    host.ip("-4 address flush dev eth0");
    host.ip("link set eth1 up");
    host.ip("address add 172.31.8.208/20 dev eth1");
    host.ip("route add default via 172.31.0.1 dev eth1 metric 200");
    lab.configure(S3);
    let said = instance.must("apply --backend network-scripts");
    assert!(said.contains("eth0 lacks its own address"), "{said}");
    assert_eq!(forwarding(), "01");
    instance.must("remove");
    assert_eq!(forwarding(), "00");

    instance.must("apply --backend network-scripts");
    let file = instance.root().join("etc/sysctl.d/99-zz-eniroute.conf");
    host.sh(&format!("sysctl -qp {}", file.display()));
    assert_eq!(forwarding(), "11", "the boot sets it");
    host.ip(address);
    host.ip("route add default via 172.31.0.1 dev eth0 metric 100");
    instance.must("apply --backend network-scripts");
    assert_eq!(lab.seen(&lab.clients[1]), SECOND);
    instance.must("remove");
    assert_eq!(forwarding(), "00", "as it was before");
}
