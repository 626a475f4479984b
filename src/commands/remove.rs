//! `eniroute remove`: takes back all that eniroute did, and only that.

use crate::cli::{Common, Remove};
use crate::error::Result;
use crate::files::Disk;
use crate::metadata::cache::{self, Memory};
use crate::platform;
use crate::reconcile::kept::read_ledger;
use crate::reconcile::{Host, How, LOCK, Run, demand_root, lock, tidy};
use crate::report::{Report, Voice};

/// There while the boot's own run is enabled: a link to the unit.
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/eniroute.service";

/// Takes away what was made, for all ENIs or those that are selected.
///
/// # Errors
/// Not root; no such ENI; as [`Run::remove`].
pub fn run(common: &Common, wanted: &Remove) -> Result<Report> {
    demand_root("remove")?;
    let disk = Disk::new(&common.root)?;
    let _lock = lock(&disk, common.wait)?;
    tidy(&disk);
    let mut host = Host::open_for_removal(common)?;
    take_away(&mut host, &How::remove(common, wanted))
}

/// Needs no metadata: what to take away stands in the ledger and in the files.
fn take_away(host: &mut Host, how: &How) -> Result<Report> {
    let mut report = Run::removal(host, how)?.remove()?;
    let is_whole = how.selected.enis.is_empty();
    if is_whole {
        Memory::erase(&host.disk)?;
    }
    // A run without anything to take away has nothing to warn of.
    if report.changes_anything() {
        report.notes.extend(will_come_back(&host.disk, is_whole));
    }
    Ok(report)
}

/// What would undo a removal.
fn will_come_back(disk: &Disk, is_whole: bool) -> Option<String> {
    if !is_whole && disk.exists(cache::PATH) {
        return Some(
            "the next run configures it again, unless /etc/eniroute.toml excludes it".to_owned(),
        );
    }
    let why = "eniroute.service configures all ENIs again at the next boot; to keep it from that: systemctl disable eniroute.service";
    disk.link_target_name(ENABLED).map(|_| why.to_owned())
}

/// Before the network is up: takes everything away that eniroute made on another instance, of whose disk this one's
/// is a copy. Says nothing, and does nothing, on the same instance, and where that cannot be told.
///
/// # Errors
/// Not root; the kernel or the files cannot be read.
pub fn image(common: &Common) -> Result<Report> {
    demand_root("remove")?;
    let disk = Disk::new(&common.root)?;
    // Nobody else runs this early; and where there is nothing to do, nothing is made.
    let is_used = disk.exists(LOCK);
    let _lock = is_used.then(|| lock(&disk, common.wait)).transpose()?;
    if is_used {
        tidy(&disk);
    }
    let mut host = Host::open_for_removal(common)?;
    let another =
        read_ledger(&disk).of_another(platform::instance(&disk).as_deref(), &host.kernel.links()?);
    let Some(why) = another else {
        return Ok(Report::silent("remove"));
    };
    let mut report = take_away(&mut host, &How::all("remove", common))?;
    let line = format!(
        "{why}: what eniroute made there was taken away ({} files)",
        report.files.len()
    );
    report.voice = Voice::Line(line);
    Ok(report)
}
