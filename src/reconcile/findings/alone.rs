//! ENIs that are left alone, and links that only their owners bring up: each with the reason.

use crate::config::DEFAULT_PATH;
use crate::eni::Eni;
use crate::error::Lack;
use crate::metadata::key_of;
use crate::net::{Mac, link_of_mac};
use crate::numbering::Owner;
use crate::plan::{Skipped, Why};
use crate::reconcile::apart::why as why_apart;
use crate::reconcile::assess::Assessment;
use crate::report::{Code, Evidence, Finding, Remedy};

pub(super) fn left_alone(skipped: &Skipped) -> Finding {
    let code = match skipped.why {
        Why::NoLink => Code::L1,
        Why::NoAddress | Why::Excluded | Why::Enslaved(_) | Why::Declared(_) => Code::O5,
        Why::Cni(_) => Code::O1,
    };
    let name = skipped.dev.as_deref().unwrap_or(&skipped.eni.id);
    let what = format!("{name} is left alone: {}", skipped.why);
    let finding = Finding::told(code, Owner::Eni(skipped.eni.mac), what).about(name);
    match reason(skipped, name) {
        None => without_link(&skipped.eni, finding),
        Some(evidence) => finding.known_from(evidence),
    }
}

/// What it is known from, where it has an interface.
fn reason(skipped: &Skipped, name: &str) -> Option<Evidence> {
    let shown = || format!("ip -details link show dev {name}");
    match &skipped.why {
        Why::NoLink => None,
        Why::NoAddress => Some(no_address(skipped.eni.mac)),
        Why::Excluded => Some(Evidence::file(DEFAULT_PATH, "exclude")),
        Why::Enslaved(holder) => Some(Evidence::kernel(shown(), format!("master {holder}"))),
        Why::Declared(declared) => Some(Evidence::file(declared.to_string(), "says so")),
        Why::Cni(evidence) => Some(Evidence::kernel("ip rule", evidence)),
    }
}

fn no_address(mac: Mac) -> Evidence {
    Evidence::metadata(key_of(mac, ""), "no `local-ipv4s`, no `ipv6s`")
}

/// What EC2 lists without an address, and is not waited for.
pub(super) fn apart(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    assessment.metadata.apart.iter().map(|late| {
        let mac = late.mac;
        let link = link_of_mac(mac, &assessment.observed.links);
        let name = link.map_or_else(|| mac.to_string(), |link| link.name.to_string());
        let what = format!("{name} is left alone: {}", why_apart(late.lack));
        Finding::told(Code::O5, Owner::Eni(mac), what)
            .about(name)
            .known_from(match late.lack {
                Lack::Addresses => no_address(mac),
                _ => Evidence::metadata(key_of(mac, &late.key), &late.why),
            })
    })
}

fn without_link(eni: &Eni, finding: Finding) -> Finding {
    let (mac, id) = (eni.mac, &eni.id);
    let remedy = "see whether its driver is loaded, and whether another network namespace has it";
    let finding = Finding {
        remedy: Some(remedy.to_owned()),
        ..finding
    };
    finding
        .is_not(
            format!("no interface here has {mac}"),
            format!("an interface with the MAC of {id}"),
        )
        .mended_by(Remedy::outside(format!(
            "aws ec2 describe-network-interfaces --network-interface-ids {id}"
        )))
        .known_from(Evidence::kernel("ip link", format!("none with {mac}")))
        .known_from(Evidence::metadata(key_of(mac, "interface-id"), id))
}

/// A link that is down is as good as left alone.
pub(super) fn manual(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    assessment.desired.enis.iter().filter_map(|planned| {
        let declared = planned.manual.as_ref()?;
        let (code, now) = if planned.waits_for_owner(&assessment.observed) {
            (Code::O5, "until then it has no addresses and no routes")
        } else {
            (Code::O6, "it is up, and has what its addresses need")
        };
        let what = format!("{}: {declared}; {now}", planned.dev);
        Some(Finding::told(code, Owner::Eni(planned.eni.mac), what))
    })
}

/// All of them that have an interface.
pub(super) fn all(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let is_here = |skipped: &&Skipped| ![Why::NoLink, Why::NoAddress].contains(&skipped.why);
    let skipped = assessment.desired.skipped.iter().filter(is_here);
    let skipped = skipped.map(left_alone);
    skipped.chain(apart(assessment)).chain(manual(assessment))
}
