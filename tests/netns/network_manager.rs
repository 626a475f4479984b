//! The keyfiles, read by a real NetworkManager with a D-Bus of its own in a guest of the fake VPC.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};

use crate::appliance::ONE_ARM;
use crate::consumer::{eniroute, furnish, power_cycle, program, run};
use crate::draw::seeds;
use crate::drawn::secondaries;
use crate::instance::{Instance, neighbours_reach};
use crate::mtu::MTU;
use crate::traffic::under_traffic;
use crate::vpc::{Background, EniId, EniSpec, SubnetId, Vpc};

const CONF: &str = "[main]\nplugins=keyfile\nauth-polkit=false\ndns=none\ndhcp=internal\n\n[device-veth]\nmatch-device=type:veth\n\
                    managed=1\n";

pub const BUS: &str = "<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>\
                   <auth>EXTERNAL</auth><policy context='default'><allow user='*'/><allow own='*'/>\
                   <allow send_type='method_call'/><allow send_type='signal'/><allow receive_type='method_call'/>\
                   <allow receive_type='signal'/><allow send_requested_reply='true' send_type='method_return'/>\
                   <allow send_requested_reply='true' send_type='error'/><allow receive_type='method_return'/>\
                   <allow receive_type='error'/></policy></busconfig>";

/// The primary's owner. Its lease is the VPC's, so this one asks for none.
pub const CLOUD_INIT: &str = "[connection]\nid=cloud-init eth0\nuuid=1dd9a779-d327-56e1-8454-c65e2556c12c\ntype=ethernet\n\
                          interface-name=eth0\n\n[ipv4]\nmethod=manual\naddress1=10.0.0.10/20,10.0.0.1\nroute-metric=100\n\n\
                          [ipv6]\nmethod=manual\naddress1=2001:db8:0:a::100/128\n";

pub const FOLDER: &str = "etc/NetworkManager/system-connections";

pub struct Guest {
    pub vpc: Vpc,
    pub instance: Instance,
    pub subnets: [SubnetId; 2],
    pub eth1: EniId,
}

pub fn guest() -> Guest {
    guest_of(|[a, b]| {
        let eth1 = EniSpec::new(a, "eth1")
            .ipv4(["10.0.0.20", "10.0.0.21"])
            .ipv6(["2001:db8:0:a::200"]);
        let eth1 = eth1.prefix4("10.0.3.16/28").prefix6("2001:db8:0:a:1::/80");
        [eth1, EniSpec::new(b, "eth2").ipv4(["10.1.0.30"])]
    })
}

/// eth3 has IPv6 only.
fn guest_of(secondaries: impl FnOnce([SubnetId; 2]) -> [EniSpec; 2]) -> Guest {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/20", Some("2001:db8:0:a::/64"));
    let b = vpc.subnet("10.1.0.0/20", Some("2001:db8:0:b::/64"));
    let eth0 = EniSpec::new(a, "eth0")
        .ipv4(["10.0.0.10"])
        .ipv6(["2001:db8:0:a::100"]);
    vpc.attach(eth0.public("10.0.0.10", "54.178.213.178"));
    let [eth1, _] = secondaries([a, b]).map(|spec| vpc.attach(spec));
    let c = vpc.subnet_ipv6_only("2001:db8:0:c::/64");
    vpc.attach(EniSpec::new(c, "eth3").ipv6(["2001:db8:0:c::400"]));
    let instance = Instance::bare(vpc.guest());
    furnish(&instance);
    instance.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    instance.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    instance.write("etc/NetworkManager/NetworkManager.conf", CONF);
    instance.write("etc/bus.conf", BUS);
    instance.write(
        &format!("{FOLDER}/cloud-init-eth0.nmconnection"),
        CLOUD_INIT,
    );
    run(
        &instance,
        &format!("chmod 600 /{FOLDER}/cloud-init-eth0.nmconnection"),
    );
    run(
        &instance,
        "mkdir -p /run/NetworkManager /run/dbus /var/lib/NetworkManager",
    );
    run(&instance, "ln -s ../run /var/run");
    // NetworkManager waits for udev unless /sys is read-only, as in a container.
    let sys = instance.root().join("sys");
    instance.host.enter(|| {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        mount(None::<&str>, &sys, None::<&str>, flags, None::<&str>).unwrap();
    });
    Guest {
        vpc,
        instance,
        subnets: [a, b],
        eth1,
    }
}

impl Guest {
    /// NetworkManager with its bus, once it answers.
    pub fn network_manager(&self) -> [Background; 2] {
        // An earlier bus's would be taken for this one's, and NetworkManager does not try again.
        run(&self.instance, "rm -f /run/dbus/system_bus_socket");
        let bus = program(
            &self.instance,
            "dbus-daemon --config-file=/etc/bus.conf --nofork --nopidfile",
        )
        .background();
        self.until("the bus", || {
            self.instance.has("run/dbus/system_bus_socket")
        });
        [bus, self.start()]
    }

    fn start(&self) -> Background {
        let daemon = program(&self.instance, "NetworkManager --no-daemon").background();
        self.until("NetworkManager", || {
            program(&self.instance, "nmcli general")
                .output()
                .status
                .success()
        });
        daemon
    }

    /// It has ended, and the bus has not; once it has done what it does at a start.
    pub fn start_again(&self) -> Background {
        let daemon = self.start();
        let online = "nm-online --quiet --wait-for-startup --timeout=60";
        run(&self.instance, online);
        daemon
    }

    pub fn until(&self, what: &str, done: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !done() {
            assert!(Instant::now() < end, "waited half a minute for {what}");
            sleep(Duration::from_millis(20));
        }
    }

    /// `eniroute apply -v OPTIONS` on the running system, which must succeed; what it logged.
    pub fn apply(&self, options: &str) -> String {
        let run = eniroute(&self.instance, &format!("apply -v {options}"));
        assert_eq!(run.code, 0, "{run:#?}");
        run.stderr
    }

    /// EC2 takes an address of eth1 away.
    pub fn unassign(&mut self, address: &str) {
        self.vpc.unassign(self.eth1, address);
    }

    pub fn assert_nothing_to_do(&self) {
        let run = eniroute(&self.instance, "apply");
        assert_eq!(
            (run.code, run.stdout.starts_with("nothing to do: 4 ENIs")),
            (0, true),
            "{run:#?}"
        );
    }

    /// Does `work`, which must cost the primary ENI nothing.
    pub fn lose_nothing(&self, work: impl FnOnce()) {
        assert_eq!(
            under_traffic(&self.vpc, &self.instance.host, "54.178.213.178", work),
            0
        );
    }

    pub fn profile_of(&self, dev: &str) -> String {
        let all = run(
            &self.instance,
            "nmcli --terse --fields DEVICE,CONNECTION device",
        );
        let found = all
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{dev}:")));
        found.unwrap_or_else(|| panic!("{all}")).to_owned()
    }

    pub fn is_activated(&self, dev: &str) -> bool {
        let all = run(&self.instance, "nmcli --terse --fields DEVICE,STATE device");
        all.lines().any(|line| line == format!("{dev}:connected"))
    }

    /// What is eniroute's of the secondaries, in `ip`'s words; NetworkManager's own flags left out.
    pub fn state(&self) -> Vec<String> {
        let host = &self.instance.host;
        let mut lines: Vec<String> = Vec::new();
        for family in ["-4", "-6"] {
            let mut rules: Vec<_> = host
                .ip(&format!("{family} rule"))
                .lines()
                .map(str::to_owned)
                .collect();
            rules.sort();
            lines.extend(rules);
            for table in [10_001, 10_002, 10_003] {
                lines.extend(
                    host.ip(&format!("{family} route show table all"))
                        .lines()
                        .filter_map(|line| {
                            let ours = line.contains(&format!("table {table}"))
                                || line.contains(&format!("metric {table}"));
                            let words: Vec<_> = line
                                .split_whitespace()
                                .filter(|word| *word != "linkdown")
                                .collect();
                            ours.then(|| words.join(" "))
                        }),
                );
            }
            for dev in SECONDARY_NICS {
                let addresses =
                    host.ip(&format!("-o {family} address show dev {dev} scope global"));
                lines.extend(
                    addresses
                        .lines()
                        .filter_map(|line| line.split_whitespace().nth(3))
                        .map(str::to_owned),
                );
            }
        }
        lines
    }
}

const SECONDARY_NICS: [&str; 3] = ["eth1", "eth2", "eth3"];

const SECONDARIES: [&str; 5] = [
    "10.0.0.20",
    "10.0.0.21",
    "10.1.0.30",
    "2001:db8:0:a::200",
    "2001:db8:0:c::400",
];

/// From the keyfiles alone.
fn reboot(guest: &Guest) -> [Background; 2] {
    power_cycle(&guest.instance.host, &["eth0", "eth1", "eth2", "eth3"]);
    let running = guest.network_manager();
    run(
        &guest.instance,
        "nm-online --quiet --wait-for-startup --timeout=60",
    );
    guest.instance.host.settle();
    running
}

/// No keyfile can hold the primary's table: until eniroute runs, its answers keep to its default.
fn waits(line: &str) -> bool {
    line.contains(" metric 1000") && !line.starts_with("default")
}

#[test]
fn whatever_ec2_has_given_networkmanager_makes_of_the_keyfiles_what_apply_made() {
    for seed in seeds(1) {
        let guest = guest_of(|subnets| secondaries(seed, subnets));
        guest.instance.eniroute("apply");
        guest.instance.host.settle();
        let applied = guest.state().into_iter().filter(|line| !waits(line));
        let applied: BTreeSet<String> = applied.collect();
        let _running = reboot(&guest);
        // NetworkManager adds the addresses of one family the other way round.
        let booted: BTreeSet<String> = guest.state().into_iter().collect();
        assert_eq!(booted, applied);
    }
}

#[test]
fn a_boot_from_the_keyfiles_alone_makes_what_apply_made() {
    for config in ["", "main_routes_first = true\n", MTU, ONE_ARM] {
        let mut guest = guest();
        guest.instance.write("etc/eniroute.toml", config);
        guest.instance.eniroute("apply");
        guest.instance.host.settle();
        let applied = guest.state();
        assert!(
            applied
                .iter()
                .any(|line| line.contains("throw 10.0.3.16/28 table 10001")),
            "{applied:#?}"
        );
        let _running = reboot(&guest);
        assert_eq!(
            guest.state(),
            applied
                .iter()
                .filter(|line| !waits(line))
                .cloned()
                .collect::<Vec<_>>()
        );
        assert_ne!(
            guest.state(),
            applied,
            "the subnets of the others wait, too"
        );
        neighbours_reach(
            &mut guest.vpc,
            &guest.subnets,
            &[&SECONDARIES[..], &["10.0.0.10"]].concat(),
        );
        assert_eq!(guest.vpc.spoofed(), 0);
        assert_eq!(guest.profile_of("eth0"), "cloud-init eth0");
        assert_eq!(guest.instance.json("apply")["files"], serde_json::json!([]));
        assert_eq!(guest.state(), applied);
    }
}

#[test]
fn a_running_networkmanager_takes_our_profiles_over_and_keeps_the_primary_s() {
    let mut guest = guest();
    power_cycle(&guest.instance.host, &["eth0"]);
    let _running = guest.network_manager();
    guest.until("the primary's profile", || guest.is_activated("eth0"));
    guest.until("NetworkManager's own profile", || {
        guest.profile_of("eth1").starts_with("Wired connection")
    });
    guest.instance.host.settle();
    let primary = guest.instance.host.ip("address show dev eth0");
    guest.apply("--no-persist");
    guest.instance.host.settle();
    let by_netlink = guest.state();

    guest.lose_nothing(|| {
        let log = guest.apply("");
        assert!(
            log.contains("eth1 is for network-manager: NetworkManager"),
            "{log}"
        );
        assert!(
            log.lines()
                .any(|line| line.contains("nmcli connection up uuid ")
                    && line.ends_with(" ifname eth1")),
            "{log}"
        );
    });
    guest.instance.host.settle();
    assert_eq!(guest.state(), by_netlink);
    ["eth1", "eth2"]
        .iter()
        .for_each(|dev| assert!(guest.profile_of(dev).starts_with("eniroute-eni-"), "{dev}"));
    neighbours_reach(&mut guest.vpc, &guest.subnets, &SECONDARIES);
    guest.assert_nothing_to_do();

    guest.vpc.assign(guest.eth1, "10.0.0.22");
    guest.lose_nothing(|| {
        let log = guest.apply("");
        assert!(
            log.contains("nmcli device reapply eth1") && !log.contains("connection up"),
            "{log}"
        );
    });
    // nmcli does not wait for what it asked for.
    guest.until("the new address's routes", || {
        eniroute(&guest.instance, "plan --exit-code").code == 0
    });
    guest.assert_nothing_to_do();
    neighbours_reach(&mut guest.vpc, &guest.subnets, &["10.0.0.22", "10.0.0.20"]);

    guest.lose_nothing(|| {
        let run = eniroute(&guest.instance, "remove");
        assert_eq!(run.code, 0, "{run:#?}");
    });
    guest.until("NetworkManager's own profile", || {
        guest.profile_of("eth1").starts_with("Wired connection")
    });
    let state = guest.state();
    assert!(
        !state
            .iter()
            .any(|line| line.contains("1000") || line.contains("10.0.0.2")),
        "{state:#?}"
    );
    assert_eq!(guest.profile_of("eth0"), "cloud-init eth0");
    assert_eq!(guest.instance.host.ip("address show dev eth0"), primary);
}

#[test]
fn without_its_keyfile_an_interface_keeps_nothing_of_ours() {
    let guest = guest();
    guest.instance.eniroute("apply");
    power_cycle(&guest.instance.host, &["eth0", "eth1", "eth2", "eth3"]);
    let _running = guest.network_manager();
    guest.until("our profile", || {
        guest.profile_of("eth1").starts_with("eniroute-eni-") && guest.is_activated("eth1")
    });
    assert_eq!(guest.instance.eniroute("remove").code, 0);
    run(&guest.instance, "nmcli connection reload");
    guest.until("the end of our profile", || {
        guest.profile_of("eth1").is_empty() && guest.profile_of("eth2").is_empty()
    });
    let state = guest.state();
    assert!(
        !state
            .iter()
            .any(|line| line.contains("1000") || line.contains("10.0.0.20")),
        "{state:#?}"
    );
}

#[test]
fn a_detached_eni_takes_its_rules_along_and_leaves_the_primary_s() {
    let mut guest = guest();
    guest.instance.eniroute("apply");
    power_cycle(&guest.instance.host, &["eth0", "eth1", "eth2", "eth3"]);
    let _running = guest.network_manager();
    guest.until("our profiles", || {
        guest.is_activated("eth1") && guest.is_activated("eth2")
    });
    guest.vpc.detach(guest.eth1);
    let rules = || {
        ["-4", "-6"]
            .map(|family| guest.instance.host.ip(&format!("{family} rule")))
            .concat()
    };
    guest.until("NetworkManager to take the rules away", || {
        !rules().contains("lookup 10001")
    });
    for source in ["10.0.0.10", "2001:db8:0:a::100"] {
        assert!(
            rules().contains(&format!("10000:\tfrom {source} lookup 10000")),
            "{}",
            rules()
        );
    }
}

impl Guest {
    /// A profile or a part of the configuration, as NetworkManager takes it.
    fn write(&self, path: &str, text: &str) {
        self.instance.write(path, text);
        run(&self.instance, &format!("chmod 600 /{path}"));
    }

    /// Of eth1, which is the owner's: its addresses, and what leads to its table.
    fn of_eth1(&self) -> Vec<String> {
        let is_its = |line: &String| {
            ["10001", "10.0.0.2", "a::200/"]
                .iter()
                .any(|word| line.contains(word))
        };
        self.state().into_iter().filter(is_its).collect()
    }

    fn assert_let_go(&self, told: &str) {
        for _ in 0..2 {
            let ended = eniroute(&self.instance, "apply");
            assert!(ended.code == 0 && ended.stdout.contains(told), "{ended:#?}");
            assert_eq!(self.of_eth1(), [""; 0], "{told}");
            let files = std::fs::read_dir(self.instance.root().join(FOLDER)).unwrap();
            let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
            let ours = |text: &String| {
                text.starts_with("# Written by eniroute")
                    && text.contains("mac-address=06:00:00:00:00:01")
            };
            assert_eq!(texts.filter(ours).collect::<Vec<_>>(), [""; 0], "{told}");
        }
    }
}

const PORT: &str = "[connection]\nid=port\nuuid=2dd9a779-d327-56e1-8454-c65e2556c12c\ntype=ethernet\n\
                    interface-name=eth1\nmaster=br0\nslave-type=bridge\nautoconnect-priority=200\n";
const BRIDGE: &str = "[connection]\nid=br0\nuuid=3dd9a779-d327-56e1-8454-c65e2556c12c\ntype=bridge\n\
                      interface-name=br0\n\n[bridge]\nstp=false\n\n[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=disabled\n";

#[test]
fn an_eni_that_becomes_a_port_of_networkmanager_s_is_let_go_and_stays_one() {
    let guest = guest();
    guest.instance.eniroute("apply");
    assert_ne!(guest.of_eth1(), [""; 0]);
    guest.write(&format!("{FOLDER}/port.nmconnection"), PORT);
    guest.write(&format!("{FOLDER}/br0.nmconnection"), BRIDGE);
    guest.instance.must("apply");
    assert_eq!(guest.of_eth1(), [""; 0]);
    power_cycle(&guest.instance.host, &["eth0", "eth1", "eth2", "eth3"]);
    let _running = guest.network_manager();
    let link = || guest.instance.host.ip("-o link show dev eth1");
    guest.until("eth1 is a port of br0", || link().contains("master br0"));
    guest.assert_let_go("eth1 is left alone: its interface is a port of br0");
    assert!(
        link().contains("master br0") && link().contains(",UP"),
        "{}",
        link()
    );
}

#[test]
fn what_networkmanager_is_to_leave_alone_it_does_and_so_do_we() {
    for (list, is_left) in [
        ("interface-name:eth1", true),
        (
            "*,except:interface-name:eth0,except:interface-name:eth2,except:interface-name:eth3",
            true,
        ),
        ("type:veth,except:interface-name:eth*", false),
        ("interface-name:eth[02]", false),
    ] {
        let guest = guest();
        let text = format!("[keyfile]\nunmanaged-devices={list}\n");
        guest.write("etc/NetworkManager/conf.d/90-mine.conf", &text);
        power_cycle(&guest.instance.host, &["eth0", "eth1", "eth2", "eth3"]);
        let _running = guest.network_manager();
        let state = || {
            run(
                &guest.instance,
                "nmcli --terse --fields DEVICE,STATE device",
            )
        };
        guest.until("NetworkManager has looked at eth1", || {
            state().contains("eth1:") && !state().contains("eth1:unavailable")
        });
        assert_eq!(
            state().contains("eth1:unmanaged"),
            is_left,
            "{list}: {}",
            state()
        );
        if is_left {
            let told = format!(
                "eth1 is left alone: its owner wants it left alone (`unmanaged-devices={list}`"
            );
            guest.assert_let_go(&told);
        } else {
            let plan = guest.instance.must("plan");
            assert!(plan.contains("lookup 10001"), "{list}: {plan}");
        }
    }
}

/// The profile's own route is there after a boot, which a keyfile of ours would have cost.
#[test]
fn a_profile_that_names_a_nic_by_a_pattern_or_a_list_keeps_it_at_a_boot() {
    let which = [
        "[match]\ninterface-name=eth1\n",
        "[match]\ninterface-name=eth[1-9];!eth2;!eth3\n",
        "[match]\ninterface-name=!eth0;!eth2;!eth3;!lo\n",
    ];
    for which in which {
        let guest = guest();
        let profile = format!(
            "[connection]\nid=second\nuuid=4dd9a779-d327-56e1-8454-c65e2556c12c\ntype=802-3-ethernet\n\n{which}\n[ipv4]\n\
             method=manual\naddress1=10.0.0.20/20\nroute1=10.77.0.0/16,10.0.0.1\n\n[ipv6]\nmethod=disabled\n"
        );
        guest.write(&format!("{FOLDER}/second.nmconnection"), &profile);
        let said = guest.instance.must("apply");
        assert!(
            said.contains("second.nmconnection configures it"),
            "{which}: {said}"
        );
        power_cycle(&guest.instance.host, &["eth0", "eth1", "eth2", "eth3"]);
        let _running = guest.network_manager();
        guest.until(&format!("the owner's profile, {which}"), || {
            guest.is_activated("eth1")
        });
        assert_eq!(guest.profile_of("eth1"), "second", "{which}");
        let has_route = || {
            guest
                .instance
                .host
                .ip("route")
                .contains("10.77.0.0/16 via 10.0.0.1 dev eth1")
        };
        guest.until("the owner's route", has_route);
        let ended = eniroute(&guest.instance, "apply");
        assert_eq!(ended.code, 0, "{ended:#?}");
        assert!(
            has_route() && guest.profile_of("eth1") == "second",
            "{which}"
        );
    }
}

#[test]
fn two_stacks_on_one_host_each_get_their_interface() {
    let mut vpc = Vpc::new();
    let subnet = vpc.subnet("10.0.0.0/20", None);
    for (dev, ip) in [
        ("eth0", "10.0.0.10"),
        ("eth1", "10.0.0.20"),
        ("eth2", "10.0.0.30"),
    ] {
        vpc.attach(EniSpec::new(subnet, dev).ipv4([ip]));
    }
    let instance = Instance::with_netplan(vpc.guest());
    let index = instance.host.sh("cat /sys/class/net/eth1/ifindex");
    instance.write(
        &format!("run/NetworkManager/devices/{}", index.trim()),
        "[device]\nmanaged=true\n",
    );
    let applied = instance.json("apply");
    assert_eq!(applied["backend"], "netplan, network-manager");
    let files: Vec<_> = applied["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    let of = |part: &str| files.iter().filter(|path| path.contains(part)).count();
    assert_eq!(
        (
            of(".nmconnection"),
            of("eth1"),
            of("/etc/netplan/60-eniroute-eth2.yaml")
        ),
        (1, 0, 1),
        "{files:?}"
    );
    let paths: Vec<_> = files
        .iter()
        .map(|path| path.trim_start_matches('/').to_owned())
        .collect();
    assert_eq!(instance.json("apply")["files"], serde_json::json!([]));

    instance.must("remove");
    assert!(paths.iter().all(|path| !instance.has(path)), "{paths:?}");
}
