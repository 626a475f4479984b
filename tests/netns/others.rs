//! What others put into the tables and among the rules that have an ENI's number is theirs: it stays through every run,
//! whatever its form, and it is used. Ours is what we made, also after an upgrade and after the ledger is lost.

use crate::instance::{Instance, changed};
use crate::life::{change, link_socket};
use crate::support::lab::Lab;
use crate::vpc::{EniSpec, Fault, SubnetId, Vpc};

const NOTHING: [String; 0] = [];
const LEDGER: &str = "var/lib/eniroute/ledger.json";

/// By an appliance in eth1's subnet, and all that has a number or the form of one of ours.
const THEIRS: &str = "\
route add 192.168.0.0/16 via 10.1.0.9 dev eth1 onlink table 10001
route add 192.168.7.0/24 via 10.1.0.1 dev eth1 onlink table 10001 proto static metric 5
route add throw 10.9.3.16/28 table 10001 proto static
route add unreachable 192.0.2.0/24 table 10001
route add blackhole 192.0.2.0/25 table 10001 proto static
route add default via 10.1.0.9 dev eth1 onlink table 10001 metric 7
route add default via 10.0.0.9 dev eth0 onlink table 10001 tos 0x10
route add 192.168.0.0/16 via 10.0.0.9 dev eth0 table 10000
route add 10.77.0.0/16 via 10.0.0.9 dev eth0 table 10007 proto static
route add prohibit 10.78.0.0/16 table 13199
rule add from 10.0.0.0/8 lookup 10007 priority 10007
rule add from 10.1.0.99 lookup 10001 priority 10001 protocol static
rule add from 10.1.0.99 lookup main suppress_prefixlength 0 priority 15001
rule add from 10.1.0.99 lookup 10001 priority 20001
rule add from 10.66.0.0/16 lookup 10000 priority 10000
rule add to 192.168.0.0/16 lookup 10001 priority 10001
-6 route add 2001:db8:77::/64 via fe80::9 dev eth0 table 10000
-6 route add unreachable 2001:db8:78::/64 table 10001
-6 route add throw 2001:db8:79::/80 table 10001 proto static
-6 rule add from 2001:db8:9::/64 lookup 10001 priority 10001
";

fn eth1(subnet: SubnetId) -> EniSpec {
    let spec = EniSpec::new(subnet, "eth1")
        .ipv4(["10.1.0.30", "10.1.0.31"])
        .ipv6(["2001:db8:0:b::300"]);
    spec.prefix4("10.1.3.16/28").mac("06:00:00:00:00:01")
}

fn add_theirs(instance: &Instance) {
    instance.host.sh("ip link set eth1 up");
    instance.host.ip_batch(THEIRS);
}

/// Every rule and route of both families, but for main and local.
fn tables(instance: &Instance) -> String {
    let routes =
        ["-4", "-6"].map(|flag| format!("ip {flag} route show table all | grep 'table 1' || true"));
    instance
        .host
        .sh(&format!("ip rule; ip -6 rule; {}", routes.join("; ")))
}

fn lost(before: &str, instance: &Instance) -> Vec<String> {
    changed(before, &tables(instance))
        .into_iter()
        .filter(|line| line.starts_with('-'))
        .collect()
}

#[test]
fn what_others_add_stays_through_every_run_whenever_they_added_it() {
    for first in [true, false] {
        let Lab {
            mut vpc,
            instance,
            subnets: [a, b],
            enis: [_, eth1],
            ..
        } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
        let bare = tables(&instance);
        if !first {
            instance.must("apply");
        }
        let before = tables(&instance);
        add_theirs(&instance);
        let with_theirs = tables(&instance);
        let added = changed(&before, &with_theirs);
        assert_eq!(added.len(), THEIRS.lines().count(), "{}", added.join("\n"));
        let stays = |what: &str| {
            let now = tables(&instance);
            let gone: Vec<_> = added
                .iter()
                .filter(|line| !now.lines().any(|other| other == &line[1..]))
                .collect();
            assert!(
                gone.is_empty(),
                "{what}, added {}: {gone:#?}",
                if first { "before" } else { "after" }
            );
        };
        for command in [
            "apply",
            "refresh",
            "hotplug change",
            "hotplug add eth1",
            "hotplug remove eth1",
            "apply",
        ] {
            instance.must(command);
            stays(command);
        }
        assert!(
            instance
                .host
                .ip("route get 192.168.1.1 from 10.1.0.30")
                .contains("via 10.1.0.9 dev eth1")
        );
        let socket = link_socket(&instance);
        vpc.unassign(eth1, "10.1.0.31");
        vpc.unassign(eth1, "10.1.3.16/28");
        instance.must("refresh");
        assert!(
            !tables(&instance).contains("10.1.0.31") && !tables(&instance).contains("10.1.3.16")
        );
        stays("refresh after an unassignment");
        assert_eq!(change(&instance, &socket).code, 0);
        stays("hotplug change");
        let addresses = ["10.0.0.10", "10.1.0.30", "2001:db8:0:b::300"];
        for subnet in [a, b] {
            assert_eq!(
                vpc.neighbour(subnet).ping(&addresses),
                [] as [std::net::IpAddr; 0],
                "{}",
                tables(&instance)
            );
        }
        instance.must("remove");
        assert_eq!(
            changed(&bare, &tables(&instance)),
            added,
            "all of ours is gone, and nothing else"
        );
    }
}

#[test]
fn what_others_add_stays_whichever_stack_the_files_are_for() {
    for stack in eniroute::stacks::all() {
        let Lab {
            vpc: _vpc,
            instance,
            ..
        } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
        add_theirs(&instance);
        let theirs = tables(&instance);
        for _ in 0..2 {
            let run = instance.eniroute(&format!("apply --backend {stack}"));
            assert!(run.code == 0 && run.stderr.is_empty(), "{stack}: {run:?}");
            assert_eq!(lost(&theirs, &instance), NOTHING, "{stack}");
        }
        instance.must("remove");
        assert_eq!(changed(&theirs, &tables(&instance)), NOTHING, "{stack}");
    }
}

#[test]
fn what_others_add_outlives_the_interface_as_far_as_the_kernel_lets_it() {
    let Lab {
        mut vpc,
        instance,
        enis: [_, eth1],
        ..
    } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
    let bare = tables(&instance);
    instance.must("apply");
    add_theirs(&instance);
    vpc.unplug(eth1);
    instance.must("hotplug remove eth1");
    let left = changed(&bare, &tables(&instance));
    let theirs = THEIRS
        .lines()
        .filter(|line| !line.contains("dev eth1"))
        .count();
    assert_eq!(left.len(), theirs, "{}", left.join("\n"));
    instance.must("remove");
    assert_eq!(changed(&bare, &tables(&instance)).len(), theirs);
}

/// As wanted, to the letter, before eniroute came.
#[test]
fn what_was_there_as_we_want_it_stays_after_remove() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
    instance.host.ip_batch(
        "link set eth1 up\naddress add 10.1.0.30/32 dev eth1\n\
         route add 10.1.0.0/20 dev eth1 src 10.1.0.30 table 10001\n\
         route add default via 10.1.0.1 dev eth1 onlink table 10001\n\
         route add throw 10.1.3.16/28 table 10000\n\
         rule add from 10.1.0.30 lookup 10001 priority 10001\n\
         rule add from 10.0.0.11 lookup 10000 priority 10000\n",
    );
    instance.host.settle();
    let before = instance.host.dump();
    for command in ["apply", "refresh", "apply"] {
        instance.must(command);
    }
    instance.must("remove");
    instance.host.settle();
    assert_eq!(changed(&before, &instance.host.dump()), NOTHING);
}

/// The kernel knows a route by a next hop object, or by a group of them, by its number alone.
#[test]
fn the_remedy_for_a_route_by_a_next_hop_object_is_a_command_that_takes_it_away() {
    for (compat, ids) in [(1, [1, 11]), (0, [1, 11]), (1, [3, 13]), (0, [3, 13])] {
        let Lab { vpc, instance, .. } = Lab::of(|[a, b]| [Lab::eth0(a), Lab::eth1(b)]);
        instance.host.sysctl("net.ipv4.nexthop_compat_mode", compat);
        instance.must("apply");
        instance.host.ip_batch(
            "nexthop add id 1 via 10.1.0.9 dev eth1 onlink\n\
             nexthop add id 2 via 10.1.0.8 dev eth1 onlink\n\
             nexthop add id 3 group 1/2\n\
             nexthop add id 11 via fe80::9 dev eth1\n\
             nexthop add id 12 via fe80::8 dev eth1\n\
             nexthop add id 13 group 11/12\n",
        );
        for (flag, id) in [("-4", ids[0]), ("-6", ids[1])] {
            let ours = format!("{flag} route del default table 10001");
            instance.host.ip(&ours);
            let metric = if flag == "-6" { "metric 1024" } else { "" };
            let theirs = format!("{flag} route add default nhid {id} table 10001 {metric}");
            instance.host.ip(&theirs);
        }
        let said = instance.must("apply");
        let remedies: Vec<_> = said
            .lines()
            .filter_map(|line| line.split_once("to have that instead: "))
            .filter_map(|(_, rest)| rest.strip_suffix(", then eniroute apply"))
            .collect();
        assert_eq!(remedies.len(), 2, "{said}");
        remedies
            .iter()
            .for_each(|remedy| drop(instance.host.sh(remedy)));
        instance.must("apply");
        for (flag, via) in [("-4", "10.1.0.1"), ("-6", "fe80:ec2::1")] {
            let table = instance.host.ip(&format!("{flag} route show table 10001"));
            assert!(
                table.contains(&format!("default via {via} dev eth1")),
                "{table}"
            );
        }
        drop(vpc);
    }
}

/// The kernel has room for one of each destination and metric.
#[test]
fn a_route_by_another_hand_in_the_place_of_ours_stays_and_is_told_with_the_remedy() {
    for first in [true, false] {
        let Lab {
            mut vpc,
            instance,
            subnets: [a, _],
            ..
        } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
        if !first {
            instance.must("apply");
        }
        let by_hand = "route replace default via 10.1.0.9 dev eth1 onlink table 10001";
        instance.host.sh(&format!(
            "ip link set eth1 up; ip {by_hand}; ip -6 route replace unreachable default table 10001"
        ));
        for command in ["apply", "refresh", "hotplug change", "apply"] {
            let run = instance.eniroute(command);
            assert_eq!(run.code, 0, "{run:?}");
            let told = run
                .stdout
                .contains("ip -4 route del default via 10.1.0.9 dev eth1 onlink table 10001")
                && run
                    .stdout
                    .contains("ip -6 route del unreachable default dev lo table 10001 metric 1024");
            assert_eq!(told, command == "apply", "{command} {run:?}");
            let table = instance.host.ip("route show table 10001");
            assert!(
                table.contains("default via 10.1.0.9") && !table.contains("default via 10.1.0.1 "),
                "{table}"
            );
            assert!(
                table.contains("10.1.0.0/20 dev eth1"),
                "the rest goes on: {table}"
            );
        }
        assert!(
            instance
                .must("plan")
                .contains("ip -4 route del default via 10.1.0.9")
        );
        assert!(instance.must("status").contains("missing 2"));
        // What it says is what helps.
        let told = instance.must("apply");
        for line in told
            .lines()
            .filter_map(|line| line.split_once("to have that instead: "))
        {
            instance.host.sh(line.1.split(", then").next().unwrap());
        }
        assert_eq!(instance.eniroute("apply").code, 0);
        let dead = vpc.neighbour(a).ping(&["10.1.0.30", "2001:db8:0:b::300"]);
        assert!(dead.is_empty(), "{dead:?} {}", tables(&instance));
        instance.must("remove");
        assert!(
            !tables(&instance).contains("10001"),
            "{}",
            tables(&instance)
        );
    }
}

/// A table and the interface's name go to another ENI before anybody was told.
#[test]
fn an_eni_that_comes_back_with_another_number_leaves_nothing_under_the_old_one() {
    let Lab {
        mut vpc,
        instance,
        subnets: [a, b],
        enis: [_, first],
        ..
    } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
    let bare = tables(&instance);
    instance.must("apply");
    instance
        .host
        .ip("rule add from 10.1.0.99 lookup 10001 priority 10001");
    vpc.detach(first);
    vpc.attach(
        EniSpec::new(b, "eth1")
            .ipv4(["10.1.0.40"])
            .prefix4("10.1.4.16/28"),
    );
    vpc.reattach(first, "eth2");
    instance.must("apply");
    let now = tables(&instance);
    for rule in [
        "10001:\tfrom 10.1.0.40 lookup 10001",
        "10002:\tfrom 10.1.0.30 lookup 10002",
        "from 10.1.0.99",
    ] {
        assert!(now.contains(rule), "{rule}: {now}");
    }
    assert!(!now.contains("from 10.1.0.30 lookup 10001"), "{now}");
    for subnet in [a, b] {
        let dead = vpc
            .neighbour(subnet)
            .ping(&["10.1.0.30", "10.1.0.40", "10.0.0.10"]);
        assert!(dead.is_empty(), "{dead:?} {now}");
    }
    // The prefix of the ENI that moved stood in the old table before, and stands there still, for its new owner.
    instance.must("remove --eni eth2");
    let kept = instance.host.ip("route show table 10001");
    assert!(
        kept.contains("throw 10.1.3.16/28") && kept.contains("throw 10.1.4.16/28"),
        "{kept}"
    );
    instance.must("remove");
    let left = changed(&bare, &tables(&instance));
    assert!(left.len() == 1 && left[0].contains("10.1.0.99"), "{left:?}");
}

#[test]
fn rules_and_throw_routes_of_an_interface_that_is_gone_are_found_by_the_ledger_alone() {
    for command in [
        "hotplug remove eth1",
        "remove",
        "remove --eni 06:00:00:00:00:01",
        "refresh",
        "apply",
    ] {
        let Lab {
            mut vpc,
            instance,
            enis: [_, eth1],
            ..
        } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
        instance.must("apply");
        vpc.unplug(eth1);
        std::fs::remove_file(instance.root().join("run/eniroute/metadata.json")).unwrap();
        assert!(tables(&instance).contains("from 10.1.0.30 lookup 10001"));
        assert!(tables(&instance).contains("throw 10.1.3.16/28 table 10001"));
        instance.must(command);
        let left = tables(&instance);
        assert!(
            !left.contains("10001") && !left.contains("from 10.1.0."),
            "{command}: {left}"
        );
    }
}

/// A link that was down, or a manager that let go of it: what comes back, by us or by files, is ours.
#[test]
fn what_vanishes_and_comes_back_is_still_ours() {
    let Lab {
        vpc: _vpc,
        instance,
        ..
    } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
    let bare = tables(&instance);
    instance.must("apply");
    let whole = tables(&instance);
    let again = whole
        .lines()
        .filter(|line| line.contains("dev eth1 table 10001") && !line.contains(":"));
    let again: String = again.map(|line| format!("route add {line}\n")).collect();
    instance
        .host
        .sh("ip link set eth1 down; ip link set eth1 up");
    instance.host.ip_batch(&again);
    instance.must("remove");
    assert_eq!(changed(&bare, &tables(&instance)), NOTHING);
}

/// As an earlier version wrote it: of tables and rules it says nothing, all that had the number counted.
fn as_before(instance: &Instance) {
    let mut ledger: serde_json::Value = serde_json::from_str(&instance.read(LEDGER)).unwrap();
    ledger.as_object_mut().unwrap().remove("version");
    for entry in ledger["enis"].as_object_mut().unwrap().values_mut() {
        let entry = entry.as_object_mut().unwrap();
        entry.remove("rules");
        let mut routes = entry.remove("routes").unwrap();
        routes
            .as_array_mut()
            .unwrap()
            .retain(|route| route.get("table").is_none());
        for route in routes.as_array_mut().unwrap() {
            for key in ["via", "src"] {
                route
                    .as_object_mut()
                    .unwrap()
                    .entry(key)
                    .or_insert(serde_json::Value::Null);
            }
        }
        entry.insert("main_routes".to_owned(), routes);
    }
    instance.write(LEDGER, &serde_json::to_string_pretty(&ledger).unwrap());
}

#[test]
fn after_an_upgrade_from_a_version_that_went_by_numbers_ours_is_still_ours() {
    for next in ["remove", "apply", "hotplug remove eth1"] {
        let Lab {
            mut vpc,
            instance,
            enis: [_, eth1],
            ..
        } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
        let bare = instance.host.dump();
        instance.must("apply");
        as_before(&instance);
        instance
            .host
            .ip("route add 192.168.0.0/16 via 10.1.0.9 dev eth1 onlink table 10001");
        instance
            .host
            .ip("rule add from 10.0.0.0/8 lookup 10007 priority 10007");
        if next == "apply" {
            vpc.unassign(eth1, "10.1.0.31");
            vpc.unassign(eth1, "10.1.3.16/28");
        }
        if next.starts_with("hotplug") {
            vpc.unplug(eth1);
        }
        instance.must(next);
        let now = tables(&instance);
        assert!(
            !now.contains("10.1.0.31") && !now.contains("10.1.3.16"),
            "{next}: {now}"
        );
        assert!(
            now.contains("from 10.0.0.0/8 lookup 10007"),
            "{next}: {now}"
        );
        assert!(
            next.starts_with("hotplug") || now.contains("192.168.0.0/16 via 10.1.0.9"),
            "{next}: {now}"
        );
        instance.must("remove");
        if next != "hotplug remove eth1" {
            // Their route has the link up.
            let left = changed(&bare, &instance.host.dump());
            let is_theirs = |line: &String| {
                ["192.168.", "10007", "eth1 <BROADCAST"]
                    .iter()
                    .any(|part| line.contains(part))
            };
            assert!(left.iter().all(is_theirs), "{next}: {left:?}");
        }
    }
}

#[test]
fn where_the_ledger_is_lost_what_our_files_bring_is_ours_and_nothing_else() {
    for way in ["gone", "broken", "a boot without it"] {
        for next in ["apply", "refresh", "nothing"] {
            let Lab {
                vpc: _vpc,
                instance,
                ..
            } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
            let bare = tables(&instance);
            instance.must("apply");
            instance
                .host
                .ip("route add 192.168.0.0/16 via 10.1.0.9 dev eth1 onlink table 10001");
            instance
                .host
                .ip("rule add from 10.1.0.99 lookup 10001 priority 10001");
            match way {
                "broken" => instance.write(LEDGER, "{\"enis\": nonsense"),
                _ => std::fs::remove_file(instance.root().join(LEDGER)).unwrap(),
            }
            if next != "nothing" {
                let run = instance.eniroute(next);
                assert_eq!(run.code, 0, "{way}, {next}: {run:?}");
            }
            let run = instance.eniroute("remove");
            assert_eq!(run.code, 0, "{way}, {next}: {run:?}");
            let left = changed(&bare, &tables(&instance));
            let is_theirs = |line: &String| line.contains("192.168.") || line.contains("10.1.0.99");
            assert!(
                left.len() == 2 && left.iter().all(is_theirs),
                "{way}, {next}: {left:#?}"
            );
        }
    }
}

#[test]
fn what_could_not_be_made_or_was_taken_back_is_not_ours() {
    let Lab { vpc, instance, .. } = Lab::of(|[a, b]| [Lab::eth0(a), eth1(b)]);
    instance.must("apply");
    instance.must("remove");
    let bare = tables(&instance);
    vpc.imds()
        .fault(Fault::late("macs/06:00:00:00:00:01/local-ipv4s"));
    assert_eq!(instance.eniroute("apply").code, 1);
    vpc.imds().heal();
    instance
        .host
        .sh("ip link set eth1 up; ip rule add from 10.1.0.30 lookup 10001 priority 10001");
    instance.must("apply");
    instance.must("remove");
    let left = changed(&bare, &tables(&instance));
    assert!(left.len() == 1 && left[0].contains("10.1.0.30"), "{left:?}");
}

/// What a run says, and the seconds of a processor that it takes.
fn timed(instance: &Instance, arguments: &str) -> (String, f64) {
    let (program, root) = (env!("CARGO_BIN_EXE_eniroute"), instance.root().display());
    let script = format!("TIMEFORMAT='%U %S'; time {program} --root {root} {arguments}");
    let ended = instance.host.command("bash").args(["-c", &script]).output();
    let [said, times] = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
    let times = times
        .split_whitespace()
        .map(|time| time.parse::<f64>().expect(&times));
    (said, times.sum())
}

/// 750 rules, and the prefixes of every ENI in every table.
#[test]
fn the_ledger_stays_small_and_is_not_written_while_nothing_changes() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/16", None);
    for eni in 0..15 {
        let addresses = (0..50).map(|n| format!("10.0.{eni}.{}", 10 + n));
        vpc.attach(
            EniSpec::new(a, &format!("eth{eni}"))
                .ipv4(addresses)
                .prefix4(&format!("10.0.{}.0/28", 100 + eni)),
        );
    }
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    let size = instance.read(LEDGER).len();
    assert!(size < 64 * 1024, "{size} bytes");
    let disk = instance.disk_state();
    let (said, seconds) = timed(&instance, "refresh");
    assert_eq!(said, "");
    assert!(seconds < 2.0, "{seconds} s of a processor");
    assert_eq!(instance.disk_state(), disk);
}
