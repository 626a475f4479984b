//! What systemd's units ask for beyond the commands themselves: to stand down quietly where eniroute has no business.

use log::debug;

use crate::cli::Common;
use crate::conflicts;
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::metadata::cache::Memory;
use crate::platform::{self, Platform};
use crate::reconcile::host::is_certain;
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
    Ok(Report::one_line(
        command,
        format!("{why}; nothing was changed"),
    ))
}

/// Runs `work` where eniroute has any business; else does nothing, without a word. What was forced once in this boot
/// goes on.
///
/// # Errors
/// Those of `work`.
pub fn serve_silently(
    command: &'static str,
    common: &Common,
    work: impl FnOnce() -> Result<Report>,
) -> Result<Report> {
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
    if let (None, Platform::Elsewhere(why)) = (&common.imds, platform::platform(&disk)) {
        return Ok(Some(format!("this is no EC2 instance ({why})")));
    }
    if force {
        Ok(None)
    } else {
        conflicts::in_charge(&disk)
    }
}

/// Says of a metadata service that cannot be reached what is likely the reason: this is no EC2 instance.
pub fn doubt(error: Error, common: &Common) -> Error {
    let platform =
        Disk::new(&common.root).map_or(Platform::Unknown, |disk| platform::platform(&disk));
    match (error, &common.imds, platform) {
        (Error::Unreachable { url, why }, None, Platform::Elsewhere(sign)) => Error::Unreachable {
            url,
            why: format!("{why}. This host does not look like an EC2 instance: {sign}"),
        },
        (error, ..) => error,
    }
}
