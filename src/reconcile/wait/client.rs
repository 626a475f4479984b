//! The end of the boot's run, where a DHCPv6 client of the primary ENI may start only now.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use log::{debug, info};

use crate::cli::Selected;
use crate::error::Result;
use crate::metadata::Metadata;
use crate::reconcile::assess::Assessment;
use crate::reconcile::host::Host;
use crate::report::{Report, State};

/// A client starts when a router has advertised itself, which it is asked to do as soon as a link is up. What none
/// brings until then, none will.
const GRACE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// Waits for a DHCPv6 client where, by `report`, the primary ENI may need one; at most until `deadline`, and without
/// the lock. What EC2 says, where it was in vain: the addresses are ours to bring. What fails is left to the next refresh.
pub fn in_vain(host: &mut Host, report: &Report, deadline: Instant) -> Option<Metadata> {
    if !report
        .enis
        .iter()
        .any(|eni| eni.primary && matches!(eni.state, State::Missing(_)))
    {
        return None;
    }
    let waited = wait(host, deadline.min(Instant::now() + GRACE));
    waited.unwrap_or_else(|error| {
        debug!("{error}");
        None
    })
}

fn wait(host: &mut Host, end: Instant) -> Result<Option<Metadata>> {
    if host.imds.is_none() {
        return Ok(None);
    }
    let metadata = host.metadata(false)?;
    while needs_client(host, &metadata)? {
        if Instant::now() >= end {
            info!("no DHCPv6 client has come for the primary ENI");
            return Ok(Some(metadata));
        }
        sleep(PAUSE);
    }
    Ok(None)
}

/// An IPv6 address of the primary ENI is not there, and neither is a client that would bring it.
fn needs_client(host: &mut Host, metadata: &Metadata) -> Result<bool> {
    let assessment = Assessment::of(host, metadata.clone(), &Selected::default())?;
    let primary = assessment
        .desired
        .enis
        .iter()
        .find(|planned| planned.eni.primary);
    let lacks = primary.filter(|planned| {
        planned
            .lacking(&assessment.observed)
            .iter()
            .any(IpAddr::is_ipv6)
    });
    Ok(lacks.is_some_and(|planned| !assessment.observed.has_dhcpv6_client(&planned.dev)))
}
