//! What the documentation shows comes from a run: each block of output in README.md and docs/ has a name in a comment
//! before it, and the test of that name compares it. `make pages` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use super::WRITE;
use crate::instance::Instance;
use crate::vpc::{EniSpec, Vpc};

/// Every block's name. Whoever adds one here compares it by [`assert_shown`].
const NAMES: [&str; 9] = [
    "s1 before",
    "s1 plan",
    "s1 after",
    "s1 status",
    "explain before",
    "explain after",
    "egress-only out",
    "egress-only in",
    "check of an unknown address",
];

/// README.md and every page in docs/.
pub fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let mut pages: Vec<PathBuf> = docs.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.extend(
        [
            "README.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "contrib/README.md",
        ]
        .map(|name| root.join(name)),
    );
    pages.sort();
    pages
}

/// The blocks of this name show `text`, and there is one at least.
pub fn assert_shown(name: &str, text: &str) {
    assert!(NAMES.contains(&name), "{name} is not listed in {}", file!());
    let start = format!("<!-- shown: {name} -->\n```console\n");
    let mut found = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        let Some((before, rest)) = page.split_once(&start) else {
            continue;
        };
        let (shown, after) = rest.split_once("```").unwrap();
        found += 1;
        let text = format!("{}\n", text.trim_matches('\n'));
        if std::env::var_os(WRITE).is_some() && shown != text {
            fs::write(&path, format!("{before}{start}{text}```{after}")).unwrap();
        } else {
            let path = path.display();
            assert_eq!(
                shown, text,
                "{path} shows something else as `{name}`: make pages"
            );
        }
    }
    assert!(found > 0, "no page shows `{name}`");
}

#[test]
fn every_output_in_the_documentation_is_one_that_a_test_compares() {
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for (position, _) in page.match_indices("```console") {
            let comment = page[..position].trim_end().lines().next_back().unwrap();
            let name = comment
                .strip_prefix("<!-- shown: ")
                .and_then(|rest| rest.strip_suffix(" -->"));
            let known = name.is_some_and(|name| NAMES.contains(&name));
            assert!(
                known,
                "{}: no test compares what follows {comment:?}",
                path.display()
            );
        }
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
