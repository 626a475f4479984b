//! What the owner of a NIC says of it in its own stack's words: that it is a port of something, is to be left alone, or
//! comes up only when somebody brings it up. eniroute goes by it, and says by whose word. What the stacks themselves
//! make of such words is in `networkd/ports.rs`, `network_manager.rs` and `ifupdown.rs`.

use crate::instance::{Instance, changed};
use crate::support::lab::Lab;
use crate::vpc::{EniSpec, Host};

type File<'a> = (&'a str, &'a str);

/// What makes a host each stack's, with the primary's owner.
const NETPLAN: &[File] = &[
    ("usr/sbin/netplan", ""),
    (
        "etc/netplan/50-cloud-init.yaml",
        "network: {ethernets: {eth0: {dhcp4: true}, eth1: {dhcp4: true}}}\n",
    ),
];
const NETWORKD: &[File] = &[
    ("run/systemd/netif/state", ""),
    (
        "etc/systemd/network/20-eth0.network",
        "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n",
    ),
];
const NETWORK_MANAGER: &[File] = &[("run/NetworkManager/x", "")];
const SCRIPTS: &[File] = &[
    ("etc/sysconfig/network-scripts/ifup-eth", ""),
    ("var/lock/subsys/network", ""),
    (
        "etc/sysconfig/network-scripts/ifcfg-eth0",
        "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\n",
    ),
];
const IFUPDOWN: &[File] = &[(
    "etc/network/interfaces",
    "auto eth0\niface eth0 inet dhcp\nsource-directory interfaces.d\n",
)];

/// The stack, the owner's file, and what is told of it; `None`: nothing, as the word changes nothing.
type Case<'a> = (&'a [File<'a>], File<'a>, Option<&'a str>);

const UNIT: &str = "etc/systemd/network/30-eth1.network";
const YAML: &str = "etc/netplan/60-more.yaml";
const IFCFG: &str = "etc/sysconfig/network-scripts/ifcfg-eth1";
const KEYFILE: &str = "etc/NetworkManager/system-connections/second.nmconnection";
const CONF: &str = "etc/NetworkManager/conf.d/90-mine.conf";
const STANZA: &str = "etc/network/interfaces.d/second";

const PORTS: &[Case] = &[
    (
        NETWORKD,
        (UNIT, "[Match]\nName=eth1\n[Network]\nBridge=br0\n"),
        Some("a port of br0 (`Bridge=br0` in /etc/systemd/network/30-eth1.network)"),
    ),
    (
        NETWORKD,
        (
            UNIT,
            "[Match]\nMACAddress=06:00:00:00:00:01\n[Network]\nBond=bond0\n",
        ),
        Some("a port of bond0 (`Bond=bond0`"),
    ),
    (
        NETWORKD,
        (
            UNIT,
            "[Match]\nType=ether\nName=!eth0\n[Network]\nVRF=blue\n",
        ),
        Some("a port of blue (`VRF=blue`"),
    ),
    (
        NETWORKD,
        (UNIT, "[Match]\nName=eth1\n[Network]\nBridge=br0\nBridge=\n"),
        None,
    ),
    (
        NETWORKD,
        (UNIT, "[Match]\nName=eth2\n[Network]\nBridge=br0\n"),
        None,
    ),
    (
        NETPLAN,
        (YAML, "network: {bridges: {br0: {interfaces: [eth1]}}}\n"),
        Some("a port of br0 (`bridges: br0: interfaces: eth1` in /etc/netplan/60-more.yaml)"),
    ),
    (
        NETPLAN,
        (
            YAML,
            "network:\n  bonds:\n    bond0:\n      interfaces:\n      - eth1\n",
        ),
        Some("a port of bond0"),
    ),
    (
        NETPLAN,
        (
            YAML,
            "network: {vrfs: {blue: {table: 7, interfaces: [eth1]}}}\n",
        ),
        Some("a port of blue"),
    ),
    (
        NETPLAN,
        (
            YAML,
            "network: {ethernets: {second: {match: {macaddress: '06:00:00:00:00:01'}}}, bridges: {br0: {interfaces: [eth2]}}}\n",
        ),
        None,
    ),
    (
        NETPLAN,
        (
            "run/systemd/network/10-netplan-eth1.network",
            "[Match]\nName=eth1\n[Network]\nBond=bond0\n",
        ),
        Some("a port of bond0"),
    ),
    (
        SCRIPTS,
        (IFCFG, "DEVICE=eth1\nONBOOT=yes\nBRIDGE=br0\n"),
        Some("a port of br0 (`BRIDGE=br0` in /etc/sysconfig/network-scripts/ifcfg-eth1)"),
    ),
    (
        SCRIPTS,
        (
            IFCFG,
            "HWADDR=06:00:00:00:00:01\nMASTER=\"bond0\" SLAVE=yes\n",
        ),
        Some("a port of bond0"),
    ),
    (
        SCRIPTS,
        (IFCFG, "DEVICE=eth1\nTEAM_MASTER='team0'\n"),
        Some("a port of team0"),
    ),
    (
        SCRIPTS,
        (IFCFG, "DEVICE=eth1\nMASTER=bond0\nSLAVE=no\n"),
        None,
    ),
    (
        NETWORK_MANAGER,
        (
            KEYFILE,
            "[connection]\ntype=ethernet\ninterface-name=eth1\ncontroller=br0\nport-type=bridge\n",
        ),
        Some(
            "a port of br0 (`controller=br0` in /etc/NetworkManager/system-connections/second.nmconnection)",
        ),
    ),
    (
        NETWORK_MANAGER,
        (
            KEYFILE,
            "[connection]\ntype=802-3-ethernet\nmaster=bond0\nslave-type=bond\n[802-3-ethernet]\nmac-address=06:00:00:00:00:01\n",
        ),
        Some("a port of bond0"),
    ),
    (
        NETWORK_MANAGER,
        (
            KEYFILE,
            "[connection]\ntype=ethernet\ninterface-name=eth2\nmaster=bond0\n",
        ),
        None,
    ),
    (
        NETWORK_MANAGER,
        (
            "etc/sysconfig/network-scripts/ifcfg-eth1",
            "DEVICE=eth1\nBRIDGE_UUID=1dd9a779-d327-56e1-8454-c65e2556c12c\n",
        ),
        Some("a port of 1dd9a779"),
    ),
    (
        IFUPDOWN,
        (
            STANZA,
            "auto br0\niface br0 inet dhcp\n    bridge_ports eth1 eth2\n",
        ),
        Some(
            "a port of br0 (`bridge_ports eth1 eth2` in /etc/network/interfaces.d/second, iface br0)",
        ),
    ),
    (
        IFUPDOWN,
        (
            STANZA,
            "iface br0 inet dhcp\n    bridge-ports regex eth[1-9].*\n",
        ),
        Some("a port of br0"),
    ),
    (
        IFUPDOWN,
        (STANZA, "iface br0 inet dhcp\n    bridge_ports none\n"),
        None,
    ),
    (
        IFUPDOWN,
        (
            STANZA,
            "auto bond0\niface bond0 inet dhcp\n    bond-slaves eth1\n",
        ),
        Some("a port of bond0"),
    ),
    (
        IFUPDOWN,
        (
            STANZA,
            "auto eth1\niface eth1 inet manual\n    bond-master bond0\n",
        ),
        Some("a port of bond0 (`bond-master bond0`"),
    ),
    (
        IFUPDOWN,
        (
            STANZA,
            "auto eth1\niface eth1 inet static\n    address 10.1.0.30/20\n    vrf blue\n",
        ),
        Some("a port of blue"),
    ),
];

const ALONE: &[Case] = &[
    (
        NETWORKD,
        (UNIT, "[Match]\nName=eth1\n[Link]\nUnmanaged=yes\n"),
        Some("left alone (`Unmanaged=yes` in /etc/systemd/network/30-eth1.network)"),
    ),
    (
        NETWORKD,
        (
            UNIT,
            "[Match]\nName=eth1\n[Link]\nUnmanaged=1\nUnmanaged=no\n",
        ),
        None,
    ),
    (
        NETWORKD,
        (
            UNIT,
            "[Match]\nName=eth1\n[Link]\nActivationPolicy=always-down\n",
        ),
        Some("left alone (`ActivationPolicy=always-down`"),
    ),
    (
        NETWORKD,
        (UNIT, "[Match]\nName=eth1\n[Link]\nActivationPolicy=down\n"),
        Some("left alone (`ActivationPolicy=down`"),
    ),
    (
        NETWORKD,
        (
            UNIT,
            "[Match]\nName=eth1\n[Link]\nActivationPolicy=always-up\n",
        ),
        None,
    ),
    (
        NETWORKD,
        (UNIT, "[Match]\nName=eth1\n[Link]\nActivationPolicy=bound\n"),
        None,
    ),
    (
        NETPLAN,
        (
            YAML,
            "network: {ethernets: {eth1: {activation-mode: off}}}\n",
        ),
        Some("left alone (`activation-mode: off` in /etc/netplan/60-more.yaml)"),
    ),
    (
        NETWORK_MANAGER,
        (CONF, "[keyfile]\nunmanaged-devices=interface-name:eth1\n"),
        Some(
            "left alone (`unmanaged-devices=interface-name:eth1` in /etc/NetworkManager/conf.d/90-mine.conf)",
        ),
    ),
    (
        NETWORK_MANAGER,
        (
            CONF,
            "[keyfile]\nunmanaged-devices=*,except:mac:06:00:00:00:00:00\n",
        ),
        Some("left alone"),
    ),
    (
        NETWORK_MANAGER,
        (CONF, "[keyfile]\nunmanaged-devices=*,except:type:veth\n"),
        None,
    ),
    (
        NETWORK_MANAGER,
        (
            CONF,
            "[device-mine]\nmatch-device=interface-name:eth[1-9]\nmanaged=0\n",
        ),
        Some("left alone (`managed=0`"),
    ),
];

const MANUAL: &[Case] = &[
    (
        NETWORKD,
        (
            UNIT,
            "[Match]\nName=eth1\n[Link]\nActivationPolicy=manual\n",
        ),
        Some("its owner alone brings it up (`ActivationPolicy=manual`"),
    ),
    (
        NETPLAN,
        (
            YAML,
            "network: {ethernets: {eth1: {activation-mode: manual}}}\n",
        ),
        Some("its owner alone brings it up (`activation-mode: manual`"),
    ),
    (
        SCRIPTS,
        (IFCFG, "DEVICE=eth1\nONBOOT=no\nBOOTPROTO=dhcp\n"),
        Some(
            "its owner alone brings it up (`ONBOOT=no` in /etc/sysconfig/network-scripts/ifcfg-eth1)",
        ),
    ),
    (
        SCRIPTS,
        (IFCFG, "DEVICE=eth1\nONBOOT=yes\nNM_CONTROLLED=no\n"),
        None,
    ),
    (
        NETWORK_MANAGER,
        (
            KEYFILE,
            "[connection]\ntype=ethernet\ninterface-name=eth1\nautoconnect=false\n",
        ),
        Some("its owner alone brings it up (`autoconnect=false`"),
    ),
    (
        IFUPDOWN,
        (STANZA, "iface eth1 inet static\n    address 10.1.0.30/20\n"),
        Some(
            "its owner alone brings it up (`iface eth1` in /etc/network/interfaces.d/second without `auto eth1`",
        ),
    ),
    (
        IFUPDOWN,
        (STANZA, "allow-hotplug eth1\niface eth1 inet dhcp\n"),
        None,
    ),
    (
        IFUPDOWN,
        (STANZA, "auto lo eth1\niface eth1 inet dhcp\n"),
        None,
    ),
    (
        IFUPDOWN,
        (STANZA, "auto /eth*\niface eth1 inet dhcp\n"),
        None,
    ),
];

fn instance(host: &Host, stack: &[File], more: &[File]) -> Instance {
    let instance = Instance::bare(host.clone());
    stack
        .iter()
        .chain(more)
        .for_each(|(path, text)| instance.write(path, text));
    instance
}

/// What status says of eth1: its state, and why.
fn status(instance: &Instance) -> (String, Option<String>) {
    let status = instance.json("status");
    let eth1 = &status["enis"][1];
    assert_eq!(eth1["interface"], "eth1", "{status}");
    let text = |key: &str| eth1[key].as_str().map(str::to_owned);
    (text("state").unwrap(), text("reason"))
}

#[test]
fn a_word_of_the_owner_s_is_found_in_every_stack_and_status_says_whose_it_is() {
    let Lab { vpc, .. } = Lab::two_enis();
    let host = vpc.guest();
    for (stack, (path, text), told) in [PORTS, ALONE, MANUAL].concat() {
        let instance = instance(&host, stack, &[(path, text)]);
        let (state, reason) = status(&instance);
        let case = format!("{path}: {text}{state}: {reason:?}");
        match told {
            Some(told) => {
                assert_eq!(state, "unmanaged", "{case}");
                assert!(reason.clone().unwrap().contains(told), "{case}");
                let notes = instance.must("status");
                assert!(
                    notes.contains(&format!("note: {}", reason.unwrap())),
                    "{case}{notes}"
                );
            }
            None => assert_eq!(
                (state.starts_with("missing"), reason),
                (true, None),
                "{case}"
            ),
        }
    }
}

#[test]
fn what_is_a_port_or_left_alone_gets_nothing_now_or_for_the_next_boot() {
    let Lab { vpc, .. } = Lab::two_enis();
    let host = vpc.guest();
    for (stack, file, told) in [PORTS, ALONE].concat() {
        if told.is_none() {
            continue;
        }
        let instance = instance(&host, stack, &[file]);
        let plan = instance.must("plan");
        let is_told = |line: &str| line.starts_with('#');
        let about = plan
            .lines()
            .filter(|line| line.contains("eth1") && !is_told(line));
        assert_eq!(about.collect::<Vec<_>>(), [""; 0], "{file:?}: {plan}");
        assert!(!plan.contains("10001"), "{file:?}: {plan}");
    }
}

/// Of the ENI, not of the primary's way to its subnet.
fn of_eth1(host: &Host) -> Vec<String> {
    let dump = host.dump();
    let is_its = |line: &&str| line.contains("eth1") || line.contains("10001");
    dump.lines().filter(is_its).map(str::to_owned).collect()
}

fn files_of_eth1(instance: &Instance) -> Vec<String> {
    let mac = "06:00:00:00:00:01";
    let out = instance.host.sh(&format!(
        "grep -rls '^# Written by eniroute for eni-.*{mac}' {} || :",
        instance.root().join("etc").display()
    ));
    out.lines().map(str::to_owned).collect()
}

#[test]
fn an_eni_that_passes_from_ours_to_left_alone_loses_what_we_made_and_its_files_and_gets_them_back()
{
    let Lab { vpc, .. } = Lab::two_enis();
    let host = vpc.guest();
    host.settle();
    let bare = of_eth1(&host);
    let exclude: Case = (
        NETPLAN,
        ("etc/eniroute.toml", "exclude = [\"eth1\"]\n"),
        Some("the configuration says so"),
    );
    let few = [
        PORTS[0], PORTS[5], PORTS[10], PORTS[14], PORTS[18], ALONE[0], ALONE[6], ALONE[7], exclude,
    ];
    for (stack, (path, text), told) in few {
        let instance = instance(&host, stack, &[]);
        instance.must("apply");
        assert!(!files_of_eth1(&instance).is_empty(), "{path}");
        let ours = of_eth1(&host);
        assert_ne!(ours, bare, "{path}");
        let before = std::fs::read_to_string(instance.root().join(path)).ok();
        instance.write(path, text);
        let said = instance.must("apply");
        assert!(said.contains(told.unwrap()), "{path}: {said}");
        host.settle();
        assert_eq!(of_eth1(&host), bare, "{path}");
        assert_eq!(files_of_eth1(&instance), [""; 0], "{path}");
        assert!(
            instance.must("apply").starts_with("nothing to do"),
            "{path}"
        );
        match before {
            Some(text) => instance.write(path, &text),
            None => std::fs::remove_file(instance.root().join(path)).unwrap(),
        }
        instance.must("apply");
        host.settle();
        assert_eq!(of_eth1(&host), ours, "{path}");
        instance.must("remove");
        host.settle();
    }
}

#[test]
fn what_the_kernel_says_now_counts_too_and_a_port_stays_up() {
    let Lab { vpc, .. } = Lab::two_enis();
    let host = vpc.guest();
    let instance = instance(&host, NETPLAN, &[]);
    instance.must("apply");
    host.ip_batch("link add holder type bridge\nlink set eth1 master holder\n");
    let why = "eth1 is left alone: its interface is a port of holder";
    let said = instance.must("refresh");
    assert!(said.contains(&format!("eth1: unmanaged ({why})")), "{said}");
    host.settle();
    let left = of_eth1(&host);
    let is_ours = |line: &String| line.contains("10.1.0.3") || line.contains("10001");
    assert!(!left.iter().any(is_ours), "{left:#?}");
    assert_eq!(files_of_eth1(&instance), [""; 0]);
    let link = host.ip("-o link show dev eth1");
    assert!(
        link.contains(",UP") && link.contains("master holder"),
        "{link}"
    );
    assert_eq!(status(&instance), ("unmanaged".into(), Some(why.into())));
}

/// Half of the metadata says nothing of what may go.
#[test]
fn nothing_goes_while_the_metadata_is_not_all_there() {
    let Lab { mut vpc, .. } = Lab::two_enis();
    let c = vpc.subnet("10.2.0.0/20", None);
    let eth2 = vpc.attach(EniSpec::new(c, "eth2").ipv4(["10.2.0.40"]));
    let host = vpc.guest();
    let instance = instance(&host, NETWORKD, &[]);
    instance.must("apply");
    let ours = of_eth1(&host);
    vpc.forget(eth2);
    instance.write(UNIT, PORTS[0].1.1);
    instance.eniroute("apply");
    assert_eq!(of_eth1(&host), ours);
    assert_ne!(files_of_eth1(&instance), [""; 0]);
}

#[test]
fn a_link_that_its_owner_brings_up_stays_down_until_then_and_then_has_what_it_needs() {
    for (stack, (path, text), told) in MANUAL.iter().filter(|case| case.2.is_some()) {
        let Lab { vpc, .. } = Lab::two_enis();
        let host = vpc.guest();
        let instance = instance(&host, stack, &[(path, text)]);
        for command in ["apply", "refresh", "hotplug add eth1"] {
            instance.must(command);
            let link = host.ip("-o link show dev eth1");
            assert!(!link.contains("UP"), "{path}: {command}: {link}");
            assert_eq!(
                host.ip("-o address show dev eth1 scope global"),
                "",
                "{path}: {command}"
            );
        }
        assert!(instance.must("apply").contains(told.unwrap()), "{path}");
        host.ip("link set eth1 up");
        instance.must("hotplug change");
        assert!(
            host.ip("rule").contains("from 10.1.0.31 lookup 10001"),
            "{path}"
        );
        assert!(
            host.ip("route show table 10001")
                .contains("default via 10.1.0.1"),
            "{path}"
        );
        let (state, reason) = status(&instance);
        assert_eq!((state.as_str(), reason), ("ok", None), "{path}");
        host.ip("link set eth1 down");
        instance.must("refresh");
        assert!(!host.ip("-o link show dev eth1").contains("UP"), "{path}");
    }
}

/// It is what we are reached by.
#[test]
fn the_primary_keeps_what_it_has_whatever_its_owner_says_of_it() {
    let words = [
        (
            NETWORKD,
            (
                "etc/systemd/network/20-eth0.network.d/x.conf",
                "[Link]\nUnmanaged=yes\n",
            ),
        ),
        (
            NETWORKD,
            (
                "etc/systemd/network/20-eth0.network.d/x.conf",
                "[Network]\nBridge=br0\n",
            ),
        ),
        (
            NETWORKD,
            (
                "etc/systemd/network/20-eth0.network.d/x.conf",
                "[Link]\nActivationPolicy=manual\n",
            ),
        ),
        (
            NETPLAN,
            (YAML, "network: {bridges: {br0: {interfaces: [eth0]}}}\n"),
        ),
        (
            NETPLAN,
            (
                YAML,
                "network: {ethernets: {eth0: {activation-mode: off}}}\n",
            ),
        ),
        (
            SCRIPTS,
            (
                "etc/sysconfig/network-scripts/ifcfg-eth0",
                "DEVICE=eth0\nONBOOT=no\nBOOTPROTO=dhcp\n",
            ),
        ),
        (NETWORK_MANAGER, (CONF, "[keyfile]\nunmanaged-devices=*\n")),
    ];
    for (stack, (path, text)) in words {
        let Lab { vpc, .. } = Lab::two_enis();
        let host = vpc.guest();
        let instance = instance(&host, stack, &[]);
        instance.must("apply");
        host.settle();
        let dump = host.dump();
        instance.write(path, text);
        for command in ["apply", "refresh", "apply"] {
            instance.must(command);
        }
        host.settle();
        let lost = changed(&dump, &host.dump());
        let is_eth1_s = |line: &String| line.contains("eth1") || line.contains("10001");
        let of_primary: Vec<_> = lost.iter().filter(|line| !is_eth1_s(line)).collect();
        assert_eq!(of_primary, [""; 0], "{path}: {text}");
    }
}
