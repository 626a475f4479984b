//! What NetworkManager and ifupdown drop when they start again is put back by `eniroute-restarted.service`, and what they
//! bring of an address that EC2 has taken away: out of a file of ours it goes, out of the owner's it is named.

use std::fs;

use crate::consumer::{eniroute, power_cycle, program, run};
use crate::crowd::Crowd;
use crate::instance::{Instance, Run, changed, neighbours_reach};
use crate::network_manager::{CLOUD_INIT, FOLDER, guest as nm_guest};
use crate::vpc::RouteTable;

const GONE: &str = "10.0.0.21";

/// The commands of the unit that each start of a manager starts.
fn run_unit(instance: &Instance) {
    let unit = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/system/eniroute-restarted.service"
    );
    let unit = fs::read_to_string(unit).unwrap();
    for command in unit
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart="))
    {
        match command.strip_prefix("/usr/sbin/eniroute ") {
            Some(arguments) => {
                let run = eniroute(instance, arguments);
                assert_eq!(run.code, 0, "{run:#?}");
            }
            None => drop(instance.host.sh(command)),
        }
    }
}

fn is_up(instance: &Instance) -> bool {
    let up = instance.host.ip("-4 address show dev eth1");
    up.contains(&format!(" {GONE}/"))
}

#[test]
fn what_networkmanager_drops_at_a_start_is_back_within_seconds() {
    let mut guest = nm_guest();
    power_cycle(&guest.instance.host, &["eth0"]);
    let [_bus, daemon] = guest.network_manager();
    guest.until("the primary's profile", || guest.is_activated("eth0"));
    guest.apply("");
    guest.assert_nothing_to_do();
    let host = guest.instance.host.clone();
    host.settle();
    // Its flag of an address says only who has made it.
    let dump = || host.dump().replace(" noprefixroute", "");
    let before = dump();
    guest.lose_nothing(|| {
        drop(daemon);
        let _daemon = guest.start_again();
        // What one that drops more than this version does would drop.
        host.sh(
            "for f in 4 6; do while ip -$f rule del priority 10000 2>/dev/null; do :; done; done",
        );
        host.ip("address del 10.0.0.21/32 dev eth1");
        run_unit(&guest.instance);
    });
    host.settle();
    assert_eq!(changed(&before, &dump()), [""; 0]);
    neighbours_reach(
        &mut guest.vpc,
        &guest.subnets,
        &["10.0.0.10", "10.0.0.20", GONE, "10.1.0.30"],
    );
}

#[test]
fn fifty_flows_of_nat_clients_outlive_a_restart_of_networkmanager() {
    let mut guest = nm_guest();
    let enis = [guest.vpc.first_eni(), guest.eth1];
    enis.iter()
        .for_each(|eni| guest.vpc.check_source(*eni, false));
    guest
        .vpc
        .associate(guest.eth1, "10.0.0.20", "3.104.193.180");
    let private = guest.vpc.subnet("10.2.0.0/20", None);
    let table = RouteTable::Subnet(private);
    guest.vpc.route(table, "0.0.0.0/0", enis[0]);
    let clients = ["10.2.0.5", "10.2.0.6"];
    let clients = clients.map(|ip| guest.vpc.instance(private, &format!("client-{ip}"), &[ip]));
    let config = "[[egress]]\nfrom = \"10.2.0.5\"\nas = \"eth0\"\n[[egress]]\nfrom = \"10.2.0.6\"\nas = \"eth1\"\n";
    guest.instance.write("etc/eniroute.toml", config);
    power_cycle(&guest.instance.host, &["eth0"]);
    let [_bus, daemon] = guest.network_manager();
    guest.until("the primary's profile", || guest.is_activated("eth0"));
    guest.apply("");
    guest.instance.host.settle();
    let each = [13, 12, 12, 13];
    let mut crowd = Crowd::open(&guest.vpc.inet(), &clients, each);
    drop(daemon);
    let _daemon = guest.start_again();
    assert_eq!(crowd.alive(), each, "by its files alone");
    assert_eq!(
        eniroute(&guest.instance, "hotplug change --wait 30").code,
        0
    );
    assert_eq!(crowd.alive(), each);
    assert_eq!(
        (guest.vpc.without_public_address(), guest.vpc.spoofed()),
        (0, 0)
    );
}

/// `systemctl restart networking` is `ifdown -a` and `ifup -a`.
#[test]
fn what_a_restart_of_networking_drops_is_back_within_seconds() {
    let mut guest = crate::ifupdown::guest();
    let owner = "auto eth0\niface eth0 inet static\n  address 10.0.0.10/20\n  gateway 10.0.0.1\n";
    guest
        .instance
        .write("etc/network/interfaces.d/50-cloud-init", owner);
    let instance = &guest.instance;
    instance.host.ip("address flush dev eth0 scope global");
    run(instance, "ifup -a");
    assert_eq!(eniroute(instance, "apply").code, 0);
    instance.host.settle();
    let before = instance.host.dump();
    run(instance, "ifdown -a --exclude=lo");
    assert!(
        !instance.host.ip("route show default").contains("eth0"),
        "it takes the primary down"
    );
    run(instance, "ifup -a --exclude=lo");
    run_unit(instance);
    instance.host.settle();
    // What routers advertise comes again in its time; until then the primary has a default of ours.
    let mut changed = changed(&before, &instance.host.dump());
    changed.retain(|line| {
        !line.contains("dev eth0 proto ra") && !line.contains("metric 10000 onlink")
    });
    assert_eq!(changed, [""; 0]);
    guest.all_answer();
}

#[test]
fn what_networkmanager_brings_out_of_our_own_file_goes_with_the_ledger_or_without_it() {
    for ledger in [true, false] {
        let mut guest = nm_guest();
        guest.instance.eniroute("apply");
        if !ledger {
            run(&guest.instance, "rm /var/lib/eniroute/ledger.json");
        }
        run(&guest.instance, "rm -r /run/eniroute");
        guest.unassign(GONE);
        power_cycle(&guest.instance.host, &["eth0", "eth1", "eth2", "eth3"]);
        let _running = guest.network_manager();
        guest.until("NetworkManager brings it", || is_up(&guest.instance));
        guest.until("the primary's profile", || guest.is_activated("eth0"));
        guest.apply("");
        assert!(!is_up(&guest.instance), "ledger: {ledger}");
        let left = program(&guest.instance, &format!("grep -rl {GONE} /{FOLDER}")).output();
        assert_eq!(String::from_utf8(left.stdout).unwrap(), "");
        guest.assert_nothing_to_do();
        // It starts again, and does not bring it either.
        run(&guest.instance, "nmcli device reapply eth1");
        assert!(!is_up(&guest.instance));
    }
}

fn assert_named(said: &Run, place: &str) {
    let told = format!("eth1 has {GONE}/32, which EC2 has not assigned to it");
    let said = &said.stdout;
    assert!(said.contains(&told) && said.contains(place), "{said}");
}

#[test]
fn what_the_owner_s_profile_brings_is_named_with_its_line_at_each_run() {
    let mut guest = nm_guest();
    let path = format!("{FOLDER}/mine.nmconnection");
    let mine = CLOUD_INIT
        .replace("eth0", "eth1")
        .replace("1dd9a779", "2dd9a779");
    let mine = mine.replace("10.0.0.10/20,10.0.0.1", &format!("{GONE}/32"));
    let mine = mine.replace("2001:db8:0:a::100/128", "2001:db8:0:a::200/128");
    guest.instance.write(&path, &mine);
    run(&guest.instance, &format!("chmod 600 /{path}"));
    let line = 1 + mine.lines().position(|line| line.contains(GONE)).unwrap();
    power_cycle(&guest.instance.host, &["eth0", "eth1", "eth2", "eth3"]);
    let _running = guest.network_manager();
    guest.until("the owner's profile", || is_up(&guest.instance));
    guest.apply("");
    guest.unassign(GONE);
    for command in ["apply", "apply", "status"] {
        let said = eniroute(&guest.instance, command);
        assert_named(&said, &format!("take it out of line {line} of /{path}"));
    }
    assert!(is_up(&guest.instance), "it is the owner's");
}

#[test]
fn what_ifup_brings_out_of_our_own_stanza_goes_and_out_of_the_owner_s_it_is_named() {
    for is_ours in [true, false] {
        let mut guest = crate::ifupdown::guest();
        let owner = "etc/network/interfaces.d/mine";
        if !is_ours {
            let text = format!("auto eth1\niface eth1 inet static\n  address {GONE}/32\n");
            guest.instance.write(owner, &text);
            run(&guest.instance, "ifup eth1");
        }
        assert_eq!(eniroute(&guest.instance, "apply").code, 0);
        run(&guest.instance, "rm -r /run/eniroute");
        run(&guest.instance, "rm /var/lib/eniroute/ledger.json");
        guest.unassign(GONE);
        power_cycle(&guest.instance.host, &["eth1", "eth2"]);
        run(&guest.instance, "find /run/network -type f -delete");
        run(&guest.instance, "ifup eth1");
        assert!(is_up(&guest.instance), "ifup brings it");
        for command in ["apply", "apply", "status"] {
            let said = eniroute(&guest.instance, command);
            if is_ours {
                assert!(!said.stdout.contains("has not assigned"), "{said:#?}");
                assert!(!is_up(&guest.instance), "{said:#?}");
            } else {
                assert_named(&said, &format!("take it out of line 3 of /{owner}"));
                assert!(is_up(&guest.instance), "it is the owner's");
            }
        }
    }
}
