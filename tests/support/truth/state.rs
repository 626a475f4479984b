//! A random broken state, as lines of `ip -batch` of each family, and settings.

use std::fmt;

use super::container;
use super::dice::Dice;
use super::host::{Nic, ranges};

/// What is done to a good host.
pub struct State {
    pub lines: [Vec<String>; 2],
    pub settings: Vec<(String, u32)>,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (family, lines) in ["-4", "-6"].iter().zip(&self.lines) {
            for line in lines {
                writeln!(f, "  ip {family} {line}")?;
            }
        }
        for (key, value) in &self.settings {
            writeln!(f, "  sysctl {key}={value}")?;
        }
        Ok(())
    }
}

/// What there is to break in one family.
struct Breaker<'a> {
    dice: &'a mut Dice,
    enis: &'a [Nic],
    v6: usize,
    has_container: bool,
    lines: Vec<String>,
}

impl State {
    /// One to four faults, in one family or both.
    pub fn random(dice: &mut Dice, enis: &[Nic], has_container: bool) -> Self {
        let mut state = Self {
            lines: [Vec::new(), Vec::new()],
            settings: Vec::new(),
        };
        for _ in 0..=dice.roll(3) {
            let v6 = dice.roll(2);
            let mut breaker = Breaker {
                dice,
                enis,
                v6,
                has_container,
                lines: Vec::new(),
            };
            breaker.break_one();
            let lines = std::mem::take(&mut breaker.lines);
            state.lines[v6].extend(lines);
        }
        for _ in 0..dice.roll(3) {
            let of = dice.one_of(&["all", "eth0", "eth1"]);
            let value = u32::try_from(dice.roll(3)).unwrap();
            let key = format!("net.ipv4.conf.{of}.rp_filter");
            state.settings.push((key, value));
        }
        state
    }
}

impl Breaker<'_> {
    fn break_one(&mut self) {
        match self.dice.roll(17) {
            0 => self.rule_gone(),
            1 => self.rule_behind(),
            2 => self.rule_to_another_table(),
            3..=6 => self.rule_before(),
            7 => self.rule_without_priority(),
            8 => self.default_gone_or_wrong(),
            9 => self.table_empty(),
            10 => self.route_in_table(),
            11 => self.route_in_main(),
            12 => self.default_in_main(),
            13 => drop(self.address_gone()),
            14 => self.address_elsewhere(),
            15 if self.has_container && self.v6 == 0 => self.container(),
            _ => self.link_down_or_strange_address(),
        }
    }

    fn add(&mut self, line: String) {
        self.lines.push(line);
    }

    fn nic(&mut self) -> usize {
        self.dice.roll(self.enis.len())
    }

    fn secondary(&mut self) -> usize {
        1 + self.dice.roll(self.enis.len() - 1)
    }

    fn address(&mut self, nic: usize) -> String {
        let list = &self.enis[nic].addresses[self.v6];
        self.dice.one_of(list).to_string()
    }

    fn subnet(&self, n: usize) -> String {
        ranges(n)[self.v6].clone()
    }

    /// One that an ENI is in, or the one behind them.
    fn some_subnet(&mut self) -> String {
        let last = self.enis.iter().map(|eni| eni.subnet).max().unwrap();
        let n = self.dice.roll(last + 2);
        self.subnet(n)
    }

    fn table(&mut self) -> String {
        let nic = self.nic();
        let own = self.enis[nic].table.to_string();
        self.dice
            .one_of(&["main".to_owned(), "100".to_owned(), own.clone(), own])
            .clone()
    }

    fn destination(&mut self) -> String {
        let outside = [
            ["8.8.0.0/16", "8.8.8.8/32", "default"],
            ["2001:4860::/32", "2001:4860:4860::8888/128", "default"],
        ][self.v6];
        let subnet = self.some_subnet();
        let wide = ["10.0.0.0/8", "2001:db8::/32"][self.v6];
        let n = self.dice.roll(6);
        match n {
            0..=2 => outside[n].to_owned(),
            3 => wide.to_owned(),
            _ => subnet,
        }
    }

    fn router(&self, nic: usize) -> String {
        match self.v6 {
            0 => format!("10.0.{}.1", self.enis[nic].subnet),
            _ => "fe80:ec2::1".to_owned(),
        }
    }

    /// Nobody has it.
    fn nobody(&self, nic: usize) -> String {
        match self.v6 {
            0 => format!("10.0.{}.199", self.enis[nic].subnet),
            _ => "fe80::dead".to_owned(),
        }
    }

    fn own_rule_gone(&mut self) -> (usize, String) {
        let nic = self.nic();
        let from = self.address(nic);
        let table = self.enis[nic].table;
        self.add(format!("rule del from {from} lookup {table} pref {table}"));
        (nic, from)
    }

    fn rule_gone(&mut self) {
        self.own_rule_gone();
    }

    fn rule_behind(&mut self) {
        let (nic, from) = self.own_rule_gone();
        let table = self.enis[nic].table;
        let place = *self.dice.one_of(&[9_500, 20_000, 32_766, 40_000]);
        self.add(format!("rule add from {from} lookup {table} pref {place}"));
    }

    fn rule_to_another_table(&mut self) {
        let (nic, from) = self.own_rule_gone();
        let place = self.enis[nic].table;
        let table = self.table();
        self.add(format!("rule add from {from} lookup {table} pref {place}"));
    }

    fn rule_without_priority(&mut self) {
        let nic = self.nic();
        let from = self.address(nic);
        let table = self.table();
        self.add(format!("rule add from {from} lookup {table}"));
    }

    fn rule_before(&mut self) {
        let nic = self.nic();
        let own = self.address(nic);
        let subnet = self.subnet(self.enis[nic].subnet);
        let from = self
            .dice
            .one_of(&[own.clone(), own, subnet, "all".to_owned()])
            .clone();
        let to = self.destination();
        let to = match self.dice.roll(2) {
            0 if to != "default" => format!("to {to}"),
            _ => String::new(),
        };
        // The kernel's IPv6 echo replies, and they alone, are bound to the interface that was asked.
        let bound = ["oif eth1", ""][self.v6];
        let of_container = if self.has_container {
            container::SELECTOR
        } else {
            ""
        };
        let selector = *self.dice.one_of(&[
            bound,
            of_container,
            "",
            "",
            "",
            "fwmark 0x1/0xff",
            "fwmark 0x0/0x1",
            "iif lo",
            "iif eth1",
            "uidrange 1-9",
        ]);
        let not = if self.dice.roll(8) == 0 { "not" } else { "" };
        let place = 9_001 + self.dice.roll(990);
        let table = self.table();
        let action = match self.dice.roll(10) {
            0 => "unreachable".to_owned(),
            1 => "prohibit".to_owned(),
            2 => "blackhole".to_owned(),
            3 => "goto 32766".to_owned(),
            4 => format!("lookup {table} suppress_prefixlength 0"),
            _ => format!("lookup {table}"),
        };
        self.add(format!(
            "rule add {not} from {from} {to} {selector} pref {place} {action}"
        ));
        if table == "100" {
            self.route_in("100");
        }
    }

    fn container(&mut self) {
        let (subnet, to) = (self.some_subnet(), self.destination());
        let table = self.table();
        let line = container::fault(self.dice, &subnet, &to, &table);
        self.add(line);
    }

    fn default_gone_or_wrong(&mut self) {
        let nic = self.secondary();
        let table = self.enis[nic].table;
        self.add(format!("route del default table {table}"));
        let (dev, nobody) = (self.enis[nic].dev.clone(), self.nobody(nic));
        let other = self.nic();
        let elsewhere = self.enis[other].dev.clone();
        let (router, theirs) = (self.router(nic), self.router(other));
        let way = match self.dice.roll(6) {
            0 => return,
            1 => format!("via {nobody} dev {dev} onlink"),
            2 => format!("dev {dev}"),
            3 => format!("via {theirs} dev {elsewhere} onlink"),
            4 => format!("via {router} dev {elsewhere} onlink"),
            _ => format!("via {theirs} dev {dev} onlink"),
        };
        self.add(format!("route add default {way} table {table}"));
    }

    fn table_empty(&mut self) {
        let nic = self.nic();
        let table = self.enis[nic].table;
        self.add(format!("route flush table {table}"));
    }

    fn route_in_table(&mut self) {
        let nic = self.nic();
        let table = self.enis[nic].table.to_string();
        self.route_in(&table);
    }

    fn route_in_main(&mut self) {
        self.route_in("main");
    }

    fn route_in(&mut self, table: &str) {
        let to = self.destination();
        let nic = self.nic();
        let (dev, router, nobody) = (
            self.enis[nic].dev.clone(),
            self.router(nic),
            self.nobody(nic),
        );
        let metric = *self.dice.one_of(&[1, 50, 20_000]);
        let (kind, way) = match self.dice.roll(9) {
            0 => ("throw", String::new()),
            1 => ("unreachable", String::new()),
            2 => ("prohibit", String::new()),
            3 => ("blackhole", String::new()),
            4 => ("", format!("via {nobody} dev {dev} onlink")),
            5 => ("", format!("dev {dev}")),
            _ => ("", format!("via {router} dev {dev} onlink")),
        };
        self.add(format!(
            "route add {kind} {to} {way} table {table} metric {metric}"
        ));
    }

    fn default_in_main(&mut self) {
        let gone = self.dice.roll(2) == 0;
        if gone {
            self.add("route del default dev eth0 table main".to_owned());
        }
        let nic = self.nic();
        let (dev, router) = (self.enis[nic].dev.clone(), self.router(nic));
        let metric = *self.dice.one_of(&[1, 99, 2_000]);
        self.add(format!(
            "route add default via {router} dev {dev} metric {metric}"
        ));
    }

    fn length(&self) -> usize {
        [32, 128][self.v6]
    }

    fn address_gone(&mut self) -> (usize, String) {
        let nic = self.nic();
        let (ip, dev) = (self.address(nic), self.enis[nic].dev.clone());
        let first = nic == 0 && self.v6 == 0 && ip == self.enis[0].addresses[0][0].to_string();
        let length = if first { 24 } else { self.length() };
        self.add(format!("address del {ip}/{length} dev {dev}"));
        (nic, ip)
    }

    fn address_elsewhere(&mut self) {
        let both = self.dice.roll(2) == 0;
        let (nic, ip) = if both {
            let nic = self.nic();
            (nic, self.address(nic))
        } else {
            self.address_gone()
        };
        let other = (nic + 1) % self.enis.len();
        let (dev, length) = (self.enis[other].dev.clone(), self.length());
        let nodad = ["", "nodad"][self.v6];
        self.add(format!("address add {ip}/{length} dev {dev} {nodad}"));
    }

    fn link_down_or_strange_address(&mut self) {
        let nic = self.secondary();
        let dev = self.enis[nic].dev.clone();
        if self.dice.roll(3) == 0 {
            self.add(format!("link set {dev} down"));
        } else {
            let ip = self.nobody(nic).replace("fe80::", "2001:db8:0:10::");
            let (length, nodad) = (self.length(), ["", "nodad"][self.v6]);
            self.add(format!("address add {ip}/{length} dev {dev} {nodad}"));
        }
    }
}
