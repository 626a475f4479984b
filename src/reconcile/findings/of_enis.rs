//! What is wrong with whole ENIs: not all told, without IPv6, not listed; and entries of the configuration that mean none.

use crate::gather::Gather;
use crate::metadata::{Incomplete, key_of};
use crate::net::link_of_mac;
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::reconcile::assess::Assessment;
use crate::report::{Code, Evidence, Finding, Remedy};

pub(super) fn incomplete(assessment: &Assessment) -> Vec<Finding> {
    let late = assessment.metadata.incomplete.iter();
    late.map(of_incomplete).gathered()
}

fn of_incomplete(late: &Incomplete) -> Finding {
    let remedy = "eniroute refresh reads it again, each minute";
    let Incomplete { mac, key, why, .. } = late;
    let key = key_of(*mac, key);
    Finding::new(Code::M2, Owner::Eni(*mac), late.to_string(), remedy)
        .about(mac.to_string())
        .is_not(
            format!("{key}: {why}"),
            "every key of the ENI, as EC2 has it",
        )
        .mended_by(Remedy::outside(format!(
            "aws ec2 describe-network-interfaces --filters Name=mac-address,Values={mac}"
        )))
        .known_from(Evidence::metadata(key, why))
}

/// An ENI with IPv6 addresses is planned without them where its link has IPv6 off.
pub(super) fn without_ipv6(assessment: &Assessment, planned: &Planned) -> Option<Finding> {
    let (dev, mac) = (&planned.dev, planned.eni.mac);
    let mut enis = assessment.metadata.enis.iter();
    let eni = enis.find(|eni| eni.mac == mac && eni.has_ipv6());
    let eni = eni.filter(|_| !planned.eni.has_ipv6())?;
    let key = format!("net.ipv6.conf.{dev}.disable_ipv6");
    let what =
        format!("IPv6 is switched off on {dev}, so its IPv6 addresses are left out (sysctl {key})");
    let own = eni.ipv6.iter().map(ToString::to_string);
    let prefixes = eni.ipv6_prefixes.iter().map(ToString::to_string);
    let own: Vec<String> = own.chain(prefixes).gathered();
    let finding = Finding::told(Code::L5, Owner::Eni(mac), what)
        .about(dev.to_string())
        .is_not("IPv6 is off", format!("IPv6 on, for {}", own.join(", ")))
        .mended_by(Remedy::review(format!(
            "sysctl -w net/ipv6/conf/{dev}/disable_ipv6=0"
        )))
        .mended_by(Remedy::safe(super::APPLY))
        .known_from(Evidence::metadata(key_of(mac, "ipv6s"), own.join(", ")));
    Some(finding)
}

pub(super) fn unlisted(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    let remedy = "nothing is taken away until one of them changes";
    assessment.unlisted.iter().map(move |mac| {
        let dev = link_of_mac(*mac, &assessment.observed.links).map_or("", |link| &link.name);
        let what = format!("{dev} ({mac}) is there, but the metadata does not list its ENI");
        Finding::new(Code::L2, Owner::Eni(*mac), what, remedy)
            .about(dev)
            .is_not(
                format!("{dev} has {mac}"),
                "an interface for each ENI that EC2 lists, and no other",
            )
            .mended_by(Remedy::outside(format!(
                "aws ec2 describe-network-interfaces --filters Name=mac-address,Values={mac}"
            )))
            .known_from(Evidence::kernel(
                format!("ip link show dev {dev}"),
                mac.to_string(),
            ))
            .known_from(Evidence::metadata(
                "network/interfaces/macs/",
                format!("no {mac}"),
            ))
    })
}

/// Entries of the configuration without effect.
pub(super) fn idle(assessment: &Assessment) -> impl Iterator<Item = Finding> {
    assessment.idle.iter().map(|idle| {
        Finding::told(idle.code, Owner::Host, idle.what.clone())
            .about(&idle.entry)
            .is_not(&idle.is, &idle.expected)
            .mended_by(Remedy::review("eniroute status"))
            .known_from(Evidence::file(&idle.place, &idle.what))
    })
}
