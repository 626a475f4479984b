//! Metadata as EC2 gives it, and as it gives it too early.

use super::keys::{MACS, lines};
use super::*;
use crate::error::Error;
use std::net::Ipv4Addr;

/// A metadata service in memory; it counts what it is asked.
#[derive(Default)]
struct Fake {
    values: BTreeMap<String, String>,
    asked: Vec<String>,
    /// It answers what is asked ahead, and so many requests before it fails.
    lines: bool,
    /// How many paths it was asked for ahead each time.
    together: Vec<usize>,
    patience: Option<usize>,
}

impl Source for Fake {
    fn get(&mut self, path: &str) -> Result<Option<String>> {
        self.asked.push(path.to_owned());
        if self
            .patience
            .is_some_and(|patience| self.asked.len() > patience)
        {
            return Err(Error::Unreachable {
                url: "http://fake".to_owned(),
                why: "silent".to_owned(),
            });
        }
        Ok(self.values.get(path).cloned())
    }

    fn ahead(&mut self, paths: Vec<String>) -> Answers {
        let paths = paths.into_iter().filter(|_| self.lines);
        let paths: Vec<String> = paths.collect();
        self.together.push(paths.len());
        let answered = |path: String| self.get(&path).ok().map(|answer| (path, answer));
        paths.into_iter().map_while(answered).collect()
    }
}

const NOTHING: Also = Also {
    public: false,
    ranges: false,
};

const PUBLIC: Also = Also {
    public: true,
    ..NOTHING
};

const ALL: Also = Also {
    ranges: true,
    ..PUBLIC
};

const PRIMARY: &str = "06:ce:dd:28:5b:b8";
const SECOND: &str = "06:a6:9a:4a:98:c6";
const THIRD: &str = "06:00:00:00:00:03";

impl Fake {
    fn s1() -> Self {
        let mut fake = Self::default();
        fake.set("mac", PRIMARY);
        fake.set(MACS, &format!("{SECOND}/\n{PRIMARY}/"));
        fake.eni(PRIMARY, 0, "172.31.37.139");
        fake.eni(SECOND, 1, "172.31.41.29\n172.31.41.30");
        fake
    }

    fn set(&mut self, path: &str, value: &str) {
        self.values.insert(path.to_owned(), value.to_owned());
    }

    fn key(&mut self, mac: &str, key: &str, value: &str) {
        let listing = self.values.entry(format!("{MACS}{mac}/")).or_default();
        if !lines(listing).any(|line| line == key) {
            listing.push_str(&format!("{key}\n"));
        }
        self.set(&format!("{MACS}{mac}/{key}"), value);
    }

    fn drop_key(&mut self, mac: &str, key: &str) {
        let listing = self.values.get_mut(&format!("{MACS}{mac}/")).unwrap();
        *listing = listing.replace(&format!("{key}\n"), "");
        self.values.remove(&format!("{MACS}{mac}/{key}"));
    }

    fn eni(&mut self, mac: &str, device: u32, ipv4: &str) {
        self.key(mac, "device-number", &device.to_string());
        self.key(
            mac,
            "interface-id",
            &format!("eni-{}", mac.replace(':', "")),
        );
        self.key(mac, "local-ipv4s", ipv4);
        self.key(mac, "subnet-ipv4-cidr-block", "172.31.32.0/20");
    }

    fn read(&mut self) -> Metadata {
        Reading::start(self, NOTHING).unwrap().metadata()
    }

    /// Why the second ENI is incomplete.
    fn complaint(&mut self) -> String {
        let metadata = self.read();
        assert_eq!(metadata.enis.len(), 1, "the primary ENI must not suffer");
        let [incomplete] = &metadata.incomplete[..] else {
            panic!("{:?}", metadata.incomplete)
        };
        assert_eq!(incomplete.mac.to_string(), SECOND);
        incomplete.to_string()
    }
}

#[test]
fn reads_both_enis_the_primary_first_with_addresses_in_order() {
    let metadata = Fake::s1().read();
    assert!(metadata.incomplete.is_empty());
    let [first, second] = &metadata.enis[..] else {
        panic!("{metadata:?}")
    };
    assert!(first.primary && !second.primary);
    assert_eq!(
        (first.number().table(), second.number().table()),
        (10000, 10001)
    );
    assert_eq!(
        second.ipv4,
        [
            "172.31.41.29".parse::<Ipv4Addr>().unwrap(),
            "172.31.41.30".parse().unwrap()
        ]
    );
    assert_eq!(second.subnet_ipv4, Some("172.31.32.0/20".parse().unwrap()));
}

#[test]
fn asks_two_questions_for_all_and_at_most_five_for_each_eni_with_ipv4_alone() {
    let mut fake = Fake::s1();
    fake.read();
    assert_eq!(fake.asked.len(), 2 + 4 + 5, "{:#?}", fake.asked);
}

#[test]
fn a_non_canonical_ipv6_text_and_a_prefix_are_understood() {
    let mut fake = Fake::s1();
    fake.key(SECOND, "ipv6s", "2001:0db8:0:000a:0:0:0:0200");
    fake.key(SECOND, "ipv6-prefix", "2001:0DB8:0:a:b::/80");
    fake.key(SECOND, "ipv4-prefix", "172.31.40.16/28");
    fake.key(SECOND, "subnet-ipv6-cidr-blocks", "2001:db8:0:a::/64");
    let eni = fake.read().enis.remove(1);
    assert_eq!(eni.ipv6[0].to_string(), "2001:db8:0:a::200");
    assert_eq!(eni.ipv6_prefixes[0].to_string(), "2001:db8:0:a:b::/80");
    assert_eq!(eni.ipv4_prefixes[0].to_string(), "172.31.40.16/28");
}

#[test]
fn device_number_zero_of_another_eni_is_not_known_yet() {
    let mut fake = Fake::s1();
    fake.key(SECOND, "device-number", "0");
    assert!(fake.complaint().contains("only the primary ENI has"));
}

#[test]
fn device_zero_of_a_further_card_is_a_device_of_its_own() {
    for key in ["network-card", "network-card-index"] {
        let mut fake = Fake::s1();
        fake.key(SECOND, "device-number", "0");
        fake.key(SECOND, key, "1");
        assert_eq!(fake.read().enis[1].number().table(), 10100);
    }
}

#[test]
fn every_key_that_is_late_is_named() {
    for key in [
        "device-number",
        "interface-id",
        "local-ipv4s",
        "subnet-ipv4-cidr-block",
    ] {
        let mut fake = Fake::s1();
        fake.drop_key(SECOND, key);
        let complaint = fake.complaint();
        let beginning = format!("ENI {SECOND}: metadata key `{key}`: not published yet");
        assert!(complaint.starts_with(&beginning), "{complaint}");
    }
}

#[test]
fn a_listing_ahead_of_its_keys_is_late_not_empty() {
    let mut fake = Fake::s1();
    fake.key(SECOND, "ipv4-prefix", "172.31.40.16/28");
    fake.values.remove(&format!("{MACS}{SECOND}/ipv4-prefix"));
    assert!(
        fake.complaint()
            .contains("`ipv4-prefix`: not published yet")
    );
}

#[test]
fn what_says_nothing_is_late_not_empty() {
    for (key, listed) in [
        ("ipv4-prefix", true),
        ("local-ipv4s", true),
        ("", true),
        ("ipv6s", false),
    ] {
        let mut fake = Fake::s1();
        if !listed {
            for mac in [PRIMARY, SECOND] {
                fake.values.remove(&format!("{MACS}{mac}/"));
            }
        } else if !key.is_empty() {
            fake.key(SECOND, key, "");
        }
        fake.set(&format!("{MACS}{SECOND}/{key}"), " \n");
        let complaint = fake.complaint();
        assert!(
            complaint.starts_with(&format!("ENI {SECOND}: "))
                && complaint.contains("not published yet"),
            "{key}: {complaint}"
        );
    }
}

#[test]
fn a_service_that_lists_no_keys_is_asked_for_each_and_what_is_missing_is_late() {
    let mut fake = Fake::s1();
    let whole = fake.read().enis;
    for mac in [PRIMARY, SECOND] {
        fake.values.remove(&format!("{MACS}{mac}/"));
    }
    assert_eq!(fake.read().enis, whole);
    for mac in [PRIMARY, SECOND] {
        fake.set(&format!("{MACS}{mac}/"), "\n");
    }
    assert_eq!(fake.read().enis, whole);
    for key in [
        "interface-id",
        "device-number",
        "local-ipv4s",
        "subnet-ipv4-cidr-block",
    ] {
        let mut lacking = Fake {
            values: fake.values.clone(),
            ..Fake::default()
        };
        lacking.values.remove(&format!("{MACS}{SECOND}/{key}"));
        let complaint = lacking.complaint();
        assert!(
            complaint.contains(SECOND) && complaint.contains("not published yet"),
            "{key}: {complaint}"
        );
    }
}

#[test]
fn an_eni_that_is_listed_before_its_directory_is_late() {
    let mut fake = Fake::s1();
    fake.values.remove(&format!("{MACS}{SECOND}/"));
    let complaint = fake.complaint();
    assert!(
        complaint.starts_with(&format!(
            "ENI {SECOND}: its folder in the metadata: not published yet"
        )),
        "{complaint}"
    );
}

#[test]
fn garbage_names_key_mac_and_text_and_fails_that_eni_alone() {
    for (key, value) in [
        ("local-ipv4s", "172.31.41.\x1b[31m"),
        ("subnet-ipv4-cidr-block", "172.31.32.0"),
        ("device-number", "one"),
        ("device-number", "1\n2"),
        ("device-number", "4000000000"),
        ("interface-id", "../../etc/passwd"),
        ("local-ipv4s", "10.9.9.9"),
    ] {
        let mut fake = Fake::s1();
        fake.key(SECOND, key, value);
        let complaint = fake.complaint();
        assert!(complaint.contains(&format!("`{key}`")), "{complaint}");
        assert!(!complaint.contains('\x1b'), "{complaint}");
    }
}

#[test]
fn two_enis_of_one_number_are_both_set_aside() {
    let mut fake = Fake::s1();
    fake.set(MACS, &format!("{PRIMARY}/\n{SECOND}/\n{THIRD}/"));
    fake.eni(THIRD, 1, "172.31.41.99");
    let metadata = fake.read();
    assert_eq!((metadata.enis.len(), metadata.incomplete.len()), (1, 2));
}

#[test]
fn an_eni_of_an_ipv6_only_subnet_is_complete_without_ipv4() {
    let mut fake = Fake::s1();
    fake.drop_key(SECOND, "local-ipv4s");
    fake.drop_key(SECOND, "subnet-ipv4-cidr-block");
    fake.key(SECOND, "ipv6s", "2001:db8:0:a::200");
    fake.key(SECOND, "subnet-ipv6-cidr-blocks", "2001:db8:0:a::/64");
    let eni = fake.read().enis.remove(1);
    assert_eq!((eni.ipv4.len(), eni.ipv6.len()), (0, 1));
}

#[test]
fn public_addresses_are_told_by_private_address() {
    let mut fake = Fake::s1();
    fake.key(SECOND, "ipv4-associations/", "3.104.193.180");
    fake.set(
        &format!("{MACS}{SECOND}/ipv4-associations/3.104.193.180"),
        "172.31.41.29",
    );
    let metadata = Reading::start(&mut fake, PUBLIC).unwrap().metadata();
    let private: Ipv4Addr = "172.31.41.29".parse().unwrap();
    assert_eq!(
        metadata.enis[1].public[&private],
        ["3.104.193.180".parse::<Ipv4Addr>().unwrap()]
    );
}

#[test]
fn no_list_of_enis_is_not_ec2() {
    let Err(error) = Reading::start(&mut Fake::default(), NOTHING) else {
        panic!()
    };
    assert!(error.to_string().contains("not an EC2 instance"), "{error}");
    assert_eq!(error.exit_code(), 4, "nothing was changed");
}

/// A primary ENI and 20 more.
fn crowd() -> Fake {
    let mut fake = Fake::s1();
    let macs: Vec<String> = (1..=20)
        .map(|n| format!("06:00:00:00:00:{n:02x}"))
        .collect();
    fake.set(MACS, &(macs.join("/\n") + "/\n" + PRIMARY + "/"));
    for (n, mac) in macs.iter().enumerate() {
        fake.eni(mac, n as u32 + 1, &format!("172.31.32.{}", n + 10));
    }
    fake.key(&macs[15], "local-ipv4s", "nonsense");
    fake.lines = true;
    fake
}

#[test]
fn two_turns_of_questions_read_all_enis_that_are_here_and_one_shows_that_nothing_is_new() {
    let mut fake = Fake {
        lines: true,
        ..Fake::s1()
    };
    let here: BTreeSet<Mac> = [PRIMARY, SECOND].map(|mac| mac.parse().unwrap()).into();
    let reading = Reading::of_present(&mut fake, NOTHING, here.clone()).unwrap();
    let known = reading.into_metadata().enis;
    // The primary and the list of all, with both listings; then three keys of the one, and four of the other.
    let asked: Vec<usize> = fake.together.drain(..).filter(|count| *count > 0).collect();
    assert_eq!((asked, known.len()), (vec![4, 7], 2));
    assert_eq!(fake.asked.len(), 11);

    assert!(still_holds(&mut fake, enis(&known), 1).unwrap());
    assert_eq!(fake.together, [5]);
    assert_eq!(fake.asked.len(), 16);

    // One that is attached after it was asked for its listing, and before the list is: it is asked once more.
    let mut fake = Fake {
        lines: true,
        ..Fake::s1()
    };
    fake.values.remove(&format!("{MACS}{SECOND}/"));
    let reading = Reading::of_present(&mut fake, NOTHING, here).unwrap();
    assert_eq!(reading.metadata().incomplete.len(), 1);
    let listing = format!("{MACS}{SECOND}/");
    assert!(fake.asked.iter().filter(|path| **path == listing).count() > 1);
}

#[test]
fn what_is_asked_ahead_is_what_is_read_and_nothing_is_asked_twice() {
    for also in [NOTHING, PUBLIC, ALL] {
        let read = |lines| {
            let mut fake = Fake { lines, ..crowd() };
            fake.key(PRIMARY, "ipv6s", "2001:db8::11");
            fake.key(PRIMARY, "subnet-ipv6-cidr-blocks", "2001:db8::/64");
            let second = "06:00:00:00:00:01";
            fake.key(second, "network-card", "0");
            fake.key(second, "network-card-index", "0");
            fake.key(second, "public-ipv4s", "203.0.113.1");
            fake.key(second, "vpc-ipv4-cidr-blocks", "172.31.0.0/16");
            fake.key(PRIMARY, "ipv4-associations/", "203.0.113.2");
            let association = format!("{MACS}{PRIMARY}/ipv4-associations/203.0.113.2");
            fake.set(&association, "172.31.37.139");
            let metadata = Reading::start(&mut fake, also).unwrap().into_metadata();
            let mut asked = fake.asked;
            // Of the one with a wrong value no more is read.
            asked.retain(|path| !path.contains("06:00:00:00:00:10/"));
            asked.sort();
            (metadata, asked)
        };
        let (ahead, one_by_one) = (read(true), read(false));
        assert_eq!(ahead.1, one_by_one.1);
        assert_eq!(ahead.0.enis, one_by_one.0.enis);
        assert_eq!(ahead.0.incomplete, one_by_one.0.incomplete);
        assert_eq!((ahead.0.enis.len(), ahead.0.incomplete.len()), (20, 1));
    }
}

#[test]
fn a_service_that_fails_half_way_is_not_asked_for_every_further_eni() {
    for lines in [false, true] {
        let mut fake = Fake {
            patience: Some(20),
            lines,
            ..crowd()
        };
        let Err(error) = Reading::start(&mut fake, NOTHING) else {
            panic!()
        };
        assert_eq!(error.exit_code(), 4);
        assert!(fake.asked.len() < 30, "{}", fake.asked.len());
    }
}

#[test]
fn a_reading_goes_on_with_one_request_for_what_is_late_and_the_rest_once_it_is_there() {
    let mut fake = Fake::s1();
    fake.key(SECOND, "local-ipv4s", "");
    fake.drop_key(SECOND, "local-ipv4s");
    let mut reading = Reading::start(&mut fake, NOTHING).unwrap();
    assert_eq!(reading.metadata().incomplete[0].key, "local-ipv4s");
    let wanted = [PRIMARY, SECOND].map(|mac| mac.parse().unwrap());
    assert!(!reading.go_on(&mut fake, &wanted).unwrap());
    fake.asked.clear();
    assert!(!reading.go_on(&mut fake, &wanted).unwrap());
    assert_eq!(fake.asked, [format!("{MACS}{SECOND}/local-ipv4s")]);
    fake.key(SECOND, "local-ipv4s", "172.31.41.29");
    assert!(reading.go_on(&mut fake, &wanted).unwrap());
    assert_eq!(reading.metadata().enis.len(), 2);
    fake.asked.clear();
    assert!(!reading.go_on(&mut fake, &wanted).unwrap());
    assert_eq!(fake.asked, [""; 0], "nothing is late any more");
}

#[test]
fn a_reading_goes_on_with_the_list_while_an_interface_is_not_on_it() {
    let mut fake = Fake::s1();
    fake.set(MACS, &format!("{PRIMARY}/"));
    let mut reading = Reading::start(&mut fake, NOTHING).unwrap();
    let wanted = [PRIMARY, SECOND].map(|mac| mac.parse().unwrap());
    fake.asked.clear();
    assert!(!reading.go_on(&mut fake, &wanted).unwrap());
    assert_eq!(fake.asked, [MACS]);
    fake.set(MACS, &format!("{PRIMARY}/\n{SECOND}/"));
    assert!(reading.go_on(&mut fake, &wanted).unwrap());
    assert_eq!(reading.metadata().enis.len(), 2);
    fake.set(MACS, &format!("{SECOND}/"));
    assert!(
        reading
            .go_on(&mut fake, &["02:00:00:00:00:09".parse().unwrap()])
            .unwrap(),
        "one has gone from the list"
    );
}

#[test]
fn a_device_number_that_two_enis_claim_is_read_until_they_differ() {
    let mut fake = Fake::s1();
    fake.set(MACS, &format!("{PRIMARY}/\n{SECOND}/\n{THIRD}/"));
    fake.eni(THIRD, 1, "172.31.41.77");
    let mut reading = Reading::start(&mut fake, NOTHING).unwrap();
    assert_eq!(reading.metadata().incomplete.len(), 2);
    fake.key(THIRD, "network-card", "1");
    assert!(reading.go_on(&mut fake, &[]).unwrap());
    assert_eq!(reading.metadata().enis.len(), 3);
}

fn enis(enis: &[Eni]) -> Known<'_> {
    Known {
        enis,
        ..Known::default()
    }
}

/// Whether `change` is noticed in each of six turns; never more than two requests for each ENI and one for the list.
fn noticed(change: impl Fn(&mut Fake)) -> Vec<bool> {
    let mut fake = Fake::s1();
    fake.key(SECOND, "ipv6s", "2001:db8::11");
    fake.key(SECOND, "ipv4-prefix", "172.31.40.16/28");
    fake.key(SECOND, "subnet-ipv6-cidr-blocks", "2001:db8::/64");
    let known = fake.read().enis;
    change(&mut fake);
    let turn = |turn| {
        fake.asked.clear();
        let same = still_holds(&mut fake, enis(&known), turn).unwrap();
        assert!(fake.asked.len() <= 1 + 2 * 2, "{:?}", fake.asked);
        !same
    };
    (0..6).map(turn).collect()
}

#[test]
fn any_change_is_noticed_within_its_turns_and_a_change_of_ipv4_at_once() {
    assert_eq!(noticed(|_| ()), [false; 6]);
    assert_eq!(
        noticed(|fake| fake.key(SECOND, "local-ipv4s", "172.31.41.29")),
        [true; 6]
    );
    assert_eq!(
        noticed(|fake| fake.set(MACS, &format!("{PRIMARY}/"))),
        [true; 6]
    );
    assert_eq!(
        noticed(|fake| fake.drop_key(SECOND, "local-ipv4s")),
        [true; 6]
    );
    for change in [
        (|fake: &mut Fake| fake.key(SECOND, "ipv6s", "2001:db8::11\n2001:db8::12"))
            as fn(&mut Fake),
        |fake| fake.drop_key(SECOND, "ipv6s"),
        |fake| fake.key(SECOND, "ipv4-prefix", "172.31.48.32/28"),
        |fake| fake.drop_key(SECOND, "ipv4-prefix"),
        |fake| fake.key(SECOND, "ipv6-prefix", "2001:db8:0:0:1::/80"),
        |fake| fake.key(PRIMARY, "ipv6s", "2001:db8::9"),
    ] {
        let turns = noticed(change);
        assert!(
            turns[..3].contains(&true) && turns[3..].contains(&true),
            "{turns:?}"
        );
    }
}

#[test]
fn an_eni_that_cannot_be_true_is_not_read_in_full_each_time_and_its_repair_is_noticed_at_once() {
    for (key, bad, good) in [
        ("local-ipv4s", "172.31.37.139", "172.31.41.29"),
        ("subnet-ipv4-cidr-block", "0.0.0.0/0", "172.31.32.0/20"),
        ("ipv4-prefix", "172.31.32.0/20", "172.31.40.16/28"),
    ] {
        let mut fake = Fake::s1();
        fake.key(SECOND, key, bad);
        let metadata = fake.read();
        let known: Vec<Eni> = metadata.enis.into_iter().chain(metadata.refused).collect();
        assert_eq!((known.len(), metadata.incomplete.len()), (2, 1), "{key}");
        fake.asked.clear();
        assert!(still_holds(&mut fake, enis(&known), 1).unwrap(), "{key}");
        assert!(fake.asked.len() <= 1 + 2 * 2, "{:?}", fake.asked);
        assert!(
            (2..10).any(|turn| !still_holds(&mut fake, enis(&known), turn).unwrap()),
            "another ENI may be at fault"
        );
        fake.key(SECOND, key, good);
        assert!(!still_holds(&mut fake, enis(&known), 1).unwrap(), "{key}");
    }
}

#[test]
fn the_vpc_is_asked_for_only_where_ranges_overlap() {
    let mut fake = Fake::s1();
    fake.key(SECOND, "vpc-id", "vpc-b");
    fake.key(PRIMARY, "vpc-id", "vpc-a");
    fake.read();
    assert!(
        !fake.asked.iter().any(|path| path.ends_with("vpc-id")),
        "{:?}",
        fake.asked
    );
    fake.key(SECOND, "subnet-ipv4-cidr-block", "172.31.32.0/19");
    assert_eq!(fake.read().enis.len(), 2);
    fake.key(SECOND, "vpc-id", "vpc-a");
    assert!(
        fake.complaint()
            .contains("172.31.32.0/19 overlaps with 172.31.32.0/20")
    );
}

#[test]
fn a_vpc_that_the_service_has_said_is_not_asked_for_again() {
    let mut fake = Fake::s1();
    let said = [
        (PRIMARY, Some("vpc-a\n")),
        (SECOND, None),
        (THIRD, Some("a b")),
    ];
    for (mac, vpc) in said {
        fake.key(mac, "vpc-id", vpc.unwrap_or("vpc-b"));
    }
    let members = said.map(|(mac, vpc)| (mac.parse().unwrap(), vpc.map(str::to_owned)));
    let read = details(&mut fake, &members).unwrap();
    let vpcs: Vec<_> = read.into_values().map(|details| details.vpc).collect();
    // By MAC; what is no id is none.
    let [a, b] = ["vpc-a", "vpc-b"].map(|id| Some(id.to_owned()));
    assert_eq!(vpcs, [None, b, a]);
    let asked = fake.asked.iter().filter(|path| path.ends_with("/vpc-id"));
    assert_eq!(asked.count(), 1, "{:?}", fake.asked);
}

#[test]
fn a_value_that_is_listed_twice_is_one() {
    let mut twice = Fake::s1();
    let twin = |values: &mut Fake, path: &str| {
        let text = values.values[path].clone();
        values.set(path, &format!("{text}\n{text}"));
    };
    for key in [
        "device-number",
        "interface-id",
        "local-ipv4s",
        "subnet-ipv4-cidr-block",
    ] {
        twin(&mut twice, &format!("{MACS}{SECOND}/{key}"));
    }
    twin(&mut twice, &format!("{MACS}{PRIMARY}/local-ipv4s"));
    twice.set("mac", &format!("{PRIMARY}\r\n{PRIMARY}\r\n"));
    let (said, once) = (twice.read(), Fake::s1().read());
    assert_eq!(said.enis, once.enis, "{:?}", said.incomplete);
}

#[test]
fn spaces_that_are_no_ascii_make_a_value_wrong() {
    for space in ["\u{a0}", "\u{85}", "\u{2003}", "\u{feff}"] {
        let mut fake = Fake::s1();
        fake.key(SECOND, "local-ipv4s", &format!("172.31.41.29{space}"));
        assert!(fake.complaint().contains("local-ipv4s"), "{space:?}");
    }
    let mut fake = Fake::s1();
    fake.key(SECOND, "local-ipv4s", " \t172.31.41.29 \r\n");
    assert_eq!(fake.read().enis.len(), 2);
}

#[test]
fn an_eni_that_is_listed_twice_is_one() {
    let mut fake = Fake::s1();
    fake.set(MACS, &format!("{PRIMARY}/\n{SECOND}/\n{SECOND}/"));
    assert_eq!(fake.read().enis.len(), 2);
}

/// 400 listed ENIs with as many values as EC2 ever has, all but one of them without an interface here.
#[test]
fn an_eni_without_an_interface_is_read_in_outline() {
    let mut fake = Fake::s1();
    let others: Vec<String> = (0..400)
        .map(|n| format!("02:00:00:00:{:02x}:{:02x}", n / 256, n % 256))
        .collect();
    for (n, mac) in others.iter().enumerate() {
        let address = |i| format!("10.{}.{}.{}", n / 250, n % 250, 10 + i);
        let addresses: Vec<String> = (0..64).map(address).collect();
        fake.eni(
            mac,
            u32::try_from(n % 90).unwrap() + 2,
            &addresses.join("\n"),
        );
        fake.key(mac, "network-card", &(n / 90).to_string());
        let subnet = format!("10.{}.{}.0/24", n / 250, n % 250);
        fake.key(mac, "subnet-ipv4-cidr-block", &subnet);
        fake.key(
            mac,
            "ipv4-prefix",
            &format!("10.{}.{}.96/28", n / 250, n % 250),
        );
        fake.key(mac, "ipv4-associations/", "");
        let public: Vec<String> = (0..64)
            .map(|i| format!("54.{}.{}.{i}", n / 250, n % 250))
            .collect();
        fake.set(
            &format!("{MACS}{mac}/ipv4-associations/"),
            &public.join("\n"),
        );
    }
    fake.set(
        MACS,
        &format!("{PRIMARY}/\n{SECOND}/\n{}/", others.join("/\n")),
    );
    let present: BTreeSet<Mac> = [SECOND.parse().unwrap()].into();
    let metadata = Reading::of_present(&mut fake, PUBLIC, present.clone())
        .unwrap()
        .into_metadata();
    assert_eq!(
        (metadata.enis.len(), metadata.unread),
        (2 + 16, 400 - 16),
        "{:?}",
        metadata.incomplete
    );
    let outline = &metadata.enis[2];
    assert_eq!(
        (
            outline.ipv4.len(),
            outline.prefixes().count(),
            outline.public.len()
        ),
        (64, 0, 0)
    );
    assert!(
        fake.asked.len() <= 2 + 2 * 10 + 16 * 6,
        "{}",
        fake.asked.len()
    );
    for turn in 0..4 {
        fake.asked.clear();
        assert!(
            still_holds(
                &mut fake,
                Known {
                    enis: &metadata.enis,
                    present: Some(&present),
                    ..Known::default()
                },
                turn
            )
            .unwrap()
        );
        assert!(fake.asked.len() <= 1 + 2 * 18, "{}", fake.asked.len());
    }
    // One of them gets its interface.
    let mut reading = Reading::of_present(&mut fake, PUBLIC, present).unwrap();
    assert!(reading.go_on(&mut fake, &[outline.mac]).unwrap());
    let metadata = reading.into_metadata();
    let whole = metadata
        .enis
        .iter()
        .find(|eni| eni.mac == outline.mac)
        .unwrap();
    assert_eq!((whole.prefixes().count(), whole.public.len()), (1, 0));
}

/// An EFA-only ENI has neither an interface nor an address.
#[test]
fn an_eni_without_interface_and_addresses_is_not_waited_for() {
    const EFA: &str = "02:00:00:00:00:01";
    let mut fake = Fake::s1();
    fake.eni(EFA, 7, "");
    for key in ["local-ipv4s", "subnet-ipv4-cidr-block"] {
        fake.drop_key(EFA, key);
    }
    fake.set(MACS, &format!("{PRIMARY}/\n{SECOND}/\n{EFA}/"));
    let present: BTreeSet<Mac> = [SECOND.parse().unwrap()].into();
    let metadata = Reading::of_present(&mut fake, NOTHING, present.clone())
        .unwrap()
        .into_metadata();
    assert_eq!(
        (metadata.enis.len(), &metadata.incomplete[..]),
        (3, &[][..])
    );
    for turn in 0..4 {
        assert!(
            still_holds(
                &mut fake,
                Known {
                    enis: &metadata.enis,
                    present: Some(&present),
                    ..Known::default()
                },
                turn
            )
            .unwrap()
        );
    }
    let all = Reading::start(&mut fake, NOTHING).unwrap().into_metadata();
    assert_eq!(
        all.incomplete.len(),
        1,
        "with an interface it would be late"
    );
}

/// 400 listed ENIs, most of them without an interface here.
#[test]
fn of_many_enis_those_with_an_interface_are_read_and_a_few_others() {
    let mut fake = Fake::s1();
    let others = (0..400).map(|n| format!("02:00:00:00:{:02x}:{:02x}", n / 256, n % 256));
    let others: Vec<String> = others.collect();
    fake.set(
        MACS,
        &format!("{}\n{SECOND}/\n{PRIMARY}/", others.join("/\n")),
    );
    let present = [SECOND.parse().unwrap()].into();
    let mut reading = Reading::of_present(&mut fake, NOTHING, present).unwrap();
    let metadata = reading.metadata();
    let read: Vec<String> = metadata
        .enis
        .iter()
        .map(|eni| eni.mac.to_string())
        .collect();
    assert_eq!(read, [PRIMARY, SECOND]);
    assert_eq!(metadata.incomplete.len(), 16, "the others are late");
    assert_eq!(metadata.unread, 400 - 16);
    assert!(note_of_unread(metadata.unread).is_some_and(|note| note.contains("384 more ENIs")));
    assert!(fake.asked.len() < 50, "{}", fake.asked.len());
    // One of them gets an interface.
    let newcomer = &others[399];
    fake.eni(newcomer, 5, "172.31.41.99");
    let newcomer = newcomer.parse().unwrap();
    assert!(reading.go_on(&mut fake, &[newcomer]).unwrap());
    assert!(
        reading
            .metadata()
            .enis
            .iter()
            .any(|eni| eni.mac == newcomer)
    );
}

#[test]
fn a_list_that_is_longer_than_any_of_ec2_s_fails_its_eni_and_names_the_bound() {
    let mut fake = Fake::s1();
    let long: Vec<String> = (0..1001)
        .map(|n| format!("172.31.{}.{}", 32 + n / 250, n % 250))
        .collect();
    fake.key(SECOND, "local-ipv4s", &long.join("\n"));
    let complaint = fake.complaint();
    assert!(
        complaint.contains("1001 values") && complaint.contains("1000 at most"),
        "{complaint}"
    );
    assert_eq!(fake.read().enis.len(), 1);
}
