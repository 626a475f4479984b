//! Whole files, byte for byte, as ifup takes them; and the reader of other people's interfaces.

use super::*;
use crate::files::FileChange;
use crate::plan::Desired;
use crate::stacks::guest;

const OUT: &str =
    ". To opt out: exclude it in /etc/eniroute.toml, then run: eniroute remove --eni ";

/// What Debian's cloud images have.
const DEBIAN: (&str, &str) = (
    "/etc/network/interfaces",
    "# interfaces(5)\nsource-directory /etc/network/interfaces.d\nsource-directory /run/network/interfaces.d\n",
);

const CLOUD_INIT: (&str, &str) = (
    "/etc/network/interfaces.d/50-cloud-init",
    "# written by cloud-init\nauto lo\niface lo inet loopback\n    dns-nameservers 10.0.0.2\n\nauto eth0\niface eth0 inet dhcp\n",
);

fn render(files: &[(&str, &str)], enis: Vec<Planned>) -> Rendering {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::new(root.path()).unwrap();
    for (path, text) in files {
        let file = File {
            path: path.into(),
            mode: 0o644,
            text: (*text).into(),
        };
        disk.commit(&FileChange::Create(file)).unwrap();
    }
    Ifupdown::read(&disk, &guest::links())
        .unwrap()
        .render(&Share::whole(&Desired {
            enis,
            ..Desired::default()
        }))
}

fn names(rendering: &Rendering) -> Vec<&str> {
    rendering
        .files
        .iter()
        .map(|file| file.path.to_str().unwrap())
        .collect()
}

/// The only file's text below its first line, which must be the ENI's marker; each line's question whether the name
/// is still the ENI's stands as `OWN`.
fn body(rendering: &Rendering) -> String {
    let [file] = &rendering.files[..] else {
        panic!("{rendering:?}")
    };
    assert_eq!(file.mode, 0o644);
    let (first, rest) = file.text.split_once('\n').unwrap();
    assert!(
        first.starts_with("# Written by eniroute for eni-") && first.contains(OUT),
        "{first}"
    );
    let macs = (0..3).map(|n| {
        (
            format!(
                "grep -q 02:00:00:00:00:0{} /sys/class/net/eth{n}/address",
                n + 1
            ),
            "OWN",
        )
    });
    macs.fold(rest.to_owned(), |text, (own, word)| {
        text.replace(&own, word)
    })
}

const ETH1: &str = "\
allow-hotplug eth1
no-auto-down eth1
iface eth1 inet manual
    pre-up OWN && { echo 0 >/proc/sys/net/ipv6/conf/eth1/accept_ra; } 2>/dev/null || :
    pre-up OWN && ip link set dev eth1 up || :
    up OWN && ip -4 address replace 10.0.0.20/32 dev eth1 || :
    up OWN && ip -4 address replace 10.0.0.21/32 dev eth1 || :
    up OWN && ip -4 route replace 10.0.0.0/20 dev eth1 scope link src 10.0.0.20 metric 10001 proto static || :
    up OWN && ip -4 route replace default via 10.0.0.1 dev eth1 onlink metric 10001 proto static || :
    up OWN && ip -4 route replace throw 10.0.3.16/28 table 10001 proto static || :
    up OWN && ip -4 route replace 10.0.0.0/20 dev eth1 scope link src 10.0.0.20 table 10001 proto static || :
    up OWN && ip -4 route replace default via 10.0.0.1 dev eth1 onlink table 10001 proto static || :
    up OWN && ip -4 rule add from 10.0.0.20 lookup 10001 priority 10001 protocol static 2>/dev/null || :
    up OWN && ip -4 rule add from 10.0.0.21 lookup 10001 priority 10001 protocol static 2>/dev/null || :
    up OWN && ip -4 rule add from 10.0.3.16/28 lookup 10001 priority 10001 protocol static 2>/dev/null || :
    down ip -4 rule del from 10.0.3.16/28 lookup 10001 priority 10001 2>/dev/null || :
    down ip -4 rule del from 10.0.0.21 lookup 10001 priority 10001 2>/dev/null || :
    down ip -4 rule del from 10.0.0.20 lookup 10001 priority 10001 2>/dev/null || :
    down ip -4 route del default via 10.0.0.1 dev eth1 onlink table 10001 2>/dev/null || :
    down ip -4 route del 10.0.0.0/20 dev eth1 scope link src 10.0.0.20 table 10001 2>/dev/null || :
    down ip -4 route del throw 10.0.3.16/28 table 10001 2>/dev/null || :
    down ip -4 route del default via 10.0.0.1 dev eth1 onlink metric 10001 2>/dev/null || :
    down ip -4 route del 10.0.0.0/20 dev eth1 scope link src 10.0.0.20 metric 10001 2>/dev/null || :
    down ip -4 address del 10.0.0.21/32 dev eth1 2>/dev/null || :
    down ip -4 address del 10.0.0.20/32 dev eth1 2>/dev/null || :
iface eth1 inet6 manual
    up OWN && ip -6 address replace 2001:db8:0:a::200/128 dev eth1 nodad noprefixroute || :
    up OWN && ip -6 route replace 2001:db8:0:a::/64 dev eth1 table 10001 metric 1024 proto static || :
    up OWN && ip -6 route replace default via fe80:ec2::1 dev eth1 onlink table 10001 metric 1024 proto static || :
    up OWN && ip -6 rule add from 2001:db8:0:a::200 lookup 10001 priority 10001 protocol static 2>/dev/null || :
    down ip -6 rule del from 2001:db8:0:a::200 lookup 10001 priority 10001 2>/dev/null || :
    down ip -6 route del default via fe80:ec2::1 dev eth1 onlink table 10001 metric 1024 2>/dev/null || :
    down ip -6 route del 2001:db8:0:a::/64 dev eth1 table 10001 metric 1024 2>/dev/null || :
    down ip -6 address del 2001:db8:0:a::200/128 dev eth1 2>/dev/null || :
    post-down ip link set dev eth1 down || :
";

#[test]
fn an_eni_that_nobody_configures_gets_whole_stanzas() {
    let rendering = render(&[DEBIAN, CLOUD_INIT], vec![guest::eth1()]);
    assert_eq!(
        names(&rendering),
        ["/etc/network/interfaces.d/60-eniroute-eth1"]
    );
    assert_eq!(body(&rendering), ETH1);
    assert_eq!(rendering.limits, []);
}

#[test]
fn without_ipv6_there_is_one_stanza() {
    let rendering = render(&[DEBIAN], vec![guest::eth2()]);
    let text = body(&rendering);
    assert!(!text.contains("inet6") && !text.contains("ip -6"), "{text}");
    assert!(
        text.ends_with("    post-down ip link set dev eth2 down || :\n"),
        "{text}"
    );
}

#[test]
fn the_primary_keeps_its_owner_and_gets_what_that_one_lacks() {
    let rendering = render(&[DEBIAN, CLOUD_INIT], vec![guest::primary()]);
    assert_eq!(
        names(&rendering),
        ["/etc/network/interfaces.d/60-eniroute-eth0"]
    );
    let body = body(&rendering);
    let ups = body.lines().filter(|line| !line.starts_with("    down "));
    assert_eq!(
        ups.collect::<Vec<_>>(),
        [
            "iface eth0 inet manual",
            "    up OWN && ip -4 address replace 10.0.0.11/32 dev eth0 || :",
            "    up OWN && ip -4 route replace 10.0.0.0/20 dev eth0 scope link src 10.0.0.10 table 10000 proto static || :",
            "    up OWN && ip -4 route replace 10.1.0.0/20 via 10.0.0.1 dev eth0 onlink src 10.0.0.10 table 10000 proto static || :",
            "    up OWN && ip -4 route replace throw 10.0.3.16/28 table 10000 proto static || :",
            "    up OWN && ip -4 rule add from 10.0.0.10 lookup 10000 priority 10000 protocol static 2>/dev/null || :",
            "    up OWN && ip -4 rule add from 10.0.0.11 lookup 10000 priority 10000 protocol static 2>/dev/null || :",
            "iface eth0 inet6 manual",
            "    up OWN && ip -6 route replace 2001:db8:0:a::/64 dev eth0 table 10000 metric 1024 proto static || :",
            "    up OWN && ip -6 route replace 2001:db8:0:b::/64 via fe80:ec2::1 dev eth0 onlink table 10000 metric 1024 proto static || :",
            "    up OWN && ip -6 rule add from 2001:db8:0:a::100 lookup 10000 priority 10000 protocol static 2>/dev/null || :",
        ]
    );
    assert_eq!(
        body.lines()
            .filter(|line| line.starts_with("    down "))
            .count(),
        9
    );
}

#[test]
fn a_primary_that_no_stanza_configures_is_the_boot_service_s() {
    let rendering = render(&[DEBIAN], vec![guest::primary()]);
    assert_eq!(names(&rendering), [""; 0]);
    let note = "no iface stanza configures it, and the primary never changes owner";
    assert_eq!(rendering.limits, [("eth0".into(), note.to_owned())]);
}

#[test]
fn a_lone_primary_needs_nothing() {
    let mut eni = guest::primary();
    (eni.addresses, eni.routes, eni.rules) = Default::default();
    for files in [&[DEBIAN, CLOUD_INIT][..], &[DEBIAN]] {
        assert_eq!(render(files, vec![eni.clone()]), Rendering::default());
    }
}

/// The addresses that our additions to `owner`'s stanzas for eth1 bring.
fn added(owner: &str) -> Vec<String> {
    let rendering = render(
        &[DEBIAN, ("/etc/network/interfaces.d/eth1", owner)],
        vec![guest::eth1()],
    );
    let text = body(&rendering);
    assert!(
        !text.contains("allow-") && !text.contains("pre-up") && !text.contains("post-down"),
        "{text}"
    );
    let added = text.lines().filter_map(|line| {
        line.trim()
            .strip_prefix("up OWN && ip -")?
            .split_once(" address replace ")
    });
    added
        .map(|(_, rest)| rest.split('/').next().unwrap().to_owned())
        .collect()
}

#[test]
fn an_owner_keeps_its_interface_and_the_addresses_that_it_brings() {
    let secondary = ["10.0.0.21", "2001:db8:0:a::200"];
    assert_eq!(
        added("allow-hotplug eth1\niface eth1 inet dhcp\n"),
        secondary
    );
    assert_eq!(
        added("iface eth1 inet dhcp\niface eth1 inet6 auto\n    accept_ra 1\n"),
        secondary
    );
    assert_eq!(
        added("iface eth1 inet dhcp\niface eth1 inet6 auto\n    dhcp 1\n"),
        ["10.0.0.21"]
    );
    assert_eq!(
        added("iface eth1 inet dhcp\niface eth1 inet6 dhcp\n"),
        ["10.0.0.21"]
    );
    assert_eq!(added("iface eth1 inet6 dhcp\n"), ["10.0.0.20", "10.0.0.21"]);
    assert_eq!(added("iface eth1\n    use dhcp\n"), secondary);
    assert_eq!(
        added("iface eth1 inet static\n  address 10.0.0.21/20\n"),
        ["10.0.0.20", "2001:db8:0:a::200"]
    );
    assert_eq!(
        added("iface eth1 inet static\n  address \\\n  10.0.0.20\n  netmask 255.255.240.0\n"),
        secondary
    );
}

/// Where our file for an ENI goes; the reason when it goes nowhere.
fn place(interfaces: &str, others: &[(&str, &str)]) -> String {
    let files = [&[("/etc/network/interfaces", interfaces)], others].concat();
    let rendering = render(&files, vec![guest::eth1()]);
    let names: Vec<_> = rendering
        .files
        .iter()
        .map(|file| file.path.file_name().unwrap().to_str().unwrap())
        .collect();
    [
        names.join(" "),
        rendering
            .limits
            .iter()
            .map(|(_, why)| why.as_str())
            .collect(),
    ]
    .concat()
}

#[test]
fn our_file_has_a_name_that_ifup_reads_and_reads_after_its_owner_s() {
    let dhcp = "iface eth1 inet dhcp\n";
    let in_folder = |name: &'static str| [(name, dhcp)];
    let plain = "60-eniroute-eth1";
    assert_eq!(place("source /etc/network/interfaces.d/*\n", &[]), plain);
    assert_eq!(place("source interfaces.d/*\n", &[]), plain);
    assert_eq!(
        place("source /etc/network/interfaces.d/*.cfg\n", &[]),
        "60-eniroute-eth1.cfg"
    );
    assert_eq!(
        place(
            &format!("{dhcp}source-directory /etc/network/interfaces.d\n"),
            &[]
        ),
        plain
    );
    let owner = in_folder("/etc/network/interfaces.d/70-eth1");
    assert_eq!(place(DEBIAN.1, &owner), "99-eniroute-eth1");
    let dotted = in_folder("/etc/network/interfaces.d/70.eth1");
    assert_eq!(
        place(DEBIAN.1, &dotted),
        plain,
        "source-directory passes over a name with a dot"
    );

    let late = place(
        &format!("source-directory /etc/network/interfaces.d\n{dhcp}"),
        &[],
    );
    assert!(
        late.ends_with(
            "no file of ours in /etc/network/interfaces.d is read after /etc/network/interfaces"
        ),
        "{late}"
    );
    let never = place("auto lo\niface lo inet loopback\n", &[]);
    assert!(
        never.ends_with("/etc/network/interfaces does not source /etc/network/interfaces.d"),
        "{never}"
    );
}

#[test]
fn the_cloud_helper_s_fragment_goes_with_the_boot_and_owns_nothing() {
    let fragment = (
        "/run/network/interfaces.d/eth1",
        "auto eth1\niface eth1 inet dhcp\niface eth1 inet6 auto\n",
    );
    assert_eq!(
        body(&render(&[DEBIAN, fragment], vec![guest::eth1()])),
        ETH1
    );
}

#[test]
fn files_of_ours_and_loopback_own_nothing() {
    let ours = (
        "/etc/network/interfaces.d/60-eniroute-eth1",
        "# Written by eniroute for e (m)\niface eth1 inet dhcp\n",
    );
    let other = (
        "/etc/network/interfaces.d/lo",
        "# iface eth1 inet dhcp\niface lo inet loopback\n",
    );
    assert_eq!(
        body(&render(&[DEBIAN, ours, other], vec![guest::eth1()])),
        ETH1
    );
}

#[test]
fn alpine_is_told_that_the_boot_service_brings_it_up() {
    let rendering = render(
        &[DEBIAN, ("/usr/libexec/ifupdown-ng/dhcp", "")],
        vec![guest::eth1()],
    );
    assert_eq!(body(&rendering), ETH1.replace("no-auto-down eth1\n", ""));
    let note = "ifupdown-ng knows no `allow-hotplug`";
    assert_eq!(rendering.limits, [("eth1".into(), note.to_owned())]);
}

#[test]
fn the_bands_of_main_routes_first_are_ip_s_own_words() {
    let mut eni = guest::eth2();
    eni.rules = guest::bands("10.1.0.30", 10002).into();
    let rendering = render(&[DEBIAN], vec![eni]);
    let band = "    up OWN && ip -4 rule add from 10.1.0.30 lookup main suppress_prefixlength 1 priority 15002 protocol static \
                2>/dev/null || :\n";
    assert!(body(&rendering).contains(band), "{}", body(&rendering));
    let guard = "    up grep -q 02:00:00:00:00:03 /sys/class/net/eth2/address && ip -4 rule add from 10.1.0.30 ";
    assert!(rendering.files[0].text.contains(guard), "{rendering:?}");
}

#[test]
fn a_name_with_a_dot_below_source_directory_is_the_reason_that_is_told() {
    let theirs = (
        "/etc/network/interfaces.d/50-eth0.cfg",
        "auto eth0\niface eth0 inet dhcp\n",
    );
    let rendering = render(&[DEBIAN, theirs], vec![guest::primary()]);
    assert_eq!(names(&rendering), [""; 0]);
    let [(_, why)] = &rendering.limits[..] else {
        panic!("{rendering:?}")
    };
    assert!(
        why.contains("/etc/network/interfaces.d/50-eth0.cfg") && why.contains("without a dot"),
        "{why}"
    );
    let mut eni = guest::eth1();
    eni.dev = "wan.1".into();
    let rendering = render(&[DEBIAN], vec![eni]);
    let [(_, why)] = &rendering.limits[..] else {
        panic!("{rendering:?}")
    };
    assert!(
        why.contains("60-eniroute-wan.1") && why.contains("without a dot"),
        "{why}"
    );
}

#[test]
fn a_stanza_under_the_name_of_the_next_boot_is_the_owner_s() {
    let link = (
        "/etc/systemd/network/10-lan.link",
        "[Match]\nMACAddress=02:00:00:00:00:02\n[Link]\nName=lan0\n",
    );
    let lan0 = (
        "/etc/network/interfaces.d/50-lan0",
        "auto lan0\niface lan0 inet static\n    address 10.0.0.20/20\n",
    );
    let rendering = render(&[DEBIAN, link, lan0], vec![guest::eth1()]);
    assert_eq!(
        names(&rendering),
        ["/etc/network/interfaces.d/60-eniroute-lan0"]
    );
    let text = body(&rendering);
    assert!(
        !text.contains("eth1") && !text.contains("allow-hotplug"),
        "{text}"
    );
    assert!(
        text.contains("iface lan0 inet manual") && text.contains("10.0.0.21/32 dev lan0"),
        "{text}"
    );
}
