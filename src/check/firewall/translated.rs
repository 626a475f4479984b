//! O3: a chain of NAT that is asked before eniroute's own gives packets another address. The first that does decides.

use std::net::IpAddr;

use super::clients::Clients;
use super::packet::{End, Packet};
use super::remedy::Keeper;
use super::walk::walk;
use super::{keeper, listed, title};
use crate::gather::Gather;
use crate::net::Family;
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::plan::egress::Range;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::rulesets::{Chain, FilterRule, Verdict};
use crate::report::{Code, Evidence, Finding, Remedy};

/// The priority of eniroute's own chain. Of two chains of one priority the one that was loaded later is asked first.
const OWN: i64 = 90;

/// Of the clients of an entry: IPv6 is not to be translated at all.
pub(super) fn of_clients(inspection: &Inspection, clients: &[Clients]) -> Vec<Finding> {
    let found = chains(inspection).flat_map(|chain| {
        let asked = chain
            .families()
            .iter()
            .filter(|family| is_before(chain, **family));
        asked.filter_map(move |family| of_chain(inspection, chain, (clients, *family)))
    });
    found.gathered()
}

fn is_before(chain: &Chain, family: Family) -> bool {
    family == Family::Ipv6 || chain.priority <= OWN
}

fn chains(inspection: &Inspection) -> impl Iterator<Item = &Chain> {
    let chains = inspection.owners.rulesets.foreign("postrouting");
    chains.filter(|chain| chain.kind == "nat")
}

fn of_chain(
    inspection: &Inspection,
    chain: &Chain,
    (clients, family): (&[Clients], Family),
) -> Option<Finding> {
    let clients = clients.iter().filter(|clients| clients.family == family);
    let changed: Vec<(&Clients, &FilterRule)> = clients
        .filter_map(|clients| Some((clients, changed(inspection, chain, clients)?)))
        .gathered();
    let (_, rule) = changed.first()?;
    let names: Vec<String> = changed
        .iter()
        .map(|(clients, _)| clients.range.to_string())
        .gathered();
    let (name, names) = (title(chain), listed(&names));
    let what = format!(
        "`{name}` (priority {}) translates what the clients {names} of an [[egress]] send, before eniroute's table does",
        chain.priority
    );
    let lines: Vec<_> = changed
        .iter()
        .flat_map(|(clients, _)| clients.departing())
        .gathered();
    let keeper = keeper(inspection, chain, family);
    let remedy = Remedy::review(keeper.exempt(&super::remedy::few(lines, family)));
    Some(
        told(what, (&keeper, rule))
            .about(name)
            .mended_by(remedy)
            .is_not("translated there", "left alone there"),
    )
}

fn told(what: String, (keeper, rule): (&Keeper, &FilterRule)) -> Finding {
    Finding::new(Code::O3, Owner::Host, what, "narrow that rule")
        .known_from(Evidence::kernel(keeper.show(), &rule.text))
}

/// The rule that translates all that these clients send.
fn changed<'a>(
    inspection: &'a Inspection,
    chain: &'a Chain,
    clients: &Clients,
) -> Option<&'a FilterRule> {
    let client = End::These(vec![clients.range]);
    let mut rules = clients
        .ways(&client)
        .map(|way| translator(inspection, chain, &way.packet("tcp", "new")));
    let first = rules.next()??;
    rules.all(|rule| rule.is_some()).then_some(first)
}

/// The rule that surely translates a packet.
fn translator<'a>(
    inspection: &'a Inspection,
    chain: &'a Chain,
    packet: &Packet,
) -> Option<&'a FilterRule> {
    let fate = walk(&inspection.owners.rulesets, chain, packet);
    fate.translates
        .filter(|_| !fate.accepts && fate.drops.is_none())
}

/// Of the host's own addresses: those that leave as another one.
pub(super) fn of_own(inspection: &Inspection) -> Vec<Finding> {
    let chains = chains(inspection);
    let chains = chains.filter(|chain| chain.families().contains(&Family::Ipv4));
    let pairs = chains.flat_map(|chain| inspection.enis().map(move |planned| (chain, planned)));
    let found = pairs.filter_map(|(chain, planned)| of_eni(inspection, chain, planned));
    found.gathered()
}

fn of_eni(inspection: &Inspection, chain: &Chain, planned: &Planned) -> Option<Finding> {
    let mut own = planned.eni.ipv4.iter().map(|ip| IpAddr::V4(*ip));
    let (from, to, rule) = own.find_map(|ip| {
        let (to, rule) = source(inspection, chain, (planned, ip))?;
        (to != ip).then_some((ip, to, rule))
    })?;
    let what = format!(
        "`{}` makes {from} leave {} as {to}",
        title(chain),
        planned.dev
    );
    let keeper = keeper(inspection, chain, Family::Ipv4);
    let finding = Finding {
        owner: Owner::Eni(planned.eni.mac),
        ..told(what, (&keeper, rule))
    };
    Some(
        finding
            .of_address(from)
            .is_not(to.to_string(), from.to_string())
            .mended_by(Remedy::review(keeper.show())),
    )
}

/// What `ip` leaves as, where a rule surely changes it: a masquerade gives it the ENI's first address.
fn source<'a>(
    inspection: &'a Inspection,
    chain: &'a Chain,
    (planned, ip): (&Planned, IpAddr),
) -> Option<(IpAddr, &'a FilterRule)> {
    let packet = Packet {
        family: Family::Ipv4,
        iif: "",
        oif: &planned.dev,
        from: &End::These(vec![Range::from(ipnet::IpNet::from(ip))]),
        to: &End::Outside,
        protocol: "tcp",
        state: "new",
        is_reply: false,
        is_marked: false,
    };
    let rule = translator(inspection, chain, &packet)?;
    let first = || planned.eni.ipv4.first().map(|ip| IpAddr::V4(*ip));
    let to = match &rule.verdict {
        Verdict::Translate(Some(to)) => Some(*to),
        _ => first(),
    };
    Some((to?, rule))
}
