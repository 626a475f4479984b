//! What is wrong with this host, and the proof of it: pure, over what was read before, one file a group of codes. It
//! changes nothing, and asks nobody.

mod addresses;
pub mod explain;
mod probes;
mod rules;
mod verdict;
pub mod walk;

use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::report::{Code, Finding};
pub use verdict::verdict;

/// Every finding: those of a run, and those of each group; the worst first, then by ENI as EC2 numbers
/// them, then by address.
pub fn findings(inspection: &Inspection) -> Vec<Finding> {
    let groups = [addresses::findings];
    let of_groups = groups.iter().flat_map(|group| group(inspection));
    // A run says in short what the group of addresses says with its evidence.
    let of_run = inspection
        .found
        .iter()
        .filter(|found| found.code != Code::A2);
    let mut all = rules::findings(inspection, of_run);
    all.extend(of_groups);
    all.extend(probes::findings(inspection, &all));
    all.sort_by_key(|finding| {
        let place = place(inspection, finding);
        (finding.severity, place, finding.address, finding.code)
    });
    all
}

/// The place of a finding's ENI among all; what is the host's comes first.
fn place(inspection: &Inspection, finding: &Finding) -> Option<usize> {
    let Owner::Eni(mac) = finding.owner else {
        return None;
    };
    let place = inspection.listed().position(|eni| eni.mac == mac);
    Some(place.unwrap_or(usize::MAX))
}
