//! `eniroute explain`: what a code means, and the walk of a packet, which `ip route get` and real packets must agree with.

use eniroute::code::Code;
use serde_json::{Value, json};

use crate::instance::{Instance, Run, copy_program};
use crate::support::lab::Lab;
use crate::support::shown::assert_shown;
use crate::vpc::{EniSpec, Fault, Vpc};

const NOBODY: [std::net::IpAddr; 0] = [];

fn two_enis() -> (Vpc, Instance) {
    let (vpc, ..) = Lab::of_scenario_1(&["172.31.41.30"]);
    let instance = Instance::with_netplan(vpc.guest());
    (vpc, instance)
}

/// The same as a person finds it: the second ENI has its address and no routing of its own.
fn without_routing() -> (Vpc, Instance) {
    let (vpc, instance) = two_enis();
    instance.host.ip_batch(
        "link set eth1 up\n\
         address add 172.31.41.29/20 dev eth1 noprefixroute\n\
         -6 address add 2001:db8:0:a::29/64 dev eth1 nodad noprefixroute\n",
    );
    (vpc, instance)
}

/// `explain` of a packet as JSON, which must succeed.
fn packet(instance: &Instance, arguments: &str) -> Value {
    instance.json(&format!("explain {arguments}"))["packet"].take()
}

fn way(instance: &Instance, arguments: &str, n: usize) -> Value {
    packet(instance, arguments)["ways"][n].take()
}

/// What `ip` says to a question of an answer: its first line, or the words of the error.
fn ip(instance: &Instance, question: &str) -> String {
    let out = instance
        .host
        .command("bash")
        .args(["-c", question])
        .output();
    let text = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("RTNETLINK answers: ").to_owned()
}

/// The word after `name` in what `ip` says.
fn word_after<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    let mut words = said.split_whitespace().skip_while(|word| *word != name);
    words.nth(1)
}

/// `ip route get` in the same situation must end where the walk does.
fn assert_ip_agrees(instance: &Instance, arguments: &str) {
    for way in packet(instance, arguments)["ways"].as_array().unwrap() {
        let question = way["kernel"]["question"].as_str().unwrap();
        let said = ip(instance, question);
        let context = format!("explain {arguments}: {question}: {said}\n{way:#}");
        assert_eq!(way["kernel"]["agrees"], true, "{context}");
        match way["outcome"].as_str().unwrap() {
            "arrives" => assert!(said.starts_with("local "), "{context}"),
            "dropped-by-host" => assert_eq!(word_after(&said, "dev"), None, "{context}"),
            _ => {
                let dev = word_after(&said, "dev").unwrap_or_else(|| panic!("{context}"));
                assert_eq!(way["interfaces"], json!([dev]), "{context}");
                let table = match word_after(&said, "table") {
                    None | Some("main") => 254,
                    Some("local") => 255,
                    Some(table) => table.parse::<u32>().unwrap(),
                };
                assert_eq!(way["table"].as_u64(), Some(table.into()), "{context}");
                let source = word_after(&said, "src").or(word_after(&said, "from"));
                let source = way["source"]
                    .as_str()
                    .filter(|_| way["in"].is_null())
                    .or(source);
                assert_eq!(way["source"].as_str(), source, "{context}");
            }
        }
    }
}

fn assert_fits_a_terminal(text: &str) {
    let long: Vec<&str> = text
        .lines()
        .filter(|line| line.chars().count() > 80)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

fn refused(instance: &Instance, arguments: &str) -> String {
    let run: Run = instance.eniroute(&format!("explain {arguments}"));
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (2, ""),
        "explain {arguments}: {run:?}"
    );
    run.stderr
}

#[test]
fn a_code_is_explained_without_metadata_and_whatever_the_configuration_is() {
    let vpc = Vpc::new();
    let instance = Instance::bare(vpc.guest());
    instance.write("etc/eniroute.toml", "not = [toml");
    for code in Code::all() {
        let entry = code.entry();
        let name = code.to_string();
        let (group, number) = name.split_at(1);
        let text = instance.must(&format!("explain {}00{number}", group.to_lowercase()));
        assert_fits_a_terminal(&text);
        let words = |text: &str| {
            let words = text.split_whitespace().filter(|word| *word != "\\");
            words.collect::<Vec<_>>().join(" ")
        };
        let said = words(&text);
        for part in [
            entry.title,
            entry.symptom,
            entry.consequence,
            entry.cause,
            entry.remedy,
        ] {
            assert!(said.contains(&words(part)), "{code}: {part}: {text}");
        }
        for line in entry.by_hand.lines() {
            assert!(said.contains(&words(line)), "{code}: {line}: {text}");
        }
    }
    let meaning = &instance.json("explain r3")["meaning"];
    assert_eq!(meaning["code"], "R3");
    assert_eq!(meaning["remedy"], Code::R3.entry().remedy);
}

#[test]
fn what_is_neither_a_code_nor_an_address_of_this_host_is_refused_with_what_there_is() {
    let (_vpc, instance) = two_enis();
    let codes = refused(&instance, "Q7");
    assert!(codes.contains("A1 A2") && codes.contains(" P5"), "{codes}");
    assert!(refused(&instance, "R99").contains("R14"));
    assert!(refused(&instance, "RR1").contains("(did you mean `R1`?)"));
    for nobody in ["192.0.2.7", "2001:db8:9::9", "172.31.41.31"] {
        let there_are = refused(&instance, nobody);
        for own in [
            "172.31.37.139 (public 54.178.213.178)",
            "172.31.41.29",
            "2001:db8:0:a::29",
        ] {
            assert!(there_are.contains(own), "{nobody}: {there_are}");
        }
    }
    for (arguments, why) in [
        ("172.31.41.29 to example.com", "`example.com` is no address"),
        ("172.31.41.29 to 10.0.0.256", "`10.0.0.256` is no address"),
        (
            "172.31.41.29 8.8.8.8",
            "neither CODE, nor ADDRESS, nor ADDRESS to DESTINATION",
        ),
        (
            "172.31.41.29 to",
            "neither CODE, nor ADDRESS, nor ADDRESS to DESTINATION",
        ),
        ("172.31.41.29 to 2001:db8::1", "different families"),
        (
            "172.31.41.29 --in eth9",
            "no interface is called eth9: there are",
        ),
        (
            "172.31.41.29 --in ethh1",
            "no interface is called ethh1 (did you mean `eth1`?)",
        ),
        ("192.0.2.7 --from 192.0.2.8", "--in INTERFACE"),
        ("172.31.41.29 --from eth0", "invalid value"),
        (
            "172.31.41.29 to 8.8.8.8 --from 8.8.4.4",
            "cannot be used with",
        ),
        ("R1 --in eth0", "R1 is a code"),
    ] {
        let said = refused(&instance, arguments);
        assert!(said.contains(why), "{arguments}: {said}");
    }
}

#[test]
fn the_second_elastic_ip_is_explained_before_and_after_as_pings_have_it() {
    let (vpc, instance) = without_routing();
    let before = way(&instance, "3.104.193.180", 0);
    assert_eq!(vpc.inet().ping(&["3.104.193.180"]).len(), 1);
    assert_eq!(before["from"], "172.31.41.29");
    assert_eq!(
        (&before["outcome"], &before["interfaces"]),
        (&json!("dropped-by-vpc"), &json!(["eth0"]))
    );
    let why = before["why"].as_str().unwrap();
    assert!(why.contains("172.31.41.29 is assigned to eth1"), "{why}");
    let text = instance.must("explain 3.104.193.180");
    assert_shown("explain before", &text);
    instance.must("apply");
    let after = packet(&instance, "3.104.193.180");
    assert_eq!(vpc.inet().ping(&["3.104.193.180"]), NOBODY);
    assert_eq!(
        (&after["interface"], &after["public"]),
        (&json!("eth1"), &json!(["3.104.193.180"]))
    );
    let [out, back] = [&after["ways"][0], &after["ways"][1]];
    assert_eq!(
        (&out["outcome"], &out["table"], &out["public"]),
        (&json!("passes"), &json!(10001), &json!("3.104.193.180"))
    );
    assert_eq!(
        (&back["outcome"], &back["in"]),
        (&json!("arrives"), &json!("eth1"))
    );
    let text = instance.must("explain 3.104.193.180");
    println!("{text}");
    assert!(
        text.contains("the Internet sees 3.104.193.180") || text.contains("sees\n"),
        "{text}"
    );
    assert_fits_a_terminal(&text);
    assert_shown("explain after", outcome(&text, 0));
    let unmapped = way(&instance, "172.31.41.30", 0);
    assert_eq!(
        (&unmapped["outcome"], &unmapped["public"]),
        (&json!("passes"), &Value::Null)
    );
}

#[test]
fn an_ipv6_address_behind_an_egress_only_gateway_is_not_called_broken() {
    let (_vpc, instance) = two_enis();
    instance.must("apply");
    let both = packet(&instance, "2001:db8:0:a::29");
    assert_eq!(both["ways"][0]["outcome"], "passes");
    assert_eq!(both["ways"][1]["outcome"], "arrives");
    let text = instance.must("explain 2001:db8:0:a::29");
    assert_shown("egress-only out", outcome(&text, 0));
    assert_shown("egress-only in", outcome(&text, 1));
}

/// The lines of the outcome of one way.
fn outcome(text: &str, n: usize) -> &str {
    let (start, _) = text.match_indices("  outcome ").nth(n).unwrap();
    let end = text[start..].find("\n  kernel ").unwrap();
    &text[start..start + end]
}

#[test]
fn every_walk_ends_where_ip_route_get_does_with_marks_and_interfaces_and_refusals_among_the_rules()
{
    let (_vpc, instance) = two_enis();
    instance.must("apply");
    instance.host.ip_batch(
        "link add docker0 type bridge\n\
         link set docker0 up\n\
         address add 172.17.0.1/16 dev docker0\n\
         rule add pref 100 fwmark 0x10/0xff lookup 100\n\
         rule add pref 101 iif docker0 lookup 101\n\
         rule add pref 102 not from 172.31.0.0/16 lookup 102\n\
         rule add pref 103 to 198.51.100.0/24 prohibit\n\
         rule add pref 104 from 172.31.41.29 to 203.0.113.0/24 goto 32766\n\
         rule add pref 105 oif eth1 lookup 105\n\
         route add unreachable 192.0.2.0/24\n\
         route add default via 172.31.32.1 dev eth1 table 101\n\
         -6 rule add pref 100 fwmark 0x10/0xff lookup 100\n\
         -6 rule add pref 103 to 2001:db8:bad::/48 prohibit\n\
         -6 route add unreachable 2001:db8:dead::/48\n",
    );
    instance.host.sysctl("net.ipv4.ip_forward", 1);
    for arguments in [
        "172.31.37.139",
        "172.31.41.29",
        "2001:db8:0:a::139",
        "2001:db8:0:a::29",
        "54.178.213.178 to 172.31.32.9",
        "172.31.41.29 to 172.31.37.139",
        "172.31.41.29 to 172.17.0.9",
        "172.31.37.139 to 172.17.0.9",
        "172.31.41.29 to 198.51.100.4",
        "172.31.41.29 to 203.0.113.4",
        "172.31.37.139 to 192.0.2.4",
        "2001:db8:0:a::29 to 2001:db8:bad::1",
        "2001:db8:0:a::139 to 2001:db8:dead::1",
        "172.31.41.29 --in eth1",
        "172.31.41.29 --from 203.0.113.9",
        "2001:db8:0:a::29 --from 2001:db8:9::9",
        "2001:db8:0:a::29 --in eth1",
        "8.8.8.8 --from 0.0.0.0",
        "172.31.32.9 --from 0.0.0.0",
        "2001:4860:4860::8888 --from ::",
        "8.8.8.8 --from 172.31.41.29",
        "172.17.0.9 to 8.8.8.8 --in docker0",
        "172.31.37.139 --from 8.8.8.8 --in docker0",
        "127.0.0.1",
        "172.31.37.139 to 172.31.47.255",
        "172.31.41.29 --from 172.31.37.139 --in eth1",
    ] {
        assert_ip_agrees(&instance, arguments);
        let text = instance.must(&format!("explain {arguments}"));
        println!("{text}");
        assert_fits_a_terminal(&text);
    }
}

#[test]
fn what_others_send_goes_on_only_where_the_host_forwards() {
    let (_vpc, instance) = two_enis();
    instance.host.ip_batch(
        "link add docker0 type bridge\n\
         link set docker0 up\n\
         address add 172.17.0.1/16 dev docker0\n\
         -6 address add 2001:db8:5::9/64 dev docker0 nodad\n",
    );
    for (question, key) in [
        ("172.17.0.9 to 8.8.8.8 --in docker0", "net.ipv4.ip_forward"),
        (
            "2001:db8:5::1 to 2001:4860:4860::8888 --in docker0",
            "net.ipv6.conf.all.forwarding",
        ),
    ] {
        instance.host.sysctl(key, 0);
        let kept = way(&instance, question, 0);
        assert_eq!(kept["outcome"], "dropped-by-host");
        assert!(
            kept["why"]
                .as_str()
                .unwrap()
                .contains("it does not forward"),
            "{kept}"
        );
        instance.host.sysctl(key, 1);
        let on = way(&instance, question, 0);
        assert_eq!(
            (&on["outcome"], &on["interfaces"]),
            (&json!("dropped-by-vpc"), &json!(["eth0"]))
        );
        assert!(
            on["why"]
                .as_str()
                .unwrap()
                .contains("if NAT on this host gave it another source"),
            "{on}"
        );
    }
}

#[test]
fn each_rule_before_the_one_that_decides_is_listed_with_why_it_did_not() {
    let (_vpc, instance) = two_enis();
    instance.must("apply");
    instance.host.ip_batch(
        "rule add pref 100 fwmark 0x10/0xff lookup 100\n\
         rule add pref 101 iif eth0 lookup 101\n\
         rule add pref 102 from 172.31.41.29 to 203.0.113.0/24 lookup 102\n\
         rule add pref 103 from 172.31.41.29 lookup 103\n\
         rule add pref 104 from 172.31.41.29 lookup main suppress_prefixlength 0\n",
    );
    let steps = way(&instance, "172.31.41.29", 0)["steps"].take();
    let told: Vec<(u64, &str, bool)> = steps
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (
                step["priority"].as_u64().unwrap(),
                step["why"].as_str().unwrap(),
                step["decides"] == true,
            )
        })
        .collect();
    let passes_over = told[5].1;
    assert!(
        passes_over.contains("passes over `default via 172.31.32.1 dev eth0"),
        "{passes_over}"
    );
    assert_eq!(
        told,
        [
            (0, "its table has no route to there", false),
            (100, "not for it, as the packet's mark is 0x0", false),
            (101, "not for it, as this host sends the packet", false),
            (102, "not for it, as the packet is to 8.8.8.8", false),
            (103, "its table has no route to there", false),
            (104, passes_over, false),
            (
                10000,
                "not for it, as the packet is from 172.31.41.29",
                false
            ),
            (10001, "decides", true),
        ]
    );
}

#[test]
fn hundreds_of_rules_for_other_addresses_are_one_line() {
    let (_vpc, instance) = two_enis();
    instance.must("apply");
    let rules = (0..712).map(|n| {
        format!(
            "rule add from 10.9.{}.{} lookup main pref {}\n",
            n / 200,
            n % 200,
            9000 + n / 50
        )
    });
    instance.host.ip_batch(&rules.collect::<String>());
    let text = instance.must("explain 172.31.37.139");
    assert!(
        text.contains("  712 rules   9000 to 9014: for other addresses, as the packet is from\n"),
        "{text}"
    );
    assert!(text.lines().count() < 40, "{text}");
}

#[test]
fn what_the_reverse_path_filter_drops_is_named_with_the_way_back() {
    let (_vpc, instance) = without_routing();
    let filter = |value| {
        for dev in ["all", "eth0", "eth1"] {
            let key = format!("net.ipv4.conf.{dev}.rp_filter");
            instance.host.sysctl(&key, value);
        }
    };
    filter(1);
    let arriving = way(&instance, "172.31.41.29 --in eth1", 0);
    assert_eq!(arriving["outcome"], "dropped-by-host");
    assert!(
        arriving["why"]
            .as_str()
            .unwrap()
            .contains("rp_filter of eth1 is 1, and the way back is by eth0"),
        "{arriving}"
    );
    assert_ip_agrees(&instance, "172.31.41.29 --in eth1");
    instance.must("apply");
    assert_eq!(
        way(&instance, "172.31.41.29 --in eth1", 0)["outcome"],
        "arrives"
    );
    assert_eq!(
        way(&instance, "172.31.41.29 --in eth1", 1)["interfaces"],
        json!(["eth1"])
    );
    let elsewhere = way(&instance, "172.31.41.29 --from 203.0.113.9 --in eth0", 0);
    assert!(
        elsewhere["why"]
            .as_str()
            .unwrap()
            .contains("rp_filter of eth0 is 1, and the way back is by eth1"),
        "{elsewhere}"
    );
    filter(0);
    let elsewhere = way(&instance, "172.31.41.29 --from 203.0.113.9 --in eth0", 0);
    assert_eq!(elsewhere["outcome"], "dropped-by-vpc");
    assert!(
        elsewhere["why"]
            .as_str()
            .unwrap()
            .contains("EC2 delivers packets for 172.31.41.29 to eth1"),
        "{elsewhere}"
    );
}

#[test]
fn an_address_that_ec2_does_not_know_or_the_host_lacks_goes_nowhere_and_the_reason_is_named() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/24", None);
    vpc.attach(EniSpec::new(a, "eth0").ipv4(["10.0.0.133", "10.0.0.134"]));
    let instance = Instance::with_netplan(vpc.guest());
    instance.host.ip("address add 10.0.0.51/24 dev eth0");
    let unknown = packet(&instance, "10.0.0.51");
    assert!(
        unknown["what"]
            .as_str()
            .unwrap()
            .contains("which EC2 does not know (A2)"),
        "{unknown}"
    );
    assert_eq!(unknown["ways"][0]["outcome"], "dropped-by-vpc");
    assert_eq!(unknown["ways"][1]["outcome"], "dropped-by-vpc");
    assert!(!instance.host.ping_from("10.0.0.51", "8.8.8.8"));
    let unbound = packet(&instance, "8.8.8.8 --from 0.0.0.0");
    assert_eq!(
        (&unbound["address"], &unbound["ways"][0]["from"]),
        (&json!("10.0.0.133"), &Value::Null)
    );
    let own = packet(&instance, "127.0.0.1");
    assert!(own["what"].as_str().unwrap().contains("of no ENI"), "{own}");
    let lacking = packet(&instance, "10.0.0.134");
    assert!(
        lacking["what"]
            .as_str()
            .unwrap()
            .contains("No interface has 10.0.0.134 (A1)"),
        "{lacking}"
    );
    assert_eq!(lacking["ways"][0]["outcome"], "dropped-by-host");
}

#[test]
fn a_bridge_above_the_eni_is_the_eni_s_and_of_several_ways_the_worst_is_named() {
    let (_vpc, instance) = two_enis();
    instance.must("apply");
    instance.host.ip(
        "route replace default table 10001 nexthop via 172.31.32.1 dev eth1 onlink \
         nexthop via 172.31.32.1 dev eth0 onlink",
    );
    let spread = way(&instance, "172.31.41.29", 0);
    assert_eq!(spread["interfaces"], json!(["eth1", "eth0"]));
    assert_eq!(
        (&spread["outcome"], &spread["kernel"]["agrees"]),
        (&json!("dropped-by-vpc"), &json!(true))
    );
    assert!(
        spread["why"]
            .as_str()
            .unwrap()
            .contains("of some: the VPC drops it: it leaves by eth0"),
        "{spread}"
    );
    instance.host.ip_batch(
        "link add br0 type bridge\n\
         link set eth1 master br0\n\
         link set br0 up\n\
         address del 172.31.41.29/32 dev eth1\n\
         address add 172.31.41.29/32 dev br0\n\
         route replace default via 172.31.32.1 dev br0 onlink table 10001\n",
    );
    let above = packet(&instance, "172.31.41.29");
    assert_eq!(
        (
            &above["ways"][0]["interfaces"],
            &above["ways"][0]["outcome"]
        ),
        (&json!(["br0"]), &json!("passes"))
    );
    assert_eq!(
        (&above["ways"][1]["in"], &above["ways"][1]["outcome"]),
        (&json!("br0"), &json!("arrives"))
    );
    assert_ip_agrees(&instance, "172.31.41.29");
}

#[test]
fn without_metadata_the_walk_is_shown_all_the_same_and_the_exit_code_says_so() {
    let (vpc, instance) = two_enis();
    instance.must("apply");
    vpc.imds().fault(Fault::REFUSE);
    let run = instance.eniroute("explain 172.31.41.29 --json --wait 0");
    assert_eq!(run.code, 4, "{run:?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let out = &report["packet"]["ways"][0];
    assert_eq!(
        (&out["table"], &out["interfaces"]),
        (&json!(10001), &json!(["eth1"]))
    );
    assert_eq!(instance.eniroute("explain 3.104.193.180 --wait 0").code, 4);
}

#[test]
fn the_documentation_shows_what_check_says_of_an_address_that_ec2_does_not_know() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/24", None);
    let eni = EniSpec::new(a, "eth0").mac("06:4c:1d:0e:9a:33");
    vpc.attach(eni.ipv4(["10.0.0.133"]));
    let instance = Instance::with_netplan(vpc.guest());
    instance.must("apply");
    instance.host.ip("address add 10.0.0.51/24 dev eth0");
    let said = instance.eniroute("check").stdout;
    let (start, _) = said.match_indices("A2 error").next().unwrap();
    let end = said[start..].find("`eniroute explain").unwrap();
    assert_shown("check of an unknown address", &said[start..start + end]);
}

#[test]
fn nobody_has_to_be_root_for_it() {
    let (_vpc, instance) = two_enis();
    instance.must("apply");
    let copy = std::env::temp_dir().join(format!("eniroute-explain-{}", std::process::id()));
    copy_program(&copy);
    let root = instance.root().display().to_string();
    instance.host.sh(&format!("chmod 755 {root}"));
    for question in ["R1", "3.104.193.180", "8.8.8.8 --from 0.0.0.0"] {
        let command = instance.host.command("setpriv");
        let command = command.args(["--reuid=65534", "--clear-groups", "--"]);
        let command = command
            .arg(copy.display())
            .args(["--root", &root, "explain"]);
        let out = command.args(question.split(' ')).output();
        assert_eq!(String::from_utf8(out.stderr).unwrap(), "", "{question}");
        assert_eq!(out.status.code(), Some(0), "{question}");
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(
            text.contains("kernel") || text.contains("symptom"),
            "{text}"
        );
    }
    std::fs::remove_file(copy).unwrap();
}
