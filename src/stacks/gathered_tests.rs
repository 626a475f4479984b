//! All files of a host together: no two have one path, and each object of the plan stands in one of them, whatever
//! the owners of the NICs say. What the files say is read here in the notation of their stacks, back into `ip`'s words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::assign::Renderers;
use super::gather::gather;
use super::*;
use crate::files::{File, FileChange};
use crate::net::sysctl::{Key, Sysctl};
use crate::net::{Link, MAIN};
use crate::object::Object;
use crate::plan::Planned;

type Files = &'static [(&'static str, &'static str)];

/// Who owns the NICs, in one stack's files.
struct Owners {
    backend: &'static Stack,
    files: Files,
    /// The primary's own file takes its addresses and routes.
    primary: bool,
}

const fn owners(backend: &'static Stack, primary: bool, files: Files) -> Owners {
    Owners {
        backend,
        files,
        primary,
    }
}

const ROUTES: &str = "routes: [{to: 10.9.0.0/16, via: 10.0.0.1, table: 101}]";

fn all_owners() -> Vec<Owners> {
    const ETH0: (&str, &str) = (
        "/etc/netplan/50-a.yaml",
        "network: {ethernets: {eth0: {dhcp4: true}}}",
    );
    const UNIT0: (&str, &str) = (
        "/etc/systemd/network/20-eth0.network",
        "[Match]\nName=eth0\n",
    );
    const SCRIPT0: (&str, &str) = (
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "DEVICE=eth0\nBOOTPROTO=dhcp\n",
    );
    const DEBIAN: (&str, &str) = (
        "/etc/network/interfaces",
        "iface eth0 inet dhcp\nsource-directory /etc/network/interfaces.d\n",
    );
    const NM: (&str, &str) = (
        "/usr/lib/x86_64-linux-gnu/NetworkManager/1.42.4/plugin.so",
        "",
    );
    vec![
        owners(&netplan::STACK, true, &[ETH0]),
        owners(
            &netplan::STACK,
            true,
            &[
                ETH0,
                (
                    "/etc/netplan/60-z.yaml",
                    "network: {ethernets: {eth1: {dhcp4: true}}}",
                ),
            ],
        ),
        owners(
            &netplan::STACK,
            true,
            &[
                ETH0,
                (
                    "/etc/netplan/51.yaml",
                    "network: {ethernets: {eth1: {ROUTES}}}",
                ),
            ],
        ),
        owners(
            &netplan::STACK,
            true,
            &[
                ETH0,
                (
                    "/etc/netplan/51.yaml",
                    "network: {ethernets: {eth1: {ROUTES}, eth2: {ROUTES}}}",
                ),
            ],
        ),
        owners(
            &netplan::STACK,
            true,
            &[
                ETH0,
                (
                    "/etc/netplan/51.yaml",
                    "network: {ethernets: {eth1: {ROUTES}, eth2: {}}}",
                ),
            ],
        ),
        owners(
            &netplan::STACK,
            true,
            &[(
                "/etc/netplan/5.yaml",
                "network: {ethernets: {eth0: {ROUTES}, eth1: {ROUTES}}}",
            )],
        ),
        owners(
            &netplan::STACK,
            false,
            &[(
                "/etc/netplan/5.yaml",
                "network: {ethernets: {all: {match: {name: 'e*'}}}}",
            )],
        ),
        owners(
            &netplan::STACK,
            false,
            &[(
                "/etc/netplan/5.yaml",
                "network: {ethernets: {all: {match: {name: 'e*'}, ROUTES}}}",
            )],
        ),
        owners(&networkd::STACK, true, &[UNIT0]),
        owners(
            &networkd::STACK,
            true,
            &[
                UNIT0,
                ("/etc/systemd/network/21.network", "[Match]\nName=eth1\n"),
            ],
        ),
        owners(
            &networkd::STACK,
            true,
            &[
                UNIT0,
                ("/etc/systemd/network/21.network", "[Match]\nName=eth1\n"),
                (
                    "/etc/systemd/network/22.network",
                    "[Match]\nMACAddress=02:00:00:00:00:03\n",
                ),
            ],
        ),
        owners(
            &networkd::STACK,
            false,
            &[(
                "/etc/systemd/network/20.network",
                "[Match]\nName=eth0\nName=eth1\n",
            )],
        ),
        owners(
            &networkd::STACK,
            false,
            &[("/etc/systemd/network/20.network", "[Match]\nName=e*\n")],
        ),
        owners(&network_manager::STACK, false, &[NM]),
        owners(&ifupdown::STACK, true, &[DEBIAN]),
        owners(
            &ifupdown::STACK,
            true,
            &[
                DEBIAN,
                ("/etc/network/interfaces.d/a", "iface eth1 inet manual\n"),
            ],
        ),
        owners(&network_scripts::STACK, true, &[SCRIPT0]),
        owners(
            &network_scripts::STACK,
            true,
            &[
                SCRIPT0,
                (
                    "/etc/sysconfig/network-scripts/ifcfg-eth1",
                    "DEVICE=eth1\nBOOTPROTO=none\n",
                ),
            ],
        ),
    ]
}

/// The plan for these ENIs, with the three bands of `main_routes_first` and a router's rules or without; eth1 has an MTU of its own.
fn desired(numbers: &[usize], main_routes_first: bool) -> Desired {
    let all = guest::desired().enis;
    let mut enis: Vec<Planned> = numbers.iter().map(|number| all[*number].clone()).collect();
    for planned in enis
        .iter_mut()
        .filter(|planned| main_routes_first && !planned.eni.primary)
    {
        let bands = |rule: &crate::net::Rule| {
            let from = rule.from.map(|net| net.to_string()).unwrap_or_default();
            guest::bands(&from, rule.table)
        };
        planned.rules = planned.rules.iter().flat_map(bands).collect();
        let passing = guest::passing(planned.eni.device_number);
        planned.rules.extend(passing);
    }
    let routes = enis.iter_mut().flat_map(|planned| &mut planned.routes);
    let its = routes.filter(|route| route.dev.as_deref() == Some("eth1"));
    its.filter(|route| route.dst.prefix_len() == 0)
        .for_each(|route| route.mtu = Some(1500));
    Desired {
        enis,
        ..Desired::default()
    }
}

#[test]
fn no_two_files_have_one_path_and_each_object_stands_in_one_of_them() {
    for (owners, main_routes_first) in all_owners()
        .iter()
        .flat_map(|owners| [(owners, false), (owners, true)])
    {
        for numbers in [&[0, 1][..], &[0, 1, 2], &[1], &[1, 2]] {
            let case = format!(
                "{} {:?} {main_routes_first} {numbers:?}",
                owners.backend, owners.files
            );
            assert_each_once(owners, &desired(numbers, main_routes_first), &case);
        }
    }
}

fn assert_each_once(owners: &Owners, desired: &Desired, case: &str) {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    for (path, text) in owners.files {
        let text = text.replace("ROUTES", ROUTES);
        disk.commit(&FileChange::Create(File {
            path: path.into(),
            mode: 0o600,
            text,
        }))
        .unwrap();
    }
    let rendered = render(
        &Target {
            disk: &disk,
            links: &guest::links(),
        },
        &owners.backend.into(),
        desired,
        &BTreeSet::new(),
    )
    .unwrap();
    assert_eq!(
        rendered
            .errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [""; 0],
        "{case}"
    );
    let paths: BTreeSet<_> = rendered.wanted.iter().map(|file| &file.path).collect();
    assert_eq!(paths.len(), rendered.wanted.len(), "{case}: {paths:#?}");

    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    let said: Vec<Object> = rendered.wanted.iter().flat_map(objects).collect();
    said.iter()
        .for_each(|object| *held.entry(format!("{object:?}")).or_default() += 1);
    let secondaries = desired
        .enis
        .iter()
        .filter(|planned| !planned.eni.primary)
        .count();
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    let mut left = Vec::new();
    for planned in &desired.enis {
        for object in planned.objects() {
            if !is_for_a_file(&object, planned, owners, desired) {
                left.extend(Some(&*planned.dev).filter(|_| object.is_lasting()));
                continue;
            }
            // NetworkManager takes a rule away with the last profile that has it.
            let everywhere = planned.eni.primary && owners.backend == &network_manager::STACK;
            expected.insert(
                format!("{object:?}"),
                if everywhere { secondaries } else { 1 },
            );
        }
    }
    held.retain(|object, _| !object.starts_with("LinkUp") && !object.starts_with("Sysctl"));
    assert_eq!(held, expected, "{case}");
    assert_eq!(
        all_held(&disk, owners.backend, desired),
        said.into_iter().collect(),
        "{case}"
    );
    left.dedup();
    let noted: Vec<_> = left
        .iter()
        .filter(|dev| {
            let mut notes = rendered.notes.iter();
            notes.any(|note| note.contains(&format!("{dev} (")))
        })
        .collect();
    assert_eq!(
        noted.len(),
        left.len(),
        "{case}: {left:?}: {:?}",
        rendered.notes
    );
    assert_eq!(
        rendered.notes.is_empty(),
        left.is_empty(),
        "{case}: {:?}",
        rendered.notes
    );
    disk.plan(rendered.wanted, &rendered.obsolete)
        .unwrap()
        .iter()
        .for_each(|change| disk.commit(change).unwrap());
    let again = render(
        &Target {
            disk: &disk,
            links: &guest::links(),
        },
        &owners.backend.into(),
        desired,
        &BTreeSet::new(),
    )
    .unwrap();
    assert_eq!(
        disk.plan(again.wanted, &again.obsolete).unwrap(),
        [],
        "{case}: a second run changes nothing"
    );
}

/// What the renderers say that their files hold.
fn all_held(disk: &Disk, stack: &'static Stack, desired: &Desired) -> BTreeSet<Object> {
    let (named, _) = unnamed::without(desired);
    let (stacks, links) = (stack.into(), guest::links());
    let target = Target {
        disk,
        links: &links,
    };
    let renderers = Renderers::read(&target, &stacks, &named).unwrap();
    let renderings = gather(&named, &renderers).into_iter();
    renderings.flat_map(|one| one.holds).collect()
}

/// Where the primary's own file takes nothing, its table is the boot service's, and the others' subnets stay out of
/// main until then.
fn is_for_a_file(object: &Object, planned: &Planned, owners: &Owners, desired: &Desired) -> bool {
    let waits = !owners.primary && desired.enis.iter().any(|planned| planned.eni.primary);
    match object {
        Object::Address(_) => !planned.eni.primary || owners.primary,
        Object::Route(route) if waits => {
            !planned.eni.primary && (route.table != MAIN || route.via.is_some())
        }
        Object::Route(_) | Object::Rule(_) => true,
        Object::LinkUp(_) | Object::Sysctl(_) | Object::Nft(_) => false,
    }
}

/// The addresses, routes and rules of one file. Its first line ends with the interface.
fn objects(file: &File) -> Vec<Object> {
    let (first, text) = file.text.split_once('\n').unwrap();
    let dev = first.rsplit(' ').next().unwrap();
    let mut found = link(text);
    let is_rule6 = file.path.to_string_lossy().contains("/rule6-");
    let all = if is_rule6 { "::/0" } else { "all" };
    found.extend(match file.path.extension().and_then(|e| e.to_str()) {
        Some("yaml") => yaml(text, dev),
        Some("network" | "conf") => sections(text, dev),
        Some("nmconnection") => keyfile(text, dev),
        _ => text
            .lines()
            .filter(|line| !line.trim().starts_with("down"))
            .flat_map(|line| command(line, dev, all))
            .collect(),
    });
    found
}

fn address(net: &str, dev: &str) -> Object {
    let net: ipnet::IpNet = net.parse().unwrap();
    assert_eq!(net.prefix_len(), net.max_prefix_len(), "{net}");
    Object::Address(crate::net::Address {
        dev: dev.into(),
        net,
    })
}

/// A route from keys in the notation of either netplan or networkd.
fn route(keys: &BTreeMap<&str, &str>, dev: &str) -> Object {
    let get = |names: [&str; 2]| names.iter().find_map(|name| keys.get(name).copied());
    let dst = get(["to", "Destination"])
        .filter(|dst| !dst.ends_with("/0"))
        .unwrap_or("default");
    let words = |key: &str, value: Option<&str>| {
        value.map_or(String::new(), |value| format!(" {key} {value}"))
    };
    let throw = get(["type", "Type"]) == Some("throw");
    let words = [
        format!("{}{dst}", if throw { "throw " } else { "" }),
        words("via", get(["via", "Gateway"])),
        words("dev", Some(dev).filter(|_| !throw)),
        words("src", get(["from", "PreferredSource"])),
        words("table", get(["table", "Table"])),
        words("metric", get(["metric", "Metric"])),
        words("mtu", get(["mtu", "MTUBytes"])),
    ];
    Object::from(guest::route(&words.concat()))
}

fn rule(keys: &BTreeMap<&str, &str>) -> Object {
    let get = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| keys.get(name).copied())
            .unwrap()
    };
    let suppress = keys
        .get("SuppressPrefixLength")
        .map(|n| format!(" suppress_prefixlength {n}"))
        .unwrap_or_default();
    let more = [("FirewallMark", "fwmark"), ("IncomingInterface", "iif")];
    let more = more
        .iter()
        .filter_map(|(key, word)| Some(format!(" {word} {}", keys.get(key)?)));
    let suppress = suppress + &more.collect::<String>();
    let [from, table, priority] = [
        ["from", "From"],
        ["table", "Table"],
        ["priority", "Priority"],
    ]
    .map(get);
    Object::Rule(guest::rule(&format!(
        "from {from} lookup {table} priority {priority}{suppress}"
    )))
}

fn yaml(text: &str, dev: &str) -> Vec<Object> {
    let mut found = Vec::new();
    for line in text.lines().map(|line| line.trim().replace('"', "")) {
        if let Some(list) = line.strip_prefix("addresses: [") {
            found.extend(
                list.trim_end_matches(']')
                    .split(", ")
                    .map(|net| address(net, dev)),
            );
        } else if let Some(map) = line.strip_prefix("- {") {
            let keys = map
                .trim_end_matches('}')
                .split(", ")
                .map(|pair| pair.split_once(": ").unwrap())
                .collect();
            found.push(if line.contains("priority") {
                rule(&keys)
            } else {
                route(&keys, dev)
            });
        }
    }
    found
}

/// The link and its setting, where a whole definition says so: of the interface whose MAC stands there.
fn link(text: &str) -> Vec<Object> {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let settings = [
        "accept-ra: false",
        "IPv6AcceptRA=no",
        "[ethernet]",
        "IPV6INIT=no",
        "IPV6_AUTOCONF=no",
        "accept_ra; }",
    ];
    let up = [
        "dhcp4: false",
        "[Match]",
        "[ethernet]",
        "ONBOOT=yes",
        "ip link set dev",
    ];
    let is_there = |link: &&Link| text.contains(&link.mac.unwrap().to_string());
    let links = guest::links();
    let Some(link) = links.iter().find(is_there) else {
        return Vec::new();
    };
    let accept_ra = Sysctl::new(Key::accept_ra(&link.name), "0");
    let setting = says(&settings).then_some(Object::from(accept_ra));
    let up = says(&up).then(|| Object::LinkUp(link.name.clone()));
    setting.into_iter().chain(up).collect()
}

fn sections(text: &str, dev: &str) -> Vec<Object> {
    let mut found = Vec::new();
    for section in text.split('[').skip(1) {
        let (name, lines) = section.split_once("]\n").unwrap();
        let pairs: Vec<_> = lines
            .lines()
            .map(|line| line.split_once('=').unwrap())
            .collect();
        found.extend(
            pairs
                .iter()
                .filter(|(key, _)| *key == "Address")
                .map(|(_, net)| address(net, dev)),
        );
        let keys = pairs.into_iter().collect();
        match name {
            "Route" => found.push(route(&keys, dev)),
            "RoutingPolicyRule" => found.push(rule(&keys)),
            _ => {}
        }
    }
    found
}

fn keyfile(text: &str, dev: &str) -> Vec<Object> {
    let pairs: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let mut found = Vec::new();
    for (number, (key, value)) in pairs.iter().enumerate() {
        if key.starts_with("address") {
            found.push(address(value, dev));
        } else if key.starts_with("routing-rule") {
            found.push(Object::Rule(guest::rule(&value.replace("table", "lookup"))));
        } else if key.starts_with("route") && !key.ends_with("_options") {
            let options = pairs
                .get(number + 1)
                .filter(|(next, _)| *next == format!("{key}_options"));
            let options = options
                .map(|(_, options)| options.replace("src=", "from="))
                .unwrap_or_default();
            let mut keys: BTreeMap<&str, &str> = options
                .split(',')
                .filter_map(|pair| pair.split_once('='))
                .collect();
            let [to, via, metric] = value.split(',').collect::<Vec<_>>()[..] else {
                panic!("{value}")
            };
            keys.extend([("to", to), ("metric", metric)]);
            keys.extend(Some(("via", via)).filter(|_| !["0.0.0.0", "::"].contains(&via)));
            found.push(route(&keys, dev));
        }
    }
    found
}

/// A line of ifupdown's or network-scripts' files: an `ip` command, its words alone, or an address. `all` is where a rule
/// is from that is from anywhere.
fn command(line: &str, dev: &str, all: &str) -> Vec<Object> {
    let line = line
        .replace(" onlink", "")
        .replace(" lookup main", " lookup 254")
        .replace(" proto static", "")
        .replace(" protocol static", "");
    let words = |verb: &str| {
        line.split_once(verb).map(|(_, words)| {
            words
                .split(" ||")
                .next()
                .unwrap()
                .replace(" 2>/dev/null", "")
        })
    };
    if let Some(words) = words(" address replace ") {
        return vec![address(words.split(' ').next().unwrap(), dev)];
    }
    if let Some(words) = words(" route replace ") {
        return vec![Object::from(guest::route(&words))];
    }
    if let Some(words) = words(" rule add ") {
        let all = if line.contains(" -6 ") { "::/0" } else { "all" };
        return vec![Object::Rule(guest::rule(&words.replace("all", all)))];
    }
    if let Some((_, list)) = line
        .split_once('=')
        .filter(|(key, _)| key.starts_with("IP"))
    {
        let hosts = list
            .trim_matches('"')
            .split(' ')
            .map(|net| net.split('/').next().unwrap());
        return hosts
            .flat_map(str::parse::<std::net::IpAddr>)
            .map(|ip| address(&ipnet::IpNet::from(ip).to_string(), dev))
            .collect();
    }
    match line.split(' ').next() {
        Some("from") => vec![Object::Rule(guest::rule(&line.replace("all", all)))],
        Some(_) if line.contains(" table ") || line.contains(" metric ") => {
            vec![Object::from(guest::route(&line))]
        }
        _ => Vec::new(),
    }
}

/// Two ENIs of one id: a NetworkManager keyfile is named by it.
#[test]
fn two_files_with_one_path_are_an_error_that_names_both_and_what_is_there_stays() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    let mut desired = desired(&[0, 1, 2], false);
    let path = Path::new("/etc/NetworkManager/system-connections/eniroute-eni-1.nmconnection");
    let text = marker::marker(&desired.enis[1]);
    disk.commit(&FileChange::Create(File {
        path: path.into(),
        mode: 0o600,
        text,
    }))
    .unwrap();
    desired.enis[2].eni.id = desired.enis[1].eni.id.clone();
    let rendered = render(
        &Target {
            disk: &disk,
            links: &guest::links(),
        },
        &Stacks::from(&network_manager::STACK),
        &desired,
        &BTreeSet::new(),
    )
    .unwrap();
    assert_eq!(
        (rendered.wanted.as_slice(), rendered.obsolete.as_slice()),
        (&[][..], &[][..])
    );
    let [error] = &rendered.errors[..] else {
        panic!("{:?}", rendered.errors)
    };
    let error = error.to_string();
    for word in [
        path.to_str().unwrap(),
        "eni-1 (02:00:00:00:00:02)",
        "eni-1 (02:00:00:00:00:03)",
        "exclude",
    ] {
        assert!(error.contains(word), "{word} is not in {error}");
    }
}
