//! `mtu_internet` of one ENI: its way to the Internet has that MTU, and its neighbours keep the link's.

use serde_json::Value;

use crate::instance::{Instance, changed};
use crate::support::lab::Lab;
use crate::vpc::{EniSpec, SubnetId, Vpc};

/// A configuration for eth1.
pub const MTU: &str = "[eni.\"eth1\"]\nmtu_internet = 1500\n";

const CONFIG: &str = "etc/eniroute.toml";

/// Two ENIs in two subnets; eth1 has IPv6, and a public address.
fn two_enis() -> (Vpc, Instance, SubnetId) {
    let eth0 = |subnet| EniSpec::new(subnet, "eth0").ipv4(["10.0.0.10"]);
    let eth1 = |subnet| {
        EniSpec::new(subnet, "eth1")
            .ipv4(["10.1.0.20"])
            .ipv6(["2001:db8:0:b::20"])
            .public("10.1.0.20", "54.178.213.178")
    };
    let Lab {
        vpc,
        instance,
        subnets: [_, b],
        ..
    } = Lab::of(|[a, b]| [eth0(a), eth1(b)]).bare();
    (vpc, instance, b)
}

/// The MTU of the route by which this packet leaves; `None`: the link's.
fn mtu_of(instance: &Instance, way: &str) -> Option<String> {
    let said = instance.host.ip(&format!("route get {way}"));
    let mut words = said.split_whitespace().skip_while(|word| *word != "mtu");
    words.nth(1).map(str::to_owned)
}

const TO_INTERNET: [&str; 3] = [
    "8.8.8.8 from 10.1.0.20",
    "8.8.8.8 oif eth1",
    "2001:4860:4860::8888 from 2001:db8:0:b::20",
];

const ELSEWHERE: [&str; 3] = [
    "10.1.0.99 from 10.1.0.20",
    "8.8.8.8 from 10.0.0.10",
    "8.8.8.8",
];

fn assert_mtu(instance: &Instance, mtu: Option<&str>) {
    for way in TO_INTERNET {
        assert_eq!(mtu_of(instance, way).as_deref(), mtu, "{way}");
    }
    for way in ELSEWHERE {
        assert_eq!(mtu_of(instance, way), None, "{way}");
    }
}

/// What a ping without fragments of so many bytes says, all in all.
fn ping(instance: &Instance, bytes: usize, to: &str) -> String {
    let payload = bytes - 28;
    let command = format!("ping -n -c 1 -W 2 -M do -s {payload} -I 10.1.0.20 {to} 2>&1 || :");
    instance.host.sh(&command)
}

#[test]
fn the_way_to_the_internet_has_the_mtu_and_the_neighbours_keep_the_link_s() {
    let (vpc, instance, subnet) = two_enis();
    instance.must("apply --backend none");
    assert_mtu(&instance, None);
    let bare = instance.host.dump();
    instance.write(CONFIG, MTU);
    let report = instance.json("apply --backend none");
    let replaced = report["kernel"].as_array().unwrap();
    assert!(
        replaced.len() == 3
            && replaced
                .iter()
                .all(|line| line.as_str().unwrap().contains("route replace default")),
        "{report}"
    );
    assert_mtu(&instance, Some("1500"));
    let long = ping(&instance, 1501, "8.8.8.8");
    assert!(
        long.contains("message too long, mtu=1500") || long.contains("mtu = 1500"),
        "{long}"
    );
    let neighbour = vpc.instance(subnet, "neighbour", &["10.1.0.99"]);
    assert!(
        ping(&instance, 8000, "10.1.0.99").contains("1 received"),
        "{}",
        neighbour.dump()
    );
    assert!(
        instance
            .must("apply --backend none")
            .starts_with("nothing to do")
    );

    instance.write(CONFIG, "");
    instance.must("apply --backend none");
    assert_eq!(changed(&bare, &instance.host.dump()), [""; 0]);
    assert!(
        instance
            .must("apply --backend none")
            .starts_with("nothing to do")
    );
}

#[test]
fn whatever_names_the_eni_names_its_table_in_the_configuration() {
    let (_vpc, instance, _) = two_enis();
    instance.host.ip("link property add dev eth1 altname ens6");
    let mac = instance.host.sh("cat /sys/class/net/eth1/address");
    let mac = mac.trim().to_uppercase();
    for name in [
        "eth1",
        "ens6",
        &mac,
        "1",
        "10.1.0.20",
        "2001:db8:0:b::20",
        "54.178.213.178",
    ] {
        instance.write(CONFIG, &format!("[eni.\"{name}\"]\nmtu_internet = 1500\n"));
        instance.must("apply --backend none");
        assert_mtu(&instance, Some("1500"));
        instance.must("remove");
    }
}

/// The kernel lowers the MTU of an IPv6 route with the link's, and leaves it there.
#[test]
fn an_mtu_that_was_changed_is_put_right_and_keeps_nothing_from_being_removed() {
    let (_vpc, instance, _) = two_enis();
    let bare = instance.host.dump();
    instance.write(CONFIG, MTU);
    instance.must("apply --backend none");
    let change = || {
        instance.host.ip("link set eth1 mtu 1400");
        instance.host.ip("link set eth1 mtu 9001");
        instance
            .host
            .ip("route change default via 10.1.0.1 dev eth1 onlink table 10001 mtu 1300");
        assert_eq!(mtu_of(&instance, TO_INTERNET[0]).as_deref(), Some("1300"));
        assert_ne!(mtu_of(&instance, TO_INTERNET[2]).as_deref(), Some("1500"));
    };
    change();
    instance.must("apply --backend none");
    assert_mtu(&instance, Some("1500"));
    change();
    instance.must("remove");
    let left: Vec<String> = changed(&bare, &instance.host.dump());
    assert!(!left.iter().any(|line| line.contains("1000")), "{left:#?}");
}

#[test]
fn what_cannot_be_followed_is_refused_with_its_line_and_nothing_is_changed() {
    let (_vpc, instance, _) = two_enis();
    for (config, line, words) in [
        (
            "[eni.eth1]\nmtu_internet = 60\n",
            2,
            &["60", "68 to 9216"][..],
        ),
        ("[eni.eth1]\nmtu = 1500\n", 2, &["`mtu`", "mtu_internet"]),
        (
            "[eni.eth1]\nmtu_internet = 1500\n[eni.1]\nmtu_internet = 1400\n",
            2,
            &["[eni.\"1\"]", "[eni.\"eth1\"]", "keep one"],
        ),
    ] {
        instance.write(CONFIG, config);
        let before = instance.host.dump();
        for command in ["plan", "apply", "refresh"] {
            let run = instance.eniroute(command);
            let place = format!("etc/eniroute.toml:{line}: ");
            assert_eq!(run.code, 2, "{config}{run:#?}");
            assert!(run.stderr.contains(&place), "{config}{run:#?}");
            words
                .iter()
                .for_each(|word| assert!(run.stderr.contains(word), "{word}: {run:#?}"));
        }
        assert_eq!(instance.host.dump(), before);
        assert!(!instance.has("var/lib/eniroute"));
    }
}

/// IPv6 takes no less than 1280 bytes. EC2 may give an ENI an IPv6 address at any time, and a boot must not fail by it.
#[test]
fn an_mtu_that_ipv6_does_not_take_is_for_ipv4_alone_and_noted() {
    let (mut vpc, instance, _) = two_enis();
    instance.write(CONFIG, "\n[eni.eth1]\nmtu_internet = 1279\n");
    let said = instance.must("apply --backend none");
    for words in ["[eni.\"eth1\"]", "1279", "1280", "IPv6"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let mtus = TO_INTERNET.map(|way| mtu_of(&instance, way));
    assert_eq!(
        mtus,
        [Some("1279".to_owned()), Some("1279".to_owned()), None]
    );
    assert!(
        instance
            .must("apply --backend none")
            .contains("nothing to do")
    );
    let found = instance.json("status");
    let [finding] = &found["findings"].as_array().unwrap()[..] else {
        panic!("{found:#}")
    };
    assert_eq!(
        (&finding["code"], &finding["severity"]),
        (&"M6".into(), &"warning".into())
    );
    let evidence = finding["evidence"][0]["source"].as_str().unwrap();
    assert!(evidence.ends_with("etc/eniroute.toml:3"), "{evidence}");

    let c = vpc.subnet("10.2.0.0/20", Some("2001:db8:0:c::/64"));
    let late = vpc.attach(EniSpec::new(c, "eth2").ipv4(["10.2.0.20"]));
    instance.write(CONFIG, "[eni.eth2]\nmtu_internet = 1200\n");
    assert!(!instance.must("apply --backend none").contains("1200"));
    vpc.assign(late, "2001:db8:0:c::20");
    instance.must("refresh");
    let said = instance.must("apply --backend none");
    assert!(
        said.contains("nothing to do") && said.contains("mtu_internet is 1200"),
        "{said}"
    );
    assert!(vpc.inet().ping(&["2001:db8:0:c::20"]).is_empty());
}

#[test]
fn a_table_that_has_no_effect_is_noted() {
    let (_vpc, instance, _) = two_enis();
    let tables = ["eth0", "eth9"].map(|name| format!("[eni.\"{name}\"]\nmtu_internet = 1500\n"));
    instance.write(CONFIG, &tables.concat());
    let report = instance.json("apply --backend none");
    let notes: Vec<&Value> = report["notes"].as_array().unwrap().iter().collect();
    let note = |words: &[&str]| {
        let has_all = |note: &Value| {
            words
                .iter()
                .all(|word| note.as_str().unwrap().contains(word))
        };
        notes.iter().any(|note| has_all(note))
    };
    assert!(note(&["[eni.\"eth0\"]", "primary"]), "{notes:#?}");
    assert!(note(&["[eni.\"eth9\"]", "no ENI is `eth9`"]), "{notes:#?}");
    assert_mtu(&instance, None);
    let found = instance.json("status")["findings"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(
        found
            .iter()
            .filter(|finding| finding["code"] == "M6")
            .count(),
        2
    );
}
