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
    let measured = SHAPES.map(measured);
    rows.extend(measured.map(|one| one.row()));
    for (what, fit) in [
        ("R² of a straight line", straight as Fit),
        ("exponent", exponent),
    ] {
        let [first, refresh] = [0, 1].map(|run| {
            let points = measured.map(|one| (one.addresses(), one.times[run]));
            format!("{:.2}", fit(&points))
        });
        let cells = [what, "", &first, "", &refresh, "", ""];
        rows.push(cells.map(str::to_owned).to_vec());
    }
    rows
}

/// How the second numbers follow from the first.
type Fit = fn(&[(f64, f64)]) -> f64;

/// How well a straight line explains them (the square of the correlation): 1 is all of it.
fn straight(points: &[(f64, f64)]) -> f64 {
    let [xx, xy, yy] = moments(points);
    xy * xy / (xx * yy)
}

/// The slope of the logarithms: 1 is growth in proportion, less has a part that does not grow.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let [xx, xy, _] = moments(&logs);
    xy / xx
}

/// The sums of the products of what they differ from their means.
fn moments(points: &[(f64, f64)]) -> [f64; 3] {
    let count = points.len() as f64;
    let x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|(a, b)| of(a - x, b - y)).sum();
    [sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y)]
}

/// Medians of one shape.
#[derive(Clone, Copy)]
struct Measured {
    shape: [usize; 3],
    /// Milliseconds of a processor: the first `apply`, a `refresh`.
    times: [f64; 2],
    /// MiB.
    peak: f64,
}

impl Measured {
    fn addresses(&self) -> f64 {
        let [enis, ipv4, ipv6] = self.shape;
        (enis * (ipv4 + ipv6)) as f64
    }

    fn row(&self) -> Vec<String> {
        let [enis, ipv4, ipv6] = self.shape;
        let all = self.times.map(|time| format!("{time:.1}"));
        let each = |time: f64| format!("{:.1}", time * 1e3 / self.addresses());
        vec![
            format!("{enis} x ({ipv4} + {ipv6} IPv6)"),
            self.addresses().to_string(),
            all[0].clone(),
            each(self.times[0]),
            all[1].clone(),
            each(self.times[1]),
            format!("{:.1}", self.peak),
        ]
    }
}

fn measured(shape: [usize; 3]) -> Measured {
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
    Measured {
        shape,
        times: [first, refresh].map(|times| median(&times)),
        peak,
    }
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
