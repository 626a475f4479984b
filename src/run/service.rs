//! What systemd's units ask for beyond the commands themselves: to stand down quietly where eniroute has no business,
//! and to clear away what an image brought along.

use log::debug;

use super::{LOCK, lock, survey, take_away};
use crate::cli::{Common, Remove};
use crate::ec2::{self, Platform};
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::kernel::Kernel;
use crate::memory::Memory;
use crate::peers;
use crate::report::Report;

/// Runs `work` as a service does: where eniroute has no business, one line says so, and that is a success.
///
/// # Errors
/// Those of `work`, but for a metadata service that refuses (it is turned off, say), and for one that cannot be
/// reached on a host that nothing shows to be an EC2 instance. On one that is, eniroute stays in charge.
pub fn serve(
    command: &'static str,
    common: &Common,
    force: bool,
    work: impl FnOnce() -> Result<Report>,
) -> Result<Report> {
    let disk = Disk::new(&common.root)?;
    let is_certain = is_certain(common, &disk);
    let why = match stands_down(common, force)? {
        Some(why) => why,
        None => match work() {
            Err(error @ Error::Refused { .. }) if is_certain => {
                let later = "nothing was changed; eniroute-refresh.timer goes on asking";
                return Ok(Report::one_line(command, format!("{error}; {later}")));
            }
            Err(error @ Error::Refused { .. }) => error.to_string(),
            Err(error @ Error::Unreachable { .. }) if !is_certain => error.to_string(),
            ended => return ended,
        },
    };
    if Memory::load(&disk).enis.is_empty() {
        // Nobody need look again before the next boot.
        Memory::erase(&disk)?;
    }
    Ok(Report::one_line(command, format!("{why}; nothing was changed")))
}

/// Runs `work` where eniroute has any business; else does nothing, without a word. What was forced once in this boot
/// goes on.
///
/// # Errors
/// Those of `work`.
pub fn serve_silently(command: &'static str, common: &Common, work: impl FnOnce() -> Result<Report>) -> Result<Report> {
    let force = Memory::load(&Disk::new(&common.root)?).forced;
    match stands_down(common, force)? {
        Some(why) => {
            debug!("{why}");
            Ok(Report::silent(command))
        }
        None => work(),
    }
}

/// Why eniroute has nothing to do here, as far as can be known without the network: this is no EC2 instance, or
/// another tool is in charge and it is not to be overridden (`force`).
///
/// A host that says nothing of itself may be one: its metadata service has to be asked.
///
/// # Errors
/// A file that should tell cannot be read.
pub fn stands_down(common: &Common, force: bool) -> Result<Option<String>> {
    let disk = Disk::new(&common.root)?;
    if let (None, Platform::Elsewhere(why)) = (&common.imds, ec2::platform(&disk)) {
        return Ok(Some(format!("this is no EC2 instance ({why})")));
    }
    if force { Ok(None) } else { peers::in_charge(&disk) }
}

/// This is an EC2 instance, whatever the metadata service says: by the firmware, or because somebody names a service.
pub fn is_certain(common: &Common, disk: &Disk) -> bool {
    common.imds.is_some() || ec2::platform(disk) == Platform::Ec2
}

/// Says of a metadata service that cannot be reached what is likely the reason: this is no EC2 instance.
pub fn doubt(error: Error, common: &Common) -> Error {
    let platform = Disk::new(&common.root).map_or(Platform::Unknown, |disk| ec2::platform(&disk));
    match (error, &common.imds, platform) {
        (Error::Unreachable { url, why }, None, Platform::Elsewhere(sign)) => {
            Error::Unreachable { url, why: format!("{why}. This host does not look like an EC2 instance: {sign}") }
        }
        (error, ..) => error,
    }
}

/// Before the network is up: takes everything away that eniroute made on another instance, of whose disk this one's
/// is a copy. Says nothing, and does nothing, on the same instance, and where that cannot be told.
///
/// # Errors
/// Not root; the kernel or the files cannot be read.
pub fn remove_image(common: &Common) -> Result<Report> {
    super::demand_root("remove")?;
    let disk = Disk::new(&common.root)?;
    // Nobody else runs this early; and where there is nothing to do, nothing is made.
    let _lock = if disk.exists(LOCK) { Some(lock(common)?) } else { None };
    let mut kernel = Kernel::open()?;
    let ledger = survey::read_ledger(&disk);
    let Some(why) = ledger.of_another(ec2::instance(&disk).as_deref(), &kernel.links()?) else {
        return Ok(Report::silent("remove"));
    };
    let mut report = take_away(common, &disk, &mut kernel, &Remove::default())?;
    report.line = Some(format!("{why}: what eniroute made there was taken away ({} files)", report.files.len()));
    Ok(report)
}
