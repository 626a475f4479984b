//! Whether the VPC of the tests behaves as EC2's does. eniroute has no part in this.

use std::time::{Duration, Instant};

use crate::support::lab::Lab;
use crate::vpc::{EniSpec, Fault, Host, INTERNET, RouteTable, Vpc, wait_for};

const NOBODY: [std::net::IpAddr; 0] = [];

/// What a person would type to make eth1 answer.
fn configure_by_hand(guest: &Host) {
    guest.ip_batch(
        "link set eth1 up\n\
         address add 172.31.41.29/32 dev eth1\n\
         route add 172.31.32.0/20 dev eth1 table 7\n\
         route add default via 172.31.32.1 dev eth1 table 7\n\
         rule add from 172.31.41.29 table 7\n\
         address add 2001:db8:0:a::29/128 dev eth1 nodad\n\
         route add ::/0 via fe80:ec2::1 dev eth1 table 7\n\
         -6 rule add from 2001:db8:0:a::29 table 7\n",
    );
}

#[test]
fn primary_answers_from_everywhere() {
    let (mut vpc, a, _) = Lab::of_scenario_1(&[]);
    assert_eq!(
        vpc.inet().ping(&["54.178.213.178", "2001:db8:0:a::139"]),
        NOBODY
    );
    assert_eq!(
        vpc.neighbour(a)
            .ping(&["172.31.37.139", "2001:db8:0:a::139"]),
        NOBODY
    );
    assert_eq!(vpc.guest().ping(&INTERNET), NOBODY);
    assert_eq!(
        vpc.guest()
            .seen_by(&vpc.inet(), "8.8.8.8".parse().unwrap(), None),
        "54.178.213.178".parse().ok()
    );
    assert_eq!((vpc.spoofed(), vpc.wrong_arp()), (0, 0));
}

#[test]
fn secondary_needs_its_own_table() {
    let (vpc, _, _) = Lab::of_scenario_1(&[]);
    let guest = vpc.guest();
    let targets = ["3.104.193.180", "2001:db8:0:a::29"];
    guest.ip_batch(
        "link set eth1 up\naddress add 172.31.41.29/32 dev eth1\naddress add 2001:db8:0:a::29/128 dev eth1 nodad\n",
    );
    // So that it knows its gateway: ARP in eth1's name on eth0 would be dropped as well.
    assert_eq!(guest.ping(&INTERNET), NOBODY);
    assert_eq!(
        vpc.inet().ping(&targets).len(),
        2,
        "the replies leave by eth0"
    );
    assert!(
        vpc.spoofed() >= 2,
        "a reply of each family, not {}",
        vpc.spoofed()
    );
    guest.ip_batch(
        "address del 172.31.41.29/32 dev eth1\naddress del 2001:db8:0:a::29/128 dev eth1\n",
    );
    configure_by_hand(&guest);
    let before = vpc.spoofed();
    assert_eq!(vpc.inet().ping(&targets), NOBODY);
    assert!(guest.ping_from("172.31.41.29", "8.8.8.8"));
    guest.sh("curl -s --max-time 2 --interface 172.31.41.29 http://169.254.169.254/");
    assert_eq!(
        vpc.imds().log()[0].from.to_string(),
        "172.31.41.29",
        "metadata by any ENI"
    );
    assert_eq!(vpc.spoofed(), before);
}

#[test]
fn curl_reads_metadata_as_on_ec2() {
    let (vpc, _, _) = Lab::of_scenario_1(&[]);
    let imds = Curl::of(&vpc);
    let macs = "/latest/meta-data/network/interfaces/macs/";
    assert_eq!(imds.get("/latest/meta-data/mac"), "200 06:ce:dd:28:5b:b8");
    assert_eq!(imds.get(macs), "200 06:a6:9a:4a:98:c6/\n06:ce:dd:28:5b:b8/");
    assert_eq!(
        imds.get(&format!("{macs}06:a6:9a:4a:98:c6/local-ipv4s")),
        "200 172.31.41.29"
    );
    assert_eq!(
        imds.status(&format!("{macs}06:a6:9a:4a:98:c6/ipv4-prefix")),
        "404"
    );
    assert_eq!(
        imds.get(&format!("{macs}06:a6:9a:4a:98:c6/ipv4-associations/")),
        "200 3.104.193.180"
    );
    let keys = imds.get(&format!("{macs}06:a6:9a:4a:98:c6/"));
    assert!(
        keys.starts_with("200 device-number\ninterface-id\nipv4-associations/\nipv6s\n"),
        "{keys}"
    );
}

#[test]
fn metadata_demands_a_token() {
    let (vpc, _, _) = Lab::of_scenario_1(&[]);
    let guest = vpc.guest();
    let curl = |args: &str| {
        guest.sh(&format!(
            "curl -s -o /dev/null -w '%{{http_code}}' --max-time 5 {args}"
        ))
    };
    let base = "http://169.254.169.254/latest";
    assert_eq!(curl(&format!("{base}/meta-data/mac")), "401");
    assert_eq!(
        curl(&format!(
            "-H 'X-aws-ec2-metadata-token: made-up' {base}/meta-data/mac"
        )),
        "401"
    );
    assert_eq!(curl(&format!("-X PUT {base}/api/token")), "400");
    assert_eq!(
        curl(&format!(
            "-X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 21601' {base}/api/token"
        )),
        "400"
    );
    assert_eq!(
        curl(&format!(
            "-X PUT -H 'X-Forwarded-For: 1.2.3.4' {base}/api/token"
        )),
        "403"
    );
    let log = vpc.imds().log();
    assert_eq!(
        log.iter().map(|r| r.status).collect::<Vec<_>>(),
        [401, 401, 400, 400, 403]
    );
    assert!(
        log.iter().all(|r| r.from.to_string() == "172.31.37.139"),
        "{log:?}"
    );
}

#[test]
fn metadata_fails_as_told() {
    let (vpc, _, _) = Lab::of_scenario_1(&[]);
    let (imds, service) = (Curl::of(&vpc), vpc.imds());
    let secondary = "/latest/meta-data/network/interfaces/macs/06:a6:9a:4a:98:c6";
    let number = format!("{secondary}/device-number");
    for (fault, answer) in [
        (Fault::REFUSE, "403"),
        (Fault::THROTTLE, "429"),
        (Fault::status_of("device-number", 500), "500"),
        (Fault::late("06:a6:9a:4a:98:c6"), "404"),
        (Fault::absent("device-number"), "404"),
        (Fault::value("device-number", "0"), "200 0"),
        (Fault::empty("06:a6:9a:4a:98:c6/device-number"), "200 "),
        (Fault::Dead, "000"),
    ] {
        service.fault(fault.clone());
        assert!(imds.get(&number).starts_with(answer), "{fault:?}");
        service.heal();
        assert_eq!(imds.get(&number), "200 1", "after {fault:?}");
    }
    service.fault_for(2, Fault::late("device-number"));
    assert_eq!(
        [(); 3].map(|()| imds.status(&number)),
        ["404", "404", "200"]
    );
    service.fault(Fault::absent("06:a6:9a:4a:98:c6"));
    assert_eq!(
        imds.get("/latest/meta-data/network/interfaces/macs"),
        "200 06:ce:dd:28:5b:b8/"
    );
    service.heal();
    service.expire_tokens();
    assert_eq!(imds.status(&number), "401");
}

#[test]
fn metadata_connections_break_as_told() {
    let (vpc, _, _) = Lab::of_scenario_1(&[]);
    let imds = Curl::of(&vpc);
    // curl's exit codes: 18 a partial body, 1 a protocol that it does not speak, 28 time out.
    for (fault, exits) in [
        (Fault::Truncated, &[18][..]),
        (Fault::Garbage, &[1, 8, 56]),
        (Fault::Blackhole, &[28]),
    ] {
        vpc.imds().fault(fault.clone());
        let code = imds.exit_code("/latest/meta-data/mac");
        assert!(exits.contains(&code), "{fault:?}: curl exits with {code}");
        vpc.imds().heal();
    }
    vpc.imds().fault(Fault::Slow(Duration::from_millis(300)));
    let begin = Instant::now();
    assert_eq!(imds.get("/latest/meta-data/mac"), "200 06:ce:dd:28:5b:b8");
    assert!(begin.elapsed() >= Duration::from_millis(300));
}

#[test]
fn metadata_answers_over_ipv6_once_enabled_and_never_beyond_the_instance() {
    let (mut vpc, _, _) = Lab::of_scenario_1(&[]);
    let token = "curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'";
    vpc.enable_imds_ipv6();
    let guest = vpc.guest();
    assert!(
        guest
            .sh(&format!(
                "{token} --max-time 10 'http://[fd00:ec2::254]/latest/api/token'"
            ))
            .starts_with("AQ")
    );
    let container = guest.container("br0", "192.168.77.2/24");
    guest.sh("nft add table ip nat; nft add chain ip nat post '{ type nat hook postrouting priority 100; }'
              nft add rule ip nat post oifname eth0 masquerade");
    assert_eq!(container.ping(&["8.8.8.8"]), NOBODY);
    let put = container.sh(&format!(
        "{token} --max-time 1 http://169.254.169.254/latest/api/token || echo exit $?"
    ));
    assert_eq!(put, "exit 28\n", "the answer's TTL is 1");
}

#[test]
fn an_ipv6_only_instance_has_metadata_and_a_network() {
    let mut vpc = Vpc::new();
    vpc.enable_imds_ipv6();
    let a = vpc.subnet_ipv6_only("2001:db8:0:6::/64");
    let eth0 = EniSpec::new(a, "eth0")
        .mac("06:00:00:00:00:66")
        .ipv6(["2001:db8:0:6::66"]);
    vpc.attach(eth0);
    vpc.attach(
        EniSpec::new(a, "eth1")
            .mac("06:00:00:00:00:67")
            .ipv6(["2001:db8:0:6::67"])
            .device_number(3)
            .card(2),
    );
    assert_eq!(vpc.inet().ping(&["2001:db8:0:6::66"]), NOBODY);
    assert_eq!(vpc.neighbour(a).ping(&["2001:db8:0:6::66"]), NOBODY);
    let imds = Curl::at("http://[fd00:ec2::254]", &vpc.guest());
    let key = |mac: &str, key: &str| {
        imds.get(&format!(
            "/latest/meta-data/network/interfaces/macs/06:00:00:00:00:{mac}/{key}"
        ))
    };
    assert_eq!(key("66", "ipv6s"), "200 2001:db8:0:6::66");
    assert!(key("66", "local-ipv4s").starts_with("404"));
    assert_eq!(
        [key("67", "device-number"), key("67", "network-card")],
        ["200 3", "200 2"]
    );
}

#[test]
fn an_address_unknown_to_ec2_has_no_network() {
    let (mut vpc, a, _) = Lab::of_scenario_1(&[]);
    let guest = vpc.guest();
    guest.ip("address add 172.31.37.51/20 dev eth0");
    assert_eq!(vpc.neighbour(a).ping(&["172.31.37.51"]).len(), 1);
    assert!(
        vpc.wrong_arp() > 0,
        "the guest answered ARP for it, and the VPC dropped that"
    );
    let spoofed = vpc.spoofed();
    assert!(!guest.ping_from("172.31.37.51", "8.8.8.8"));
    assert!(vpc.spoofed() > spoofed);
}

#[test]
fn assigned_addresses_work_once_configured() {
    let (mut vpc, a, eth1) = Lab::of_scenario_1(&[]);
    let guest = vpc.guest();
    configure_by_hand(&guest);
    guest.ip_batch("address add 172.31.41.30/32 dev eth1\nrule add from 172.31.41.30 table 7\n");
    assert_eq!(
        vpc.neighbour(a).ping(&["172.31.41.30"]).len(),
        1,
        "not assigned yet"
    );
    vpc.assign(eth1, "172.31.41.30");
    assert_eq!(vpc.neighbour(a).ping(&["172.31.41.30"]), NOBODY);
    let key = "/latest/meta-data/network/interfaces/macs/06:a6:9a:4a:98:c6/local-ipv4s";
    assert_eq!(Curl::of(&vpc).get(key), "200 172.31.41.29\n172.31.41.30");
    vpc.unassign(eth1, "172.31.41.30");
    assert!(!guest.ping_from("172.31.41.30", "8.8.8.8"));
}

#[test]
fn delegated_prefixes_reach_containers() {
    let (mut vpc, a, eth1) = Lab::of_scenario_1(&[]);
    let guest = vpc.guest();
    configure_by_hand(&guest);
    vpc.assign(eth1, "172.31.46.16/28");
    vpc.assign(eth1, "2001:db8:0:a:c::/80");
    vpc.assign(eth1, "2001:db8:0:a:d::/80");
    guest.ip_batch(
        "rule add from 172.31.46.16/28 table 7\n-6 rule add from 2001:db8:0:a:c::/80 table 7\n",
    );
    guest.container("br0", "172.31.46.20/28");
    guest.container("br0", "2001:db8:0:a:c::20/80");
    guest.settle();
    let containers = ["172.31.46.20", "2001:db8:0:a:c::20"];
    assert_eq!(vpc.neighbour(a).ping(&containers), NOBODY);
    assert_eq!(vpc.inet().ping(&containers[1..]), NOBODY);
    assert_eq!(vpc.spoofed(), 0);
    for prefix in [
        "172.31.46.16/28",
        "2001:db8:0:a:c::/80",
        "2001:db8:0:a:d::/80",
    ] {
        vpc.unassign(eth1, prefix);
    }
    assert_eq!(vpc.neighbour(a).ping(&containers).len(), 2);
}

#[test]
fn detached_eni_leaves_and_comes_back() {
    let (mut vpc, _, eth1) = Lab::of_scenario_1(&[]);
    let guest = vpc.guest();
    let before = guest.dump();
    configure_by_hand(&guest);
    assert_ne!(guest.dump(), before);
    vpc.unplug(eth1);
    let macs = "/latest/meta-data/network/interfaces/macs";
    assert_eq!(
        Curl::of(&vpc).get(macs).lines().count(),
        2,
        "stale metadata"
    );
    vpc.forget(eth1);
    assert_eq!(Curl::of(&vpc).get(macs), "200 06:ce:dd:28:5b:b8/");
    vpc.reattach(eth1, "eth1");
    guest.ip_batch(
        "rule del from 172.31.41.29 table 7\n-6 rule del from 2001:db8:0:a::29 table 7\n",
    );
    assert_eq!(guest.dump(), before);
}

#[test]
fn eni_moves_to_the_stand_by() {
    let (mut vpc, a, eth1) = Lab::of_scenario_1(&[]);
    let standby = vpc.second_guest("standby");
    vpc.attach(
        EniSpec::new(a, "ens5")
            .on(standby)
            .mac("06:00:00:00:00:33")
            .ipv4(["172.31.33.33"]),
    );
    vpc.detach(eth1);
    vpc.move_to(eth1, standby, "eth1");
    let host = vpc.guest_of(standby);
    configure_by_hand(&host);
    assert_eq!(
        vpc.inet().ping(&["3.104.193.180", "54.178.213.178"]),
        NOBODY
    );
    let its = Curl::on(&host);
    assert_eq!(its.get("/latest/meta-data/mac"), "200 06:00:00:00:00:33");
    let number = "/latest/meta-data/network/interfaces/macs/06:a6:9a:4a:98:c6/device-number";
    assert_eq!(its.get(number), "200 1");
    assert_eq!(Curl::of(&vpc).status(number), "404");
}

#[test]
fn appliance_gets_what_the_route_table_sends_it() {
    let mut vpc = Vpc::new();
    let (a, b) = (
        vpc.subnet("172.31.0.0/20", None),
        vpc.subnet("172.31.16.0/20", None),
    );
    let nat = EniSpec::new(a, "eth0")
        .ipv4(["172.31.8.207"])
        .public("172.31.8.207", "54.178.213.178")
        .unchecked();
    let eth0 = vpc.attach(nat);
    let client = vpc.instance(b, "client", &["172.31.26.176"]);
    assert_eq!(
        client.seen_by(&vpc.inet(), "8.8.8.8".parse().unwrap(), None),
        None
    );
    vpc.route(RouteTable::Subnet(b), "0.0.0.0/0", eth0);
    let guest = vpc.guest();
    guest.sysctl("net.ipv4.ip_forward", 1);
    guest.sh("nft add table ip nat; nft add chain ip nat post '{ type nat hook postrouting priority 100; }'
              nft add rule ip nat post oifname eth0 ip saddr 172.31.0.0/16 masquerade");
    assert_eq!(
        client.seen_by(&vpc.inet(), "8.8.8.8".parse().unwrap(), None),
        "54.178.213.178".parse().ok()
    );
    assert_eq!(client.ping(&["8.8.8.8"]), NOBODY);
}

#[test]
fn appliance_stands_between_the_internet_and_a_subnet() {
    let mut vpc = Vpc::new();
    let (a, b) = (
        vpc.subnet("172.31.0.0/20", None),
        vpc.subnet("172.31.16.0/20", None),
    );
    let eth0 = vpc.attach(EniSpec::new(a, "eth0").ipv4(["172.31.8.207"]).unchecked());
    let client = vpc.instance(b, "client", &["172.31.26.176"]);
    vpc.elastic_ip("172.31.26.176", "54.178.213.178");
    vpc.route(RouteTable::Internet, "172.31.16.0/20", eth0);
    vpc.route(RouteTable::Subnet(b), "0.0.0.0/0", eth0);
    assert_eq!(
        vpc.inet().ping(&["54.178.213.178"]).len(),
        1,
        "the appliance does not forward yet"
    );
    vpc.guest().sysctl("net.ipv4.ip_forward", 1);
    assert_eq!(vpc.inet().ping(&["54.178.213.178"]), NOBODY);
    assert_eq!(client.ping(&["8.8.8.8"]), NOBODY);
}

#[test]
fn egress_only_gateway_lets_answers_in_and_nothing_else() {
    let (vpc, _, _) = Lab::of_scenario_1(&[]);
    vpc.egress_only_ipv6();
    assert_eq!(vpc.guest().ping(&INTERNET), NOBODY);
    assert_eq!(
        vpc.inet().ping(&["54.178.213.178", "2001:db8:0:a::139"]),
        ["2001:db8:0:a::139".parse::<std::net::IpAddr>().unwrap()]
    );
}

#[test]
fn a_big_instance_is_built_in_seconds_and_answers_with_every_address() {
    let mut vpc = Vpc::new();
    let a = vpc.subnet("10.0.0.0/16", Some("2001:db8:0:a::/64"));
    let begin = Instant::now();
    let mut addresses = vec![];
    for n in 0..15 {
        let ipv4: Vec<_> = (10..60).map(|host| format!("10.0.{n}.{host}")).collect();
        let ipv6: Vec<_> = (10..60)
            .map(|host| format!("2001:db8:0:a:{n:x}::{host}"))
            .collect();
        vpc.attach(EniSpec::new(a, &format!("eth{n}")).ipv4(&ipv4).ipv6(&ipv6));
        vpc.guest().ip_batch(&many_by_hand(n, &ipv4, &ipv6));
        addresses.extend(ipv4.into_iter().chain(ipv6));
    }
    assert!(
        begin.elapsed() < Duration::from_secs(30),
        "{:?}",
        begin.elapsed()
    );
    let b = vpc.subnet("10.1.0.0/16", Some("2001:db8:0:b::/64"));
    assert_eq!(vpc.neighbour(b).ping(&addresses), NOBODY);
    assert_eq!((vpc.spoofed(), vpc.wrong_arp()), (0, 0));
}

/// All addresses of an ENI whose second to last part is its number, and a table for them.
fn many_by_hand(n: u32, ipv4: &[String], ipv6: &[String]) -> String {
    let table = 100 + n;
    let v4 = ipv4
        .iter()
        .map(|a| format!("address replace {a}/32 dev eth{n}\n"))
        .collect::<String>();
    let v6 = ipv6
        .iter()
        .map(|a| format!("address replace {a}/128 dev eth{n} nodad\n"))
        .collect::<String>();
    format!(
        "link set eth{n} up\n{v4}{v6}\
         route add 10.0.0.0/16 dev eth{n} table {table}\n\
         route add default via 10.0.0.1 dev eth{n} table {table}\n\
         rule add from 10.0.{n}.0/24 table {table}\n\
         -6 route add ::/0 via fe80:ec2::1 dev eth{n} table {table}\n\
         -6 rule add from 2001:db8:0:a:{n:x}::/80 table {table}\n"
    )
}

#[test]
fn mounts_of_a_host_stay_there() {
    let vpc = Vpc::new();
    vpc.guest()
        .sh("mount -t tmpfs none /mnt && touch /mnt/only-here");
    assert_eq!(vpc.guest().sh("ls /mnt"), "only-here\n");
    assert!(!vpc.inet().sh("ls /mnt").contains("only-here"));
    assert_eq!(
        vpc.guest().sh("ls /sys/class/net"),
        "lo\n",
        "/sys is the host's own"
    );
}

#[test]
fn source_check_can_be_switched_off() {
    let (mut vpc, a, eth1) = Lab::of_scenario_1(&[]);
    let (guest, neighbour) = (vpc.guest(), vpc.neighbour(a));
    let at = "172.31.47.250".parse().unwrap();
    assert_eq!(guest.ping(&[at]), NOBODY);
    guest.ip_batch(
        "link set eth1 up\naddress add 192.168.9.9/32 dev eth1\nroute add 172.31.32.0/20 dev eth1 metric 1\n",
    );
    let foreign = "192.168.9.9".parse().ok();
    assert_eq!(guest.seen_by(&neighbour, at, foreign), None);
    let spoofed = vpc.spoofed();
    vpc.check_source(eth1, false);
    assert_eq!(guest.seen_by(&neighbour, at, foreign), foreign);
    assert_eq!(vpc.spoofed(), spoofed);
}

#[test]
fn background_program_dies_with_its_handle() {
    let host = Vpc::new().guest();
    let sleeper = host
        .command("bash")
        .args(["-c", "echo $$; exec sleep 1000"])
        .background();
    wait_for("the sleeper's first line", || sleeper.log().ends_with('\n'));
    let process = format!("/proc/{}", sleeper.log().trim());
    assert!(std::path::Path::new(&process).exists(), "{process}");
    drop(sleeper);
    assert!(
        !std::path::Path::new(&process).exists(),
        "{process} is still there"
    );
}

/// `curl` on an instance, with a token.
struct Curl {
    guest: Host,
    base: &'static str,
    token: String,
}

impl Curl {
    fn of(vpc: &Vpc) -> Self {
        Self::on(&vpc.guest())
    }

    fn on(guest: &Host) -> Self {
        Self::at("http://169.254.169.254", guest)
    }

    fn at(base: &'static str, guest: &Host) -> Self {
        let put = "curl -sfg --max-time 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'";
        let token = guest.sh(&format!("{put} '{base}/latest/api/token'"));
        assert_eq!(token.len(), 56, "{token}");
        Self {
            guest: guest.clone(),
            base,
            token,
        }
    }

    /// `STATUS BODY`.
    fn get(&self, path: &str) -> String {
        let out = self.curl(path).output();
        let text = String::from_utf8(out.stdout).expect("text");
        let (body, status) = text.rsplit_once('\n').expect("the status in the last line");
        format!("{status} {body}")
    }

    fn status(&self, path: &str) -> String {
        self.get(path)[..3].to_owned()
    }

    fn exit_code(&self, path: &str) -> i32 {
        self.curl(path)
            .output()
            .status
            .code()
            .expect("an exit code")
    }

    fn curl(&self, path: &str) -> crate::vpc::Cmd {
        let header = format!("X-aws-ec2-metadata-token: {}", self.token);
        let url = format!("{}{path}", self.base);
        self.guest.command("curl").args([
            "-sg",
            "--max-time",
            "2",
            "-w",
            "\n%{http_code}",
            "-H",
            &header,
            &url,
        ])
    }
}
