use super::*;
use crate::config::Config;
use crate::plan::plan;
use crate::plan::tests::{eni, host, with_ipv6};

const S3: &str = r#"
[[egress]]
from = ["172.31.26.176", "db.internal"]
as = "54.178.197.195"

[[egress]]
from = "172.31.0.0/16"
as = "54.178.213.178"
"#;

/// S3's instance.
fn enis() -> [Eni; 2] {
    let with_public = |eni: Eni, public: &str| Eni {
        public: [(eni.ipv4[0], vec![public.parse().unwrap()])].into(),
        vpc_ranges: vec!["172.31.0.0/16".parse().unwrap()],
        ..eni
    };
    [
        with_public(eni(0, &["172.31.5.10"], "172.31.0.0/20"), "54.178.213.178"),
        with_public(
            eni(1, &["172.31.8.208", "172.31.8.209"], "172.31.0.0/20"),
            "54.178.197.195",
        ),
    ]
}

/// The plan for this configuration.
fn planned(enis: &[Eni], config: &str, names: &[(&str, &str)]) -> Desired {
    let addresses = |words: &str| words.split(' ').map(|ip| ip.parse().unwrap()).collect();
    let observed = Observed {
        names: names
            .iter()
            .map(|(name, ips)| ((*name).to_owned(), addresses(ips)))
            .collect(),
        ..host(enis)
    };
    plan(enis, &observed, &Config::parsed(config).unwrap())
}

/// Its clients and its addresses.
fn shown(entry: &Entry) -> (String, String) {
    let clients = entry.clients.iter().map(Range::to_string);
    let pool = entry
        .pool
        .iter()
        .map(|(ip, slot)| format!("{ip} by {}", slot.number()));
    let joined = |words: Vec<String>| words.join(" ");
    (joined(clients.collect()), joined(pool.collect()))
}

#[test]
fn each_client_is_the_first_entry_s_that_names_it_and_the_host_s_own_addresses_are_nobody_s() {
    let desired = planned(&enis(), S3, &[("db.internal", "172.31.26.177 2001:db8::7")]);
    let entries: Vec<_> = desired.egress.entries.iter().map(shown).collect();
    let of_first = "172.31.26.176/31 2001:db8::7";
    let of_second = "172.31.0.0-172.31.5.9 172.31.5.11-172.31.8.207 172.31.8.210-172.31.26.175 172.31.26.178-172.31.255.255";
    assert_eq!(
        entries[0],
        (of_first.to_owned(), "172.31.8.208 by 2".to_owned())
    );
    assert_eq!(
        entries[1],
        (of_second.to_owned(), "172.31.5.10 by 1".to_owned())
    );
    assert_eq!(desired.egress.mistakes, [""; 0]);
    assert!(desired.host.iter().any(|object| object.nft().is_some()));
}

#[test]
fn an_address_of_ours_is_meant_by_any_name_of_it() {
    for (word, expected) in [
        ("54.178.197.195", "172.31.8.208 by 2"),
        ("172.31.8.209", "172.31.8.209 by 2"),
        ("eth1", "172.31.8.208 by 2"),
        ("eni-00000000000000001", "172.31.8.208 by 2"),
        ("1", "172.31.8.208 by 2"),
        (
            "eth0\", \"eth1\", \"172.31.5.10",
            "172.31.5.10 by 1 172.31.8.208 by 2",
        ),
    ] {
        let config = format!("[[egress]]\nfrom = \"10.9.0.0/16\"\nas = [\"{word}\"]");
        let desired = planned(&enis(), &config, &[]);
        assert_eq!(shown(&desired.egress.entries[0]).1, expected, "{word}");
    }
}

#[test]
fn what_cannot_be_followed_is_told_with_its_line_and_what_helps() {
    let of = |from: &str, leave_as: &str| {
        let config = format!("[[egress]]\nfrom = {from}\nas = {leave_as}");
        planned(&enis(), &config, &[]).egress.mistakes.join("\n")
    };
    let nobody = of("\"10.9.0.1\"", "\"203.0.113.9\"");
    assert!(
        nobody.starts_with("eniroute.toml:1: `as` has `203.0.113.9`"),
        "{nobody}"
    );
    assert!(
        nobody.contains("54.178.213.178, 54.178.197.195"),
        "{nobody}"
    );
    let own = of("[\"10.9.0.1\", \"172.31.5.10\"]", "\"eth1\"");
    assert!(
        own.starts_with("eniroute.toml:1: `from` has 172.31.5.10, which is this host's own"),
        "{own}"
    );
    let v6 = planned(
        &[
            enis()[0].clone(),
            with_ipv6(enis()[1].clone(), "2001:db8::1", "2001:db8::/64"),
        ],
        "[[egress]]\nfrom = \"10.9.0.1\"\nas = \"2001:db8::1\"",
        &[],
    );
    assert!(v6.egress.mistakes[0].contains("name the ENI instead: eni-00000000000000001"));
    let excluded = planned(
        &enis(),
        "exclude = [\"eth1\"]\n[[egress]]\nfrom = \"10.9.0.1\"\nas = \"eth1\"",
        &[],
    );
    assert!(excluded.egress.mistakes[0].contains("which is left alone: the configuration says so"));
}

#[test]
fn an_address_that_may_come_later_is_no_mistake() {
    let config = "forwarding.standby = [\"203.0.113.9\", \"eni-0abc\"]\n[[egress]]\nfrom = \"10.9.0.1\"\nas = [\"203.0.113.9\", \"eni-0abc\"]";
    let desired = planned(&enis(), config, &[]);
    assert_eq!(desired.egress.mistakes, [""; 0]);
    assert_eq!(desired.egress.notes.len(), 2);
    assert_eq!(desired.egress.entries[0].pool, []);
}

#[test]
fn what_earlier_entries_have_all_of_is_told() {
    let config = "[[egress]]\nfrom = \"10.9.0.0/16\"\nas = \"eth0\"\n[[egress]]\nfrom = [\"10.9.1.0/24\", \"10.8.0.1\"]\nas = \"eth1\"";
    let desired = planned(&enis(), config, &[]);
    assert_eq!(
        desired.egress.notes,
        ["eniroute.toml:4: 10.9.1.0/24 in `from` has no effect: earlier entries have all of it"]
    );
}

#[test]
fn what_the_same_entry_or_the_host_has_is_told_as_that() {
    let of = |from: &str| {
        let config = format!("[[egress]]\nfrom = {from}\nas = \"eth0\"");
        planned(&enis(), &config, &[]).egress
    };
    for from in [
        "[\"10.9.0.0/16\", \"10.9.1.1\"]",
        "[\"10.9.1.1\", \"127.0.0.1\"]",
    ] {
        let meaning = of(from);
        assert_eq!(meaning.notes.len(), 1, "{meaning:?}");
        assert!(
            meaning.notes[0].contains("the same entry has all of it, or this host"),
            "{meaning:?}"
        );
    }
    let public = of("\"54.178.213.178\"");
    assert!(
        public.mistakes[0].contains("which is this host's own"),
        "{public:?}"
    );
}

#[test]
fn what_earlier_entries_have_a_part_of_is_told_with_what_is_left() {
    let config = "[[egress]]\nfrom = [\"10.9.1.0/24\", \"10.9.4.1\"]\nas = \"eth0\"\n[[egress]]\nfrom = [\"10.9.0.0/21\", \"172.31.0.0/16\"]\nas = \"eth1\"";
    let meaning = planned(&enis(), config, &[]).egress;
    assert_eq!(meaning.notes, [""; 0]);
    assert_eq!(
        meaning.remarks,
        [
            "eniroute.toml:4: 10.9.0.0/21 in `from` goes without what earlier entries have of it; left are 10.9.0.0/24, 10.9.2.0-10.9.4.0, 10.9.4.2-10.9.7.255"
        ]
    );
}

#[test]
fn an_address_that_the_internet_does_not_see_is_told() {
    let config = "[[egress]]\nfrom = \"10.9.1.0/24\"\nas = [\"eth1\", \"172.31.8.209\"]";
    assert_eq!(
        planned(&enis(), config, &[]).egress.remarks,
        [
            "eniroute.toml:1: 172.31.8.209 of `as` has no public address: the Internet answers nobody who leaves as it"
        ]
    );
}

#[test]
fn clients_of_a_family_that_no_eni_of_as_has_are_told() {
    let [first, second] = enis();
    let six = Eni {
        ipv4: Vec::new(),
        public: BTreeMap::new(),
        ..with_ipv6(second, "2001:db8::1", "2001:db8::/64")
    };
    let enis = [first, six];
    let of = |leave_as: &str| {
        let config =
            format!("[[egress]]\nfrom = [\"10.9.0.1\", \"2001:db8:1::/64\"]\nas = {leave_as}");
        planned(&enis, &config, &[]).egress.notes
    };
    assert_eq!(
        of("\"eth0\""),
        ["eniroute.toml:1: 2001:db8:1::/64 in `from` gets nowhere: no ENI of `as` has IPv6"]
    );
    assert_eq!(
        of("\"eth1\""),
        ["eniroute.toml:1: 10.9.0.1 in `from` gets nowhere: no ENI of `as` has an IPv4 address"]
    );
    assert_eq!(of("[\"eth0\", \"eth1\"]"), [""; 0]);
}

#[test]
fn ipv6_clients_leave_by_the_first_eni_that_has_ipv6() {
    let enis = [
        enis()[0].clone(),
        with_ipv6(enis()[1].clone(), "2001:db8::1", "2001:db8::/64"),
    ];
    let config = "[[egress]]\nfrom = \"2001:db8:1::/64\"\nas = [\"eth0\", \"eth1\"]";
    let entries = planned(&enis, config, &[]).egress.entries;
    assert_eq!(entries[0].ipv6.map(|slot| slot.number()), Some(2));
}

#[test]
fn an_entry_s_counters_keep_their_name_while_its_addresses_stay() {
    let names = |config: &str| {
        let entries = planned(&enis(), config, &[]).egress.entries;
        entries
            .into_iter()
            .map(|entry| entry.key)
            .collect::<Vec<_>>()
    };
    let one = |from: &str, leave_as: &str| {
        format!("[[egress]]\nfrom = \"{from}\"\nas = \"{leave_as}\"\n")
    };
    let (a, b) = (one("10.9.0.1", "eth0"), one("10.9.0.2", "eth1"));
    let before = names(&format!("{a}{b}"));
    let turned = names(&format!("{b}{a}"));
    assert_eq!([&before[1], &before[0]], [&turned[0], &turned[1]]);
    assert_eq!(names(&one("10.9.0.7", "eth0")), [&*before[0]]);
    let twins = names(&format!("{a}{}", one("10.9.0.3", "eth0")));
    assert_eq!(twins[0], before[0]);
    assert_ne!(twins[0], twins[1]);
}

#[test]
fn a_host_without_these_sections_has_no_table() {
    assert_eq!(planned(&enis(), "", &[]).host, []);
}
