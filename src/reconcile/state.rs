//! From what is known to what is reported of each ENI. Asks the kernel for routes, changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::assess::Assessment;
use crate::diff::missing;
use crate::eni::Eni;
use crate::error::Result;
use crate::files::FileChange;
use crate::kernel::Kernel;
use crate::net::{Dev, Mac, Rule};
use crate::numbering::Band;
use crate::object::Object;
use crate::plan::{Planned, Why, link_of};
use crate::report::{AddressReport, EniReport, FileReport, State};

/// An address outside, to ask the kernel for the way there; nothing is sent to it.
pub const OUTSIDE_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));
pub const OUTSIDE_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888));

/// Every ENI; with `kernel`, it is asked which way each address would leave.
pub fn all(assessment: &Assessment, mut kernel: Option<&mut Kernel>) -> Result<Vec<EniReport>> {
    let missing = missing(&assessment.desired, &assessment.observed);
    let mut reports = Vec::new();
    for planned in &assessment.desired.enis {
        // Some of the primary ENI's addresses are its DHCP client's business, but they count all the same.
        let absent =
            missing.get(&planned.eni.number()).copied().unwrap_or(0) + planned.lacking(&assessment.observed).len();
        let strays = match &mut kernel {
            Some(kernel) if absent == 0 => misrouted(assessment, planned, kernel)?,
            _ => 0,
        };
        let state = match (absent, strays) {
            (0, 0) => State::Ok,
            (0, strays) => State::Misrouted(strays),
            (absent, _) => State::Missing(absent),
        };
        // As EC2 has it, also where the link cannot have all of it.
        let listed = assessment.metadata.enis.iter().find(|eni| eni.mac == planned.eni.mac);
        reports.push(report(listed.unwrap_or(&planned.eni), Some(&planned.dev), state));
    }
    for skipped in &assessment.desired.skipped {
        let state = if skipped.why == Why::NoLink { State::NoLink } else { State::Unmanaged };
        reports.push(report(&skipped.eni, skipped.dev.as_ref(), state));
    }
    reports.sort_by_key(|report| (!report.primary, report.table));
    let refused = assessment.metadata.refused.iter().map(|eni| {
        let link = link_of(eni, &assessment.observed.links);
        report(eni, link.map(|link| &link.name), State::Incomplete)
    });
    reports.extend(refused);
    let late = assessment.metadata.incomplete.iter().map(|late| late.mac);
    let late = late.filter(|mac| !assessment.metadata.refused.iter().any(|eni| eni.mac == *mac));
    reports.extend(late.map(|mac| incomplete(assessment, mac)));
    Ok(reports)
}

/// How many of the ENI's addresses would leave by another interface, be it some flows only. Without a way out at all only a secondary
/// ENI is at fault: its table should have a default.
fn misrouted(assessment: &Assessment, planned: &Planned, kernel: &mut Kernel) -> Result<usize> {
    let mut strays = 0;
    for ip in planned.eni.addresses() {
        let is_up = assessment.observed.addresses.iter().any(|up| up.dev == planned.dev && up.net.addr() == ip);
        let outside = if ip.is_ipv4() { OUTSIDE_IPV4 } else { OUTSIDE_IPV6 };
        let ways = kernel.ways_out(outside, Some(ip), &assessment.observed.links)?;
        let right = if ways.is_empty() { planned.eni.primary } else { ways.iter().all(|dev| *dev == planned.dev) };
        strays += usize::from(is_up && !right);
    }
    Ok(strays)
}

/// Rules by another hand for addresses of ours, cloud-init's since 24.1 for one: which of the two is asked first.
pub fn rivals(assessment: &Assessment) -> Vec<String> {
    let mut counts: BTreeMap<(&Dev, u32, bool), usize> = BTreeMap::new();
    for planned in &assessment.desired.enis {
        let sources: BTreeSet<_> = planned.rules.iter().map(|rule| rule.from).collect();
        let theirs = assessment.observed.rules.iter().filter(|rule| {
            rule.foreign.is_none()
                && rule.mark.is_none()
                && rule.from.is_some()
                && sources.contains(&rule.from)
                && !planned.rules.contains(rule)
        });
        let ours = |rule: &Rule| assessment.scope.has_made(&Object::Rule(rule.clone()));
        for rule in theirs.filter(|rule| !ours(rule)) {
            *counts
                .entry((&planned.dev, rule.table, rule.priority < planned.eni.number().priority(Band::Own)))
                .or_default() += 1;
        }
    }
    let told = counts.into_iter().map(|((dev, table, first), count)| {
        let order = if first { "they come before eniroute's, which are never asked" } else { "eniroute's come first" };
        format!("rules by another hand send traffic from {dev}'s addresses to table {table} ({count} of them): {order}")
    });
    told.collect()
}

fn report(eni: &Eni, dev: Option<&Dev>, state: State) -> EniReport {
    let public = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => eni.public.get(&ip).cloned().unwrap_or_default(),
        IpAddr::V6(_) => Vec::new(),
    };
    let prefixes = eni.ipv4_prefixes.iter().map(ToString::to_string);
    EniReport {
        interface: dev.map(ToString::to_string),
        eni: Some(eni.id.clone()),
        mac: eni.mac,
        primary: eni.primary,
        device_number: Some(eni.device_number),
        network_card: Some(eni.network_card),
        table: Some(eni.number().table()),
        addresses: eni.addresses().map(|address| AddressReport { address, public: public(address) }).collect(),
        prefixes: prefixes.chain(eni.ipv6_prefixes.iter().map(ToString::to_string)).collect(),
        state,
    }
}

fn incomplete(assessment: &Assessment, mac: Mac) -> EniReport {
    let link = assessment.observed.links.iter().find(|link| link.mac == Some(mac));
    EniReport {
        interface: link.map(|link| link.name.to_string()),
        eni: None,
        mac,
        primary: false,
        device_number: None,
        network_card: None,
        table: None,
        addresses: Vec::new(),
        prefixes: Vec::new(),
        state: State::Incomplete,
    }
}

/// A file's change as it is reported, with its diff if wanted.
pub fn file(change: &FileChange, with_diff: bool) -> FileReport {
    let action = match change {
        FileChange::Create(_) => "create",
        FileChange::Update { .. } => "update",
        FileChange::Delete { .. } => "delete",
    };
    let diff = if with_diff { change.unified_diff() } else { String::new() };
    FileReport { path: change.path().display().to_string(), action, diff }
}
