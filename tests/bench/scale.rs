//! How the work of a run grows with ENIs and addresses: time of a processor for each object, which neither the metadata
//! service nor others on the machine have a part in, and peak memory.

use std::path::Path;

use tempfile::TempDir;

use crate::life::make_disk;
use crate::vpc::{EniSpec, Host, SubnetId, Vpc};
use crate::{binary, measure, median};

const ROUNDS: usize = 3;

/// ENIs, IPv4 and IPv6 addresses of each.
const SHAPES: [[usize; 3]; 8] = [
    [2, 1, 1],
    [2, 64, 64],
    [15, 10, 10],
    [15, 50, 0],
    [15, 50, 50],
    [80, 1, 1],
    [80, 50, 0],
    [80, 64, 64],
];

/// The table: milliseconds of a processor, microseconds for each address, MiB.
pub fn rows() -> Vec<Vec<String>> {
    let header = [
        "ENIs x addresses",
        "addresses",
        "first apply, ms of a processor",
        "µs an address",
        "refresh",
        "µs an address",
        "MiB",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(SHAPES.map(row));
    rows
}

fn row(shape: [usize; 3]) -> Vec<String> {
    let [enis, ipv4, ipv6] = shape;
    let (_vpc, guest) = host(shape);
    let root = TempDir::new_in(Path::new(&binary()).parent().expect("a folder"));
    let root = root.expect("a folder");
    make_disk(root.path());
    let root = root.path().display().to_string();
    let run = |words: &[&str]| measure(&guest, &[&["--root", &root], words].concat());
    let (mut first, mut refresh, mut peak) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        for (times, words) in [
            (&mut first, &["apply", "--no-persist"][..]),
            (&mut refresh, &["refresh"]),
        ] {
            let [_, worked, memory] = run(words);
            times.push(worked);
            peak = peak.max(memory);
        }
        run(&["remove"]);
    }
    let count = enis * (ipv4 + ipv6);
    let each = |times: &[f64]| format!("{:.1}", median(times) * 1e3 / count as f64);
    let all = |times: &[f64]| format!("{:.1}", median(times));
    vec![
        format!("{enis} x ({ipv4} + {ipv6} IPv6)"),
        count.to_string(),
        all(&first),
        each(&first),
        all(&refresh),
        each(&refresh),
        format!("{peak:.1}"),
    ]
}

/// Sixteen ENIs share a subnet, as they would on an instance of many network cards.
fn host([enis, ipv4, ipv6]: [usize; 3]) -> (Vpc, Host) {
    let mut vpc = Vpc::new();
    let mut subnets: Vec<SubnetId> = Vec::new();
    for eni in 0..enis {
        let net = eni / 16;
        if subnets.len() == net {
            let six = (ipv6 > 0).then(|| format!("2001:db8:0:{net}::/64"));
            subnets.push(vpc.subnet(&format!("10.{net}.0.0/16"), six.as_deref()));
        }
        let spec = EniSpec::new(subnets[net], &format!("eth{eni}"));
        let four = (0..ipv4).map(|host| format!("10.{net}.{}.{}", 1 + eni % 16, 10 + host));
        let six = (0..ipv6).map(|host| format!("2001:db8:0:{net}:{eni:x}::{:x}", 16 + host));
        let spec = spec.device_number(eni as u32 % 15 + u32::from(eni >= 15));
        vpc.attach(spec.card(eni as u32 / 15).ipv4(four).ipv6(six));
    }
    let guest = vpc.guest();
    guest.settle();
    (vpc, guest)
}
