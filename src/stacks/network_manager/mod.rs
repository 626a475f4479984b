//! NetworkManager: one keyfile per secondary ENI, a whole profile matched by MAC. A keyfile has no drop-ins, so an ENI
//! that somebody else's profile names is left to that one. Pure once [`NetworkManager::read`] is done.

mod audit;
mod detect;
mod ethernet;
mod handover;
mod keyfile;
mod profile;
mod record;
mod unmanaged;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::{Disk, File};
use crate::gather::Gather;
use crate::net::{Declared, Dev, Family, Link, Route, RouteKind, Rule, Word};
use crate::object::Object;
use crate::plan::Planned;
use crate::stacks::marker;
use crate::stacks::networkd::nic::Nic;
use crate::stacks::rendering::{Renderer, Rendering, Share, part};
use crate::stacks::stack::{Finding, Stack};
use profile::Profile;
use unmanaged::Unmanaged;

const FOLDER: &str = "/etc/NetworkManager/system-connections";
const PROGRAM: &str = "NetworkManager";

/// There while it runs.
pub const RUNNING: &str = "/run/NetworkManager";

/// NetworkManager.
pub static STACK: Stack = Stack {
    name: "network-manager",
    folders: &[FOLDER],
    reads: &profile::FOLDERS,
    program: PROGRAM,
    runs_host: |disk| Ok(Finding::by(disk, RUNNING)),
    witness: |host| Ok(Box::new(detect::Records(host))),
    read: |disk, links| Ok(Some(Box::new(NetworkManager::read(disk, links)?))),
    prepare: |about| Ok(Box::new(handover::Keyfiles(*about))),
    audit: audit::findings,
    ..Stack::NONE
};

/// Above the default of 0, so that ours is taken where nobody has said otherwise.
const PRIORITY: i32 = 100;

/// Where packagers put the plugins, in a folder with the version's name; Debian has one more level.
const PLUGINS: [&str; 2] = ["/usr/lib64", "/usr/lib"];

/// Why a keyfile of ours has not all.
const NO_THROW_ROUTES: &str = "NetworkManager has no throw routes before version 1.36";

/// Why the primary gets none.
const NO_DROP_INS: &str = "a keyfile has no drop-ins, and the primary never changes owner";

/// NetworkManager knows the type of a route since 1.36; before, it makes an on-link route of a throw route.
const ROUTE_TYPES: (u32, u32) = (1, 36);

/// What NetworkManager knows already.
#[derive(Debug, Default)]
pub struct NetworkManager {
    profiles: Vec<Profile>,
    unmanaged: Unmanaged,
    nics: BTreeMap<Dev, Nic>,
    /// The oldest version on the disk: major, minor.
    version: Option<(u32, u32)>,
}

impl NetworkManager {
    /// Reads other people's profiles, and the configuration. Errors: a file that cannot be read.
    pub fn read(disk: &Disk, links: &[Link]) -> Result<Self> {
        Ok(Self {
            profiles: profile::read_all(disk)?,
            unmanaged: Unmanaged::read(disk)?,
            nics: Nic::read_all(disk, links)?,
            version: version(disk)?,
        })
    }

    /// Other people's that are for this ENI's interface.
    fn profiles_of(&self, planned: &Planned) -> impl Iterator<Item = &Profile> {
        let nic = self.nics.get(&planned.dev);
        let next_name = nic.and_then(|nic| nic.next_name.as_deref());
        let profiles = self.profiles.iter();
        profiles.filter(move |profile| profile.names(planned, next_name))
    }

    fn owner(&self, planned: &Planned) -> Option<&Profile> {
        self.profiles_of(planned).next()
    }

    /// What of an ENI can be said in its keyfile, and the primary's rules, which are global.
    fn part(&self, planned: &Planned, share: &Share) -> Planned {
        let whole = share.with_rules(&planned.without_owner(), true);
        part(
            &whole,
            &|object| !matches!(object, Object::Route(route) if !self.can_say(route)),
        )
    }

    /// A whole profile of ours.
    fn add(&self, planned: &Planned, share: &Share, rendering: &mut Rendering) {
        let part = self.part(planned, share);
        rendering.add(keyfile(&part), &part);
        rendering.complete(planned);
        if !planned.routes.iter().all(|route| self.can_say(route)) {
            rendering.limit(planned, NO_THROW_ROUTES.to_owned());
        }
    }

    fn can_say(&self, route: &Route) -> bool {
        route.kind == RouteKind::Unicast
            || self.version.is_some_and(|version| version >= ROUTE_TYPES)
    }
}

impl Renderer for NetworkManager {
    /// The primary's rules stand in the secondaries' keyfiles, where loading them touches nothing else; in each, since
    /// NetworkManager takes a rule away with the last profile that has it. The primary's other parts would need a
    /// profile of ours for it, which would shadow its owner's.
    fn render(&self, share: &Share) -> Rendering {
        let mut rendering = Rendering::default();
        for planned in &share.enis {
            match self.owner(planned) {
                _ if planned.eni.primary => rendering.limit(planned, NO_DROP_INS.to_owned()),
                Some(owner) => {
                    let owner = owner.path.display();
                    let why = format!("{owner} configures it, and a keyfile has no drop-ins");
                    rendering.refuse(planned, why);
                }
                None => self.add(planned, share, &mut rendering),
            }
        }
        rendering
    }

    /// Of several profiles for one interface, the one that makes it a port counts, then the one that brings it up.
    fn declared(&self, planned: &Planned) -> Option<Declared> {
        let nic = self.nics.get(&planned.dev);
        let profiles = self.profiles_of(planned);
        let said: Vec<Option<&Declared>> =
            profiles.map(|profile| profile.declared.as_ref()).gathered();
        let is_port = |declared: &&Declared| declared.word != Word::Manual;
        let port = said.iter().copied().flatten().find(is_port);
        let manual = said.first().copied().flatten();
        let manual = manual.filter(|_| said.iter().all(Option::is_some));
        let unmanaged = nic.and_then(|nic| self.unmanaged.declared(nic));
        unmanaged.or_else(|| port.or(manual).cloned())
    }
}

/// One ENI's keyfile, 0600, else NetworkManager does not read it.
fn keyfile(planned: &Planned) -> File {
    let text = marker::marker(planned)
        + &format!(
            "[connection]\nid=eniroute-{}\nuuid={}\ntype=ethernet\nautoconnect-priority={PRIORITY}\n\n[ethernet]\nmac-address={}\n",
            planned.eni.id,
            uuid(planned),
            planned.eni.mac
        )
        + &section(planned, Family::Ipv4)
        + &section(planned, Family::Ipv6);
    File {
        path: path(planned),
        mode: 0o600,
        text,
    }
}

fn section(planned: &Planned, family: Family) -> String {
    let part = part(planned, &|object| object.family() == Some(family));
    let mut text = head(family, part.addresses.is_empty()).to_owned();
    for (number, address) in (1..).zip(&part.addresses) {
        text += &format!("address{number}={}\n", address.net);
    }
    for (number, route) in (1..).zip(&part.routes) {
        text += &route_lines(number, route);
    }
    for (number, rule) in (1..).zip(&part.rules) {
        text += &format!("routing-rule{number}={}\n", rule_words(rule));
    }
    text
}

/// The section's first lines.
fn head(family: Family, is_without_address: bool) -> &'static str {
    match (family, is_without_address) {
        (Family::Ipv4, false) => "\n[ipv4]\nmethod=manual\n",
        (Family::Ipv4, true) => "\n[ipv4]\nmethod=disabled\n",
        // 0 is eui64: the link-local address that the kernel would make.
        (Family::Ipv6, false) => "\n[ipv6]\nmethod=manual\naddr-gen-mode=0\n",
        (Family::Ipv6, true) => "\n[ipv6]\nmethod=link-local\naddr-gen-mode=0\n",
    }
}

fn path(planned: &Planned) -> PathBuf {
    Path::new(FOLDER).join(format!("eniroute-{}.nmconnection", planned.eni.id))
}

/// A UUID that is always the same for an ENI: version 8 (RFC 9562, 5.8), its bits the 128-bit FNV-1a hash of the id.
fn uuid(planned: &Planned) -> String {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = planned.eni.id.bytes().fold(BASIS, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    let version = hash & !(0xf << 76) | 8 << 76;
    let hex = format!("{:032x}", version & !(0b11 << 62) | 0b10 << 62);
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

/// Every route says its metric: without one NetworkManager gives it the device's, in every table.
fn route_lines(number: u32, route: &Route) -> String {
    let via = route
        .via
        .unwrap_or_else(|| route.family().everything().addr());
    let options = [
        (route.table != crate::net::MAIN).then(|| format!("table={}", route.table)),
        route.src.map(|src| format!("src={src}")),
        route.via.map(|_| "onlink=true".to_owned()),
        route.mtu.map(|mtu| format!("mtu={mtu}")),
        // Without a gateway NetworkManager would have it in scope link (253).
        (route.kind == RouteKind::Throw).then(|| "type=throw,scope=0".to_owned()),
    ];
    let options: Vec<_> = options.into_iter().flatten().gathered();
    let mut lines = format!("route{number}={},{via},{}\n", route.dst, route.metric);
    if !options.is_empty() {
        lines += &format!("route{number}_options={}\n", options.join(","));
    }
    lines
}

fn rule_words(rule: &Rule) -> String {
    let from = rule.from.unwrap_or_else(|| rule.family.everything());
    let mark = rule.extra().mark.map(|mark| format!(" fwmark {mark}"));
    let iif = rule.extra().iif.as_ref().map(|dev| format!(" iif {dev}"));
    let suppress = rule
        .suppress_prefixlength
        .map(|length| format!(" suppress_prefixlength {length}"));
    let more = [mark, iif, suppress].into_iter().flatten();
    format!(
        "priority {} from {from} table {}{}",
        rule.priority,
        rule.table,
        more.gathered::<String>()
    )
}

/// The version by which the plugins' folder is called; of several the oldest, for an update may have left one.
fn version(disk: &Disk) -> Result<Option<(u32, u32)>> {
    let mut found = Vec::new();
    for libraries in PLUGINS {
        let mut folders = disk.list(libraries)?;
        folders.retain(|path| path.to_string_lossy().ends_with("-linux-gnu"));
        folders.push(PathBuf::from(libraries));
        for folder in folders {
            let plugins = disk.list(folder.join("NetworkManager"))?;
            found.extend(plugins.iter().filter_map(|path| parse_version(path)));
        }
    }
    Ok(found.into_iter().min())
}

/// `1.42.4`, or with the package's release: `1.40.16-9.el8`.
fn parse_version(path: &Path) -> Option<(u32, u32)> {
    let mut numbers = path.file_name()?.to_str()?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests;
