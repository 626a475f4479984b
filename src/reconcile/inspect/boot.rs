//! What the files alone would give at the next boot: those that should be there against those that are, what each stack
//! says of them, and what no file holds.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::conflicts;
use crate::error::{Error, Result};
use crate::files::{Disk, File, FileChange};
use crate::gather::Gather;
use crate::metadata::cache::Memory;
use crate::numbering::Number;
use crate::object::Object;
use crate::plan::Desired;
use crate::reconcile::assess::Assessment;
use crate::reconcile::host::Host;
use crate::reconcile::outlook;
use crate::report::Finding;
use crate::stacks::mention::Texts;
use crate::stacks::networkd::foreign::Deletes;
use crate::stacks::{Audit, OwnFile, Rendered, Stacks, own_files};

/// Where systemd keeps the links that start a unit at a boot.
const WANTS: [&str; 3] = [
    "/etc/systemd/system/multi-user.target.wants",
    "/usr/lib/systemd/system/multi-user.target.wants",
    "/lib/systemd/system/multi-user.target.wants",
];

/// What makes at a boot what no file holds.
pub const SERVICE: &str = "eniroute.service";

/// What there is for the next boot. Without metadata, and where another tool is in charge, nothing is judged.
#[derive(Default)]
pub struct NextBoot {
    /// Why the files could not be planned.
    pub refusal: Option<Error>,
    /// What `apply` would change on the disk.
    pub changes: Vec<FileChange>,
    /// Files of ours that something else stands in the place of: the note, and what stands there.
    pub obstructed: Vec<Obstructed>,
    /// Every file of ours that is there, with its text.
    pub own: Vec<(OwnFile, String)>,
    /// What the stacks say of them.
    pub flaws: Vec<Finding>,
    /// What no file holds.
    pub left: Vec<Object>,
    /// What somebody has added to a table of ours, and no file of anybody's names.
    pub unwritten: Vec<Object>,
    /// The boot service is enabled.
    pub is_served: bool,
    /// What networkd deletes when it starts.
    pub deletes: Deletes,
}

/// Something that is not ours at a path of ours.
pub struct Obstructed {
    pub file: File,
    pub note: String,
    /// What stands there, where that is text.
    pub theirs: String,
}

impl NextBoot {
    /// Plans the files as `plan` does, and reads those that are there; only root may read all.
    ///
    /// # Errors
    /// A file of ours, or a folder, that cannot be read.
    pub fn of(host: &Host, assessment: &mut Assessment, is_root: bool) -> Result<Self> {
        let disk = &host.disk;
        let is_others = !Memory::load(disk).forced && conflicts::in_charge(disk)?.is_some();
        if !is_root || assessment.is_removal() || is_others {
            return Ok(Self::default());
        }
        match Self::planned(host, assessment) {
            Ok(boot) => Ok(boot),
            Err(error) => Ok(Self {
                refusal: Some(error),
                ..Self::default()
            }),
        }
    }

    fn planned(host: &Host, assessment: &mut Assessment) -> Result<Self> {
        let Host { disk, config, .. } = host;
        let stacks = Stacks::find(disk, &assessment.desired, &assessment.observed.links)?;
        let rendered = outlook::render(assessment, disk, config, &stacks)?;
        let own = own_files(disk)?;
        let flaws = flaws(disk, assessment, &stacks, (&rendered, &own))?;
        let mut changes = disk.plan(rendered.wanted, &rendered.obsolete)?;
        if !assessment.scope.complete {
            changes.retain(|change| !matches!(change, FileChange::Delete { .. }));
        }
        Ok(Self {
            refusal: None,
            changes,
            obstructed: obstructed(disk, rendered.obstructed),
            own: texts(disk, own)?,
            flaws,
            left: rendered.left,
            unwritten: unwritten(disk, assessment),
            is_served: is_served(disk)?,
            deletes: Deletes::read(disk, &assessment.observed.links)?,
        })
    }
}

fn flaws(
    disk: &Disk,
    assessment: &Assessment,
    stacks: &Stacks,
    (rendered, own): (&Rendered, &[OwnFile]),
) -> Result<Vec<Finding>> {
    let desired = assessment.later.as_ref().unwrap_or(&assessment.desired);
    let audit = Audit {
        disk,
        links: &assessment.observed.links,
        desired,
        rendered,
        own,
    };
    let used = stacks.used(desired).into_iter();
    let found = used.map(|stack| (stack.audit)(&audit));
    Ok(found.gathered::<Result<Vec<_>>>()?.concat())
}

fn texts(disk: &Disk, own: Vec<OwnFile>) -> Result<Vec<(OwnFile, String)>> {
    let text = |own: OwnFile| {
        let text = disk.read(&own.path)?.unwrap_or_default();
        Ok((own, text))
    };
    own.into_iter().map(text).gathered()
}

fn obstructed(disk: &Disk, files: Vec<(File, String)>) -> Vec<Obstructed> {
    let read = |(file, note): (File, String)| {
        let theirs = disk.read(&file.path).ok().flatten().unwrap_or_default();
        Obstructed { file, note, theirs }
    };
    files.into_iter().map(read).gathered()
}

fn is_served(disk: &Disk) -> Result<bool> {
    let units = WANTS.map(|folder| disk.list(folder));
    let units = units.into_iter().gathered::<Result<Vec<_>>>()?;
    Ok(units.concat().iter().any(|unit| unit.ends_with(SERVICE)))
}

fn unwritten(disk: &Disk, assessment: &Assessment) -> Vec<Object> {
    let plans = [Some(&assessment.desired), assessment.later.as_ref()];
    let planned: BTreeSet<Object> = plans
        .into_iter()
        .flatten()
        .flat_map(Desired::objects)
        .into_set();
    let objects = assessment.observed.objects().filter_map(of_our_tables);
    let is_ours = |object: &Object| planned.contains(object) || assessment.scope.has_made(object);
    let theirs: Vec<(Object, IpAddr)> = objects.filter(|(object, _)| !is_ours(object)).gathered();
    if theirs.is_empty() {
        return Vec::new();
    }
    let texts = Texts::read(disk);
    let unnamed = theirs
        .into_iter()
        .filter(|(_, ip)| texts.mentions(*ip).is_empty());
    unnamed.map(|(object, _)| object).gathered()
}

/// Routes and rules of the tables that are an ENI's, with the address by which a file would name them.
fn of_our_tables(object: Object) -> Option<(Object, IpAddr)> {
    let of_route = object.route().map(|route| (route.table, Some(route.dst)));
    let of_rule = object
        .rule()
        .map(|rule| (rule.table, rule.from.or(rule.extra().to)));
    let (table, net) = of_route.or(of_rule)?;
    let ip = net.filter(|net| net.prefix_len() > 0)?.addr();
    Number::of_table(table).map(|_| (object, ip))
}
