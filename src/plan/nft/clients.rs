//! The clients' flows: by which ENI, as which address, how they are counted and bounded. `forward` sees every packet, and
//! counts; a NAT chain sees a flow's first one only.

use std::net::IpAddr;

use super::draft::Draft;
use super::maps::{MAPS, RANGES, kind, look_up, maps, only};
use super::ways::{by, mark, set};
use super::{Entry, Filter};
use super::{counts, decided, pool};
use crate::gather::Gather;
use crate::net::Family;

/// A TCP packet that opens a flow, or accepts it.
const SYN: &str = "tcp flags & (syn|rst) == syn";

/// The first packet of a flow is counted where the flow is given an address.
const FIRST: &str = "ct status & confirmed == 0 oifname @enis accept";

/// A flow that connection tracking has had since before there was this table, and gives no address any more.
const UNTRANSLATED: &str = "ct status & (confirmed | snat) == confirmed oifname @enis";

/// Who has begun a flow, whichever direction a packet of it goes in.
const CLIENT: &str = "ct original ip saddr";

/// By how much IPv6's header is longer than IPv4's.
const LONGER: u32 = 20;

/// All that concerns clients.
pub(super) fn add(draft: &mut Draft, filter: &Filter) {
    for (name, chain, family) in MAPS {
        maps(draft, filter, (name, chain, family));
    }
    bases(draft, filter);
    exempt(draft, filter);
    for (entry, n) in filter.entries.iter().zip(1..) {
        let of = Of {
            entry,
            n,
            is_decided: decided::at_once(entry, filter),
        };
        of.not_to(draft);
        of.leave(draft);
        of.come_back(draft);
    }
}

/// What is before the entries. A packet that conntrack calls invalid has no direction. The answers to IPv6 clients do not
/// come this way (without NAT the VPC delivers them itself), so what they send is not asked for its state.
fn bases(draft: &mut Draft, filter: &Filter) {
    draft.rules("arrived", ["ip daddr @exempt4 return"]);
    look_up(draft, "arrived", &[(CLIENT, "new4")]);
    if [String::new(), RANGES.to_owned()]
        .iter()
        .any(|of| draft.has_set(&format!("new6{of}")))
    {
        for chain in ["arrived", "prerouting"] {
            draft.rules(chain, ["ip6 daddr @exempt6 return"]);
            look_up(draft, chain, &[("ip6 saddr", "new6")]);
        }
    }
    let forward = [
        (CLIENT, "fwd4"),
        ("ct state invalid ip saddr", "fwd4"),
        ("ip6 saddr", "fwd6"),
        ("ip6 daddr", "rev6"),
    ];
    draft.rules("forward", [format!("{} accept", decided::is_so())]);
    look_up(draft, "forward", &forward);
    translate(draft, filter);
    let devs = filter.ports.iter().map(|port| format!("\"{}\"", port.dev));
    draft.set("enis", "ifname", devs);
}

/// What is given no address after all is not decided.
fn translate(draft: &mut Draft, filter: &Filter) {
    let is_so = decided::is_so();
    draft.base_chain("postrouting", "nat hook postrouting priority 90");
    let by_eni = match &*filter.ports {
        [only] => format!("oifname == \"{}\"", only.dev),
        _ => "oifname @enis".to_owned(),
    };
    let decided = format!("{is_so} {by_eni} {CLIENT}");
    let other = format!("{by_eni} ip daddr != @exempt4 {CLIENT}");
    look_up(
        draft,
        "postrouting",
        &[(&decided, "nat4"), (&other, "nat4")],
    );
    draft.rules("postrouting", [format!("{is_so} {}", decided::not_so())]);
}

fn exempt(draft: &mut Draft, filter: &Filter) {
    for family in [Family::Ipv4, Family::Ipv6] {
        let name = format!("exempt{}", digit(family));
        let of = format!("{}; flags interval; auto-merge", kind(family));
        let nets = filter.exempt.iter();
        let nets = nets.filter(|net| Family::of(net.addr()) == family);
        draft.set(&name, &of, nets.map(|net| crate::net::short(*net)));
    }
}

fn digit(family: Family) -> char {
    match family {
        Family::Ipv4 => '4',
        Family::Ipv6 => '6',
    }
}

/// One entry, and its number, which names its chains.
pub(super) struct Of<'a> {
    pub(super) entry: &'a Entry,
    pub(super) n: usize,
    /// A flow's first packet decides it.
    pub(super) is_decided: bool,
}

impl Of<'_> {
    /// The entry's own destinations without NAT.
    fn not_to(&self, draft: &mut Draft) {
        for family in [Family::Ipv4, Family::Ipv6] {
            let nets: Vec<_> = self.not_to_of(family).gathered();
            if !nets.is_empty() {
                let of = format!("{}; flags interval; auto-merge", kind(family));
                draft.set(&self.not_to_name(family), &of, nets);
            }
        }
    }

    fn not_to_of(&self, family: Family) -> impl Iterator<Item = String> {
        let nets = self.entry.not_to.iter();
        nets.filter(move |net| Family::of(net.addr()) == family)
            .map(|net| crate::net::short(*net).to_string())
    }

    fn not_to_name(&self, family: Family) -> String {
        format!("not{}_{}", digit(family), self.n)
    }

    /// Leaves a chain where the destination is one of the entry's own.
    fn unless_not_to(&self, family: Family) -> Option<String> {
        let (ip, name) = (word(family), self.not_to_name(family));
        let has_some = self.not_to_of(family).next().is_some();
        has_some.then(|| format!("{ip} daddr @{name} return"))
    }

    /// The way and the address of a new flow, and what `forward` does with each packet of it.
    fn leave(&self, draft: &mut Draft) {
        let (n, pool) = (self.n, &self.entry.pool);
        let skip = || self.unless_not_to(Family::Ipv4).into_iter();
        let idle = draft.timeout(self.entry.wishes.idle);
        let mut first = format!("ct timeout set \"{idle}\"");
        let clamp = self.clamp(Family::Ipv4, "daddr");
        let clamp = clamp.filter(|_| self.is_decided);
        if self.is_decided {
            first = format!("{} {first}", decided::so());
        }
        let mut way = pool::spread(pool, |(_, slot)| by(*slot));
        if let [(_, slot)] = pool[..] {
            first = format!("{first} {}", set("meta mark", &mark(slot)));
            way = None;
        }
        draft.chain(
            &format!("new_{n}"),
            skip().chain(clamp).chain([first]).chain(way),
        );
        let to = pool::spread(pool, |(ip, _)| counts::by_first(n, *ip));
        if only(self.entry, n).is_none() {
            draft.chain(&format!("nat_{n}"), skip().chain(to));
        }
        counts::first(draft, self.entry, n);
        let skip = self.unless_not_to(Family::Ipv6).into_iter();
        let way = self.entry.ipv6.map(|slot| format!("goto {}", by(slot)));
        draft.chain(&format!("new6_{n}"), skip.chain(way));
        draft.chain(&format!("out_{n}"), self.out());
        draft.chain(&format!("out6_{n}"), self.out6());
        self.limit(draft);
        counts::add(draft, self.entry, n);
    }

    /// What conntrack calls a reply belongs to a flow. IPv6 is led here by its destination alone.
    fn come_back(&self, draft: &mut Draft) {
        let accept = format!("counter name {} accept", self.counter("in"));
        let known = [counts::known(self.n, "in"), accept.clone()];
        let clamp = self.clamp(Family::Ipv4, "saddr").into_iter();
        draft.chain(&format!("back_{}", self.n), clamp.chain(known));
        let known = [
            format!("ct state established,related {accept}"),
            self.refuse(),
        ];
        let clamp = self.clamp(Family::Ipv6, "saddr").into_iter();
        draft.chain(&format!("back6_{}", self.n), clamp.chain(known));
    }

    /// A flow that conntrack does not know ends with an answer, not with silence. What needs no NAT is answered by whichever
    /// way the VPC has, so half of such a flow comes by here, and it is not asked for its state.
    fn out(&self) -> Vec<String> {
        let accept = format!("counter name {} accept", self.counter("out"));
        let own = self.not_to_of(Family::Ipv4).next();
        let own = own.map(|_| self.not_to_name(Family::Ipv4));
        let plain = own.into_iter().chain(["exempt4".to_owned()]);
        let mut rules = vec![format!("ct direction reply goto back_{}", self.n)];
        rules.extend(self.clamp(Family::Ipv4, "daddr"));
        rules.push(counts::known(self.n, "out"));
        rules.extend(plain.map(|set| format!("ip daddr @{set} {accept}")));
        rules.extend(self.stale());
        rules.push(format!("{UNTRANSLATED} {}", self.refuse()));
        rules.extend(self.over_limit());
        rules.extend((!self.entry.pool.is_empty()).then_some(FIRST.to_owned()));
        // Without an address here, no flow begins.
        let new = if self.entry.pool.is_empty() {
            ""
        } else {
            "new,"
        };
        rules.push(format!("ct state {new}established,related {accept}"));
        rules.push(self.refuse());
        rules
    }

    fn stale(&self) -> impl Iterator<Item = String> {
        let stale = "tcp flags & (fin|syn|rst|ack) != syn ct state new";
        let stale = self.entry.wishes.resets.then_some(stale);
        let rules = ["ct state invalid meta l4proto tcp"].into_iter();
        let counter = self.counter("stale");
        rules
            .chain(stale)
            .map(move |what| format!("{what} counter name {counter} reject with tcp reset"))
    }

    fn out6(&self) -> Vec<String> {
        if self.entry.ipv6.is_none() {
            return vec![self.refuse()];
        }
        let clamp = self.clamp(Family::Ipv6, "daddr").into_iter();
        let accept = format!("counter name {} accept", self.counter("out"));
        clamp.chain([accept]).gathered()
    }

    /// Segments that fit the Internet's packets: an ENI's own may be six times as long, and EC2 tells nobody. Towards
    /// what is reached without NAT there is no such bound.
    pub(super) fn clamp(&self, family: Family, end: &str) -> Option<String> {
        let (ip, digit, mss) = (word(family), digit(family), self.entry.wishes.mss);
        let mss = match family {
            Family::Ipv4 => mss,
            Family::Ipv6 => mss.saturating_sub(LONGER),
        };
        let own = self.not_to_of(family).next();
        let own = own.map(|_| format!("{ip} {end} != @{} ", self.not_to_name(family)));
        let own = own.unwrap_or_default();
        (mss > 0).then(|| {
            format!("{SYN} {own}{ip} {end} != @exempt{digit} tcp option maxseg size set {mss}")
        })
    }

    fn limit(&self, draft: &mut Draft) {
        if let Some(name) = self.limit_name() {
            draft.filled_by_rules(&name, "ipv4_addr; size 65535; flags dynamic");
        }
    }

    /// Named by what it allows, which an element of the set keeps.
    fn limit_name(&self) -> Option<String> {
        let limit = self.entry.wishes.limit?;
        Some(format!("{}_{limit}", self.counter("limit")))
    }

    fn over_limit(&self) -> Option<String> {
        let (name, limit) = (self.limit_name()?, self.entry.wishes.limit?);
        let count = self.counter("limited");
        Some(format!(
            "ct state new add @{name} {{ ip saddr ct count over {limit} }} counter name {count} drop"
        ))
    }

    fn refuse(&self) -> String {
        format!("counter name {} drop", self.counter("refused"))
    }

    fn counter(&self, what: &str) -> String {
        counts::of_entry(self.entry, what)
    }
}

fn word(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    }
}

/// An address as it may stand in a name.
pub(super) fn named(ip: IpAddr) -> String {
    ip.to_string().replace(['.', ':'], "_")
}
