//! What is wrong with this host, and the proof of it: pure, over what was read before, one file a group of codes. It
//! changes nothing, and asks nobody.

mod addresses;
pub mod explain;
mod files;
mod firewall;
mod forwarding;
mod links;
mod marks;
mod metadata;
mod nat;
mod owners;
mod performance;
mod probes;
mod returns;
mod rules;
mod settings;
mod verdict;
pub mod walk;

use crate::code::Code;
use crate::gather::{Gather, Order};
use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::report::{Applicability, Finding};
pub use verdict::verdict;

/// Every finding: those of a run, and those of each group; the worst first, then by ENI as EC2 numbers
/// them, then by address; a link that is down before what it lacks for that.
pub fn findings(inspection: &Inspection) -> Vec<Finding> {
    let groups = [
        addresses::findings,
        links::findings,
        metadata::findings,
        performance::findings,
        files::findings,
        owners::findings,
        forwarding::findings,
        nat::findings,
        marks::findings,
        returns::findings,
        settings::findings,
    ];
    let of_groups = groups.iter().flat_map(|group| group(inspection));
    let of_groups: Vec<Finding> = of_groups.gathered();
    let of_run = inspection.found.iter().cloned();
    let of_run = of_run
        .filter(|found| !addresses::is_superseded(found, &of_groups))
        .map(|found| links::completed(inspection, metadata::completed(inspection, found)));
    let of_run: Vec<Finding> = of_run.gathered();
    let mut all = rules::findings(inspection, of_run.iter());
    all.extend(of_groups);
    all.extend(probes::findings(inspection, &all));
    all.iter_mut()
        .for_each(|finding| locate(inspection, finding));
    all.order_by_key(|finding| {
        let place = place(inspection, finding);
        let is_consequence = finding.code != Code::L3;
        (
            finding.severity,
            place,
            finding.address,
            is_consequence,
            finding.code,
        )
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

/// Whoever runs a command in AWS does so in this instance's region.
fn locate(inspection: &Inspection, finding: &mut Finding) {
    let region = inspection.instance.region.iter();
    let region: String = region
        .map(|region| format!(" --region {region}"))
        .gathered();
    let remedies = finding.remedies.iter_mut();
    let in_aws = remedies.filter(|remedy| remedy.applicability == Applicability::Outside);
    in_aws.for_each(|remedy| remedy.command += &region);
}
