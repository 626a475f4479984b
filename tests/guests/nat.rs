//! A NAT instance (scenario S3, with its own addresses): who leaves as which address, from the first packet after a reboot
//! on, before eniroute has run; a client's name is followed; nothing is left when the package is purged. With the release's
//! own nftables. Needs the .deb: `make packages`.

use crate::baseline::state;
use crate::deadline::comes_true;
use crate::early;
use crate::guest::Guest;
use crate::image::Image;
use crate::packages::{self, dpkg};
use crate::table::Steps;
use crate::vpc::nat::{A, B, C, FIRST, NatSite, SECOND};
use crate::vpc::{Background, INTERNET, tcp};

/// The VPC's own resolver, and the name of the client that leaves by the second ENI.
const RESOLVER: &str = "169.254.169.253";
const NAME: &str = "db1.internal";

/// One datagram after the other, each of a flow of its own.
const ASK: &str = "import socket, sys, time
while True:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', (sys.argv[1], 9))
    time.sleep(0.05)";

const STATE: &str = "nft list table inet eniroute; sysctl -ar 'forwarding|rp_filter' | grep -v ipv6
    journalctl -b -u 'eniroute*' -o cat --no-pager | tail -20";

pub fn run(image: Image, steps: &mut Steps) {
    let mut site = NatSite::new();
    let [first, second] = site.enis();
    let enis = [
        first.ipv6(["2001:db8:0:1::10"]),
        second.ipv6(["2001:db8:0:1::20"]),
    ];
    let vpc = &mut site.vpc;
    let Some(mut guest) = steps.essential("boots with two ENIs", || Guest::boot(vpc, image, enis))
    else {
        return;
    };
    site.route(site.vpc.first_eni());
    site.vpc
        .router()
        .ip(&format!("address add {RESOLVER}/32 dev lo"));
    let resolver = resolves(&site, B);
    let _asking = asking(&site);
    let able = steps.essential("is up, and has nftables and eniroute", || {
        packages::beside_nftables(&mut guest, image)
    });
    if able.is_none() {
        return;
    }
    steps.note(&guest.run("nft --version; uname -r"));
    steps.step(
        "each client leaves by its own address, a third by none",
        || {
            configure(&mut guest);
            all_leave(&site, &mut guest, [FIRST, SECOND, ""]);
        },
    );
    let leaked = || site.vpc.without_public_address();
    let before = leaked();
    if !early::reboots(steps, &mut guest) {
        return;
    }
    let down = leaked();
    let leaving = down - before;
    steps.note(&format!(
        "{leaving} packets went on unchanged as it shut down"
    ));
    steps.step("so they do after a reboot, before any run", || {
        all_leave(&site, &mut guest, [FIRST, SECOND, ""]);
        tcp(&site.clients[1], INTERNET[0], &site.vpc.inet(), INTERNET[0]);
        assert_eq!(leaked() - down, 0, "left with its private address");
    });
    early::in_order(steps, &mut guest);
    early::resumes(steps, &mut guest);
    drop(resolver);
    let _resolver = resolves(&site, C);
    steps.step(
        "the client's name has another address, and is followed",
        || all_leave(&site, &mut guest, [FIRST, "", SECOND]),
    );
    for verb in ["restart", "reload", "stop"] {
        let leaked = site.vpc.without_public_address();
        steps.step(
            &format!("nftables: {verb}, and each leaves by its own"),
            || emptied(&site, &mut guest, verb),
        );
        let leaked = site.vpc.without_public_address() - leaked;
        steps.note(&format!("{leaked} packets went on unchanged meanwhile"));
    }
    steps.step("the package is purged: nobody leaves", || {
        purge(&site, &mut guest)
    });
}

/// A name server for the one name.
fn resolves(site: &NatSite, address: &str) -> Background {
    let listen = format!("--listen-address={RESOLVER}");
    let record = format!("--host-record={NAME},{address}");
    let always = [
        "--no-daemon",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
    ];
    let dnsmasq = site.vpc.router().command("dnsmasq").args(always);
    dnsmasq.args([listen, record]).background()
}

/// All clients, those that may not leave, too.
fn asking(site: &NatSite) -> Vec<Background> {
    let ask = |client: &crate::vpc::Host| client.command("python3").args(["-c", ASK, INTERNET[0]]);
    site.clients
        .iter()
        .map(|client| ask(client).background())
        .collect()
}

fn configure(guest: &mut Guest) {
    guest.run(&format!(
        "echo nameserver {RESOLVER} >/etc/resolv.conf
         cat >/etc/eniroute.toml <<'END'
[[egress]]
from = \"{NAME}\"
as = \"{SECOND}\"

[[egress]]
from = \"{A}\"
as = \"{FIRST}\"
END"
    ));
    println!("{}", guest.run("eniroute apply -v --wait 15"));
}

/// `A`, `B` and `C` are seen outside as these, and answered; empty: as nobody. A refresh may be a minute away.
fn all_leave(site: &NatSite, guest: &mut Guest, wanted: [&str; 3]) {
    let mut seen = all_seen(site);
    let all = comes_true(120, || {
        seen = all_seen(site);
        seen == wanted
    });
    assert!(
        all,
        "{seen:?}, not {wanted:?}\n{}{}",
        state(guest),
        guest.try_run(STATE).output
    );
}

fn all_seen(site: &NatSite) -> [String; 3] {
    let mut seen = site.all_seen();
    for (client, seen) in site.clients.iter().zip(&mut seen) {
        if !seen.is_empty() && !client.ping(&[INTERNET[0]]).is_empty() {
            *seen += " without an answer";
        }
    }
    seen
}

/// nftables' own unit empties all tables, and eniroute's is back before systemd calls that done.
fn emptied(site: &NatSite, guest: &mut Guest, verb: &str) {
    guest.run(&format!(
        "systemctl {verb} nftables.service && nft list table inet eniroute >/dev/null"
    ));
    all_leave(site, guest, [FIRST, "", SECOND]);
}

fn purge(site: &NatSite, guest: &mut Guest) {
    let leaked = site.vpc.without_public_address();
    dpkg(guest, "--purge eniroute");
    let left = "nft list tables | grep eniroute; ip rule | grep fwmark; ls /etc/sysctl.d | grep eniroute; \
                cat /proc/sys/net/ipv4/conf/*/forwarding | grep 1";
    assert_eq!(guest.try_run(left).output, "");
    assert_eq!(site.all_seen(), ["", "", ""]);
    assert_eq!(site.vpc.without_public_address(), leaked);
}
