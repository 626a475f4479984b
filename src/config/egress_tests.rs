use crate::config::{Client, Config, Wishes};

const ONE: &str = "from = \"10.0.3.0/24\"\nas = \"eth1\"\n";

fn refusal(lines: &str) -> String {
    Config::parsed(&format!("[[egress]]\n{lines}"))
        .unwrap_err()
        .to_string()
}

#[test]
fn an_entry_says_who_leaves_as_what_and_how_its_flows_are_treated() {
    let text = r#"
main_route = true
[[egress]]
from = ["172.31.26.176", "10.0.3.0/24", "ip-10-0-3-7.eu-west-1.compute.internal", "2001:db8:0:1::/64"]
as = ["54.178.197.195", "eth1"]
not_to = ["10.8.0.0/16"]
stale = "reset"
ports = "random"
mss = 0
idle = 60
limit = 100

[[egress]]
from = "10.0.3.0/24"
as = " eni-0abc "
"#;
    let [full, short] = &Config::parsed(text).unwrap().egress[..] else {
        panic!()
    };
    let net = |net: &str| Client::Net(net.parse().unwrap());
    let name = Client::Name("ip-10-0-3-7.eu-west-1.compute.internal".to_owned());
    assert_eq!(
        full.from,
        [
            net("172.31.26.176/32"),
            net("10.0.3.0/24"),
            name,
            net("2001:db8:0:1::/64")
        ]
    );
    assert_eq!(full.leave_as, ["54.178.197.195", "eth1"]);
    assert_eq!(full.not_to, ["10.8.0.0/16".parse().unwrap()]);
    assert_eq!(
        full.wishes,
        Wishes {
            resets: true,
            random_ports: true,
            mss: 0,
            idle: 60,
            limit: Some(100)
        }
    );
    assert_eq!(
        (&*full.place, &*short.place),
        ("eniroute.toml:3", "eniroute.toml:13")
    );
    assert_eq!(
        (short.leave_as.concat(), short.not_to.len()),
        ("eni-0abc".to_owned(), 0)
    );
    assert_eq!(
        short.wishes,
        Wishes {
            resets: false,
            random_ports: false,
            mss: 1460,
            idle: 350,
            limit: None
        }
    );
}

#[test]
fn what_no_entry_can_mean_is_refused_with_its_line() {
    let long = format!("as = \"eth1\"\nfrom = \"{}.internal\"", "a".repeat(64));
    for (lines, words) in [
        ("as = \"eth1\"", "missing field `from`"),
        ("from = \"10.0.0.1\"", "missing field `as`"),
        ("from = []\nas = \"eth1\"", "2: the list is empty"),
        ("from = \"10.0.0.1\"\nas = []", "3: the list is empty"),
        (
            "from = \"10.0.0.1\"\nas = \"\"",
            "3: an empty name means nobody",
        ),
        (
            "from = \"10.0.0.300\"\nas = \"eth1\"",
            "2: `10.0.0.300` is neither an address",
        ),
        (
            "from = \"10.0.0.0/33\"\nas = \"eth1\"",
            "2: `10.0.0.0/33` is neither an address",
        ),
        (
            "from = \"a b\"\nas = \"eth1\"",
            "2: `a b` is neither an address",
        ),
        (
            "from = \"-x.internal\"\nas = \"eth1\"",
            "neither an address",
        ),
        ("from = \"a..b\"\nas = \"eth1\"", "neither an address"),
        ("from = \"$(reboot)\"\nas = \"eth1\"", "neither an address"),
        ("from = [\"ok.internal\", 7]\nas = \"eth1\"", "a string"),
        ("from = 7\nas = \"eth1\"", "a string, or a list of strings"),
        (
            "from = \"10.0.3.5/24\"\nas = \"eth1\"",
            "write 10.0.3.0/24, or 10.0.3.5 alone",
        ),
        (&*long, "neither an address"),
        (
            &*format!("{ONE}not_to = \"db.internal\""),
            "4: `db.internal` is neither an address nor a prefix",
        ),
        (
            &*format!("{ONE}stale = true"),
            "4: text in quotes belongs here",
        ),
        (
            &*format!("{ONE}stale = \"keep\""),
            "expected `adopt` or `reset`",
        ),
        (
            &*format!("{ONE}ports = \"all\""),
            "expected `keep` or `random`",
        ),
        (
            &*format!("{ONE}mss = 400"),
            "must be 0 (off), or from 536 to 8961",
        ),
        (&*format!("{ONE}mss = 9000"), "from 536 to 8961"),
        (
            &*format!("{ONE}idle = 5"),
            "a number of seconds from 30 to 432000",
        ),
        (
            &*format!("{ONE}limit = 0"),
            "a number of flows from 1 to 1000000",
        ),
        (
            &*format!("{ONE}limt = 1"),
            "unknown key `limt`: did you mean `limit`?",
        ),
    ] {
        let said = refusal(lines);
        assert!(said.starts_with("eniroute.toml:"), "{lines}: {said}");
        assert!(said.contains(words), "{lines}: {said}");
    }
}

#[test]
fn a_table_that_lacks_its_second_brackets_is_told_of_them() {
    for (text, line) in [
        ("\n[egress]\nfrom = \"10.0.0.1\"\nas = \"eth1\"", 2),
        (
            "[forwarding]\n[forwarding.path]\nin = \"eth1\"\nout = \"eth2\"",
            2,
        ),
    ] {
        let why = Config::parsed(text).unwrap_err().to_string();
        let place = format!("eniroute.toml:{line}: ");
        assert!(
            why.starts_with(&place) && why.contains("two pairs of brackets"),
            "{why}"
        );
    }
}
