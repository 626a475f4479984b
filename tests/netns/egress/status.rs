//! What `status` tells of clients, held against packets that were counted one by one, against nft and conntrack.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::without_nft::hide;
use crate::check::validate;
use crate::nat::{A, B, C, FIRST, Flow, Lab, PORT, S3, SECOND, ask, echo};
use crate::status::{Sample, samples};
use crate::vpc::{Host, INTERNET, wait_for};

/// The bytes of a datagram of `ask`, with its headers.
const ASKED: u64 = 20 + 8 + 3;

fn asks(client: &Host, count: usize) {
    assert!((0..count).all(|_| ask(client)));
}

fn status(lab: &Lab) -> Value {
    let told = lab.instance.json("status");
    validate(&told);
    told
}

/// The address of this public name in an entry.
fn address(entry: &Value, public: &str) -> Value {
    let all = entry["addresses"].as_array().unwrap();
    let found = all.iter().find(|one| one["public"] == json!([public]));
    found
        .unwrap_or_else(|| panic!("{public}: {entry:#}"))
        .clone()
}

fn tally(packets: u64) -> Value {
    json!({ "packets": packets, "bytes": packets * ASKED })
}

/// What nft says of a counter.
fn counted(lab: &Lab, name: &str) -> u64 {
    let listed = lab.instance.host.sh("nft list table inet eniroute");
    let (_, rest) = listed.split_once(&format!("counter {name} {{")).unwrap();
    rest.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn each_entry_tells_its_addresses_clients_flows_and_packets_and_a_reload_goes_on_counting() {
    let lab = Lab::new(S3);
    echo(&lab.vpc.inet());
    asks(&lab.clients[1], 3);
    asks(&lab.clients[0], 2);
    let told = status(&lab);
    let second = &told["egress"][0];
    assert_eq!(
        (&second["name"], &second["clients"], &second["flows"]),
        (&json!(SECOND), &json!(1), &json!(3))
    );
    let one = address(second, SECOND);
    for (field, value) in [
        ("address", json!("172.31.8.208")),
        ("interface", json!("eth1")),
        ("state", json!("used")),
        ("clients", json!(1)),
        ("active", json!(1)),
        ("listed", json!([B])),
        ("flows", json!(3)),
        ("sent", tally(3)),
        ("received", tally(3)),
    ] {
        assert_eq!(one[field], value, "{field}: {one:#}");
    }
    assert!(one["eni"].as_str().unwrap().starts_with("eni-"));
    assert_eq!(
        (&second["sent"], &second["received"]),
        (&tally(3), &tally(3))
    );
    lab.configure(&S3.replace(&format!("\"{A}\""), &format!("[\"{A}\", \"172.31.20.77\"]")));
    lab.instance.must("apply --backend none");
    asks(&lab.clients[0], 4);
    let told = status(&lab);
    assert_eq!(told["nftables"]["table"], "ok");
    let first = address(&told["egress"][1], FIRST);
    assert_eq!((&first["sent"], &first["clients"]), (&tally(6), &json!(2)));
    let listed = lab.instance.host.sh("nft list table inet eniroute");
    let name = listed
        .split_whitespace()
        .find(|word| word.ends_with("_172_31_5_10_out"))
        .unwrap();
    assert_eq!(counted(&lab, name), 6);
    assert_eq!(
        lab.instance.json("plan --backend none")["kernel"],
        json!([])
    );
}

#[test]
fn what_was_refused_reset_or_too_much_is_told_by_entry_and_what_is_nobody_s_by_the_table() {
    let lab = Lab::new(&format!(
        "[[egress]]\nfrom = \"{A}\"\nas = \"{FIRST}\"\nlimit = 2\nstale = \"reset\"\n"
    ));
    echo(&lab.vpc.inet());
    let mut flow = Flow::open(&lab.clients[0]);
    lab.forget_flows();
    assert!(!flow.lives());
    let _flows = [0, 1].map(|_| Flow::open(&lab.clients[0]));
    for client in [0, 2] {
        let socket = lab.clients[client].enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
        socket.send_to(b"ask", (INTERNET[0], PORT)).unwrap();
    }
    wait_for("the last one to be counted", || {
        counted(&lab, "refused") == 1
    });
    let told = status(&lab);
    assert_eq!(told["nftables"]["refused"], tally(1));
    let entry = &told["egress"][0];
    assert!(entry["stale"]["packets"].as_u64() >= Some(1), "{entry:#}");
    // A connection that was forgotten may be counted until the next one is looked at.
    assert!(entry["limited"]["packets"].as_u64() >= Some(1), "{entry:#}");
    assert_eq!(entry["limit"], 2);
    assert_eq!(entry["refused"]["packets"], 0);
    let text = lab.instance.must("status");
    for line in [
        "over the limit of 2 flows",
        "answered by a reset",
        "nftables: 1 packet (31 B) dropped that are nobody's",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_pool_tells_who_has_which_address_what_is_drained_and_what_is_not_here() {
    let lab = Lab::new(&format!(
        "[forwarding]\nstandby = [\"eni-0123456789abcdef0\"]\n\
         [[egress]]\nfrom = \"172.31.20.0/24\"\nas = [\"{FIRST}\", \"{SECOND}\", \"eni-0123456789abcdef0\"]\n"
    ));
    echo(&lab.vpc.inet());
    let seen = lab.all_seen();
    lab.forget_flows();
    asks(&lab.clients[0], 2);
    let entry = status(&lab)["egress"][0].take();
    let own = address(&entry, &seen[0]);
    assert_eq!((&own["flows"], &own["active"]), (&json!(2), &json!(1)));
    assert_eq!(own["listed"], json!([A]), "the few that have flows now");
    let dealt = [FIRST, SECOND].map(|public| address(&entry, public)["clients"].as_u64().unwrap());
    assert_eq!(dealt.iter().sum::<u64>(), 256);
    assert!(dealt.iter().all(|count| *count > 80), "{dealt:?}");
    let absent = &entry["addresses"][2];
    assert_eq!(
        (&absent["address"], &absent["state"]),
        (&json!("eni-0123456789abcdef0"), &json!("absent"))
    );
    lab.instance
        .eniroute(&format!("egress drain {} --wait 0", seen[0]));
    let entry = status(&lab)["egress"][0].take();
    let own = address(&entry, &seen[0]);
    assert_eq!(
        (&own["state"], &own["clients"]),
        (&json!("drained"), &json!(0))
    );
    assert_eq!(own["flows"], 2);
    let text = lab.instance.must("status");
    assert!(
        text.contains("(drained)") && text.contains("(not here)"),
        "{text}"
    );
}

#[test]
fn a_name_is_told_with_its_addresses_and_whether_they_are_old() {
    let lab = Lab::bare();
    let hosts = lab.instance.root().join("hosts");
    let name = |line: &str| std::fs::write(&hosts, format!("{line}\n")).unwrap();
    name(&format!("{B} db1.internal"));
    let guest = &lab.instance.host;
    guest.sh(&format!("mount --bind {} /etc/hosts", hosts.display()));
    lab.configure(&format!(
        "[[egress]]\nfrom = \"db1.internal\"\nas = \"{SECOND}\"\n"
    ));
    lab.instance.must("apply --backend none");
    let names = || status(&lab)["egress"][0]["names"].take();
    assert_eq!(
        names(),
        json!([{ "name": "db1.internal", "addresses": [B], "resolves": true }])
    );
    name("127.0.0.1 localhost");
    assert_eq!(
        names(),
        json!([{ "name": "db1.internal", "addresses": [B], "resolves": false }])
    );
    let text = lab.instance.must("status");
    assert!(
        text.contains(&format!("db1.internal is {B}, as it was last")),
        "{text}"
    );
}

#[test]
fn without_the_table_without_nft_and_without_root_it_tells_what_it_can() {
    let lab = Lab::new(S3);
    let states = |told: &Value| {
        (
            told["nftables"]["table"].clone(),
            told["egress"][0]["sent"].clone(),
        )
    };
    lab.instance.host.sh("nft delete table inet eniroute");
    assert_eq!(
        states(&status(&lab)),
        (json!("missing"), json!({ "packets": 0, "bytes": 0 }))
    );
    assert!(
        lab.instance
            .must("status")
            .contains("the table inet eniroute is not there")
    );
    hide(&lab.instance.host);
    assert_eq!(states(&status(&lab)).0, "missing");
    let run = lab.instance.eniroute_as("65534", "status --json");
    assert_eq!(run.code, 0, "{run:?}");
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(states(&told), (json!("unseen"), Value::Null));
    assert_eq!(told["egress"][0]["flows"], Value::Null);
    assert_eq!(told["egress"][0]["addresses"][0]["clients"], 1);
}

#[test]
fn a_host_that_passes_nothing_on_says_nothing_of_it() {
    let lab = Lab::bare();
    lab.instance.must("apply --backend none");
    let told = status(&lab);
    for field in ["egress", "nftables", "conntrack", "forwarding"] {
        assert_eq!(told.get(field), None, "{field}");
    }
    assert!(!lab.instance.must("status --metrics").contains("egress"));
}

/// The value of the sample of this name that has all of these labels.
fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let is_it = |(named, of, _): &&Sample| {
        named == name && labels.iter().all(|(label, value)| of[*label] == *value)
    };
    let found: Vec<&Sample> = samples.iter().filter(is_it).collect();
    let [(.., value)] = found[..] else {
        panic!("{name} {labels:?}: {found:?} in {samples:#?}")
    };
    *value
}

#[test]
fn metrics_have_the_same_by_entry_address_and_eni() {
    let twice = format!("{S3}\n[[egress]]\nfrom = \"{C}\"\nas = \"{FIRST}\"\n");
    let lab = Lab::new(&twice);
    echo(&lab.vpc.inet());
    asks(&lab.clients[1], 3);
    asks(&lab.clients[2], 1);
    let conntrack = "proc/sys/net/netfilter/nf_conntrack_";
    lab.instance.write(&format!("{conntrack}max"), "262144\n");
    lab.instance.write(&format!("{conntrack}count"), "7\n");
    let statistics = "entries drop early_drop insert_failed\n0 0a 01 02\n0 01 00 00\n";
    lab.instance.write("proc/net/stat/nf_conntrack", statistics);
    let got = samples(&lab.instance);
    let of = |name: &str, labels: &[(&str, &str)]| value(&got, name, labels);
    let second = [
        ("entry", SECOND),
        ("address", "172.31.8.208"),
        ("interface", "eth1"),
    ];
    assert_eq!(of("eniroute_egress_address_flows", &second), 3.0);
    assert_eq!(of("eniroute_egress_address_clients", &second), 1.0);
    assert_eq!(of("eniroute_egress_address_ports", &second), 3.0);
    let out = |mut labels: Vec<(&'static str, &'static str)>| {
        labels.push(("direction", "out"));
        labels
    };
    let second = out(second.to_vec());
    assert_eq!(of("eniroute_egress_address_packets_total", &second), 3.0);
    assert_eq!(of("eniroute_egress_address_bytes_total", &second), 93.0);
    let twin = format!("{FIRST} (2)");
    assert_eq!(
        of(
            "eniroute_egress_packets_total",
            &[("entry", &twin), ("direction", "in")]
        ),
        1.0
    );
    assert_eq!(of("eniroute_egress_flows", &[("entry", FIRST)]), 0.0);
    assert_eq!(
        of(
            "eniroute_egress_dropped_packets_total",
            &[("entry", SECOND), ("why", "limit")]
        ),
        0.0
    );
    assert_eq!(
        of("eniroute_dropped_packets_total", &[("why", "unsolicited")]),
        0.0
    );
    assert_eq!(
        of("eniroute_conntrack_refused_total", &[("why", "drop")]),
        11.0
    );
    assert_eq!(
        of(
            "eniroute_conntrack_refused_total",
            &[("why", "insert_failed")]
        ),
        2.0
    );
    assert_eq!(of("eniroute_conntrack_limit", &[]), 262_144.0);
    assert_eq!(of("eniroute_nftables_up", &[]), 1.0);
    lab.instance.host.sh("nft delete table inet eniroute");
    assert_eq!(
        value(&samples(&lab.instance), "eniroute_nftables_up", &[]),
        0.0
    );
}

/// Five thousand clients in single addresses, no two of which are neighbours, in ten entries.
fn five_thousand() -> String {
    let entry = |entry: u32| {
        let of = |n: u32| {
            let number = 2 * (entry * 500 + n);
            format!("\"100.64.{}.{}\"", number / 256, number % 256)
        };
        let from: Vec<String> = (0..500).map(of).collect();
        format!(
            "[[egress]]\nfrom = [{}]\nas = [\"{FIRST}\", \"{SECOND}\", \"172.31.8.209\"]\n",
            from.join(", ")
        )
    };
    (0..10).map(entry).collect()
}

#[test]
fn five_thousand_clients_and_as_many_flows_cost_little_more_than_a_plan() {
    let lab = Lab::new(&five_thousand());
    let flows: String = (0..5_000)
        .map(|n| {
            let (client, port) = (2 * n, 1024 + n);
            let source = format!("100.64.{}.{}", client / 256, client % 256);
            format!(
                "-I -p udp --src {source} --dst 8.8.8.8 --sport {port} --dport 53 --reply-src 8.8.8.8 \
                 --reply-dst 172.31.5.10 --reply-port-src 53 --reply-port-dst {port} --timeout 300\n"
            )
        })
        .collect();
    let load = lab
        .instance
        .host
        .command("conntrack")
        .args(["-R", "-"])
        .input(&flows)
        .output();
    assert!(load.status.success(), "{load:?}");
    let start = Instant::now();
    lab.instance.must("plan --backend none");
    let plan = start.elapsed();
    let start = Instant::now();
    let told = lab.instance.json("status");
    let took = start.elapsed();
    let sum = |field: &str| -> u64 {
        let entries = told["egress"].as_array().unwrap().iter();
        entries.map(|entry| entry[field].as_u64().unwrap()).sum()
    };
    assert_eq!(
        (sum("clients"), sum("flows"), sum("active")),
        (5_000, 5_000, 5_000)
    );
    let busiest = &told["egress"][3]["addresses"][0]["busiest"];
    assert_eq!(
        (&busiest["ports"], &busiest["port"]),
        (&json!(500), &json!(53))
    );
    assert!(
        took < 2 * plan + Duration::from_secs(2),
        "{took:?}, a plan {plan:?}"
    );
}
