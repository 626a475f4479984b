//! Performance (P): EC2's limits, by the counters of the NIC's driver.

use std::collections::BTreeMap;

use crate::gather::Gather;
use crate::net::{Dev, Mac};
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::Counted;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// The driver that has them.
const ENA: &str = "ena";

/// What EC2 counts (EC2 User Guide, "Monitor network performance for ENA"), the finding, and what to do.
const LIMITS: [(&str, Code, &str); 5] = [
    (
        "bw_in_allowance_exceeded",
        Code::P1,
        "a larger instance type, or more weight on the network (modify-instance-network-performance-options)",
    ),
    (
        "bw_out_allowance_exceeded",
        Code::P1,
        "a larger instance type, or more weight on the network (modify-instance-network-performance-options)",
    ),
    (
        "pps_allowance_exceeded",
        Code::P2,
        "fewer and larger packets (an MTU of 9001, no fragments), or a larger instance type",
    ),
    (
        "conntrack_allowance_exceeded",
        Code::P3,
        "security groups that allow all in both directions track nothing; shorter idle timeouts end what is tracked",
    ),
    (
        "linklocal_allowance_exceeded",
        Code::P4,
        "a cache for DNS on the host (systemd-resolved, unbound), and fewer questions to the metadata service",
    ),
];
/// How many more connections EC2 would track (ENA driver 2.8.1).
const AVAILABLE: &str = "conntrack_allowance_available";

/// Every finding of the group.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let nics = &inspection.counters.nics;
    let table = inspection.owners.forwarding.conntrack.as_ref();
    let tracked = table.map(|table| table.count);
    let instance = inspection.instance.id.as_deref().unwrap_or("INSTANCE_ID");
    let of_eni = |planned: &'_ Planned| {
        let counted = nics.get(&planned.dev);
        let nic = (planned.eni.mac, &planned.dev);
        let found = counted.map(|counted| judge(nic, counted, tracked));
        let found = found.into_iter().flatten();
        let ids = [instance, &planned.eni.id];
        found
            .map(|found| with_command(found, ids, &planned.dev))
            .gathered::<Vec<_>>()
    };
    inspection.enis().flat_map(of_eni).gathered()
}

/// What changes the limit of this instance or ENI, or shows who meets it.
fn with_command(found: Finding, [instance, eni]: [&str; 2], dev: &Dev) -> Finding {
    let remedy = match found.code {
        Code::P1 => Remedy::outside(format!(
            "aws ec2 modify-instance-network-performance-options --instance-id {instance} --bandwidth-weighting vpc-1"
        )),
        Code::P2 => Remedy::review("nstat -az IpFragCreates IpReasmReqds".to_owned()),
        Code::P3 => Remedy::outside(format!(
            "aws ec2 modify-network-interface-attribute --network-interface-id {eni} \
             --connection-tracking-specification TcpEstablishedTimeout=350"
        )),
        Code::P4 => Remedy::review(format!(
            "tcpdump -c 100 -ni {dev} host 169.254.169.254 or port 53 or port 123"
        )),
        _ => return found,
    };
    found.mended_by(remedy)
}

/// What the counters of one NIC mean: those that rose between the two readings are of now, others of any time since its
/// driver was started. `tracked`: connections that the host itself tracks.
fn judge(nic: (Mac, &Dev), counted: &Counted, tracked: Option<u64>) -> Vec<Finding> {
    let limits = LIMITS.iter();
    let limits = limits.filter_map(|limit| exceeded(nic, counted, *limit));
    let others = nearly_full(nic, counted, tracked).into_iter();
    let others = others.chain(without_counters(nic, counted));
    limits.chain(others).gathered()
}

fn exceeded(
    (mac, dev): (Mac, &Dev),
    counted: &Counted,
    (name, code, remedy): (&str, Code, &str),
) -> Option<Finding> {
    let before = *counted.before.counters.get(name)?;
    let after = counted.after.as_ref();
    let after = after.and_then(|after| after.counters.get(name).copied());
    let now = after.unwrap_or(before);
    let risen = now.saturating_sub(before);
    let (when, severity) = match (risen, now, code) {
        (0, 0, _) => return None,
        (0, _, Code::P3) => ("since boot", Severity::Warning),
        (0, ..) => ("since boot", Severity::Hint),
        (.., Code::P3) => ("now", Severity::Error),
        _ => ("now", Severity::Warning),
    };
    let count = if risen > 0 { risen } else { now };
    let what = format!("EC2 held back or dropped {count} packets of {dev} {when} ({name})");
    let finding = Finding::new(code, Owner::Eni(mac), what, remedy)
        .about(dev.to_string())
        .is_not(format!("{name}: {now}, {risen} more within a second"), "0")
        .rated(severity)
        .known_from(Evidence::kernel(
            format!("ethtool -S {dev}"),
            format!("{name}: {before}, then {now}"),
        ));
    Some(finding)
}

/// EC2 tells how many connections are left, and not how many there may be: what the host itself tracks is about what is
/// in use.
fn nearly_full(
    (mac, dev): (Mac, &Dev),
    counted: &Counted,
    tracked: Option<u64>,
) -> Option<Finding> {
    let left = *counted.last().counters.get(AVAILABLE)?;
    let used = tracked?;
    let is_low = left.saturating_mul(9) < used;
    let what = format!("EC2 tracks about {used} connections of {dev}, and takes {left} more");
    is_low.then(|| {
        Finding::new(Code::P3, Owner::Eni(mac), what, LIMITS[3].2)
            .about(dev.to_string())
            .is_not(format!("{AVAILABLE}: {left}"), "a tenth of all, at least")
            .known_from(Evidence::kernel(
                format!("ethtool -S {dev}"),
                format!("{AVAILABLE}: {left}"),
            ))
            .known_from(Evidence::kernel(
                "sysctl net.netfilter.nf_conntrack_count",
                used.to_string(),
            ))
    })
}

/// P5.
fn without_counters((mac, dev): (Mac, &Dev), counted: &Counted) -> Option<Finding> {
    let nic = &counted.before;
    let has = |counters: &BTreeMap<String, u64>, name: &str| counters.contains_key(name);
    let lacking = LIMITS.iter().map(|(name, ..)| *name);
    let lacking: Vec<&str> = lacking.filter(|name| !has(&nic.counters, name)).gathered();
    let what = format!(
        "the driver of {dev} (ena {}) does not count EC2's limits",
        nic.version
    );
    (nic.driver == ENA && !lacking.is_empty()).then(|| {
        Finding::new(
            Code::P5,
            Owner::Eni(mac),
            what,
            "a kernel or an ENA driver from 2.2.10 on",
        )
        .about(dev.to_string())
        .is_not(format!("no {}", lacking.join(", no ")), "all of them")
        .known_from(Evidence::kernel(
            format!("ethtool -i {dev}"),
            format!("driver {}, version {}", nic.driver, nic.version),
        ))
    })
}

#[cfg(test)]
mod tests;
