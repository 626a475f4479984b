//! What came of real packets (`--probe`): an address whose packets find no way, or another one than EC2 says.

use std::net::IpAddr;

use crate::gather::Gather;
use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::Probe;
use crate::report::{Code, Evidence, Finding, ProbeReport};

/// Of each address, unless the kernel has said already that its packets go astray (`found`).
pub(super) fn findings(inspection: &Inspection, found: &[Finding]) -> Vec<Finding> {
    let is_known = |ip: IpAddr| {
        let mut found = found.iter();
        found.any(|finding| finding.code == Code::R1 && finding.address == Some(ip))
    };
    let probes = inspection
        .probes
        .iter()
        .filter(|probe| !is_known(probe.from));
    probes
        .filter_map(|probe| unanswered(probe).or_else(|| outside(inspection, probe)))
        .gathered()
}

/// As the report has them.
pub(super) fn reports(inspection: &Inspection) -> Vec<ProbeReport> {
    let probes = inspection.probes.iter();
    let report = |probe: &Probe| ProbeReport {
        mac: probe.mac,
        address: probe.from,
        metadata: probe.metadata,
        seen_as: probe.seen,
    };
    probes.map(report).gathered()
}

/// Others of its family have an answer.
fn unanswered(probe: &Probe) -> Option<Finding> {
    let from = probe.from;
    let what = format!(
        "the metadata service has not answered a request from {from}, and has answered others"
    );
    (probe.metadata == Some(false)).then(|| {
        finding(probe, what)
            .is_not("no answer", "an answer, by its own ENI")
            .known_from(Evidence::metadata(
                format!("curl --interface {from} http://169.254.169.254/latest/meta-data/mac"),
                "no answer",
            ))
    })
}

/// It has a public address, and the world sees another one, or nothing while it sees others.
fn outside(inspection: &Inspection, probe: &Probe) -> Option<Finding> {
    let public = public(inspection, probe);
    let seen = probe.seen?;
    let is_right = seen.is_some_and(|seen| public.contains(&seen));
    let mut others = inspection.probes.iter().filter_map(|other| other.seen);
    let is_heard = others.any(|seen| seen.is_some());
    if public.is_empty() || is_right || !is_heard {
        return None;
    }
    let (from, names) = (probe.from, listed(&public));
    let now = seen.map_or_else(|| "not at all".to_owned(), |seen| format!("as {seen}"));
    let what = format!("packets from {from} are seen outside {now}, and should be as {names}");
    let found = finding(probe, what).is_not(now.clone(), format!("as {names}"));
    Some(found.known_from(Evidence::kernel(
        format!("curl --interface {from} URL, with that of --probe-url"),
        now,
    )))
}

fn public(inspection: &Inspection, probe: &Probe) -> Vec<IpAddr> {
    let mut listed = inspection.listed();
    let eni = listed.find(|eni| eni.mac == probe.mac);
    let public = eni.and_then(|eni| match probe.from {
        IpAddr::V4(ip) => eni.public.get(&ip),
        IpAddr::V6(_) => None,
    });
    let public = public.into_iter().flatten();
    public.map(|ip| IpAddr::from(*ip)).gathered()
}

fn listed(public: &[IpAddr]) -> String {
    let public: Vec<String> = public.iter().map(IpAddr::to_string).gathered();
    public.join(" or ")
}

fn finding(probe: &Probe, what: String) -> Finding {
    Finding::told(Code::R1, Owner::Eni(probe.mac), what).of_address(probe.from)
}
