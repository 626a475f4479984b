//! `eniroute::kernel` against the real kernel, with `ip` as the second opinion: what we make `ip` must show,
//! and what `ip` makes we must see. Each test has a network namespace of its own, and needs root.

mod conntrack;
mod index;
mod routes;
mod rules;
mod walk;

use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::thread;

use eniroute::error::Error;
use eniroute::kernel::Kernel;
use eniroute::net::{Address, Dev, Family, Link, Route, RouteKind, Rule};
use eniroute::object::{Change, Object, Observed};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};

/// One namespace with `eth1` and `eth2` (veth pairs, up), and the kernel seen from there.
struct Host {
    kernel: Kernel,
    links: Vec<Link>,
}

/// Runs a test in a thread that has left for a new network namespace; `ip` follows it there.
fn on_host(test: impl FnOnce(&mut Host) + Send + 'static) {
    let run = move || {
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests change a network namespace of their own: run them as root"
        );
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        ip("link set lo up");
        for n in 1..=2 {
            ip(&format!(
                "link add eth{n} address 02:00:00:00:00:0{n} type veth peer name far{n}"
            ));
            ip(&format!("link set far{n} up"));
            ip(&format!("link set eth{n} addrgenmode none up"));
        }
        let mut kernel = Kernel::open().unwrap();
        let links = kernel.observe().unwrap().links;
        test(&mut Host { kernel, links });
    };
    if let Err(panic) = thread::spawn(run).join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` and returns what it says on stdout.
fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "ip {arguments}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same of a line for a shell.
fn run(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn ip_json(arguments: &str) -> Vec<Value> {
    let text = ip(&format!("-d -j {arguments}"));
    let value: Value = serde_json::from_str(if text.is_empty() { "[]" } else { &text }).unwrap();
    value
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| **row != json!({}))
        .cloned()
        .collect()
}

fn batch(lines: String) {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

impl Host {
    fn observe(&mut self) -> Observed {
        self.kernel.observe().unwrap()
    }

    fn add(&mut self, object: Object) -> bool {
        self.kernel
            .apply(&Change::Add(object), &self.links)
            .unwrap()
    }

    fn remove(&mut self, object: Object) -> bool {
        self.kernel
            .apply(&Change::Remove(object), &self.links)
            .unwrap()
    }

    fn replace(&mut self, old: &Route, new: &Route) -> Result<bool, Error> {
        self.kernel.apply(
            &Change::Replace {
                old: Box::new(old.clone()),
                new: Box::new(new.clone()),
            },
            &self.links,
        )
    }

    /// Adds it, twice; expects to see exactly it; removes it, twice.
    fn round_trip(&mut self, object: Object, seen: impl Fn(&Observed) -> bool) {
        assert!(!seen(&self.observe()), "{object:?} before it was made");
        assert!(self.add(object.clone()), "{object:?}");
        assert!(!self.add(object.clone()), "{object:?} is there already");
        assert!(seen(&self.observe()), "{object:?} in {:?}", self.observe());
        assert!(self.remove(object.clone()), "{object:?}");
        assert!(!self.remove(object.clone()), "{object:?} is gone already");
        assert!(!seen(&self.observe()), "{object:?} after it was removed");
    }

    fn routes(&mut self, table: u32) -> Vec<Route> {
        self.observe()
            .routes
            .into_iter()
            .filter(|route| route.table == table)
            .collect()
    }

    fn rules(&mut self, priority: u32) -> Vec<Rule> {
        self.observe()
            .rules
            .into_iter()
            .filter(|rule| rule.priority == priority)
            .collect()
    }
}

fn dev(name: &str) -> Dev {
    name.into()
}

fn address(text: &str) -> Address {
    Address::host(&dev("eth1"), text.parse().unwrap())
}

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A route of table 10001 by `eth1`: `dst`, and perhaps `via`.
fn route(dst: &str, via: Option<&str>) -> Route {
    Route {
        table: 10001,
        kind: RouteKind::Unicast,
        dst: dst.parse().unwrap(),
        via: via.map(addr),
        dev: Some(dev("eth1")),
        next_hops: Vec::new(),
        object: Default::default(),
        src: None,
        metric: if dst.contains(':') { 1024 } else { 0 },
        mtu: None,
    }
}

fn throw(dst: &str) -> Route {
    Route {
        kind: RouteKind::Throw,
        dev: None,
        ..route(dst, None)
    }
}

fn rule(from: Option<&str>) -> Rule {
    let from = from.map(|text| text.parse().unwrap());
    let family = from.map_or(Family::Ipv4, |net: ipnet::IpNet| Family::of(net.addr()));
    Rule {
        priority: 10001,
        family,
        from,
        table: 10001,
        suppress_prefixlength: None,
        extra: None,
    }
}

#[test]
fn links_are_seen_with_their_names_kinds_masters_and_state() {
    on_host(|host| {
        ip("link add br0 type bridge");
        ip("link set far2 master br0");
        ip("link add mv0 link eth1 type macvlan");
        ip("link property add dev eth1 altname enp0s6 altname a-name-longer-than-fifteen");
        let links = host.observe().links;
        let link = |name: &str| links.iter().find(|link| &*link.name == name).unwrap();
        let eth1 = link("eth1");
        assert_eq!(eth1.mac.unwrap().to_string(), "02:00:00:00:00:01");
        assert_eq!(eth1.altnames, ["enp0s6", "a-name-longer-than-fifteen"]);
        assert_eq!(
            (
                eth1.kind.as_deref(),
                eth1.permanent_mac,
                eth1.master,
                eth1.up
            ),
            (Some("veth"), None, None, true)
        );
        assert_eq!((link("lo").mac, link("lo").kind.as_deref()), (None, None));
        assert_eq!(
            (link("br0").kind.as_deref(), link("br0").up),
            (Some("bridge"), false)
        );
        assert_eq!(link("mv0").kind.as_deref(), Some("macvlan"));
        assert_eq!(link("far2").master, Some(link("br0").index));
        assert_eq!(json!(eth1.index), ip_json("link show eth1")[0]["ifindex"]);
    });
}

#[test]
fn a_link_goes_up_and_down_once() {
    on_host(|host| {
        let up = |host: &mut Host| {
            host.observe()
                .links
                .iter()
                .any(|link| &*link.name == "eth1" && link.up)
        };
        assert!(!host.add(Object::LinkUp(dev("eth1"))), "it is up already");
        assert!(host.remove(Object::LinkUp(dev("eth1"))) && !up(host));
        assert!(
            !host.remove(Object::LinkUp(dev("eth1"))),
            "it is down already"
        );
        assert!(host.add(Object::LinkUp(dev("eth1"))) && up(host));
        assert_eq!(ip_json("link show eth1")[0]["mtu"], 1500);
    });
}

#[test]
fn addresses_round_trip() {
    on_host(|host| {
        for text in ["10.0.0.10", "2001:db8::10"] {
            let address = address(text);
            host.round_trip(Object::Address(address.clone()), |seen| {
                seen.addresses.contains(&address)
            });
        }
    });
}

#[test]
fn an_ipv4_address_brings_no_route_and_leaves_its_neighbours() {
    on_host(|host| {
        ip("address add 10.0.0.10/20 dev eth1");
        ip("address add 10.0.0.11/20 dev eth1");
        let before = ip("route show table main");
        assert!(host.add(Object::Address(address("10.0.0.12"))));
        assert_eq!(ip("route show table main"), before);
        let shown = ip_json("address show dev eth1 to 10.0.0.12");
        let shown = shown[0]["addr_info"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["local"] == "10.0.0.12")
            .unwrap();
        assert_eq!(
            (&shown["prefixlen"], &shown["scope"]),
            (&json!(32), &json!("global"))
        );
        assert!(host.remove(Object::Address(address("10.0.0.12"))));
        assert!(
            !host.remove(Object::Address(address("10.0.0.10"))),
            "it is there as a /20, and that is not ours"
        );
        let left: Vec<_> = host
            .observe()
            .addresses
            .into_iter()
            .filter(|a| &*a.dev == "eth1")
            .map(|a| a.net)
            .collect();
        assert_eq!(
            left,
            [
                "10.0.0.10/20".parse().unwrap(),
                "10.0.0.11/20".parse().unwrap()
            ]
        );
    });
}

#[test]
fn an_ipv6_address_is_usable_at_once_and_brings_no_route() {
    on_host(|host| {
        assert!(host.add(Object::Address(address("2001:db8::10"))));
        let shown = ip_json("-6 address show dev eth1 to 2001:db8::10");
        let shown = &shown[0]["addr_info"][0];
        assert_eq!(
            (
                &shown["prefixlen"],
                &shown["nodad"],
                &shown["noprefixroute"]
            ),
            (&json!(128), &json!(true), &json!(true))
        );
        assert_eq!(shown["tentative"], Value::Null);
        assert_eq!(ip("-6 route show table main dev eth1 2001:db8::10"), "");
    });
}

#[test]
fn of_a_point_to_point_address_ours_is_seen() {
    on_host(|host| {
        ip("address add 10.9.0.1 peer 10.9.0.2/24 dev eth1");
        let seen = host.observe().addresses;
        assert!(
            seen.contains(&Address {
                dev: dev("eth1"),
                net: "10.9.0.1/24".parse().unwrap()
            }),
            "{seen:?}"
        );
    });
}

#[test]
fn an_error_carries_the_command_and_the_kernels_words() {
    on_host(|host| {
        let source = Route {
            src: Some(addr("10.99.0.1")),
            ..route("10.0.0.0/20", None)
        };
        let error = host
            .kernel
            .apply(&Change::Add(Object::from(source)), &host.links)
            .unwrap_err();
        let Error::Kernel {
            what,
            source,
            ext_ack,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(
            what,
            "ip -4 route add 10.0.0.0/20 dev eth1 scope link src 10.99.0.1 table 10001 proto static"
        );
        assert_eq!(source.raw_os_error(), Some(22));
        assert_eq!(ext_ack.as_deref(), Some("Invalid prefsrc address"));
        let missing = Object::Address(Address::host(&dev("eth9"), addr("10.0.0.10")));
        let error = host
            .kernel
            .apply(&Change::Add(missing.clone()), &host.links)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "ip -4 address replace 10.0.0.10/32 dev eth9: no interface is named `eth9`"
        );
        assert!(
            !host.remove(missing),
            "on an interface that went away, it is gone"
        );
    });
}

#[test]
fn an_error_does_not_disturb_the_requests_after_it() {
    on_host(|host| {
        for _ in 0..3 {
            let wrong = Route {
                src: Some(addr("10.99.0.1")),
                ..route("10.0.0.0/20", None)
            };
            host.kernel
                .apply(&Change::Add(Object::from(wrong)), &host.links)
                .unwrap_err();
            host.round_trip(Object::Rule(rule(Some("10.0.0.10/32"))), |seen| {
                seen.rules.contains(&rule(Some("10.0.0.10/32")))
            });
        }
    });
}

/// 1600 IPv4 addresses.
fn numbers() -> impl Iterator<Item = String> {
    (0..1600).map(|n| format!("10.{}.{}.1", n / 256, n % 256))
}

#[test]
fn long_lists_are_seen_whole() {
    on_host(|host| {
        batch(
            numbers()
                .map(|ip| format!("rule add from {ip} lookup 10001 priority 10001\n"))
                .collect(),
        );
        batch(
            numbers()
                .map(|ip| format!("route add {ip} dev eth1 table 10001\n"))
                .collect(),
        );
        batch(
            numbers()
                .map(|ip| format!("address add {ip}/32 dev eth1\n"))
                .collect(),
        );
        let seen = host.observe();
        assert_eq!(
            seen.rules
                .iter()
                .filter(|rule| rule.priority == 10001)
                .count(),
            1600
        );
        assert_eq!(
            seen.routes
                .iter()
                .filter(|route| route.table == 10001)
                .count(),
            1600
        );
        assert_eq!(
            seen.addresses
                .iter()
                .filter(|address| &*address.dev == "eth1")
                .count(),
            1600
        );
    });
}

/// Another process's objects come and go while they are listed: a list is whole, or the error says why there is none.
fn flapping(host: &mut Host, lines: &str, whole: impl Fn(&Observed) -> bool) {
    let lines = lines.repeat(5000);
    let other = thread::spawn(move || batch(lines));
    while !other.is_finished() {
        match host.kernel.observe() {
            Ok(seen) => assert!(whole(&seen)),
            Err(error) => assert!(
                error
                    .to_string()
                    .contains("it changed during each of 10 dumps"),
                "{error}"
            ),
        }
    }
    other.join().unwrap();
    assert!(whole(&host.observe()));
}

#[test]
fn a_list_of_rules_that_change_is_whole_or_refused() {
    on_host(|host| {
        batch(
            numbers()
                .map(|ip| format!("rule add from {ip} lookup 10001 priority 10001\n"))
                .collect(),
        );
        let lines =
            "rule add from 10.0.0.1 priority 10000\nrule del from 10.0.0.1 priority 10000\n";
        flapping(host, lines, |seen| {
            seen.rules
                .iter()
                .filter(|rule| rule.priority == 10001)
                .count()
                == 1600
        });
    });
}

#[test]
fn a_list_of_addresses_that_change_is_whole_or_refused() {
    on_host(|host| {
        batch(
            numbers()
                .map(|ip| format!("address add {ip}/32 dev eth2\n"))
                .collect(),
        );
        let lines = "address add 10.99.0.1/32 dev eth1\naddress del 10.99.0.1/32 dev eth1\n";
        flapping(host, lines, |seen| {
            seen.addresses
                .iter()
                .filter(|address| &*address.dev == "eth2")
                .count()
                == 1600
        });
    });
}
