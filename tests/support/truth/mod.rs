//! The verdict of `eniroute check` on each address, against real pings: from the Internet, from a neighbour in every
//! subnet, and from one in a subnet of the VPC that no ENI is in. Random broken states, one after the other in one VPC:
//! no address that `check` has nothing against may be dead, and none of which it says an error may answer everywhere.
//! A state is made again by its number: `ENIROUTE_STATE=NUMBER cargo test --test netns -- truth`.

mod answers;
mod container;
mod dice;
mod host;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;

use serde_json::Value;

use answers::Pingers;
use dice::Dice;
pub use dice::clock;
use host::Stand;
pub use host::{SHAPES, number, shape_of};
use state::State;

/// What came of many states.
#[derive(Debug, Default)]
pub struct Tally {
    pub states: usize,
    /// Those in which the metadata service could not be asked.
    pub without_metadata: usize,
    pub dead: usize,
    pub alive: usize,
    /// How many addresses each code was said of.
    pub codes: BTreeMap<String, usize>,
}

/// One VPC, and the states of it that were judged.
pub struct Truth {
    stand: Stand,
    pingers: Pingers,
    pub tally: Tally,
}

impl Truth {
    /// In the VPC of states with this number.
    pub fn of_number(number: u64) -> Self {
        let mut stand = Stand::new(shape_of(number));
        let pingers = Pingers::new(&mut stand);
        let mut truth = Self {
            stand,
            pingers,
            tally: Tally::default(),
        };
        let good = truth.judge("as it should be");
        assert!(
            good.dead.is_empty() && good.accused.is_empty(),
            "as it should be: {good:#?}\n{}",
            truth.stand.dump()
        );
        truth
    }

    /// Makes the state of this number, and compares.
    pub fn run(&mut self, number: u64) {
        self.stand.mend();
        let mut dice = Dice::of(number);
        let state = State::random(&mut dice, &self.stand.enis, self.stand.container.is_some());
        self.stand.break_by(&state);
        let name = format!("ENIROUTE_STATE={number}\n{state}");
        let said = self.judge(&name);
        self.tally.states += 1;
        if said.without_metadata {
            self.tally.without_metadata += 1;
            return;
        }
        self.tally.dead += said.dead.len();
        self.tally.alive += self.stand.addresses().len() - said.dead.len();
        for codes in said.accused.values() {
            let codes: BTreeSet<&String> = codes.iter().collect();
            for code in codes {
                *self.tally.codes.entry(code.clone()).or_default() += 1;
            }
        }
        let mut wrong = String::new();
        for ip in self.stand.addresses() {
            match (said.dead.get(&ip), said.accused.get(&ip)) {
                (Some(to), None) => writeln!(wrong, "false ok: {ip} does not answer {to:?}"),
                (None, Some(codes)) if !self.is_misplaced(ip) => {
                    writeln!(wrong, "false alarm: {ip} answers, and has {codes:?}")
                }
                _ => Ok(()),
            }
            .unwrap();
        }
        assert!(
            wrong.is_empty(),
            "{wrong}{name}\n{:#?}\n{}",
            said.findings,
            self.stand.dump()
        );
    }

    /// It is on an interface that EC2 does not give it to: an error whatever answers.
    fn is_misplaced(&self, ip: IpAddr) -> bool {
        self.stand.devs_of(ip) != [self.stand.dev_of(ip)]
    }

    fn judge(&mut self, name: &str) -> Said {
        let stand = &self.stand;
        let pingers = &self.pingers;
        let (mut dead, run) = std::thread::scope(|scope| {
            let dead = scope.spawn(|| pingers.dead(answers::QUICK, &pingers.targets));
            let run = stand.instance.eniroute("check --json");
            (dead.join().unwrap(), run)
        });
        let report: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{name}: {error}: {run:?}"));
        let findings = report["findings"].as_array().unwrap().clone();
        let accused = accused(stand, &findings);
        // A loaded machine answers late: who has done nothing wrong is asked again.
        if dead.keys().any(|ip| !accused.contains_key(ip)) {
            let again = dead.keys().filter(|ip| !accused.contains_key(*ip)).copied();
            let again: BTreeSet<IpAddr> = again.collect();
            dead.retain(|ip, _| !again.contains(ip));
            dead.extend(pingers.dead(answers::SLOW, &again));
        }
        Said {
            dead,
            accused,
            findings,
            without_metadata: run.code == 4,
        }
    }
}

/// What packets and `check` say of one state.
#[derive(Debug)]
struct Said {
    /// Who gets no answer from an address.
    dead: BTreeMap<IpAddr, Vec<String>>,
    /// The codes of an address's errors.
    accused: BTreeMap<IpAddr, Vec<String>>,
    findings: Vec<Value>,
    without_metadata: bool,
}

/// By address: errors that are said of it, and of its link as a whole.
fn accused(stand: &Stand, findings: &[Value]) -> BTreeMap<IpAddr, Vec<String>> {
    let mut accused: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
    let is_error = |finding: &&Value| finding["severity"] == "error";
    for finding in findings.iter().filter(is_error) {
        let code = finding["code"].as_str().unwrap().to_owned();
        let addresses: Vec<IpAddr> = match finding["address"].as_str() {
            Some(ip) => vec![ip.parse().unwrap()],
            None if code.starts_with('L') => stand.addresses_of(finding["owner"].as_str().unwrap()),
            None => Vec::new(),
        };
        for ip in addresses {
            accused.entry(ip).or_default().push(code.clone());
        }
    }
    accused
}
