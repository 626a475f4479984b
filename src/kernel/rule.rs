//! Rules: listed, made and deleted. What the kernel would match too loosely is looked up first.

use std::net::IpAddr;

use ipnet::IpNet;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{FrAct, Frattr, Frf, RtTable, Rtm, Rtprot};
use neli::rtnl::{Fibmsg, FibmsgBuilder};
use nix::errno::Errno;

use super::attributes::{Attributes, af, attributes, family, ip, ip_value, number, number_value};
use super::changes::Changes;
use super::refusal::Refusal;
use super::socket::settled;
use super::{ABSENT, Kernel, Verb, instead, needless, rule_words};
use crate::net::{Family, Mark, Rule};

/// The multicast groups `RTNLGRP_IPV4_RULE` and `RTNLGRP_IPV6_RULE`.
const GROUPS: [u32; 2] = [8, 19];

/// What the kernel reports for a rule without `suppress_prefixlength` or `suppress_ifgroup`.
const NOT_SUPPRESSING: u32 = u32::MAX;

/// The attributes of the rules that eniroute writes.
pub(super) const PLAIN: [Frattr; 8] = [
    Frattr::Src,
    Frattr::Table,
    Frattr::Priority,
    Frattr::Protocol,
    Frattr::SuppressPrefixlen,
    Frattr::Fwmark,
    Frattr::Fwmask,
    Frattr::Pad,
];

impl Kernel {
    /// In the kernel's order. It walks rules by position and marks no interruption (`dump_rules` in
    /// net/core/fib_rules.c): where one goes meanwhile, another is left out. So changes are listened for.
    pub(super) fn rules(&mut self, family: Family) -> Result<Vec<Rule>, Refusal> {
        let rows = self.rule_messages(family)?;
        Ok(rows
            .iter()
            .filter_map(decode)
            .filter(|rule| rule.family == family)
            .collect())
    }

    pub(super) fn rule_messages(&mut self, family: Family) -> Result<Vec<Fibmsg>, Refusal> {
        let changes = Changes::of(&GROUPS)?;
        settled(|| {
            let rows: Vec<Fibmsg> = match self.socket.dump(
                Rtm::Getrule,
                builder(family)
                    .fib_action(FrAct::Unspec)
                    .build()
                    .map_err(Refusal::because)?,
            ) {
                // a kernel without IPv6
                Err(refusal) if refusal.is(&[Errno::EAFNOSUPPORT, Errno::EOPNOTSUPP]) => Vec::new(),
                rows => rows?,
            };
            Ok((!changes.any()?).then_some(rows))
        })
    }

    pub(super) fn add_rule(&mut self, rule: &Rule) -> Result<bool, Refusal> {
        ours_to_write(rule)?;
        let added = self.socket.change(
            Rtm::Newrule,
            NlmF::CREATE | NlmF::EXCL,
            encode(rule, Verb::Make)?,
        );
        needless(added.map(|()| true), &[Errno::EEXIST])
    }

    pub(super) fn remove_rule(&mut self, rule: &Rule) -> Result<bool, Refusal> {
        ours_to_write(rule)?;
        let rules = self.standing_rules(rule.family)?;
        if !rules.contains(rule) {
            return Ok(false);
        }
        if let Some(first) = rules
            .iter()
            .find(|present| would_delete(rule, present))
            .filter(|first| *first != rule)
        {
            return Err(instead(first));
        }
        let removed = self
            .socket
            .change(Rtm::Delrule, NlmF::empty(), encode(rule, Verb::Delete)?);
        needless(removed.map(|()| true), &ABSENT)
    }

    fn standing_rules(&mut self, family: Family) -> Result<&[Rule], Refusal> {
        if !self.listed.rules.contains_key(&family) {
            let rules = self.rules(family)?;
            self.listed.rules.insert(family, rules);
        }
        Ok(self.listed.rules.get(&family).map_or(&[], Vec::as_slice))
    }
}

fn ours_to_write(rule: &Rule) -> Result<(), Refusal> {
    if rule.foreign.is_some() {
        return Err(Refusal::because(
            "the rule has selectors that eniroute cannot write; change it by hand",
        ));
    }
    Ok(())
}

/// Whether the kernel, asked to delete `asked`, may take `present` for it: what is not asked for is not compared
/// (`rule_find` in net/core/fib_rules.c).
fn would_delete(asked: &Rule, present: &Rule) -> bool {
    (asked.priority, asked.table) == (present.priority, present.table)
        && (asked.from.is_none() || asked.from == present.from)
        && (asked.mark.is_none() || asked.mark == present.mark)
        && (asked.suppress_prefixlength.is_none()
            || asked.suppress_prefixlength == present.suppress_prefixlength)
}

/// To make it: protocol static. To delete it: any protocol.
fn encode(rule: &Rule, verb: Verb) -> Result<Fibmsg, Refusal> {
    let protocol = (verb == Verb::Make).then(|| vec![u8::from(Rtprot::Static)]);
    let message = builder(rule.family)
        .fib_src_len(rule.from.map_or(0, |net| net.prefix_len()))
        .fib_action(FrAct::FrActToTbl)
        .rtattrs(attributes([
            (Frattr::Src, rule.from.map(|net| ip_value(net.addr()))),
            (Frattr::Priority, Some(number_value(rule.priority))),
            (Frattr::Table, Some(number_value(rule.table))),
            (
                Frattr::Fwmark,
                rule.mark.map(|mark| number_value(mark.value)),
            ),
            (
                Frattr::Fwmask,
                rule.mark.map(|mark| number_value(mark.mask)),
            ),
            (
                Frattr::SuppressPrefixlen,
                rule.suppress_prefixlength.map(number_value),
            ),
            (Frattr::Protocol, protocol),
        ])?);
    message.build().map_err(Refusal::because)
}

fn builder(family: Family) -> FibmsgBuilder {
    FibmsgBuilder::default()
        .fib_family(af(family))
        .fib_dst_len(0)
        .fib_src_len(0)
        .fib_tos(0)
        .fib_table(RtTable::Unspec)
}

/// `None` for another family's: without IPv6 the kernel may answer for all that it has.
pub(super) fn decode(message: &Fibmsg) -> Option<Rule> {
    let attributes = message.rtattrs();
    let net = |kind, length| {
        let net = ip(attributes, kind).and_then(|ip: IpAddr| IpNet::new(ip, length).ok());
        net.filter(|net| net.prefix_len() > 0)
            .map(|net| net.trunc())
    };
    let mut rule = Rule {
        priority: number(attributes, Frattr::Priority).unwrap_or(0),
        family: family(*message.fib_family())?,
        from: net(Frattr::Src, *message.fib_src_len()),
        table: number(attributes, Frattr::Table)
            .unwrap_or_else(|| u8::from(*message.fib_table()).into()),
        suppress_prefixlength: suppressed(attributes, Frattr::SuppressPrefixlen),
        mark: mark(attributes),
        to: net(Frattr::Dst, *message.fib_dst_len()),
        foreign: None,
    };
    rule.foreign = is_foreign(message).then(|| rule_words::words(message, &rule).into());
    Some(rule)
}

/// A value of 0 is not told by the kernel; its mask is.
fn mark(attributes: &Attributes<Frattr>) -> Option<Mark> {
    let (value, mask) = (
        number(attributes, Frattr::Fwmark),
        number(attributes, Frattr::Fwmask),
    );
    value.or(mask)?;
    Some(Mark {
        value: value.unwrap_or(0),
        mask: mask.unwrap_or(u32::MAX),
    })
}

pub(super) fn suppressed(attributes: &Attributes<Frattr>, kind: Frattr) -> Option<u32> {
    number(attributes, kind).filter(|number| *number != NOT_SUPPRESSING)
}

/// Anything but `from`, `fwmark`, `lookup`, `suppress_prefixlength`, `priority` and `protocol`: selectors that this program
/// has never heard of count too.
fn is_foreign(message: &Fibmsg) -> bool {
    let selective = *message.fib_dst_len() > 0
        || *message.fib_tos() > 0
        || message.fib_flags().contains(Frf::INVERT);
    selective
        || *message.fib_action() != FrAct::FrActToTbl
        || message
            .rtattrs()
            .iter()
            .any(|attribute| match *attribute.rta_type() {
                Frattr::SuppressIfgroup => {
                    *attribute.rta_payload().as_ref() != NOT_SUPPRESSING.to_ne_bytes()
                }
                kind => !PLAIN.contains(&kind),
            })
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
