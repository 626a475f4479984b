//! Whether the primary ENI flaps: the Internet pings it every 20 ms, in both families, and what was not answered
//! counts.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use crate::baseline::{PRIMARY, PUBLIC};
use crate::vpc::{Background, Vpc};

/// Pings under way, until this is dropped.
pub struct Pings([(&'static str, Background); 2]);

impl Pings {
    pub fn start(vpc: &Vpc) -> Self {
        let inet = vpc.inet();
        let pings = [PUBLIC, PRIMARY[1]]
            .map(|target| (target, inet.command("ping").args(["-i", "0.02", target])));
        Self(pings.map(|(target, ping)| (target, ping.background())))
    }

    /// How many were lost of each target, from when it answered steadily until its last answer: under a catch-all the
    /// kernel takes the two ENIs' equal defaults by turns, and loses every second ping, until eniroute comes.
    pub fn lost(&self) -> [(&'static str, usize); 2] {
        // An emulated guest takes its time.
        thread::sleep(Duration::from_secs(2));
        self.0
            .each_ref()
            .map(|(target, ping)| (*target, missing(&ping.log())))
    }
}

/// So many answers in a row are steady: a second's.
const STEADY: usize = 50;

/// How many numbers are missing among the answers that ping has printed, once they are steady.
fn missing(log: &str) -> usize {
    let number = |line: &str| {
        line.split_once("icmp_seq=")?
            .1
            .split(' ')
            .next()?
            .parse()
            .ok()
    };
    let answered: BTreeSet<usize> = log
        .lines()
        .filter(|line| line.contains("bytes from"))
        .filter_map(number)
        .collect();
    let is_steady = |first: &&usize| answered.range(**first..**first + STEADY).count() == STEADY;
    let steady = answered
        .iter()
        .find(is_steady)
        .unwrap_or_else(|| panic!("too few answers to tell anything:\n{log}"));
    answered.last().map_or(0, |last| last + 1 - steady) - answered.range(steady..).count()
}
