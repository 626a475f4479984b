//! `eniroute package`: what the maintainer scripts of the .deb and the .rpm do. Each of them is one line, which calls this
//! with what dpkg or rpm called it with; nothing that fails here fails an installation or a removal.

use std::env;
use std::time::Duration;

use log::{error, warn};

use super::{boot, remove, stand_down};
use crate::cli::{Apply, Common, Package, Remove};
use crate::command;
use crate::error::{Error, Result};
use crate::files::Disk;
use crate::reconcile::{demand_root, kept};
use crate::report::{Report, Voice};

/// There while systemd runs the host; in an image that is being built nothing does.
const SYSTEMD: &str = "/run/systemd/system";

/// The program, kept for a purge in this boot: the package's own is gone by then.
const COPY: &str = "/var/lib/eniroute/eniroute";

/// How long a run that is at work has to end, and systemd to do what it is asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the .rpm enables. debhelper does it for the .deb, and disables and stops them.
const UNITS: [&str; 6] = [
    "eniroute.service",
    "eniroute-image.service",
    "eniroute-nat.service",
    "eniroute-restarted.service",
    FOLLOWING[0],
    FOLLOWING[1],
];

/// Of these, what starts at once, and again after an upgrade.
const FOLLOWING: [&str; 2] = ["eniroute-refresh.timer", "eniroute-link.socket"];

const LATER: &str = "eniroute could not configure the network interfaces (ENIs); it tries again at the next boot. The \
    reason stands above. When it is gone: systemctl restart eniroute";

const LEFT: &str = "eniroute left some of its files behind: those whose first line begins with '# Written by eniroute'";

const STAY: &str = "eniroute: the addresses, routes and rules of the network interfaces (ENIs) stay until the next boot, \
    or until the network manager starts again.";

/// Does what this script has to do when it is called so; what it is called for otherwise is nothing to it.
///
/// # Errors
/// Not root; why the ENIs could not be configured, or what was made could not be taken back.
pub fn run(common: &Common, package: &Package) -> Result<Report> {
    demand_root("package")?;
    let disk = Disk::new(&common.root)?;
    let action = package.words.first().map_or("", String::as_str);
    match (package.script.as_str(), action) {
        ("postinst", "configure" | "abort-remove") => installed(common, &disk),
        ("prerm", "remove") => removed(common, &disk, keep_copy),
        ("postrm", "purge") => purged(common, &disk),
        ("post", count) => rpm_installed(common, &disk, count == "1"),
        ("preun", "0") => rpm_removed(common, &disk),
        _ => Ok(Report::silent("package")),
    }
}

/// Before systemd reads its units anew: netplan then writes all of its own anew, and eniroute would no longer have
/// systemd-networkd load any.
fn installed(common: &Common, disk: &Disk) -> Result<Report> {
    // What a removal in this boot kept for a purge. On a full disk it stays.
    let _ = disk.delete_own(&[COPY]);
    if !disk.exists(SYSTEMD) {
        return Ok(Report::silent("package"));
    }
    let options = Apply {
        service: true,
        ..Apply::default()
    };
    match stand_down::serve("apply", common, false, || boot::run(common, &options)) {
        Ok(mut report) => {
            let why = (report.exit_code() != 0).then(|| LATER.to_owned());
            report.errors.extend(why);
            Ok(report)
        }
        Err(error) => {
            error!("{error}");
            Err(Error::Failed(LATER.to_owned()))
        }
    }
}

fn rpm_installed(common: &Common, disk: &Disk, is_first: bool) -> Result<Report> {
    if is_first {
        systemctl(&[&["--no-reload", "preset"][..], &UNITS].concat());
    }
    let outcome = installed(common, disk);
    if disk.exists(SYSTEMD) {
        systemctl(&["daemon-reload"]);
        // Those that somebody has disabled stay off.
        let is_enabled = |unit: &&&str| systemctl(&["--quiet", "is-enabled", unit]);
        for unit in FOLLOWING.iter().filter(is_enabled) {
            systemctl(&["restart", unit]);
        }
    }
    outcome
}

fn rpm_removed(common: &Common, disk: &Disk) -> Result<Report> {
    systemctl(&[&["--no-reload", "disable"][..], &UNITS].concat());
    if disk.exists(SYSTEMD) {
        systemctl(&[&["stop"][..], &FOLLOWING].concat());
    }
    let again =
        "To take them back at once, install it again, and: eniroute remove && rpm -e eniroute";
    removed(common, disk, |_| again)
}

/// The program keeps the files true, so they go with it; the kernel keeps all until the next boot. A run that is at work
/// ends first. One that waited behind it may have written them again, so they go once more when none is left. What
/// `keep` keeps for whoever wants the kernel's part back sooner, it says.
fn removed(common: &Common, disk: &Disk, keep: impl Fn(&Disk) -> &'static str) -> Result<Report> {
    // What fails now is told when it has failed again.
    let _ = take_back(common, true);
    if disk.exists(SYSTEMD) {
        systemctl(&["stop", "eniroute*"]);
        systemctl(&["reset-failed", "eniroute*"]);
    }
    if let Err(error) = take_back(common, true) {
        warn!("{error}; {LEFT}");
    }
    // For this boot alone: after it nothing of this is in the kernel any more.
    let mut report = Report::silent("package");
    match kept::set_apart(disk) {
        Ok(false) => {}
        Ok(true) => report.voice = Voice::Line(format!("{STAY} {}", keep(disk))),
        Err(error) => report.voice = Voice::Line(format!("{STAY} {error}")),
    }
    Ok(report)
}

/// Half a program would be worse than none.
fn keep_copy(disk: &Disk) -> &'static str {
    let program = env::current_exe().unwrap_or_default();
    let copied = command::run("cp", &[&program.to_string_lossy(), COPY], PATIENCE);
    match copied {
        Ok(()) => "To take them back now: apt-get purge eniroute",
        Err(error) => {
            warn!("{error}");
            let _ = disk.delete_own(&[COPY]);
            "They cannot be taken back sooner: there is no room in /var/lib"
        }
    }
}

/// Where it was removed in an earlier boot the kernel has nothing of it.
fn purged(common: &Common, disk: &Disk) -> Result<Report> {
    if disk.exists(kept::SPARE)
        && let Err(error) = take_back(common, false)
    {
        warn!(
            "{error}; eniroute could not take back all that it made; the rest is gone after the next boot"
        );
    }
    Ok(Report::silent("package"))
}

fn take_back(common: &Common, no_kernel: bool) -> Result<()> {
    let patient = Common {
        wait: PATIENCE,
        ..common.clone()
    };
    let wanted = Remove {
        no_kernel,
        ..Remove::default()
    };
    let report = remove::run(&patient, &wanted)?;
    match report.errors.is_empty() {
        true => Ok(()),
        false => Err(Error::Failed(report.errors.join("; "))),
    }
}

/// Whether it did it. Where systemd is not there, or does not run, it has nothing to do.
fn systemctl(words: &[&str]) -> bool {
    command::run("systemctl", words, PATIENCE).is_ok()
}
