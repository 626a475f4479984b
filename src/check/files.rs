//! Files (F): what the next boot would make of the files alone, against what there is now.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files::{File, FileChange};
use crate::gather::Gather;
use crate::net::fib::{FibRoute, PolicyRule, Protocol};
use crate::net::{Dev, quoted};
use crate::numbering::Owner;
use crate::object::{Change, Kind, Object};
use crate::reconcile::Inspection;
use crate::reconcile::inspect::boot::{NextBoot, Obstructed, SERVICE};
use crate::report::{Code, Evidence, Finding, Remedy, Severity};
use crate::stacks;

const CONF: &str = "/etc/systemd/networkd.conf";
const APPLY: &str = "eniroute apply";

/// Every finding of the group.
pub(super) fn findings(inspection: &Inspection) -> Vec<Finding> {
    let boot = &inspection.boot;
    let flaws = boot.flaws.iter().cloned();
    let is_first = boot.own.is_empty() && !boot.changes.is_empty();
    let changes = boot.changes.iter().filter(|_| !is_first);
    let changes = changes.map(|change| differing(boot, change));
    let is_told = |found: &Finding| {
        let mut flaws = boot.flaws.iter();
        found.severity != Severity::Error
            && flaws.any(|flaw| flaw.code == Code::F2 && flaw.owner == found.owner)
    };
    let changes = changes.filter(|found| !is_told(found));
    flaws
        .chain(changes)
        .chain(unwritten(inspection).into_iter().filter(|_| is_first))
        .chain(boot.obstructed.iter().filter_map(obstructed))
        .chain(
            boot.refusal
                .iter()
                .map(|error| unplanned(&error.to_string())),
        )
        .chain(unserved(boot))
        .chain(deleted(inspection))
        .chain(by_hand(inspection))
        .gathered()
}

/// F1: no file of ours is there at all, although eniroute has made something. Else nobody has asked for any.
fn unwritten(inspection: &Inspection) -> Option<Finding> {
    let count = inspection.boot.changes.len();
    let what = format!("no file of eniroute's is there, of {count} for the next boot");
    let finding = Finding::new(Code::F1, Owner::Host, what, APPLY)
        .is_not("0 files", format!("{count} files"))
        .mended_by(Remedy::safe(APPLY));
    Some(finding).filter(|_| !inspection.assessment.ledger.enis.is_empty())
}

/// F1: a file is not as `apply` would write it. Where all that it should say is there, no more than a warning.
fn differing(boot: &NextBoot, change: &FileChange) -> Finding {
    let path = change.path().display().to_string();
    let (now, wanted, severity) = state(boot, change);
    let owner = owner_of(boot, change);
    Finding::new(Code::F1, owner, format!("{path} {now}"), APPLY)
        .rated(severity)
        .about(path)
        .is_not(now.clone(), wanted)
        .mended_by(Remedy::safe(APPLY))
        .known_from(Evidence::file(source(change), now))
}

/// Where nothing is, there is no file to name.
fn source(change: &FileChange) -> String {
    match change {
        FileChange::Create(_) => "eniroute plan".to_owned(),
        FileChange::Update { file, .. } => file.path.display().to_string(),
        FileChange::Delete { path, .. } => path.display().to_string(),
    }
}

/// How a file is, how it should be, and how bad that is.
fn state(boot: &NextBoot, change: &FileChange) -> (String, &'static str, Severity) {
    match change {
        FileChange::Create(file) => ("is not there".to_owned(), "written", rated(boot, file)),
        FileChange::Update { file, old } if *old == file.text => {
            let wanted = "as eniroute writes it, with its mode";
            ("has another mode".to_owned(), wanted, Severity::Warning)
        }
        FileChange::Update { file, old } => {
            let severity = rated(boot, file);
            (line_of(&file.text, old), "as eniroute writes it", severity)
        }
        FileChange::Delete { .. } => ("is no longer wanted".to_owned(), "gone", Severity::Warning),
    }
}

/// In words, with the first line that is another one.
fn line_of(wanted: &str, now: &str) -> String {
    let pairs = wanted.lines().zip(now.lines());
    let equal = pairs.take_while(|(wanted, now)| wanted == now).count();
    format!("is other than eniroute writes it, from line {}", equal + 1)
}

fn rated(boot: &NextBoot, file: &File) -> Severity {
    let is_there = boot.own.iter().any(|(_, text)| holds(text, file));
    match is_for_boot(&file.path) && !is_there {
        true => Severity::Error,
        false => Severity::Warning,
    }
}

/// The text of a file of the same ENI has all of it.
fn holds(text: &str, file: &File) -> bool {
    text.lines().next() == file.text.lines().next() && has_all(text, &file.text)
}

/// What lies below /run goes with this boot.
fn is_for_boot(path: &Path) -> bool {
    !path.starts_with("/run")
}

/// Comments, and what ifdown does.
const UNNEEDED: [&str; 3] = ["#", "down ", "post-down "];

/// `text` has each line of `wanted` in their order, but for those that no boot needs.
fn has_all(text: &str, wanted: &str) -> bool {
    let mut there = needed(text);
    needed(wanted).all(|line| there.any(|other| other == line))
}

fn needed(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    let is_needed = |line: &&str| !UNNEEDED.iter().any(|word| line.starts_with(word));
    lines.filter(is_needed).filter(|line| !line.is_empty())
}

fn owner_of(boot: &NextBoot, change: &FileChange) -> Owner {
    let text = match change {
        FileChange::Create(file) | FileChange::Update { file, .. } => &file.text,
        FileChange::Delete { old, .. } => old,
    };
    let by_line = stacks::owner_of(change.path(), text);
    let mut own = boot.own.iter();
    let on_disk = own.find(|(own, _)| own.path == change.path());
    by_line
        .or_else(|| on_disk.and_then(|(own, _)| own.owner))
        .unwrap_or(Owner::Host)
}

/// F1: something that is not ours stands at the path, and has not all that ours would.
fn obstructed(found: &Obstructed) -> Option<Finding> {
    let Obstructed { file, note, theirs } = found;
    let path = file.path.display().to_string();
    let lacking = stacks::lacking(&file.text, theirs);
    let first = lacking.first()?;
    let owner = stacks::owner_of(&file.path, &file.text).unwrap_or(Owner::Host);
    let now = format!("lacks {} lines, the first is `{first}`", lacking.len());
    let finding = Finding::new(
        Code::F1,
        owner,
        note.clone(),
        "move it away, or add the lines",
    )
    .about(path.clone())
    .is_not(now.clone(), "all that eniroute would write there")
    .mended_by(Remedy::review(format!(
        "mv {} {} && {APPLY}",
        quoted(&path),
        quoted(&format!("{path}.mine"))
    )))
    .known_from(Evidence::file(path, now));
    Some(finding)
}

/// F1: what others have written cannot be read, and the stack may not be able to, either.
fn unplanned(why: &str) -> Finding {
    let what = format!("the files for the next boot cannot be planned: {why}");
    Finding::new(
        Code::F1,
        Owner::Host,
        what,
        "mend that file, then eniroute apply",
    )
    .mended_by(Remedy::review("eniroute plan"))
    .known_from(Evidence::file("eniroute plan", why))
}

/// F4: no file holds it, and the service that would make it is not enabled.
fn unserved(boot: &NextBoot) -> Option<Finding> {
    if boot.left.is_empty() || boot.is_served {
        return None;
    }
    let left = Kind::tally(boot.left.iter().map(Object::kind));
    let first = boot.left.first().cloned().map(Change::Add);
    let first = first.map(|change| change.to_string()).unwrap_or_default();
    let what =
        format!("{left} are in no file, and {SERVICE} is not enabled: the next boot lacks them");
    let finding = Finding::new(Code::F4, Owner::Host, what, format!("enable {SERVICE}"))
        .about(SERVICE)
        .is_not("not enabled", "enabled, for what no file can hold")
        .mended_by(Remedy::review(format!("systemctl enable {SERVICE}")))
        .known_from(Evidence::kernel(
            "eniroute plan",
            format!("the first is `{first}`"),
        ));
    Some(finding)
}

/// F4: what somebody has added to a table of eniroute's, and no file names.
fn by_hand(inspection: &Inspection) -> impl Iterator<Item = Finding> {
    inspection.boot.unwritten.iter().map(|object| {
        let shown = Change::Add(object.clone()).to_string();
        let what = format!("`{shown}` is in no file: the next boot lacks it");
        Finding::new(
            Code::F4,
            Owner::Host,
            what,
            "write it into a file of your own",
        )
        .about(shown.clone())
        .is_not("in the kernel alone", "in a file, or gone")
        .mended_by(Remedy::review(Change::Remove(object.clone()).to_string()))
        .known_from(Evidence::kernel("ip route show table all; ip rule", shown))
    })
}

/// F3: rules and routes of others that networkd takes for leftovers of its own.
fn deleted(inspection: &Inspection) -> Vec<Finding> {
    let deletes = &inspection.boot.deletes;
    let rules = inspection.fib.rules.iter();
    let rules = rules.filter(|rule| deletes.rules && is_foreign_rule(rule));
    let routes = inspection.fib.routes.iter();
    let routes = routes.filter(|route| deletes.routes && is_foreign_route(route, &deletes.devs));
    let rules = rules.map(|rule| rule.rule.to_string()).gathered();
    let routes = routes.map(|route| route.route.to_string()).gathered();
    let found = [
        ("rules", "RoutingPolicyRules", rules),
        ("routes", "Routes", routes),
    ];
    let found = found
        .into_iter()
        .filter_map(|(kind, key, all)| lost(kind, key, all));
    found.gathered()
}

/// One that networkd does not know, on an interface that it runs.
fn is_foreign_route(route: &FibRoute, devs: &BTreeSet<Dev>) -> bool {
    let dev = route.route.dev.as_ref();
    is_foreign(route.protocol) && dev.is_some_and(|dev| devs.contains(dev))
}

/// networkd leaves the kernel's alone, and its own are static.
fn is_foreign(protocol: Protocol) -> bool {
    const REDIRECT: u8 = 1;
    const RA: u8 = 9;
    const DHCP: u8 = 16;
    ![0, REDIRECT, 2, 4, RA, DHCP].contains(&protocol.0)
}

/// What `ip rule` makes has no protocol, or `boot`.
fn is_foreign_rule(rule: &PolicyRule) -> bool {
    let of_kernel = [0, 32_766, 32_767].contains(&rule.rule.priority);
    !of_kernel && (rule.protocol.0 == 0 || is_foreign(rule.protocol))
}

fn lost(kind: &str, key: &str, all: Vec<String>) -> Option<Finding> {
    let (first, key) = (all.first()?.clone(), format!("ManageForeign{key}"));
    let what = format!(
        "systemd-networkd deletes {} {kind} that none of its files has when it starts or an interface \
         appears, the first is `{first}`",
        all.len()
    );
    let expected = format!("{key}=no, or the {kind} in networkd's files");
    let finding = Finding::new(Code::F3, Owner::Host, what, format!("{key}=no keeps them"))
        .about(first.clone())
        .is_not(format!("{key}=yes"), expected)
        .mended_by(Remedy::review(switch_off(&key)))
        .known_from(Evidence::file(CONF, format!("{key} is not `no`")))
        .known_from(Evidence::kernel(
            format!("ip {}", kind.trim_end_matches('s')),
            first,
        ));
    Some(finding)
}

/// A drop-in of networkd.conf.
fn switch_off(key: &str) -> String {
    let file = format!("{CONF}.d/50-{}.conf", key.to_lowercase());
    format!("printf '[Network]\\n{key}=no\\n' | install -D -m 644 /dev/stdin {file}")
}
