use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::*;
use crate::net::Extra;
use crate::net::Mark;
use crate::net::index_rule::{BLOCKS, ENTRANCE, is_form};
use crate::numbering::{self, Band, Number};
use crate::property_tests::draw::{Draw, seeds};

/// What a lookup goes by.
#[derive(Clone, Copy, Debug)]
struct Packet {
    from: Option<IpAddr>,
    mark: u32,
    is_received: bool,
}

/// A rule of either kind, as the kernel has it.
#[derive(Clone, Copy, Debug)]
struct Line<'a>(u32, Is<'a>);

#[derive(Clone, Copy, Debug)]
enum Is<'a> {
    Flat(&'a Rule),
    Index(&'a IndexRule),
}

/// What the packet looks up, one after the other, if no table has a route for it: `fib_rules_lookup`.
fn looked_up(lines: &[Line], packet: &Packet) -> Vec<Step> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(Line(_, is)) = lines.get(at) {
        let step = match is {
            Is::Flat(rule) => matches_flat(rule, packet).then(|| Step::of(rule)),
            Is::Index(rule) => matches(rule, packet).then_some(rule.step),
        };
        at += 1;
        match step {
            Some(Step::Goto(target)) => {
                let place = lines.iter().position(|line| line.0 == target);
                assert!(
                    place.is_none_or(|place| place >= at),
                    "backwards to {target}"
                );
                at = place.unwrap_or(at);
            }
            Some(Step::Nop) | None => {}
            Some(lookup) => found.push(lookup),
        }
    }
    found
}

fn matches_flat(rule: &Rule, packet: &Packet) -> bool {
    if rule.extra().iif.is_some() && !packet.is_received {
        return false;
    }
    let is_from = |net: IpNet| packet.from.is_some_and(|ip| net.contains(&ip));
    let has = |mark: Mark| packet.mark & mark.mask == mark.value;
    rule.from.is_none_or(is_from) && rule.extra().mark.is_none_or(has)
}

fn matches(rule: &IndexRule, packet: &Packet) -> bool {
    let is_v4 = rule.family == Family::Ipv4;
    let from = packet.from.or(is_v4.then(|| IpAddr::from([0, 0, 0, 0])));
    let is_in = |net: IpNet| from.is_some_and(|ip| net.contains(&ip));
    match rule.packets {
        Packets::All => true,
        Packets::From(net) => is_in(net),
        Packets::NotFrom(net) => !is_in(net),
        Packets::Marked(mask) => packet.mark & mask != 0,
        Packets::Received => packet.is_received,
    }
}

fn lines<'a>(flat: &'a [Rule], index: impl IntoIterator<Item = &'a IndexRule>) -> Vec<Line<'a>> {
    let flat = flat.iter().map(|rule| Line(rule.priority, Is::Flat(rule)));
    let index = index
        .into_iter()
        .map(|rule| Line(rule.priority, Is::Index(rule)));
    let mut lines: Vec<Line> = flat.chain(index).collect();
    lines.sort_by_key(|line| line.0);
    lines
}

fn index_of(flat: &[Rule], standing: &BTreeSet<IndexRule>) -> BTreeSet<IndexRule> {
    let flat: Vec<&Rule> = flat.iter().collect();
    wanted(&flat, &|_| true, standing).unwrap()
}

fn wanted(
    rules: &[&Rule],
    is_ours: &dyn Fn(&Rule) -> bool,
    standing: &BTreeSet<IndexRule>,
) -> Result<BTreeSet<IndexRule>, Obstacle> {
    let standing: Vec<&IndexRule> = standing.iter().collect();
    let ground = Ground {
        family: rules[0].family,
        rules,
        is_ours,
        standing: &standing,
        has_made: true,
    };
    let wanted = ground.wanted()?;
    assert!(wanted.is_sorted());
    Ok(wanted.into_iter().collect())
}

fn changes(
    standing: &BTreeSet<IndexRule>,
    wanted: &BTreeSet<IndexRule>,
) -> (Vec<IndexRule>, Vec<IndexRule>) {
    let standing: Vec<&IndexRule> = standing.iter().collect();
    let wanted: Vec<IndexRule> = wanted.iter().copied().collect();
    super::changes(&standing, wanted)
}

/// An address of an ENI's, as dense or as scattered as EC2 and people assign them.
fn source(draw: &mut Draw, family: Family, eni: usize) -> IpNet {
    let spread = draw.one(&[64, 250, 4000, 60_000]);
    let host = draw.below(*spread) as u32;
    if family == Family::Ipv4 {
        let base = [0x0a00_0000_u32, 0x0a00_0000, 0xac1f_0000, 0x6440_0000][draw.below(4)];
        let ip = base + (eni as u32 % 3) * 0x1_0000 + host;
        let (ip, length) = if draw.once_in(30) {
            (ip + 0x1_8000, 28)
        } else {
            (ip, 32)
        };
        return IpNet::new(std::net::Ipv4Addr::from_bits(ip).into(), length)
            .unwrap()
            .trunc();
    }
    let base = [0x2001_0db8_u128 << 96, 0x2600_1f14 << 96, 0xfd00 << 112][draw.below(3)];
    let ip =
        base + ((eni as u128 % 3) << 64) + u128::from(host) * [1, 0x1_0000_0001][draw.below(2)];
    let (ip, length) = if draw.once_in(30) {
        (ip + (1 << 60), 80)
    } else {
        (ip, 128)
    };
    IpNet::new(std::net::Ipv6Addr::from_bits(ip).into(), length)
        .unwrap()
        .trunc()
}

/// What eniroute could have made for one family, in the kernel's order.
fn flat(draw: &mut Draw, family: Family, count: usize) -> Vec<Rule> {
    let enis = 1 + draw.below(20);
    let is_banded = draw.once_in(3);
    let has_marks = draw.once_in(3);
    let mut rules: BTreeSet<Rule> = BTreeSet::new();
    while rules.len() < count {
        let eni = draw.below(enis);
        let from = source(draw, family, eni);
        let number = Number::new(eni as u32, 0);
        let bands = [Band::OwnSpecific, Band::Main, Band::Default];
        let bands = if is_banded && eni.is_multiple_of(2) {
            &bands[..]
        } else {
            &[Band::Own]
        };
        rules.extend(
            bands
                .iter()
                .map(|band| numbering::rule(*band, number, from)),
        );
    }
    if has_marks {
        let marked = |eni: usize| {
            let number = Number::new(eni as u32, 0);
            let rule = Rule {
                from: None,
                ..numbering::rule(Band::Own, number, family.everything())
            };
            rule.with(Extra {
                mark: Some(Mark {
                    value: (eni as u32 + 1) << 24,
                    mask: 0xff00_0000,
                }),
                ..Extra::NONE
            })
        };
        rules.extend((0..enis).map(marked));
    }
    if draw.once_in(3) {
        let received = |(eni, band): (usize, Band)| {
            let rule = Rule {
                from: None,
                ..numbering::rule(band, Number::new(eni as u32, 0), family.everything())
            };
            rule.with(Extra {
                iif: Some("eth1".into()),
                ..Extra::NONE
            })
        };
        let bands = [Band::Main, Band::Default];
        let each = (0..enis).flat_map(|eni| bands.map(|band| (eni, band)));
        rules.extend(each.map(received));
    }
    let mut rules: Vec<Rule> = rules.into_iter().collect();
    rules.sort_by_key(|rule| rule.priority);
    rules
}

/// From one of the sources, from beside one, from elsewhere, unbound; marked or not.
fn packet(draw: &mut Draw, family: Family, flat: &[Rule]) -> Packet {
    let own = flat[draw.below(flat.len())].from.map(|net| net.addr());
    let beside = own.map(|ip| match ip {
        IpAddr::V4(ip) => IpAddr::from(std::net::Ipv4Addr::from_bits(
            ip.to_bits() ^ 1 << draw.below(12),
        )),
        IpAddr::V6(ip) => IpAddr::from(std::net::Ipv6Addr::from_bits(
            ip.to_bits() ^ 1 << draw.below(70),
        )),
    });
    let eni = draw.below(3);
    let other = source(draw, family, eni).addr();
    let from = [own, own, beside, Some(other), None][draw.below(5)];
    let mark = [0, 0, 0, 0x0100_0000, 0x0500_0000, 0x80, 0x7f00_0000][draw.below(7)];
    Packet {
        from,
        mark,
        is_received: draw.once_in(4),
    }
}

fn family(draw: &mut Draw) -> Family {
    [Family::Ipv4, Family::Ipv6][draw.below(2)]
}

#[test]
fn every_packet_looks_up_with_an_index_what_it_does_without() {
    for seed in seeds(20) {
        eprintln!("seed {seed}");
        let draw = &mut Draw::new(seed);
        let family = family(draw);
        let count = PAYS_FROM + draw.below(400);
        let flat = flat(draw, family, count);
        let index = index_of(&flat, &BTreeSet::new());
        assert!(index.iter().all(|rule| is_form(rule.priority, rule.step)));
        let (with, without) = (lines(&flat, &index), lines(&flat, []));
        for _ in 0..150 {
            let packet = packet(draw, family, &flat);
            assert_eq!(
                looked_up(&with, &packet),
                looked_up(&without, &packet),
                "{packet:?}"
            );
        }
    }
}

#[test]
fn a_source_of_one_eni_meets_few_rules() {
    let flat: Vec<Rule> = (0..15).flat_map(|eni| of_eni(eni, 50)).collect();
    let index = index_of(&flat, &BTreeSet::new());
    assert!((800..1_000).contains(&index.len()), "{} rules", index.len());
    let blocks = index.iter().filter(|rule| BLOCKS.contains(&rule.priority));
    assert_eq!(blocks.count(), 30);
    assert!(
        index
            .iter()
            .all(|rule| rule.priority >= ENTRANCE && rule.priority <= END)
    );
}

fn of_eni(eni: u32, count: u32) -> Vec<Rule> {
    let ip = |host| {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + ((eni % 2) << 16) + (eni << 8) + 10 + host)
    };
    let from = |host| IpNet::from(IpAddr::from(ip(host)));
    (0..count)
        .map(|host| numbering::rule(Band::Own, Number::new(eni, 0), from(host)))
        .collect()
}

#[test]
fn while_an_index_is_made_changed_and_taken_away_no_packet_is_led_astray() {
    for seed in seeds(4) {
        eprintln!("seed {seed}");
        let draw = &mut Draw::new(seed);
        let family = family(draw);
        let before = flat(draw, family, PAYS_FROM + 60);
        let mut after = before.clone();
        let gone = after.remove(draw.below(after.len()));
        let source = source(draw, family, 3);
        let new = numbering::rule(Band::Own, Number::new(3, 0), source);
        if gone.from.is_some() && !after.contains(&new) {
            after.push(new);
        }
        after.sort_by_key(|rule| rule.priority);
        let first = index_of(&before, &BTreeSet::new());
        let second = index_of(&after, &first);
        let packets: Vec<Packet> = (0..60).map(|_| packet(draw, family, &before)).collect();
        let packets: Vec<Packet> = packets
            .into_iter()
            .chain((0..60).map(|_| packet(draw, family, &after)))
            .collect();
        let mut standing = BTreeSet::new();
        for rule in in_order(first.iter().copied().collect()) {
            standing.insert(rule);
            assert_alike(&before, &standing, &packets[..40]);
        }
        let (gone, added) = changes(&first, &second);
        for rule in &gone {
            standing.remove(rule);
            assert_alike(&before, &standing, &packets);
        }
        assert_alike(&after, &standing, &packets);
        for rule in added {
            standing.insert(rule);
            assert_alike(&after, &standing, &packets);
        }
        assert_eq!(standing, second);
        for rule in &changes(&second, &BTreeSet::new()).0 {
            standing.remove(rule);
            assert_alike(&after, &standing, &packets[80..]);
        }
    }
}

fn assert_alike(flat: &[Rule], index: &BTreeSet<IndexRule>, packets: &[Packet]) {
    let (with, without) = (lines(flat, index), lines(flat, []));
    for packet in packets {
        assert_eq!(
            looked_up(&with, packet),
            looked_up(&without, packet),
            "{packet:?}"
        );
    }
}

#[test]
fn whatever_part_of_entrance_and_nodes_is_lost_lookups_stay_right() {
    for seed in seeds(10) {
        eprintln!("seed {seed}");
        let draw = &mut Draw::new(seed);
        let family = family(draw);
        let flat = flat(draw, family, PAYS_FROM + 100);
        let index = index_of(&flat, &BTreeSet::new());
        // With two trees, what misses in the first one needs that one's last rule.
        if index.iter().any(|rule| rule.priority == slots::TREES[1][2]) {
            continue;
        }
        for _ in 0..20 {
            let one_in = 2 + draw.below(20);
            let is_left = |rule: &&IndexRule| rule.priority > FLAT || !draw.once_in(one_in);
            let left: BTreeSet<IndexRule> = index.iter().filter(is_left).copied().collect();
            let packets: Vec<Packet> = (0..20).map(|_| packet(draw, family, &flat)).collect();
            assert_alike(&flat, &left, &packets);
            let mended = index_of(&flat, &left);
            assert_alike(&flat, &mended, &packets);
            assert_eq!(index_of(&flat, &mended), mended);
        }
    }
}

#[test]
fn an_address_more_or_less_changes_a_few_rules_and_none_more_changes_none() {
    for seed in seeds(8) {
        eprintln!("seed {seed}");
        let draw = &mut Draw::new(seed);
        let family = family(draw);
        let mut flat = flat(draw, family, 800);
        let mut index = index_of(&flat, &BTreeSet::new());
        let mut changed = Vec::new();
        for _ in 0..40 {
            assert_eq!(index_of(&flat, &index), index);
            if draw.once_in(2) {
                flat.remove(draw.below(flat.len()));
            } else {
                let net = source(draw, family, 3);
                flat.push(numbering::rule(Band::Own, Number::new(3, 0), net));
                flat.sort();
                flat.dedup();
            }
            flat.sort_by_key(|rule| rule.priority);
            let next = index_of(&flat, &index);
            changed.push(index.symmetric_difference(&next).count());
            index = next;
        }
        changed.sort();
        assert!(changed[20] <= 12 && changed[39] <= 120, "{changed:?}");
    }
}

#[test]
fn four_thousand_addresses_have_a_place_each() {
    let flat: Vec<Rule> = (0..80).flat_map(|eni| of_eni(eni, 64)).collect();
    let index = index_of(&flat, &BTreeSet::new());
    let named: BTreeSet<IpNet> = index
        .iter()
        .filter_map(|rule| match (rule.packets, rule.step) {
            (Packets::From(net), Step::Goto(target)) => BLOCKS.contains(&target).then_some(net),
            _ => None,
        })
        .collect();
    assert_eq!(named.len(), 80 * 64);
}

#[test]
fn a_rule_of_others_that_a_jump_would_pass_over_is_named_and_one_outside_is_not() {
    let flat = of_eni(1, PAYS_FROM as u32);
    let other = |priority| Rule {
        priority,
        from: None,
        table: 52,
        ..flat[0].clone()
    };
    for (priority, is_in_the_way) in [
        (0, false),
        (6_999, false),
        (7_000, true),
        (9_999, true),
        (12_000, true),
        (24_000, true),
        (24_001, false),
    ] {
        let foreign = other(priority);
        let rules: Vec<&Rule> = std::iter::once(&foreign).chain(&flat).collect();
        let made = wanted(&rules, &|rule| *rule != foreign, &BTreeSet::new());
        assert_eq!(made.is_err(), is_in_the_way, "{priority}");
        if let Err(obstacle) = made {
            assert!(
                obstacle
                    .to_string()
                    .contains(&format!("lookup 52 priority {priority}")),
                "{obstacle}"
            );
        }
    }
    let few: Vec<&Rule> = flat.iter().take(PAYS_FROM - 1).collect();
    assert_eq!(
        wanted(&few, &|_| true, &BTreeSet::new()).unwrap(),
        BTreeSet::new()
    );
}
