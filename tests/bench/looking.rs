//! What it takes to look: `check`, `status` and `explain` on the largest ordinary instance, beside a refresh that finds
//! nothing new, turn by turn.

use std::path::Path;
use std::time::Instant;

use tempfile::TempDir;

use crate::life::make_disk;
use crate::vpc::{EniSpec, Fault, Host, Vpc};
use crate::{IMDS_TAKES, ROUNDS, binary, median, min_median};

const ENIS: usize = 15;
const ADDRESSES: usize = 50;

/// What is run, and what it may end with: without a service of its own the host is not as it should be.
const COMMANDS: [(&str, &str); 4] = [
    ("refresh", "refresh"),
    ("check", "check"),
    ("status", "status"),
    ("explain ADDRESS", "explain 10.7.7.20"),
];

pub fn rows() -> Vec<Vec<String>> {
    let (private, public) = (Looking::new(false), Looking::new(true));
    let mut rows = private.rows(&COMMANDS, "15 x 50");
    let of_public = [COMMANDS[0], COMMANDS[2]];
    rows.extend(public.rows(&of_public, "15 x 50, each with a public address"));
    rows
}

struct Looking {
    _vpc: Vpc,
    guest: Host,
    root: TempDir,
}

impl Looking {
    /// Every other ENI is in one subnet, each of the others in one of its own.
    fn new(is_public: bool) -> Self {
        let mut vpc = Vpc::new();
        let shared = vpc.subnet("10.0.0.0/16", None);
        for eni in 0..ENIS {
            let (second, subnet) = match eni % 2 {
                0 => (0, shared),
                _ => (eni, vpc.subnet(&format!("10.{eni}.0.0/16"), None)),
            };
            let spec = EniSpec::new(subnet, &format!("eth{eni}"));
            let ipv4: Vec<String> = (0..ADDRESSES)
                .map(|host| format!("10.{second}.{eni}.{}", host + 10))
                .collect();
            let spec = spec.ipv4(&ipv4);
            let published = ipv4.iter().filter(|_| is_public);
            vpc.attach(published.fold(spec, |spec, ip| {
                let public = format!("203.{eni}.0.{}", ip.rsplit('.').next().expect("a number"));
                spec.public(ip, public)
            }));
        }
        vpc.imds().fault(Fault::Slow(IMDS_TAKES));
        let guest = vpc.guest();
        guest.settle();
        let root = TempDir::new_in(Path::new(&binary()).parent().expect("a folder"));
        let root = root.expect("a folder");
        make_disk(root.path());
        let looking = Self {
            _vpc: vpc,
            guest,
            root,
        };
        looking.eniroute("apply");
        looking
    }

    /// Name, min/median in milliseconds, and how many times a refresh the median is.
    fn rows(&self, commands: &[(&str, &str)], host: &str) -> Vec<Vec<String>> {
        let mut times = vec![Vec::new(); commands.len()];
        for _ in 0..ROUNDS {
            for (times, (_, command)) in times.iter_mut().zip(commands) {
                times.push(self.eniroute(command));
            }
        }
        let refresh = median(&times[0]);
        let rows = commands.iter().zip(&times).map(|((name, _), times)| {
            let ratio = format!("{:.2} x refresh", median(times) / refresh);
            vec![format!("{host}: {name}"), min_median(times), ratio]
        });
        rows.collect()
    }

    /// Milliseconds of wall time.
    fn eniroute(&self, arguments: &str) -> f64 {
        let begin = Instant::now();
        let program = self.guest.command(&binary());
        let root = self.root.path().display().to_string();
        let run = program.args(["--root", &root]).args(arguments.split(' '));
        let said = run.output();
        let time = begin.elapsed().as_secs_f64() * 1e3;
        assert!(said.status.success(), "{arguments}: {said:?}");
        time
    }
}
