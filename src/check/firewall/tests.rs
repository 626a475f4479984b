use super::packet::{End, Packet};
use super::walk::{Fate, walk};
use super::*;
use crate::plan::egress::Range;
use crate::reconcile::inspect::rulesets::{Field, FilterRule, Rulesets, Verdict, Want};

fn rule(field: Field, among: &str, verdict: Verdict) -> FilterRule {
    let want = Want {
        field,
        is_not: false,
        among: among.split(',').map(str::to_owned).collect(),
    };
    FilterRule {
        wants: vec![want],
        verdict,
        ..FilterRule::default()
    }
}

fn always(verdict: Verdict) -> FilterRule {
    FilterRule {
        verdict,
        ..FilterRule::default()
    }
}

fn chain(name: &str, drops: bool, rules: Vec<FilterRule>) -> Chain {
    Chain {
        family: "ip".to_owned(),
        table: "t".to_owned(),
        name: name.to_owned(),
        drops,
        rules,
        ..Chain::default()
    }
}

/// What comes of a packet from 10.0.0.0/24 by eth0 to the Internet by eth1.
fn fate(chains: Vec<Chain>) -> (bool, bool) {
    let rulesets = Rulesets {
        chains,
        ..Rulesets::default()
    };
    let from = End::These(vec![Range::from(
        "10.0.0.0/24".parse::<ipnet::IpNet>().unwrap(),
    )]);
    let packet = Packet {
        family: Family::Ipv4,
        iif: "eth0",
        oif: "eth1",
        from: &from,
        to: &End::Outside,
        protocol: "tcp",
        state: "new",
        is_reply: false,
        is_marked: true,
    };
    let Fate { accepts, drops, .. } = walk(&rulesets, &rulesets.chains[0], &packet);
    (accepts, drops.is_some())
}

const ACCEPTED: (bool, bool) = (true, false);
const DROPPED: (bool, bool) = (false, true);
const EITHER: (bool, bool) = (true, true);

#[test]
fn a_rule_is_for_all_for_none_or_for_some_of_what_is_asked_for() {
    let by = |field, among| {
        fate(vec![chain(
            "c",
            false,
            vec![rule(field, among, Verdict::Drop)],
        )])
    };
    for (field, among, expected) in [
        (Field::Source, "10.0.0.0/8", DROPPED),
        (Field::Source, "10.0.0.0-10.0.0.255", DROPPED),
        (Field::Source, "10.0.0.5", EITHER),
        (Field::Source, "10.0.0.0/25,10.1.0.0/16", EITHER),
        (Field::Source, "10.1.0.0/16", ACCEPTED),
        (Field::Source, "2001:db8::/32", ACCEPTED),
        (Field::Source, "unknown", EITHER),
        (Field::Destination, "0.0.0.0/0", DROPPED),
        (Field::Destination, "8.8.8.8", ACCEPTED),
        (Field::Iif, "eth0", DROPPED),
        (Field::Iif, "eth*", DROPPED),
        (Field::Iif, "eth", ACCEPTED),
        (Field::Oif, "eth0", ACCEPTED),
        (Field::Protocol, "tcp", DROPPED),
        (Field::Protocol, "icmp", ACCEPTED),
        (Field::State, "established,new", DROPPED),
        (Field::State, "invalid", ACCEPTED),
        (Field::Status, "dnat", ACCEPTED),
        (Field::Direction, "reply", ACCEPTED),
        (Field::Connmark, "0x0/0xff000000", ACCEPTED),
        (Field::Connmark, "0x1/0xff", EITHER),
        (Field::Other, "", EITHER),
    ] {
        assert_eq!(by(field, among), expected, "{field:?} {among}");
    }
}

#[test]
fn a_packet_goes_on_after_a_return_and_not_after_a_goto() {
    let to = |name: &str| name.to_owned();
    let other = |rules| chain("other", false, rules);
    let with = |first, rest| {
        fate(vec![
            chain("c", true, vec![first, always(Verdict::Accept)]),
            other(rest),
        ])
    };
    assert_eq!(with(always(Verdict::Jump(to("other"))), vec![]), ACCEPTED);
    assert_eq!(
        with(
            always(Verdict::Jump(to("other"))),
            vec![always(Verdict::Return), always(Verdict::Drop)]
        ),
        ACCEPTED
    );
    assert_eq!(
        with(
            always(Verdict::Jump(to("other"))),
            vec![always(Verdict::Drop)]
        ),
        DROPPED
    );
    assert_eq!(with(always(Verdict::Goto(to("other"))), vec![]), DROPPED);
    assert_eq!(
        with(
            rule(Field::Other, "", Verdict::Jump(to("other"))),
            vec![always(Verdict::Drop)]
        ),
        EITHER
    );
    assert_eq!(
        with(rule(Field::Other, "", Verdict::Return), vec![]),
        EITHER
    );
    assert_eq!(with(always(Verdict::Jump(to("nowhere"))), vec![]), ACCEPTED);
    assert_eq!(
        fate(vec![chain("c", true, vec![always(Verdict::Other)])]),
        EITHER
    );
    assert_eq!(
        fate(vec![chain("c", true, vec![always(Verdict::Jump(to("c")))])]),
        EITHER,
        "a loop ends"
    );
}
