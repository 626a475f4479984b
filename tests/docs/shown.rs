//! Every output in the documentation has a name that a test compares, and what README.md shows of scenario S1.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::instance::Instance;
use crate::support::shown::{NAMES, assert_shown, pages, shown};
use crate::support::vpc::{EniSpec, Host, INTERNET, RouteTable, Vpc, uninterrupted};

#[test]
fn every_output_in_the_documentation_is_one_that_a_test_compares() {
    for path in pages() {
        let uncompared = uncompared(&fs::read_to_string(&path).unwrap());
        assert!(uncompared.is_empty(), "{}: {uncompared:?}", path.display());
    }
}

/// What stands before an output, or a block that no test reads.
fn uncompared(page: &str) -> Vec<String> {
    let lines: Vec<&str> = page.lines().collect();
    let fences = lines.iter().enumerate();
    let begins = fences
        .filter(|(_, line)| line.starts_with("```"))
        .step_by(2);
    let is_compared = |n: usize, language: &str| match language {
        "console" => n.checked_sub(1).is_some_and(|before| {
            let named = lines[before].strip_prefix("<!-- shown: ");
            named.is_some_and(|rest| NAMES.iter().any(|name| rest == format!("{name} -->")))
        }),
        // A drawing is text.
        language => ["toml", "sh", "keepalived", "text"].contains(&language),
    };
    let uncompared = begins.filter(|(n, line)| !is_compared(*n, &line[3..]));
    uncompared
        .map(|(n, line)| format!("line {}: {line}", n + 1))
        .collect()
}

#[test]
fn an_output_that_no_test_compares_is_found() {
    let [name, ..] = NAMES;
    let page = format!(
        "a\n\n```console\n$ true\n```\n<!-- shown: nobody's -->\n```console\n$ true\n```\n\
         <!-- shown: {name} -->\n```console\n$ true\n```\n```toml\na = 1\n```\n```\nsomething\n```\n"
    );
    assert_eq!(
        uncompared(&page),
        ["line 3: ```console", "line 7: ```console", "line 17: ```"]
    );
}

#[test]
fn an_output_that_is_stale_is_found() {
    let page = "a\n<!-- shown: s1 plan -->\n```console\n$ old\n```\nb\n";
    let updated = |text: &str| shown(page, "s1 plan", text).unwrap().1;
    assert_eq!(updated("$ old\n"), page);
    assert_eq!(updated("$ new"), page.replace("old", "new"));
    assert_eq!(shown(page, "s1 status", "$ old"), None);
}

/// The name alone compares nothing.
#[test]
fn every_name_of_an_output_is_in_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for name in NAMES {
        let found = Command::new("grep")
            .args([
                "--recursive",
                "--quiet",
                "--include=*.rs",
                "--null-data",
                "-E",
            ])
            .arg(format!("_shown\\(\\s*\"{name}\""))
            .arg(&tests)
            .status();
        assert!(found.unwrap().success(), "no test compares `{name}`");
    }
}

/// Scenario S1: two ENIs in one subnet, an Elastic IP on each, as `make demo` has it.
struct Demo {
    vpc: Vpc,
    instance: Instance,
}

impl Demo {
    fn new() -> Self {
        let mut vpc = Vpc::new();
        let subnet = vpc.subnet("172.31.32.0/20", None);
        for [name, mac, private, public] in [
            [
                "eth0",
                "06:ce:dd:28:5b:b8",
                "172.31.37.139",
                "54.178.213.178",
            ],
            ["eth1", "06:a6:9a:4a:98:c6", "172.31.41.29", "3.104.193.180"],
        ] {
            let eni = EniSpec::new(subnet, name).mac(mac).ipv4([private]);
            vpc.attach(eni.public(private, public));
        }
        let instance = Instance::with_netplan(vpc.guest());
        instance
            .host
            .ip_batch("link set eth1 up\naddress add 172.31.41.29/20 dev eth1 noprefixroute\n");
        Self { vpc, instance }
    }

    fn fping(&self) -> String {
        let words = ["-r1", "54.178.213.178", "3.104.193.180"];
        let out = self.vpc.inet().command("fping").args(words).output();
        format!(
            "outside$ fping {}\n{}",
            words.join(" "),
            String::from_utf8(out.stdout).unwrap()
        )
    }

    fn way(&self) -> String {
        let question = "route get 8.8.8.8 from 172.31.41.29";
        let answer = self.instance.host.ip(question);
        format!(
            "guest# ip {question}\n{}\n",
            answer.lines().next().unwrap().trim_end()
        )
    }

    fn eniroute(&self, command: &str) -> String {
        format!("guest# eniroute {command}\n{}", self.instance.must(command))
    }
}

#[test]
fn the_readme_shows_a_dead_address_the_plan_and_both_addresses_answering() {
    let demo = Demo::new();
    assert_shown("s1 before", &(demo.fping() + "\n" + &demo.way()));
    let plan = demo.eniroute("plan");
    let kernel: Vec<&str> = plan.lines().take_while(|line| !line.is_empty()).collect();
    assert_shown("s1 plan", &kernel.join("\n"));
    let apply = demo.eniroute("apply");
    assert_shown(
        "s1 after",
        &format!("{apply}\n{}\n{}", demo.fping(), demo.way()),
    );
    assert_shown("s1 status", &demo.eniroute("status"));
}

/// Scenario S3, and a few datagrams of its clients.
#[test]
fn nat_md_shows_what_status_tells_of_clients() {
    let mut vpc = Vpc::new();
    let [public, private] = ["172.31.0.0/20", "172.31.16.0/20"].map(|net| vpc.subnet(net, None));
    let enis = [
        ["eth0", "06:ce:dd:28:5b:b8", "172.31.5.10", "54.178.213.178"],
        [
            "eth1",
            "06:a6:9a:4a:98:c6",
            "172.31.8.208",
            "54.178.197.195",
        ],
    ];
    let enis = enis.map(|[name, mac, own, outside]| {
        let eni = EniSpec::new(public, name).mac(mac).ipv4([own]);
        vpc.attach(eni.public(own, outside).unchecked())
    });
    vpc.route(RouteTable::Subnet(private), "0.0.0.0/0", enis[0]);
    let first = vpc.instance(private, "first", &["172.31.26.176"]);
    let second = vpc.instance(private, "second", &["172.31.20.5"]);
    let instance = Instance::with_netplan(vpc.guest());
    instance.write(
        "etc/eniroute.toml",
        "[[egress]]\nfrom = \"172.31.26.176\"\nas = \"54.178.197.195\"\n\n\
         [[egress]]\nfrom = \"172.31.16.0/20\"\nas = \"54.178.213.178\"\n",
    );
    instance.must("apply");
    let server = vpc
        .inet()
        .enter(|| UdpSocket::bind((INTERNET[0], 53)).unwrap());
    for client in [&first, &first, &first, &second] {
        exchange(client, &server);
    }
    let shown = format!("guest# eniroute status\n{}", instance.must("status"));
    assert_shown("status of clients", &shown);
}

/// A datagram by a socket of its own, and the answer.
fn exchange(client: &Host, server: &UdpSocket) {
    let socket = client.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    for socket in [&socket, server] {
        socket
            .set_read_timeout(Some(Duration::from_secs(3)))
            .unwrap();
    }
    let mut heard = [0; 256];
    socket
        .send_to(&[0; 40], server.local_addr().unwrap())
        .unwrap();
    let (_, from) = uninterrupted(|| server.recv_from(&mut heard)).unwrap();
    server.send_to(&[0; 200], from).unwrap();
    uninterrupted(|| socket.recv_from(&mut heard)).unwrap();
}
