//! NAT and forwarding (N): what a host that forwards has to know, and the connection table.

use crate::gather::Gather;
use crate::net::{Dev, quoted, sysctl};
use crate::numbering::Owner;
use crate::reconcile::Inspection;
use crate::reconcile::inspect::forwarding::Conntrack;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};

/// Seconds after which the ENI of a Nitro v6 instance forgets an idle TCP connection, and any other one
/// (ConnectionTrackingSpecification in the EC2 API reference).
const NITRO_V6: u64 = 350;
const BEFORE: u64 = 432_000;

const ALL_REDIRECTS: &str = sysctl::HOST_REDIRECTS[0];
const ESTABLISHED: &str = "net.netfilter.nf_conntrack_tcp_timeout_established";

/// How the configuration sets the same for clients.
const IDLE: &str = "idle";

/// Percent of the connection table that are a warning, and an error.
const NEARLY_FULL: u64 = 80;
const FULL: u64 = 95;

/// Every finding of the group.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let table = inspection.owners.forwarding.conntrack.iter();
    let table = table.flat_map(|table| full(table).into_iter().chain(dropped(table)));
    let mut found: Vec<Finding> = table.gathered();
    if inspection.owners.forwarding.is_on() {
        found.extend(checked(inspection));
        found.extend(forgotten(inspection));
        found.extend(redirects(inspection));
    }
    found
}

/// N1: nothing here says whether EC2 lets through what is forwarded.
fn checked(inspection: &Inspection) -> Option<Finding> {
    let ids: Vec<&str> = inspection.listed().map(|eni| eni.id.as_str()).gathered();
    let first = ids.first()?;
    let what = "this host forwards; whether EC2's source/destination check is off cannot be seen from here";
    let finding = Finding::new(
        Code::N1,
        Owner::Host,
        what.to_owned(),
        "switch it off for each ENI that forwards",
    )
    .about(first.to_string())
    .is_not("not known", "off for each ENI that forwards");
    let on = inspection
        .owners
        .forwarding
        .switches
        .iter()
        .filter(|switch| switch.is_on);
    let finding = on.fold(finding, |finding, switch| {
        finding.known_from(Evidence::kernel(format!("sysctl {}", switch.key), "1"))
    });
    let by_links = inspection.owners.forwarding.passing.iter();
    let finding = by_links.fold(finding, |finding, dev| {
        let key = sysctl::FORWARDING.replace('*', dev);
        finding.known_from(Evidence::kernel(format!("sysctl {}", quoted(&key)), "1"))
    });
    let commands = ids.iter().map(|id| {
        format!("aws ec2 modify-network-interface-attribute --network-interface-id {id} --no-source-dest-check")
    });
    Some(commands.fold(finding, |finding, line| {
        finding.mended_by(Remedy::outside(line))
    }))
}

/// N2: soon there is no room for another connection.
fn full(table: &Conntrack) -> Option<Finding> {
    let percent = (table.count * 100).checked_div(table.most)?;
    if percent < NEARLY_FULL {
        return None;
    }
    let severity = if percent < FULL {
        Severity::Warning
    } else {
        Severity::Error
    };
    let now = format!("{} of {} connections", table.count, table.most);
    let what = format!("the connection table is {percent} % full ({now})");
    let more = format!(
        "sysctl -w net.netfilter.nf_conntrack_max={}",
        table.most * 2
    );
    let finding = Finding::new(Code::N2, Owner::Host, what, "raise nf_conntrack_max")
        .rated(severity)
        .about("nf_conntrack")
        .is_not(now.clone(), format!("below {NEARLY_FULL} %"))
        .mended_by(Remedy::review(more))
        .known_from(Evidence::kernel(
            "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
            now,
        ));
    Some(finding)
}

/// N2: it has happened since the boot. What could not be entered was mostly a clash of two packets of one flow.
fn dropped(table: &Conntrack) -> Option<Finding> {
    let counted = table.counters.iter().filter(|(_, count)| *count > 0);
    let now: Vec<String> = counted
        .map(|(name, count)| format!("{name} {count}"))
        .gathered();
    let is_for_room = table.counters[..2].iter().any(|(_, count)| *count > 0);
    let now = now.join(", ");
    let what = format!("the connection table has refused packets since the boot ({now})");
    let finding = Finding::new(Code::N2, Owner::Host, what, "see whether it goes on")
        .rated(if is_for_room {
            Severity::Warning
        } else {
            Severity::Hint
        })
        .about("nf_conntrack")
        .is_not(now.clone(), "0")
        .mended_by(Remedy::review("conntrack -S"))
        .known_from(Evidence::kernel("/proc/net/stat/nf_conntrack", now.clone()));
    (!now.is_empty()).then_some(finding)
}

/// N3: the host goes by connections that EC2 has forgotten.
fn forgotten(inspection: &Inspection) -> Option<Finding> {
    let table = inspection.owners.forwarding.conntrack.as_ref()?;
    let (host, key) = longest(inspection, table);
    let name = inspection.owners.forwarding.instance_type.as_deref();
    let (eni, severity) = timeout(name);
    if host <= eni {
        return None;
    }
    let kind = name.unwrap_or("an instance of Nitro v6");
    let what = format!(
        "idle TCP connections are kept for {host} s here, and for {eni} s by an ENI of {kind}"
    );
    let eni_id = inspection.listed().next().map_or("ENI", |eni| &eni.id);
    let longer = format!(
        "aws ec2 modify-network-interface-attribute --network-interface-id {eni_id} \
         --connection-tracking-specification TcpEstablishedTimeout={}",
        host.min(BEFORE)
    );
    let finding = Finding::new(Code::N3, Owner::Host, what, "let the two agree")
        .rated(severity)
        .about(key)
        .is_not(
            format!("{host} s"),
            format!("{eni} s, or as the ENI is set"),
        )
        .mended_by(Remedy::review(match key {
            ESTABLISHED => format!("sysctl -w {ESTABLISHED}={eni}"),
            _ => format!("{} /etc/eniroute.toml  # idle = {eni}", "${EDITOR:-vi}"),
        }))
        .mended_by(Remedy::outside(longer))
        .known_from(Evidence::kernel(
            format!(
                "{} {key}",
                if key == ESTABLISHED { "sysctl" } else { "grep" }
            ),
            host.to_string(),
        ));
    Some(match name {
        Some(name) => finding.known_from(Evidence::file("/sys/class/dmi/id/product_name", name)),
        None => finding,
    })
}

/// The longest timeout of what is forwarded, and what sets it: flows of clients have one of their own.
fn longest(inspection: &Inspection, table: &Conntrack) -> (u64, &'static str) {
    let entries = inspection.assessment.desired.egress.entries.iter();
    let idle = entries.map(|entry| u64::from(entry.wishes.idle)).max();
    let is_router = !inspection.passages.all.is_empty();
    let by_others = inspection
        .owners
        .forwarding
        .switches
        .iter()
        .any(|switch| switch.is_on);
    match idle {
        Some(idle) if !is_router && !by_others => (idle, IDLE),
        _ => (table.established, ESTABLISHED),
    }
}

/// An ENI's, in seconds, and how bad it is that the host's is longer: without the type's name it is a guess.
fn timeout(name: Option<&str>) -> (u64, Severity) {
    match name.map(is_nitro_v6) {
        Some(true) => (NITRO_V6, Severity::Warning),
        Some(false) => (BEFORE, Severity::Warning),
        None => (NITRO_V6, Severity::Hint),
    }
}

/// By the family: the eighth generation but for Graviton's plain ones, and what came later (the instance types of Nitro v6
/// in the EC2 guide); P6 but for P6e-GB200.
fn is_nitro_v6(name: &str) -> bool {
    let letters = name.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let family = &name[..name.len() - letters.len()];
    let suffix = letters.trim_start_matches(|c: char| c.is_ascii_digit());
    let generation = letters[..letters.len() - suffix.len()].parse().unwrap_or(0);
    let kind = suffix.split(['.', '-']).next().unwrap_or_default();
    match generation {
        6 => family == "p" && !name.starts_with("p6e-gb200"),
        8 => !kind.starts_with('g') || kind.contains(['n', 'b']),
        number => number > 8_u32,
    }
}

/// N7: it tells clients of ways that do not go by this host.
fn redirects(inspection: &Inspection) -> impl Iterator<Item = Finding> {
    let severity = match inspection.owners.forwarding.is_meant() {
        true => Severity::Warning,
        false => Severity::Hint,
    };
    let devs = inspection.owners.forwarding.redirects.iter();
    devs.map(move |dev| redirected(inspection, dev).rated(severity))
}

fn redirected(inspection: &Inspection, dev: &Dev) -> Finding {
    let key = format!("net/ipv4/conf/{dev}/send_redirects");
    let source = format!("sysctl {ALL_REDIRECTS} {key}");
    let off = format!("sysctl -w {ALL_REDIRECTS}=0 {}=0", quoted(&key));
    let what = format!("{dev} sends redirects, and this host forwards");
    Finding::new(
        Code::N7,
        owner(inspection, dev),
        what,
        "switch redirects off",
    )
    .about(dev.to_string())
    .is_not("1, of all or its own", "0, both")
    .mended_by(Remedy::review(off))
    .known_from(Evidence::kernel(source, "1"))
}

fn owner(inspection: &Inspection, dev: &Dev) -> Owner {
    let mut enis = inspection.enis();
    let planned = enis.find(|planned| planned.dev == *dev);
    planned.map_or(Owner::Host, |planned| Owner::Eni(planned.eni.mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_of_nitro_is_told_by_the_name_of_the_instance_type() {
        for name in [
            "m8i.large",
            "c8i-flex.xlarge",
            "c8gn.large",
            "r8gb.4xlarge",
            "p6-b200.48xlarge",
            "m9g.large",
        ] {
            assert!(is_nitro_v6(name), "{name}");
        }
        for name in [
            "m8g.large",
            "c8gd.large",
            "m7i.large",
            "t3.micro",
            "p5.48xlarge",
            "p6e-gb200.36xlarge",
            "u-6tb1.metal",
            "x",
        ] {
            assert!(!is_nitro_v6(name), "{name}");
        }
    }
}
