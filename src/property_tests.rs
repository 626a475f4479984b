//! What holds of every input: the kept inputs of the fuzz targets, and the lives of hosts made up from a seed. A failing
//! one is run again by `ENIROUTE_SEED=NUMBER`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::config::Config;
use crate::diff::{Scope, diff, standing};
use crate::eni::Eni;
use crate::fuzz::TARGETS;
use crate::fuzz::model::{applied, assert_settles, wanted};
use crate::ledger::{Ledger, Wanted};
use crate::net::sysctl::Key;
use crate::net::{Address, Family, Link, MAIN, Mac, Route, RouteKind, Rule};
use crate::object::{Change, Object, Observed};
use crate::plan::plan;

#[path = "../tests/support/draw.rs"]
pub mod draw;
use draw::{Draw, seeds};

#[test]
fn what_the_fuzz_targets_promise_holds_of_every_input_that_is_kept() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in TARGETS {
        let inputs = fs::read_dir(corpus.join(name)).unwrap();
        let inputs: Vec<_> = inputs.map(|entry| entry.unwrap().path()).collect();
        assert!(inputs.len() >= 3, "{name} has {} inputs", inputs.len());
        for path in inputs {
            eprintln!("{}", path.display());
            target(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn the_plan_is_the_same_each_time_and_once_done_there_is_nothing_to_do() {
    for seed in seeds(60) {
        eprintln!("seed {seed}");
        let mut life = Life::new(seed);
        for _ in 0..4 {
            life.happen();
            assert_settles(&life.enis, &life.observed, &life.config);
        }
    }
}

#[test]
fn whatever_happens_and_is_interrupted_the_end_is_that_of_a_fresh_start() {
    for seed in seeds(60) {
        eprintln!("seed {seed}");
        let mut life = Life::new(seed);
        for _ in 0..life.draw.below(8) {
            life.happen();
            let killed_after = life.draw.once_in(3).then(|| life.draw.below(20));
            life.run(killed_after);
        }
        life.run(None);
        assert_eq!(life.changes().0, [], "a second run");
        let fresh = life.fresh_start();
        assert_eq!(all_of(&life.observed), all_of(&fresh));
        assert_eq!(
            life.ledger.enis.len(),
            life.enis.len(),
            "entries of the ledger"
        );
    }
}

/// All that is there, in an order of its own.
fn all_of(observed: &Observed) -> BTreeSet<String> {
    let up = observed
        .links
        .iter()
        .map(|link| format!("{} {}", link.name, link.up));
    let addresses = observed.addresses.iter().map(|one| format!("{one:?}"));
    let routes = observed.routes.iter().map(|one| format!("{one:?}"));
    let rules = observed.rules.iter().map(|one| format!("{one:?}"));
    let settings = observed
        .sysctls
        .iter()
        .map(|(key, value)| format!("{key:?} {value}"));
    up.chain(addresses)
        .chain(routes)
        .chain(rules)
        .chain(settings)
        .collect()
}

/// A host in a VPC, with a kernel that is a list of objects.
struct Life {
    draw: Draw,
    enis: Vec<Eni>,
    observed: Observed,
    config: Config,
    ledger: Ledger,
    /// What an interrupted run was about to do, and the ledger that it began with.
    mark: Option<(Vec<Change>, Ledger)>,
    /// Interfaces so far, attached or gone.
    links: u32,
}

impl Life {
    /// With its primary ENI, and perhaps what others have made.
    fn new(seed: u64) -> Self {
        let mut life = Self {
            draw: Draw::new(seed),
            enis: Vec::new(),
            observed: Observed::default(),
            config: Config::default(),
            ledger: Ledger::default(),
            mark: None,
            links: 0,
        };
        life.attach();
        let lease = Address {
            dev: "eth0".into(),
            net: "10.0.0.10/20".parse().unwrap(),
        };
        life.observed.addresses.push(lease);
        life.observed
            .routes
            .push(foreign_route("0.0.0.0/0", Some("10.0.0.1"), MAIN, 100));
        for _ in 0..life.draw.below(3) {
            let table = *life.draw.one(&[MAIN, 10001, 10002]);
            let metric = *life.draw.one(&[0, 5, 10001]);
            let dst = *life
                .draw
                .one(&["10.0.0.0/20", "10.9.0.0/16", "2001:db8:0:1::/64"]);
            life.observed
                .routes
                .push(foreign_route(dst, None, table, metric));
        }
        let priority = *life.draw.one(&[5, 9999, 10001]);
        life.observed.rules.push(foreign_rule(priority));
        life
    }

    /// EC2 or a person changes something.
    fn happen(&mut self) {
        match self.draw.below(6) {
            0 | 1 if self.enis.len() < 7 => self.attach(),
            2 if self.enis.len() > 1 => self.detach(),
            3 => self.config.main_routes_first = !self.config.main_routes_first,
            4 => self.unassign(),
            _ => self.assign(),
        }
    }

    fn attach(&mut self) {
        let number = (0..).find(|number| self.enis.iter().all(|eni| eni.device_number != *number));
        let number = number.unwrap();
        let subnet = if number == 0 { 0 } else { self.draw.below(3) };
        let name = if number == 0 { 0 } else { self.free_name() };
        self.links += 1;
        let mac = Mac([2, 0, 0, 0, 0, self.links as u8]);
        let dual = self.draw.once_in(2);
        let v6 = |text: String| text.parse().unwrap();
        let eni = Eni {
            mac,
            id: format!("eni-{:017x}", self.links),
            primary: number == 0,
            device_number: number,
            network_card: 0,
            ipv4: vec![format!("10.{subnet}.0.{}", 9 + self.links).parse().unwrap()],
            ipv6: if dual {
                vec![v6(format!("2001:db8:0:{subnet}::{}", 9 + self.links))]
            } else {
                Vec::new()
            },
            ipv4_prefixes: Vec::new(),
            ipv6_prefixes: Vec::new(),
            subnet_ipv4: format!("10.{subnet}.0.0/20").parse().ok(),
            subnet_ipv6: format!("2001:db8:0:{subnet}::/64")
                .parse()
                .into_iter()
                .filter(|_| dual)
                .collect(),
            vpc: None,
            vpc_ranges: Vec::new(),
            public: Default::default(),
        };
        self.enis.push(eni);
        let link = link(self.links, name, mac);
        self.observed
            .sysctls
            .insert(Key::accept_ra(&link.name), "1".to_owned());
        self.observed.links.push(link);
    }

    fn free_name(&mut self) -> usize {
        let is_free = |number: &usize| {
            let name = format!("eth{number}");
            !self.observed.links.iter().any(|link| *link.name == *name)
        };
        let free: Vec<usize> = (1..9).filter(is_free).collect();
        *self.draw.one(&free)
    }

    /// With the link goes what is on it.
    fn detach(&mut self) {
        let eni = self.enis.remove(1 + self.draw.below(self.enis.len() - 1));
        let observed = &mut self.observed;
        let link = observed
            .links
            .iter()
            .position(|link| link.mac == Some(eni.mac));
        let dev = observed.links.remove(link.unwrap()).name;
        observed.addresses.retain(|address| address.dev != dev);
        observed.routes.retain(|route| !route.leaves_by(&dev));
        observed.sysctls.remove(&Key::accept_ra(&dev));
    }

    fn assign(&mut self) {
        let last = 100 + self.draw.below(100);
        let which = self.draw.below(self.enis.len());
        let eni = &mut self.enis[which];
        let base = eni.subnet_ipv4.unwrap().network().octets();
        let ip = format!("10.{}.{}.{last}", base[1], which + 1)
            .parse()
            .unwrap();
        if self.draw.once_in(4) {
            let prefix = format!(
                "10.{}.{}.{}/28",
                base[1],
                8 + which / 4,
                16 * (last % 4 + 4 * (which % 4))
            );
            let prefix = prefix.parse().unwrap();
            eni.ipv4_prefixes = vec![prefix];
        } else if !eni.ipv4.contains(&ip) {
            eni.ipv4.push(ip);
        }
    }

    fn unassign(&mut self) {
        let which = self.draw.below(self.enis.len());
        let eni = &mut self.enis[which];
        if eni.ipv4_prefixes.pop().is_none() && eni.ipv4.len() > 1 {
            let which = 1 + self.draw.below(eni.ipv4.len() - 1);
            eni.ipv4.remove(which);
        }
    }

    /// What a run would change, and the ledger with which it would begin.
    fn changes(&self) -> (Vec<Change>, Ledger) {
        let desired = plan(&self.enis, &self.observed, &self.config);
        let mut ledger = self.ledger.clone();
        ledger.bring_up_to_date(&self.observed);
        let scope = Scope {
            complete: true,
            made: ledger.made(&self.observed.links, &|_| true),
            ..Scope::default()
        };
        let changes = diff(&desired, &self.observed, &scope);
        ledger.primary = Some(self.enis[0].mac);
        let wanted: Vec<Wanted> = desired.enis.iter().map(wanted).collect();
        ledger.adopt(&wanted, &self.observed);
        let is_listed = |mac: &Mac| self.enis.iter().any(|eni| eni.mac == *mac);
        ledger.let_go(is_listed, &self.observed);
        (changes, ledger)
    }

    /// One run, killed after so many changes; it first settles what an earlier one was about to do.
    fn run(&mut self, killed_after: Option<usize>) {
        if let Some((changes, mut ledger)) = self.mark.take() {
            let standing = standing(&changes, &self.observed);
            standing.iter().for_each(|change| ledger.record(change));
            self.ledger = ledger;
        }
        let (mut changes, ledger) = self.changes();
        self.ledger = ledger.clone();
        if let Some(count) = killed_after.filter(|count| *count < changes.len()) {
            self.mark = Some((changes.clone(), ledger));
            changes.truncate(count);
        }
        self.observed = applied(std::mem::take(&mut self.observed), &changes);
        if self.mark.is_none() {
            changes.iter().for_each(|change| self.ledger.record(change));
        }
    }

    /// The same ENIs, and what others have made, on a host where eniroute has never run.
    fn fresh_start(&self) -> Observed {
        let made = self.ledger.made(&self.observed.links, &|_| true);
        let is_ours = |object: Object| made.iter().any(|made| made.objects.contains(&object));
        let mut life = Self {
            draw: Draw::new(0),
            enis: self.enis.clone(),
            observed: self.observed.clone(),
            config: self.config.clone(),
            ledger: Ledger::default(),
            mark: None,
            links: self.links,
        };
        let observed = &mut life.observed;
        observed
            .addresses
            .retain(|one| !is_ours(Object::Address(one.clone())));
        observed
            .routes
            .retain(|one| !is_ours(Object::from(one.clone())));
        observed
            .rules
            .retain(|one| !is_ours(Object::Rule(one.clone())));
        let secondary = |link: &&mut Link| *link.name != *"eth0";
        observed
            .links
            .iter_mut()
            .filter(secondary)
            .for_each(|link| link.up = false);
        observed
            .sysctls
            .values_mut()
            .for_each(|value| *value = "1".to_owned());
        life.run(None);
        life.observed
    }
}

fn link(index: u32, name: usize, mac: Mac) -> Link {
    Link {
        index,
        name: format!("eth{name}").into(),
        altnames: Vec::new(),
        mac: Some(mac),
        permanent_mac: None,
        kind: None,
        master: None,
        ipv6: true,
        up: name == 0,
    }
}

fn foreign_route(dst: &str, via: Option<&str>, table: u32, metric: u32) -> Route {
    Route {
        table,
        kind: RouteKind::Unicast,
        dst: dst.parse().unwrap(),
        via: via.map(|via| via.parse().unwrap()),
        dev: Some("eth0".into()),
        next_hops: Vec::new(),
        object: Default::default(),
        src: None,
        metric,
        mtu: None,
    }
}

fn foreign_rule(priority: u32) -> Rule {
    Rule {
        priority,
        family: Family::Ipv4,
        from: Some("10.0.0.77/32".parse().unwrap()),
        table: 10001,
        suppress_prefixlength: None,
        extra: None,
    }
}
