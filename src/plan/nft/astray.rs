//! What an ENI's rules and routes would send by that ENI, and what leaves by another one of this host's, is not passed on:
//! those rules or routes are not there, or not yet. A packet of that moment would leave by the primary ENI, and its flow
//! keep to that.

use super::draft::{Draft, joined};
use super::ways::{mark, set};
use super::{Filter, Lead, Port};
use crate::net::Family;

const DROP: &str = "counter name refused drop";

/// The first rules of `forward`, before any packet is counted, and the chains that look at what is about to leave by an ENI.
pub(super) fn add(draft: &mut Draft, filter: &Filter) {
    let led = filter.ports.iter().filter(|port| is_led(port, filter));
    for port in led {
        let others = filter.ports.iter().filter(|other| other.slot != port.slot);
        let others = joined(others.map(|other| format!("\"{}\"", other.dev)));
        if !others.is_empty() {
            chains(draft, port, &format!("oifname {{ {others} }}"), filter);
        }
    }
    draft.counter("refused");
    look(draft, filter, "meta mark & 0xff000000", &marked);
    look(draft, filter, "iifname", &arrived);
}

/// One rule where both families are led alike, as they are wherever an ENI has both.
fn look(draft: &mut Draft, filter: &Filter, what: &str, element: Element) {
    let of = |family| elements(draft, filter, family, element);
    let (v4, v6) = (of(Family::Ipv4), of(Family::Ipv6));
    let rules = if v4 == v6 {
        [("", v4), ("", String::new())]
    } else {
        [("meta nfproto ipv4 ", v4), ("meta nfproto ipv6 ", v6)]
    };
    let rules = rules.into_iter().filter(|(_, led)| !led.is_empty());
    draft.rules(
        "forward",
        rules.map(|(family, led)| format!("{family}{what} vmap {{ {led} }}")),
    );
}

/// A rule's element of a map.
type Element<'a> = &'a dyn Fn(&Lead) -> Option<String>;

fn is_led(port: &Port, filter: &Filter) -> bool {
    filter.leads.iter().any(|lead| lead.slot == port.slot)
}

/// A marked packet goes by the ENI's table and by nothing else.
fn chains(draft: &mut Draft, port: &Port, by_another: &str, filter: &Filter) {
    let n = port.slot.number();
    draft.chain(&format!("only_{n}"), [format!("{by_another} {DROP}")]);
    let mut leads = filter.leads.iter();
    if leads.any(|lead| lead.slot == port.slot && lead.dev.is_some()) {
        draft.chain(
            &format!("onto_{n}"),
            [format!("{by_another} goto turned_{n}")],
        );
        draft.chain(&format!("turned_{n}"), turned(port));
    }
}

/// What came in by an ENI goes by main's specific routes before the ENI's, and they may lead to another one. So the packet's
/// destination is looked up with the mark: that leads by the ENI wherever its rules and routes are there.
fn turned(port: &Port) -> [String; 3] {
    let led = format!("fib daddr . mark oifname != \"{}\" {DROP}", port.dev);
    let mark = |value: &str| set("meta mark", value);
    [mark(&super::ways::mark(port.slot)), led, mark("0x00000000")]
}

fn marked(lead: &Lead) -> Option<String> {
    let mark = lead.dev.is_none().then(|| mark(lead.slot))?;
    Some(format!("{mark} : jump only_{}", lead.slot.number()))
}

fn arrived(lead: &Lead) -> Option<String> {
    let dev = lead.dev.as_ref()?;
    Some(format!("\"{dev}\" : jump onto_{}", lead.slot.number()))
}

/// Of the rules of this family, those that lead to an ENI that there are others beside.
fn elements(draft: &Draft, filter: &Filter, family: Family, element: Element) -> String {
    let of_family = filter.leads.iter().filter(|lead| lead.family == family);
    let guarded = of_family.filter(|lead| draft.has_chain(&format!("only_{}", lead.slot.number())));
    joined(guarded.filter_map(element))
}
