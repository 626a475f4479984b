//! How the metadata service is asked: over a few connections, by one token, and by fewer packets a second than EC2 drops.

use std::time::Duration;

use crate::instance::Instance;
use crate::vpc::{EniSpec, Fault, Imds, Vpc};

/// Half of what EC2 lets an ENI exchange with its link-local services in a second.
const PACKETS: usize = 512;

/// So many ENIs with so many addresses each, which have public ones.
fn host(enis: usize, addresses: usize) -> (Vpc, Instance) {
    let mut vpc = Vpc::new();
    for eni in 0..enis {
        let subnet = vpc.subnet(&format!("10.{eni}.0.0/20"), None);
        let spec = EniSpec::new(subnet, &format!("eth{eni}"));
        let private: Vec<String> = (0..addresses)
            .map(|host| format!("10.{eni}.0.{}", 10 + host))
            .collect();
        let public = private.iter().zip(10..);
        let spec = public.fold(spec.ipv4(&private), |spec, (ip, host)| {
            spec.public(ip, format!("203.{eni}.0.{host}"))
        });
        vpc.attach(spec);
    }
    let instance = Instance::with_netplan(vpc.guest());
    instance.host.sh(COUNT);
    (vpc, instance)
}

/// Counts what is exchanged with the service, in both directions.
const COUNT: &str = "nft 'table ip count { counter seen { };
    chain outgoing { type filter hook output priority 0; ip daddr 169.254.169.254 counter name seen; };
    chain incoming { type filter hook input priority 0; ip saddr 169.254.169.254 counter name seen; }; }'";

fn counted(instance: &Instance) -> usize {
    let said = instance.host.sh("nft reset counter ip count seen");
    let mut words = said
        .split_whitespace()
        .skip_while(|word| *word != "packets");
    words.nth(1).unwrap().parse().unwrap()
}

fn tokens(imds: &Imds) -> usize {
    let log = imds.log();
    let puts = log.iter().filter(|request| request.method == "PUT");
    puts.count()
}

/// The most requests in any second.
fn busiest_second(imds: &Imds) -> usize {
    let log = imds.log();
    let second = Duration::from_secs(1);
    let within = |n: usize| {
        let since = log[n..].iter();
        since
            .take_while(|request| request.at - log[n].at < second)
            .count()
    };
    (0..log.len()).map(within).max().unwrap_or_default()
}

#[test]
fn no_second_has_more_packets_than_half_of_what_ec2_allows() {
    let (vpc, instance) = host(15, 50);
    for command in ["apply", "refresh", "status"] {
        vpc.imds().clear_log();
        counted(&instance);
        instance.must(command);
        let (imds, packets) = (vpc.imds(), counted(&instance));
        let requests = imds.log().len();
        assert!(
            packets <= 3 * requests + 8 * 7,
            "{command}: {packets} packets for {requests} requests"
        );
        let in_a_second = busiest_second(imds) * packets / requests;
        assert!(
            in_a_second <= PACKETS,
            "{command}: {in_a_second} packets in a second"
        );
        assert!(
            imds.most_connections() <= 4,
            "{command}: {} connections",
            imds.most_connections()
        );
        assert_eq!(tokens(imds), 1, "{command}");
    }
}

#[test]
fn two_enis_are_read_over_several_connections_and_one_over_one() {
    for (enis, connections) in [(1, 1..=1), (2, 2..=4)] {
        let (vpc, instance) = host(enis, 1);
        vpc.imds().clear_log();
        instance.must("status");
        let most = vpc.imds().most_connections();
        assert!(
            connections.contains(&most),
            "{enis} ENIs: {most} connections"
        );
        assert_eq!(tokens(vpc.imds()), 1);
    }
}

/// A bound of connections, as EC2 has one: whoever is beyond it gets no answer, or a refusal.
#[test]
fn what_fails_on_one_connection_is_asked_again_by_another() {
    for fault in [
        Fault::Reset,
        Fault::Closed,
        Fault::THROTTLE,
        Fault::BROKEN,
        Fault::Truncated,
    ] {
        let (vpc, instance) = host(4, 2);
        let key = "network/interfaces/macs/06:00:00:00:00:02/local-ipv4s";
        let macs: Vec<String> = vpc
            .imds()
            .text_of("/latest/meta-data/network/interfaces/macs/")
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        let key = key.replace("06:00:00:00:00:02/", &macs[2]);
        let path = format!("/latest/meta-data/{key}");
        vpc.imds().fault_for(1, Fault::on(&path, fault.clone()));
        instance.must("apply");
        let asked = vpc
            .imds()
            .log()
            .into_iter()
            .filter(|request| request.path == path);
        assert!(asked.count() >= 2, "{fault:?}");
        let enis = instance.json("status")["enis"].as_array().unwrap().clone();
        assert!(
            enis.len() == 4 && enis.iter().all(|eni| eni["state"] == "ok"),
            "{fault:?}: {enis:#?}"
        );
    }
}
