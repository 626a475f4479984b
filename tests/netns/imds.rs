//! The metadata service behind a NIC while a VPN's default route swallows link-local traffic: two
//! network namespaces, the service in the other one. Needs root.

#[allow(dead_code)]
#[path = "../../src/metadata/imds/tests/server.rs"]
mod server;

use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use eniroute::error::Error;
use eniroute::metadata::Source;
use eniroute::metadata::imds::{DEFAULT_URLS, Imds, Options, reach};
use eniroute::net::Dev;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{geteuid, gettid};
use server::{Ec2, Server};

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(4);

/// `eth1` leads to the VPC, where both endpoints answer; every route leads to `vpn`, which drops all.
const INSTANCE: &str = "
    link set lo up
    address add 172.31.0.10/20 dev eth1
    address add fd00:1::10/64 dev eth1 nodad
    link set eth1 up
    link add vpn type veth peer name silence
    link set silence up
    address add 10.8.0.2/24 dev vpn
    address add fd00:8::2/64 dev vpn nodad
    link set vpn up
    neigh add 10.8.0.1 lladdr 02:00:00:00:00:01 dev vpn
    neigh add fd00:8::1 lladdr 02:00:00:00:00:01 dev vpn
    route add default via 10.8.0.1
    -6 route add default via fd00:8::1 metric 100
    -6 route add default dev eth1 metric 200";

const VPC: &str = "
    address add 169.254.169.254/32 dev vpc
    address add fd00:ec2::254/128 dev vpc nodad
    link set vpc up
    route add 172.31.0.0/20 dev vpc
    -6 route add fd00:1::/64 dev vpc";

fn ip(commands: &str) {
    for command in commands
        .lines()
        .map(str::trim)
        .filter(|command| !command.is_empty())
    {
        let output = Command::new("ip")
            .args(command.split(' '))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "ip {command}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Moves this thread, and what it starts from now on, into a network namespace of its own.
fn own_namespace() {
    assert!(
        geteuid().is_root(),
        "this test makes network namespaces: run it as root"
    );
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
}

/// Makes this thread an instance with a VPC behind `eth1`. The VPC is there until the sender is dropped.
fn instance() -> Sender<()> {
    own_namespace();
    let (born, thread_id) = channel();
    let (linked, wait_for_link) = channel::<()>();
    let (up, wait_until_up) = channel();
    thread::spawn(move || {
        own_namespace();
        born.send(gettid()).unwrap();
        wait_for_link.recv().unwrap();
        ip(VPC);
        let listen = |address: &str| {
            Server::on(TcpListener::bind(address).unwrap(), |ec2, r, _| {
                ec2.answer(r)
            })
        };
        let _servers = (listen("169.254.169.254:80"), listen("[fd00:ec2::254]:80"));
        up.send(()).unwrap();
        wait_for_link.recv().unwrap_err(); // the test is over
    });
    ip(&format!(
        "link add eth1 type veth peer name vpc netns {}",
        thread_id.recv().unwrap()
    ));
    ip(INSTANCE);
    linked.send(()).unwrap();
    wait_until_up.recv().unwrap();
    linked
}

fn connect(urls: &[&str], wait: Duration, devices: &[&str]) -> Result<Imds, Error> {
    let urls = urls.iter().map(ToString::to_string).collect();
    let devices: Vec<Dev> = devices.iter().map(|&device| device.into()).collect();
    Imds::connect(&Options { urls, wait }, &devices)
}

#[test]
fn a_nic_leads_to_the_service_where_the_routes_do_not() {
    let _vpc = instance();
    let error = connect(&DEFAULT_URLS, SHORT, &[]).unwrap_err().to_string();
    assert!(
        error.contains("http://169.254.169.254: no answer in time"),
        "{error}"
    );

    for url in DEFAULT_URLS {
        let mut imds = connect(&[url], LONG, &["vpn", "eth1"]).unwrap();
        assert_eq!(imds.get("mac").unwrap().as_deref(), Some(Ec2::MAC), "{url}");
        assert!(
            imds.requests() >= 4,
            "{url}: by the routes, by vpn, by eth1, and the key"
        );
    }
}

#[test]
fn where_no_plain_way_leads_to_the_service_the_proof_goes_by_the_nic_that_answered() {
    let _vpc = instance();
    let mut imds = connect(&DEFAULT_URLS[..1], LONG, &["eth1"]).unwrap();
    let ways = imds.ways(true);
    reach(&ways, LONG).unwrap();

    ip("address flush dev eth1");
    let error = reach(&ways, SHORT).unwrap_err();
    assert!(matches!(&error, Error::Unreachable { .. }), "{error}");
}

#[test]
fn a_missing_device_is_named() {
    let _vpc = instance();
    let error = connect(&DEFAULT_URLS[..1], SHORT, &["nosuch0"])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("http://169.254.169.254 by nosuch0: No such device"),
        "{error}"
    );
}
