//! `eniroute remove`: takes back all that eniroute did, and only that.

use crate::cli::{Common, Remove, Selected};
use crate::config::Config;
use crate::error::Result;
use crate::files::Disk;
use crate::kernel::Kernel;
use crate::metadata::cache::{self, Memory};
use crate::platform;
use crate::reconcile::assess::{self, Survey};
use crate::reconcile::executor::Executor;
use crate::reconcile::{LOCK, demand_root, files, lock};
use crate::report::Report;

/// There while the boot's own run is enabled: a link to the unit.
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/eniroute.service";

/// Takes away what was made, for all ENIs or those that are selected.
///
/// # Errors
/// Not root; no such ENI; as [`Executor::execute`].
pub fn run(common: &Common, wanted: &Remove) -> Result<Report> {
    demand_root("remove")?;
    let _lock = lock(common)?;
    take_away(common, &Disk::new(&common.root)?, &mut Kernel::open()?, wanted)
}

/// Needs no metadata: what to take away stands in the ledger and in the files.
fn take_away(common: &Common, disk: &Disk, kernel: &mut Kernel, wanted: &Remove) -> Result<Report> {
    let Remove { selected, no_kernel, .. } = wanted;
    let (path, must_exist) = common.config_path();
    // A mistake in the configuration keeps nobody from taking all back.
    let config = Config::load(&path, must_exist).unwrap_or_default();
    let mut survey = Survey::of_what_we_made(disk, kernel, &config, selected)?;
    let mut report = survey.report("remove");
    let mut executor = Executor { kernel, disk, service: None, wait: common.wait };
    files::remove(&mut executor, &mut survey, !no_kernel, &mut report)?;
    if selected.enis.is_empty() {
        Memory::erase(disk)?;
    }
    // A run without anything to take away has nothing to warn of.
    let again = if report.kernel.is_empty() && report.files.is_empty() { None } else { will_come_back(disk, selected) };
    report.notes.extend(again);
    Ok(report)
}

/// What would undo a removal.
fn will_come_back(disk: &Disk, selected: &Selected) -> Option<String> {
    if !selected.enis.is_empty() && disk.exists(cache::PATH) {
        return Some("the next run configures it again, unless /etc/eniroute.toml excludes it".to_owned());
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
    let _lock = if disk.exists(LOCK) { Some(lock(common)?) } else { None };
    let mut kernel = Kernel::open()?;
    let ledger = assess::read_ledger(&disk);
    let Some(why) = ledger.of_another(platform::instance(&disk).as_deref(), &kernel.links()?) else {
        return Ok(Report::silent("remove"));
    };
    let mut report = take_away(common, &disk, &mut kernel, &Remove::default())?;
    report.line = Some(format!("{why}: what eniroute made there was taken away ({} files)", report.files.len()));
    Ok(report)
}
