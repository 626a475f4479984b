//! What EC2 has left unsaid when a run ends, in words.

use std::time::Duration;

use crate::gather::Gather;
use crate::metadata::{Incomplete, Metadata};
use crate::net::{self, Link, Mac};
use crate::reconcile::apart;
use crate::report::Report;

/// EC2 has something left to say of the host's interfaces.
pub(super) fn is_partial(metadata: &Metadata, links: &[Link]) -> bool {
    let is_told = |mac: Mac| {
        metadata.enis.iter().any(|eni| eni.mac == mac) && !metadata.recalled.contains(&mac)
    };
    let mut nics = net::nics(links).filter_map(Link::eni_mac);
    !metadata.incomplete.is_empty() || nics.any(|mac| !is_told(mac))
}

/// Nothing else is wrong than that EC2 has not said all, or not yet what can be true.
pub(super) fn is_all_late(errors: &[String], late: &[Incomplete]) -> bool {
    let late: Vec<String> = late.iter().map(Incomplete::to_string).gathered();
    errors.iter().all(|error| late.contains(error))
}

/// Says of each interface that was waited for in vain why.
pub(super) fn tell(report: &mut Report, unserved: &[&Link], metadata: &Metadata, wait: Duration) {
    for nic in unserved {
        let is_its = |told: &&Incomplete| nic.eni_mac() == Some(told.mac);
        if let Some(apart) = metadata.apart.iter().find(is_its) {
            let note = format!("{} is left alone: {}", nic.name, apart::why(apart.lack));
            // A run that has looked at it since it was given up has said so.
            if !report.notes.contains(&note) {
                report.notes.push(note);
            }
            continue;
        }
        match metadata.incomplete.iter().find(is_its) {
            Some(incomplete) if report.errors.contains(&incomplete.to_string()) => {}
            Some(incomplete) => report.errors.push(incomplete.to_string()),
            None => report.notes.push(unlisted(nic, wait)),
        }
    }
}

fn unlisted(nic: &Link, wait: Duration) -> String {
    format!(
        "EC2 lists no ENI for {} ({}) after {} s; `eniroute refresh` goes on looking",
        nic.name,
        nic.eni_mac().map_or(String::new(), |mac| mac.to_string()),
        wait.as_secs_f64()
    )
}
