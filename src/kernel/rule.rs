//! Rules: listed, made and deleted. What the kernel would match too loosely is looked up first.

use std::net::IpAddr;

use ipnet::IpNet;
use neli::FromBytesWithInput;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{FrAct, Frattr, Frf, RtTable, Rtm};
use neli::rtnl::{Fibmsg, FibmsgBuilder};
use nix::errno::Errno;

use super::attributes::{
    Attributes, af, attributes, family, ip, ip_value, name_value, number, number_value, text_of,
    value,
};
use super::changes::Changes;
use super::refusal::Refusal;
use super::rule_row::Row;
use super::socket::{Keep, settled};
use super::{Kernel, instead, needless, rule_words};
use crate::gather::{Gather, Order};
use crate::net::rule::STATIC;
use crate::net::{Extra, Family, IndexRule, Mark, Rule};

/// The multicast groups `RTNLGRP_IPV4_RULE` and `RTNLGRP_IPV6_RULE`.
const GROUPS: [u32; 2] = [8, 19];

/// What the kernel reports for a rule without `suppress_prefixlength` or `suppress_ifgroup`.
const NOT_SUPPRESSING: u32 = u32::MAX;

/// The attributes of the rules that eniroute writes.
pub(super) const PLAIN: [Frattr; 9] = [
    Frattr::Src,
    Frattr::Table,
    Frattr::Priority,
    Frattr::Protocol,
    Frattr::SuppressPrefixlen,
    Frattr::Fwmark,
    Frattr::Fwmask,
    Frattr::Iifname,
    Frattr::Pad,
];

/// A rule as it stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub rule: Rule,
    /// Who made it (`FRA_PROTOCOL`); `None`: Linux before 4.17 does not say.
    pub protocol: Option<u8>,
}

impl Kernel {
    /// The index, and all other rules in the kernel's order.
    pub(super) fn rules(
        &mut self,
        family: Family,
    ) -> Result<(Vec<IndexRule>, Vec<Standing>), Refusal> {
        self.list_rules(
            family,
            &|(index, rules): &mut (Vec<_>, Vec<_>), row| match row {
                Row::Index(rule) => index.extend(Some(rule).filter(|rule| rule.family == family)),
                Row::Plain(one) => rules.extend(Some(one).filter(|one| one.rule.family == family)),
                Row::Other(message) => {
                    let of_family = |one: &Standing| one.rule.family == family;
                    rules.extend(standing(&message).filter(of_family));
                }
            },
        )
    }

    /// It walks rules by position and marks no interruption (`dump_rules` in net/core/fib_rules.c): where one goes
    /// meanwhile, another is left out. So changes are listened for.
    pub(super) fn list_rules<R, L>(
        &mut self,
        family: Family,
        keep: Keep<R, L>,
    ) -> Result<L, Refusal>
    where
        R: FromBytesWithInput<Input = usize>,
        L: Default,
    {
        let changes = Changes::of(&GROUPS)?;
        settled(|| {
            let every = builder(family).fib_action(FrAct::Unspec).build();
            let every = every.map_err(Refusal::because)?;
            let rows = match self.socket.dump(Rtm::Getrule, every, keep) {
                // a kernel without IPv6
                Err(refusal) if refusal.is(&[Errno::EAFNOSUPPORT, Errno::EOPNOTSUPP]) => {
                    L::default()
                }
                rows => rows?,
            };
            Ok((!changes.any()?).then_some(rows))
        })
    }

    pub(super) fn add_rule(&mut self, rule: &Rule) -> Result<bool, Refusal> {
        let flags = NlmF::CREATE | NlmF::EXCL;
        let added = self.socket.change(Rtm::Newrule, flags, new(rule)?);
        needless(added.map(|()| true), &[Errno::EEXIST])
    }

    pub(super) fn remove_rule(&mut self, rule: &Rule) -> Result<bool, Refusal> {
        ours_to_write(rule)?;
        let rules = self.standing_rules(rule.family)?;
        let protocol = match deletable(rule, rules) {
            Ok(Some(protocol)) => protocol,
            Ok(None) => return Ok(false),
            Err(first) => return Err(instead(first)),
        };
        let message = encode(rule, protocol)?;
        let removed = self.socket.change(Rtm::Delrule, NlmF::empty(), message);
        if removed.is_ok() {
            self.forget(rule, protocol);
        }
        removed.map(|()| true)
    }

    /// One of several that differ in nothing but their protocols is no longer listed.
    fn forget(&mut self, rule: &Rule, protocol: Option<u8>) {
        let is_it = |one: &Standing| one.rule == *rule && one.protocol == protocol;
        let Some(rules) = self.listed.rules.get_mut(&rule.family) else {
            return;
        };
        if let Some(position) = rules.iter().position(is_it) {
            rules.remove(position);
        }
    }

    pub(super) fn standing_rules(&mut self, family: Family) -> Result<&[Standing], Refusal> {
        if !self.listed.rules.contains_key(&family) {
            let (_, rules) = self.rules(family)?;
            self.listed.rules.insert(family, rules);
        }
        Ok(self.listed.rules.get(&family).map_or(&[], Vec::as_slice))
    }
}

/// The message that makes it.
pub(super) fn new(rule: &Rule) -> Result<Fibmsg, Refusal> {
    ours_to_write(rule)?;
    encode(rule, Some(STATIC))
}

/// The protocol with which the kernel, asked to delete `rule`, takes that one and no other that stands: ours before
/// others'; `None` where it does not stand. Protocol 0 asks for any. Errors: whatever the protocol, another one comes first.
fn deletable<'a>(rule: &Rule, rules: &'a [Standing]) -> Result<Option<Option<u8>>, &'a Rule> {
    let mut own: Vec<_> = rules
        .iter()
        .filter(|standing| standing.rule == *rule)
        .map(|standing| standing.protocol)
        .gathered();
    own.order_by_key(|protocol| *protocol != Some(STATIC));
    let mut other = None;
    for protocol in own {
        let is_any = matches!(protocol, None | Some(0));
        let would_go = |present: &&Standing| {
            (is_any || present.protocol == protocol) && would_delete(rule, &present.rule)
        };
        match rules.iter().find(would_go).map(|first| &first.rule) {
            Some(first) if first != rule => other = Some(first),
            _ => return Ok(Some(protocol)),
        }
    }
    other.map_or(Ok(None), Err)
}

fn ours_to_write(rule: &Rule) -> Result<(), Refusal> {
    let why = "the rule has selectors that eniroute cannot write; change it by hand";
    match rule.extra().foreign {
        Some(_) => Err(Refusal::because(why)),
        None => Ok(()),
    }
}

/// Whether the kernel, asked to delete `asked`, may take `present` for it: what is not asked for is not compared
/// (`rule_find` in net/core/fib_rules.c).
fn would_delete(asked: &Rule, present: &Rule) -> bool {
    let Extra { mark, iif, .. } = asked.extra();
    (asked.priority, asked.table) == (present.priority, present.table)
        && (asked.from.is_none() || asked.from == present.from)
        && (mark.is_none() || *mark == present.extra().mark)
        && (iif.is_none() || *iif == present.extra().iif)
        && (asked.suppress_prefixlength.is_none()
            || asked.suppress_prefixlength == present.suppress_prefixlength)
}

/// To delete it: of any protocol, where none is given.
fn encode(rule: &Rule, protocol: Option<u8>) -> Result<Fibmsg, Refusal> {
    let extra = rule.extra();
    let suppress = rule.suppress_prefixlength.map(number_value);
    let (value, mask) = extra.mark.map(|mark| (mark.value, mark.mask)).unzip();
    let message = builder(rule.family)
        .fib_src_len(rule.from.map_or(0, |net| net.prefix_len()))
        .fib_action(FrAct::FrActToTbl)
        .rtattrs(attributes([
            (Frattr::Src, rule.from.map(|net| ip_value(net.addr()))),
            (Frattr::Priority, Some(number_value(rule.priority))),
            (Frattr::Table, Some(number_value(rule.table))),
            (Frattr::Fwmark, value.map(number_value)),
            (Frattr::Fwmask, mask.map(number_value)),
            (Frattr::Iifname, extra.iif.as_deref().map(name_value)),
            (Frattr::SuppressPrefixlen, suppress),
            (Frattr::Protocol, protocol.map(|protocol| vec![protocol])),
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

/// As [`decode`].
fn standing(message: &Fibmsg) -> Option<Standing> {
    let protocol = value(message.rtattrs(), Frattr::Protocol);
    Some(Standing {
        rule: decode(message)?,
        protocol: protocol.and_then(|value| value.first().copied()),
    })
}

/// `None` for another family's: without IPv6 the kernel may answer for all that it has.
pub(super) fn decode(message: &Fibmsg) -> Option<Rule> {
    let attributes = message.rtattrs();
    let net = |kind, length| net(ip(attributes, kind)?, length);
    let rule = Rule {
        priority: number(attributes, Frattr::Priority).unwrap_or(0),
        family: family(*message.fib_family())?,
        from: net(Frattr::Src, *message.fib_src_len()),
        table: number(attributes, Frattr::Table)
            .unwrap_or_else(|| u8::from(*message.fib_table()).into()),
        suppress_prefixlength: suppressed(attributes, Frattr::SuppressPrefixlen),
        extra: None,
    };
    let said = Extra {
        mark: mark(attributes),
        iif: value(attributes, Frattr::Iifname).map(|name| text_of(name).into()),
        to: net(Frattr::Dst, *message.fib_dst_len()),
        foreign: None,
    };
    let rule = rule.with(said.clone());
    let words = is_foreign(message).then(|| rule_words::words(message, &rule).into());
    Some(rule.with(Extra {
        foreign: words,
        ..said
    }))
}

/// `None` where it is everything.
fn net(ip: IpAddr, length: u8) -> Option<IpNet> {
    let net = IpNet::new(ip, length).ok()?;
    (length > 0).then(|| net.trunc())
}

/// The kernel leaves out a value of 0, but not its mask.
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

/// Anything but `from`, `fwmark`, `iif`, `lookup`, `suppress_prefixlength`, `priority` and `protocol`: selectors that this program
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
