//! Whether networkd gets our part from netplan, and whether it goes by it: netplan makes a unit of each definition, and
//! networkd's order decides. Reads the disk only.

use std::path::Path;

use super::generate::is_unit;
use super::owner::{renderer, unit_of};
use super::read::Foreign;
use super::{NETWORK_MANAGER, STACK};
use crate::error::Result;
use crate::files::{Disk, name};
use crate::gather::Gather;
use crate::numbering::Owner;
use crate::report::{Code, Evidence, Finding, Remedy, Severity};
use crate::stacks::Audit;
use crate::stacks::networkd::audit::{at_a_start, with_units};
use crate::stacks::networkd::daemon;
use crate::stacks::networkd::read::Unit;

/// Where dpkg keeps the versions of what is installed.
const DPKG: &str = "/var/lib/dpkg/status";

/// Its command line's `generate --root-dir` fails; 1.2.1 mended it.
const DEFECT: &str = "1.2";

/// What eniroute calls instead, where it is there.
const GENERATOR: &str = "/usr/libexec/netplan/configure";

/// What there is to say of the files.
///
/// # Errors
/// A file that cannot be read, or YAML of others that is none.
pub fn findings(audit: &Audit) -> Result<Vec<Finding>> {
    let mut units = at_a_start(audit.disk, &|path| !is_unit(name(path)))?;
    let all = Foreign::read_where(audit.disk, &|_| true)?;
    let by_networkd = all.definitions.values();
    let by_networkd = by_networkd.filter(|one| renderer(&all, Some(one)) != Some(NETWORK_MANAGER));
    for definition in by_networkd {
        let unit = Unit {
            name: unit_of(&definition.id),
            path: definition.file.clone(),
            matching: definition.matching(),
            ..Unit::default()
        };
        units.entry(unit.name.clone()).or_insert(unit);
    }
    let mut found = with_units(audit, &units, &|path| units_of(audit.disk, path))?;
    found.extend(defect(audit.disk)?);
    Ok(found)
}

/// The units that a file of ours has a part in: a drop-in by its folder, YAML by its IDs.
fn units_of(disk: &Disk, path: &Path) -> Vec<String> {
    if !path.starts_with(STACK.folders[1]) {
        return daemon::unit_of(path)
            .map(str::to_owned)
            .into_iter()
            .gathered();
    }
    let text = disk.read(path).ok().flatten().unwrap_or_default();
    let mut own = Foreign::default();
    let _ = own.merge(path, &text);
    own.definitions.keys().map(|id| unit_of(id)).gathered()
}

/// F6: the one version that cannot make units in a folder of ours.
fn defect(disk: &Disk) -> Result<Option<Finding>> {
    let severity = if disk.exists(GENERATOR) {
        Severity::Hint
    } else {
        Severity::Warning
    };
    let status = disk.read(DPKG)?.unwrap_or_default();
    let version = installed(&status, "netplan.io").filter(|version| is_defective(version));
    Ok(version.map(|version| {
        let what = format!("netplan {version}: `netplan generate --root-dir` fails");
        Finding::new(Code::F6, Owner::Host, what, "upgrade it to 1.2.1 or later")
            .rated(severity)
            .about("netplan.io")
            .is_not(version, "1.2.1 or later")
            .mended_by(Remedy::review("apt-get install --only-upgrade netplan.io"))
            .known_from(Evidence::file(DPKG, format!("Version: {version}")))
    }))
}

/// The version of a package, by dpkg's list of them.
fn installed<'a>(status: &'a str, package: &str) -> Option<&'a str> {
    let mut packages = status.split("\n\n");
    let entry = packages.find(|entry| field(entry, "Package: ") == Some(package))?;
    field(entry, "Version: ")
}

fn field<'a>(entry: &'a str, key: &str) -> Option<&'a str> {
    entry.lines().find_map(|line| line.strip_prefix(key))
}

/// Without the distribution's own part.
fn is_defective(version: &str) -> bool {
    let upstream = version.split(['-', '+', '~']).next();
    [Some(DEFECT), Some("1.2.0")].contains(&upstream)
}
