//! Whether NetworkManager goes by our keyfiles: it takes only root's own with mode 0600, and of several profiles the one
//! with the highest `autoconnect-priority`. Reads the disk only.

use std::path::Path;

use super::profile::Profile;
use super::record::Record;
use super::{FOLDER, NO_THROW_ROUTES, PRIORITY, PROGRAM, ROUTE_TYPES, profile, uuid, version};
use crate::error::Result;
use crate::files::Rights;
use crate::net::{RouteKind, quoted};
use crate::numbering::Owner;
use crate::plan::Planned;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};
use crate::stacks::Audit;

const REFUSED: &str = "NetworkManager takes only keyfiles of root's with mode 0600";

/// What there is to say of the keyfiles.
///
/// # Errors
/// A file that cannot be read.
pub fn findings(audit: &Audit) -> Result<Vec<Finding>> {
    let mut found = audit.unreadable(FOLDER, is_refused, REFUSED);
    let mut rivals = profile::read_all(audit.disk)?;
    rivals.retain(|rival| !audit.disk.rights(&rival.path).is_some_and(is_refused));
    for (own, planned) in audit.files(FOLDER) {
        let mut rivals = rivals.iter();
        let rival = rivals.find(|rival| rival.may_beat(PRIORITY, planned));
        found.extend(rival.map(|rival| beaten(audit, planned, &own.path, rival)));
        found.extend(unloaded(audit, planned)?);
    }
    found.extend(without_throw_routes(audit)?);
    Ok(found)
}

/// F2: where both have the same priority, the one that was used last is taken.
fn beaten(audit: &Audit, planned: &Planned, own: &Path, rival: &Profile) -> Finding {
    let path = rival.path.display().to_string();
    let severity = match rival.priority {
        PRIORITY => Severity::Warning,
        _ => Severity::Error,
    };
    let line = format!("autoconnect-priority={}", rival.priority);
    let why = format!("{path} has {line}");
    let away = format!("mv {} /root && nmcli connection reload", quoted(&path));
    audit
        .ignored(planned, own, &why)
        .rated(severity)
        .is_not(why, format!("less than {PRIORITY}, which eniroute's has"))
        .mended_by(Remedy::review(away))
        .known_from(Evidence::file(path, line))
}

fn is_refused(rights: Rights) -> bool {
    rights.user != 0 || rights.mode & 0o077 != 0
}

/// F5: NetworkManager runs the interface by another profile.
fn unloaded(audit: &Audit, planned: &Planned) -> Result<Option<Finding>> {
    let link = audit.links.iter().find(|link| link.name == planned.dev);
    let Some(index) = link.map(|link| link.index) else {
        return Ok(None);
    };
    let (own, now) = (uuid(planned), Record::read(audit.disk, index)?.connection);
    Ok(now.filter(|now| *now != own).map(|now| {
        let dev = &planned.dev;
        let what = format!("NetworkManager runs {dev} by the profile {now}, not by eniroute's");
        let later =
            "nothing: the kernel has it, and the next start of NetworkManager takes eniroute's";
        Finding::new(Code::F5, Owner::Eni(planned.eni.mac), what, later)
            .about(dev.to_string())
            .is_not(now.clone(), own.clone())
            .mended_by(Remedy::review(format!(
                "nmcli connection up uuid {own} ifname {}",
                quoted(dev)
            )))
            .known_from(Evidence::file(
                format!("/run/NetworkManager/devices/{index}"),
                format!("connection-uuid={now}"),
            ))
    }))
}

/// F6: a version that would make something else of a throw route, where the plan has one.
fn without_throw_routes(audit: &Audit) -> Result<Option<Finding>> {
    let routes = audit
        .desired
        .enis
        .iter()
        .flat_map(|planned| &planned.routes);
    let has_throw = routes
        .into_iter()
        .any(|route| route.kind != RouteKind::Unicast);
    let version = version(audit.disk)?.filter(|version| has_throw && *version < ROUTE_TYPES);
    Ok(version.map(|(major, minor)| {
        let now = format!("{major}.{minor}");
        let what = format!("{PROGRAM} {now}: {NO_THROW_ROUTES}, so the boot service makes them");
        Finding::new(
            Code::F6,
            Owner::Host,
            what,
            "upgrade NetworkManager to 1.36 or later",
        )
        .about(PROGRAM)
        .is_not(now.clone(), "1.36 or later")
        .mended_by(Remedy::review("dnf upgrade NetworkManager"))
        .known_from(Evidence::file(
            format!("NetworkManager/{now}"),
            "its plugins",
        ))
    }))
}
