//! A guest of the fake VPC that systemd-networkd configures, with netplan or without: private /run, /etc and bus,
//! and a DHCP server in the VPC's router. Everything is the distribution's own program.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::instance::{self, Run};
use crate::support::confined::confined;
use crate::traffic;
use crate::vpc::{Background, EniId, EniSpec, Host, SubnetId, Vpc, wait_for};

/// networkd takes links for initialised without udev only where /sys cannot be written. All else that the guest
/// would share with this machine is its own.
const MOUNTS: &str = r#"
mount --bind /sys /sys; mount -o remount,bind,ro /sys
mount -t tmpfs none /run
for folder in /etc/netplan /etc/systemd/network /etc/sysctl.d /var/lib; do mkdir -p $folder; mount -t tmpfs none $folder; done
install -d -o systemd-network -g systemd-network /run/systemd/netif /run/systemd/netif/{links,leases,lldp}
install -d /run/systemd/network /run/dbus /run/bin
cat >/run/dbus/bus.conf <<'XML'
<busconfig>
  <type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
XML
"#;

/// netplan's generator as it is, but a veth has no permanent address to be matched by. It stands where its release has it:
/// `configure` since 1.2, `generate` before. REAL is its command.
const NETPLAN: &str = r#"
folder=/usr/libexec/netplan name=generate
case $REAL in */configure) name=configure ;; esac
cat >/run/bin/$name <<SH
#!/bin/sh
echo "\$@" >>/run/bin/runs
$REAL "\$@" || exit \$?
root=\$2
sed -i s/^PermanentMACAddress=/MACAddress=/ "\$root"/run/systemd/network/*.network 2>/dev/null || :
SH
chmod 755 /run/bin/$name
cp $folder/generate /run/bin/installed
real=$(readlink -f $folder/generate)
mount --bind /run/bin/$name "$real" || exit
[ $name = generate ] || { mount -t tmpfs none $folder && cp /run/bin/$name $folder/; }
"#;

/// Another systemd than this machine's, unpacked by tests/consumers: its networkd runs with that tree as its root, and
/// all else is the guest's; its networkctl and netplan by the tree's own libraries, as eniroute's units may not change the
/// root.
const NEWER: &str = r#"
for folder in proc sys dev run etc; do mkdir -p $TREE/$folder; mount --rbind /$folder $TREE/$folder; done
cat >/run/bin/networkctl <<SH
#!/bin/sh
libraries=$TREE/usr/lib/x86_64-linux-gnu
exec $TREE/usr/lib64/ld-linux-x86-64.so.2 --library-path \$libraries:\$libraries/systemd $TREE/usr/bin/networkctl "\$@"
SH
chmod 755 /run/bin/networkctl
mount --bind /run/bin/networkctl /usr/bin/networkctl
"#;

/// The systemd whose networkd runs in the guest, with the netplan of the same release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Systemd {
    /// This machine's own.
    Installed,
    /// That of a release of Debian, which tests/consumers has unpacked.
    Of(&'static str),
}

impl Systemd {
    /// 252 with netplan 0.106; 257 with 1.1, beyond 254, since when networkctl does nothing where `SYSTEMD_OFFLINE` is
    /// set; 262 with 1.2, which makes networkd's units by another program.
    pub const ALL: [Self; 3] = [Self::Installed, Self::Of("trixie"), Self::Of("forky")];

    fn tree(self) -> Option<String> {
        let Self::Of(release) = self else { return None };
        let tree = format!(
            concat!(env!("CARGO_MANIFEST_DIR"), "/target/systemd-{}"),
            release
        );
        assert!(
            fs::exists(&tree).unwrap(),
            "{tree} is not there: run tests/setup"
        );
        Some(tree)
    }

    /// The command of its netplan's generator.
    pub fn generator(self) -> String {
        let Some(tree) = self.tree() else {
            return "/usr/libexec/netplan/generate".to_owned();
        };
        let libraries = format!("{tree}/usr/lib/x86_64-linux-gnu");
        let programs =
            ["configure", "generate"].map(|name| format!("{tree}/usr/libexec/netplan/{name}"));
        let program = programs.iter().find(|program| fs::exists(program).unwrap());
        let program = program.unwrap_or_else(|| panic!("{tree} has no netplan: run tests/setup"));
        format!(
            "{tree}/usr/lib64/ld-linux-x86-64.so.2 --library-path {libraries}:{libraries}/systemd {program}"
        )
    }
}

/// Read by eniroute where it is there; /etc itself is this machine's.
pub const CONFIG: &str = "/run/eniroute.toml";

pub struct Lab {
    networkd: Option<Background>,
    systemd: Systemd,
    _daemons: Vec<Background>,
    pub vpc: Vpc,
    pub guest: Host,
    pub subnets: [SubnetId; 2],
    pub enis: Vec<EniId>,
}

impl Lab {
    /// The guest with its primary ENI, eth0, and nothing running in it. Files go by their path.
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::of(Systemd::Installed, files)
    }

    /// The same with another systemd.
    pub fn of(systemd: Systemd, files: &[(&str, &str)]) -> Self {
        let mut vpc = Vpc::new();
        let subnets = [
            ("10.0.0.0/20", "2001:db8:0:a::/64"),
            ("10.1.0.0/20", "2001:db8:0:b::/64"),
        ]
        .map(|(v4, v6)| vpc.subnet(v4, Some(v6)));
        let primary = EniSpec::new(subnets[0], "eth0")
            .ipv4(["10.0.0.10", "10.0.0.11"])
            .public("10.0.0.10", "54.178.213.178");
        let enis = vec![vpc.attach(primary)];
        let guest = vpc.guest();
        guest.sh(MOUNTS);
        // The installed one gives its place to what calls a copy of it.
        let generator = match systemd {
            Systemd::Installed => "/run/bin/installed".to_owned(),
            Systemd::Of(_) => systemd.generator(),
        };
        guest.sh(&format!("REAL='{generator}'{NETPLAN}"));
        if let Some(tree) = systemd.tree() {
            guest.sh(&format!("TREE={tree}{NEWER}"));
        }
        for (path, text) in files {
            guest.enter(|| fs::write(path, text).unwrap_or_else(|e| panic!("{path}: {e}")));
        }
        let bus = guest
            .command("dbus-daemon")
            .args(["--config-file=/run/dbus/bus.conf", "--nofork"])
            .background();
        // At a boot it listens before networkd starts, which may not find it again otherwise.
        wait_for("the bus", || {
            guest.enter(|| UnixStream::connect("/run/dbus/system_bus_socket").is_ok())
        });
        let daemons = vec![bus, dhcp_server(&vpc)];
        Self {
            networkd: None,
            systemd,
            _daemons: daemons,
            vpc,
            guest,
            subnets,
            enis,
        }
    }

    /// eth1, in the primary's subnet, with a delegated prefix.
    pub fn attach_eth1(&mut self) {
        let eth1 = EniSpec::new(self.subnets[0], "eth1")
            .ipv4(["10.0.0.20", "10.0.0.21"])
            .prefix4("10.0.3.16/28");
        self.enis.push(
            self.vpc.attach(
                eth1.ipv6(["2001:db8:0:a::200"])
                    .public("10.0.0.20", "3.104.193.180"),
            ),
        );
    }

    /// eth2, in another subnet.
    pub fn attach_eth2(&mut self) {
        let eth2 = EniSpec::new(self.subnets[1], "eth2").ipv4(["10.1.0.30", "10.1.0.31"]);
        self.enis.push(self.vpc.attach(eth2));
    }

    /// What the boot does: netplan's generator, then networkd. Returns when the links are configured.
    pub fn boot(&mut self, configured: &[&str]) {
        if !self.guest.sh("ls /etc/netplan").is_empty() {
            // netplan since 1.2 does so by a unit of its own.
            let boot = "/usr/libexec/netplan/configure";
            self.guest.sh(&format!(
                "if [ -e {boot} ]; then {boot} --root-dir /; else netplan generate; fi"
            ));
        }
        self.start_networkd();
        configured.iter().for_each(|dev| self.await_configured(dev));
    }

    /// networkd ends, and starts again: no more than that.
    pub fn restart(&mut self) {
        self.networkd = None;
        self.start_networkd();
    }

    fn start_networkd(&mut self) {
        let daemon = "/lib/systemd/systemd-networkd";
        let command = match self.systemd.tree() {
            Some(tree) => self.guest.command("chroot").args([&tree, daemon]),
            None => self.guest.command(daemon),
        };
        self.networkd = Some(command.background());
    }

    /// networkd ends, and all that it or we made in the kernel goes with the power.
    pub fn power_off(&mut self) {
        self.networkd = None;
        for dev in self.devices() {
            self.guest.ip(&format!("address flush dev {dev}"));
            self.guest.ip(&format!("link set {dev} down"));
        }
        for flag in ["-4", "-6"] {
            for line in self.guest.ip(&format!("{flag} rule")).lines() {
                let priority: u32 = line.split(':').next().unwrap().parse().unwrap();
                if ![0, 32_766, 32_767].contains(&priority) {
                    self.guest
                        .ip(&format!("{flag} rule del priority {priority}"));
                }
            }
            self.guest
                .sh(&format!("for t in 10000 10001 10002; do ip {flag} route flush table $t 2>/dev/null || :; done"));
        }
        self.guest.sh(
            "rm -rf /run/systemd/network/* /run/systemd/netif/links/* /run/systemd/netif/leases/*",
        );
    }

    fn devices(&self) -> Vec<String> {
        self.guest
            .sh("ls /sys/class/net")
            .split_whitespace()
            .filter(|dev| dev.starts_with("eth"))
            .map(str::to_owned)
            .collect()
    }

    pub fn await_configured(&self, dev: &str) {
        self.until(&format!("{dev} is configured"), || {
            self.record(dev).contains("ADMIN_STATE=configured")
        });
    }

    /// What networkctl says of a link.
    pub fn status(&self, dev: &str) -> String {
        self.guest.sh(&format!(
            "networkctl status --no-pager --full --lines=0 {dev}"
        ))
    }

    /// The file that networkd says it runs the link by, by networkctl.
    pub fn loaded(&self, dev: &str) -> String {
        let status = self.status(dev);
        let file = status
            .lines()
            .find_map(|line| line.trim().strip_prefix("Network File: "));
        file.unwrap_or_else(|| panic!("networkctl names no file: {status}"))
            .to_owned()
    }

    /// networkd's record of a link.
    pub fn record(&self, dev: &str) -> String {
        self.guest.sh(&format!(
            "cat /run/systemd/netif/links/$(cat /sys/class/net/{dev}/ifindex) 2>/dev/null || :"
        ))
    }

    pub fn until(&self, what: &str, done: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !done() {
            assert!(
                Instant::now() < deadline,
                "not within 60 s: {what}\n{}\n{}",
                self.log(),
                self.guest.dump()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What networkd has said so far.
    pub fn log(&self) -> String {
        self.networkd
            .as_ref()
            .map_or_else(String::new, Background::log)
    }

    /// `eniroute ARGUMENTS` on the running system, with a unit's capabilities, whatever comes of it.
    pub fn eniroute(&self, arguments: &str) -> Run {
        let [setpriv, rest @ ..] = &confined()[..] else {
            panic!()
        };
        let command = self
            .guest
            .command(setpriv)
            .args(rest)
            .arg(env!("CARGO_BIN_EXE_eniroute"));
        let command = command.args(arguments.split_whitespace());
        let config = self.has(CONFIG).then_some(["--config", CONFIG]);
        Run::of(command.args(config.into_iter().flatten()).output())
    }

    /// See [`instance::is_soon()`].
    pub fn is_soon(&self, took: Duration, bound: Duration) -> bool {
        instance::is_soon(took, bound, |arguments| self.eniroute(arguments))
    }

    /// The same in the background. The last line of its log is `exit CODE`.
    pub fn start(&self, arguments: &str) -> Background {
        let shell = self
            .guest
            .command("sh")
            .args(["-c", "\"$@\"; echo exit $?", "sh"])
            .args(confined());
        shell
            .arg(env!("CARGO_BIN_EXE_eniroute"))
            .args(arguments.split_whitespace())
            .background()
    }

    /// `eniroute apply -v`, which must succeed; what it logged.
    pub fn apply(&self) -> String {
        let run = self.eniroute("apply -v");
        assert_eq!(run.code, 0, "{run:#?}\n{}", self.log());
        run.stderr
    }

    /// All that is ours in the kernel, as `ip` tells it: rules, tables, the secondary ENIs' addresses and routes in
    /// main. Without protocol and `onlink`, in which networkd and we may differ.
    pub fn ours(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for flag in ["-4", "-6"] {
            let rules = self.guest.ip(&format!("{flag} rule"));
            lines.extend(
                rules
                    .lines()
                    .filter(|line| line.starts_with('1') || line.starts_with('2'))
                    .map(steady),
            );
            let routes = self.guest.ip(&format!("{flag} route show table all"));
            lines.extend(
                routes
                    .lines()
                    .filter(|line| line.contains("table 100") || line.contains("metric 1000"))
                    .map(steady),
            );
            let addresses = self
                .guest
                .ip(&format!("{flag} -o address show scope global"));
            lines.extend(addresses.lines().filter_map(|line| {
                Some(
                    line.split_once("eth")?
                        .1
                        .split_whitespace()
                        .take(3)
                        .collect::<Vec<_>>()
                        .join(" "),
                )
            }));
        }
        lines.sort();
        lines
    }

    pub fn rules(&self) -> String {
        self.guest.ip("-4 rule") + &self.guest.ip("-6 rule")
    }

    pub fn has(&self, path: &str) -> bool {
        self.guest.enter(|| fs::exists(path).unwrap())
    }

    /// The number of pings to the primary ENI that are lost while `work` is done.
    pub fn under_traffic(&self, work: impl FnOnce()) -> usize {
        traffic::under_traffic(&self.vpc, &self.guest, "54.178.213.178", work)
    }
}

/// EC2's DHCP: the primary address of each ENI, an hour's lease.
fn dhcp_server(vpc: &Vpc) -> Background {
    let hosts = [
        ("00", "10.0.0.10"),
        ("01", "10.0.0.20"),
        ("02", "10.1.0.30"),
    ];
    let server = vpc.inet().command("ip").args([
        "netns",
        "exec",
        "router",
        "dnsmasq",
        "--no-daemon",
        "--port=0",
    ]);
    let server = server.args([
        "--conf-file=/dev/null",
        "--leasefile-ro",
        "--user=root",
        "--dhcp-authoritative",
    ]);
    let server = server.args([
        "--interface=subnet*",
        "--dhcp-range=10.0.0.0,static,1h",
        "--dhcp-range=10.1.0.0,static,1h",
    ]);
    server
        .args(hosts.map(|(mac, ip)| format!("--dhcp-host=06:00:00:00:00:{mac},{ip}")))
        .background()
}

fn steady(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "proto" | "pref" => drop(words.next()),
            "onlink" | "linkdown" => {}
            _ => kept.push(word),
        }
    }
    kept.join(" ")
}
