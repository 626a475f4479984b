//! network-scripts (ifup): ifcfg, route, route6, rule and rule6 files per ENI in the Amazon Linux look, and alias
//! files where somebody else's ifcfg configures the device. Pure once [`NetworkScripts::read`] is done.

mod audit;
mod detect;
pub(super) mod ifcfg;
mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::{Disk, File};
use crate::gather::{Gather, Order};
use crate::net::{Address, Declared, Dev, Family, Link, MAIN, Route};
use crate::object::Object;
use crate::plan::Planned;
use crate::stacks::marker;
use crate::stacks::networkd::nic::Nic;
use crate::stacks::rendering::{Renderer, Rendering, Share, part};
use crate::stacks::stack::Stack;
use ifcfg::{Ifcfg, is_ifcfg};
use lines::{ifcfg_lines, ipv6_alias_lines};

const FOLDER: &str = "/etc/sysconfig/network-scripts";

/// The network scripts of the distributions of Red Hat's line.
pub static STACK: Stack = Stack {
    name: "network-scripts",
    folders: &[FOLDER],
    reads: &[FOLDER],
    program: "ifup",
    runs_host: detect::runs_host,
    read: |disk, links| Ok(Some(Box::new(NetworkScripts::read(disk, links)?))),
    audit: audit::findings,
    ..Stack::NONE
};

/// The longest name that the kernel takes for an address label such as `eth0:1` (`IFNAMSIZ` - 1).
const LABEL_LEN: usize = 15;

/// What the folder holds that is not ours.
#[derive(Debug, Default)]
pub struct NetworkScripts {
    ifcfgs: Vec<Ifcfg>,
    paths: BTreeSet<PathBuf>,
    nics: BTreeMap<Dev, Nic>,
}

impl NetworkScripts {
    /// Reads the ifcfg files of others. Errors: one that cannot be read.
    pub fn read(disk: &Disk, links: &[Link]) -> Result<Self> {
        let mut scripts = Self {
            nics: Nic::read_all(disk, links)?,
            ..Self::default()
        };
        for path in disk.list(FOLDER)? {
            if !marker::is_foreign_file(disk, &path)? {
                continue;
            }
            if is_ifcfg(&path) {
                let text = disk.read(&path)?.unwrap_or_default();
                scripts.ifcfgs.push(Ifcfg::parse(&path, &text));
            }
            scripts.paths.insert(path);
        }
        Ok(scripts)
    }

    fn owner(&self, planned: &Planned) -> Option<&Ifcfg> {
        let nic = self.nics.get(&planned.dev);
        let next = nic.and_then(|nic| nic.next_name.as_deref());
        let names: Vec<&str> = [&*planned.dev].into_iter().chain(next).gathered();
        let mut ifcfgs = self.ifcfgs.iter();
        ifcfgs.find(|ifcfg| ifcfg.configures(&names, planned.eni.mac))
    }

    /// The name that its owner gives the device: ifup reads the files by that.
    fn name(&self, planned: &Planned) -> Dev {
        let device = self.owner(planned).and_then(Ifcfg::device);
        device.map_or_else(|| planned.dev.clone(), Dev::from)
    }

    /// The primary never changes owner.
    fn primary(&self, planned: &Planned, rendering: &mut Rendering) {
        let Some(owner) = self.owner(planned) else {
            return rendering.limit(planned, "no ifcfg file configures it".into());
        };
        self.aliases(planned, owner, rendering);
        self.routes_and_rules(planned, rendering);
    }

    fn secondary(&self, planned: &Planned, rendering: &mut Rendering) {
        let whole = planned.without_owner();
        match self.owner(planned) {
            Some(owner) => {
                rendering.leave_to_owner(planned);
                self.aliases(planned, owner, rendering);
                self.routes_and_rules(planned, rendering);
            }
            None => {
                rendering.complete(planned);
                let part = addresses(planned, &|_| true);
                rendering.add(file(&part, "ifcfg-", &ifcfg_lines(&part)), &part);
                self.routes_and_rules(&whole, rendering);
            }
        }
    }

    /// Where somebody else's file stands in the place of one of ours, a note names what that one lacks.
    fn routes_and_rules(&self, planned: &Planned, rendering: &mut Rendering) {
        for (file, part) in routes_and_rules(planned) {
            if self.paths.contains(&file.path) {
                rendering
                    .owned
                    .extend(part.objects().filter(Object::is_lasting));
                rendering.files.push(file);
            } else {
                rendering.add(file, &part);
            }
        }
    }

    fn has_room_for_rules(&self, planned: &Planned) -> bool {
        ["rule", "rule6"].iter().all(|prefix| {
            !self
                .paths
                .contains(&path(&format!("{prefix}-{}", planned.dev)))
        })
    }

    /// Alias files for the addresses that the owner neither has nor gets by DHCP: one per IPv4 address, and one for
    /// all IPv6 addresses.
    fn aliases(&self, planned: &Planned, owner: &Ifcfg, rendering: &mut Rendering) {
        let brings = |address: &Address| self.brings(planned, owner, address.net.addr());
        let there = addresses(planned, &brings);
        rendering
            .owned
            .extend(there.objects().filter(Object::is_lasting));
        let mut names = self.free_names(planned);
        let missing = addresses(planned, &|address| !brings(address));
        for address in missing.addresses.iter().filter(|address| is_ipv4(address)) {
            let part = addresses(&missing, &|other| other == address);
            if let Some(name) = names.next() {
                ipv4_alias(&part, &name, rendering);
            }
        }
        let ipv6 = addresses(&missing, &|address| !is_ipv4(address));
        if let (false, Some(name)) = (ipv6.addresses.is_empty(), names.next()) {
            self.ipv6_alias(&ipv6, &name, rendering);
        }
    }

    /// Names of aliases that no file of somebody else's has.
    fn free_names<'a>(&'a self, planned: &'a Planned) -> impl Iterator<Item = String> + 'a {
        let names = (0..).map(|number| format!("{}:{number}", planned.dev));
        names.filter(|name| !self.paths.contains(&path(&format!("ifcfg-{name}"))))
    }

    /// ifup-aliases takes the second file without an IPv4 address for a repetition of the first, and drops it.
    fn ipv6_alias(&self, part: &Planned, name: &str, rendering: &mut Rendering) {
        match self.aliases_of(part).find(|alias| !alias.has_ipv4()) {
            Some(other) => {
                let other = other.path.display();
                let why = format!("ifup takes one alias file for IPv6, and {other} is there");
                rendering.limit(part, why);
            }
            None => rendering.add(alias(part, name, &ipv6_alias_lines(part)), part),
        }
    }

    /// Whether this ENI's own files may hold the primary's rules.
    fn has_room(&self, planned: &Planned) -> bool {
        !planned.eni.primary || self.owner(planned).is_some()
    }

    fn aliases_of(&self, planned: &Planned) -> impl Iterator<Item = &Ifcfg> {
        self.ifcfgs
            .iter()
            .filter(|ifcfg| ifcfg.is_alias_of(&planned.dev))
    }

    /// The ENI whose files are to hold the primary's rules, too.
    fn carrier<'a>(&self, share: &Share<'a>) -> Option<&'a Planned> {
        let enis = share.enis.iter().copied();
        let mut carriers = enis.filter(|planned| self.has_room(planned));
        let all = carriers.clone();
        let mut best = all.filter(|planned| self.has_room_for_rules(planned));
        best.next().or_else(|| carriers.next())
    }

    /// Whether the owner or an alias of somebody else's brings this address.
    fn brings(&self, planned: &Planned, owner: &Ifcfg, ip: IpAddr) -> bool {
        let first = planned.eni.ipv4.first().map(|ip| IpAddr::from(*ip));
        let is_leased = match Family::of(ip) {
            Family::Ipv4 => owner.is_dhcp() && first == Some(ip),
            Family::Ipv6 => owner.is_dhcpv6(),
        };
        let mut all = self.aliases_of(planned).chain([owner]);
        is_leased || all.any(|ifcfg| ifcfg.has_address(ip))
    }
}

impl Renderer for NetworkScripts {
    fn render(&self, share: &Share) -> Rendering {
        let mut rendering = Rendering::default();
        for planned in share.with_rules_at(self.carrier(share)) {
            rendering.under(&planned, &self.name(&planned), |planned, rendering| {
                if planned.eni.primary {
                    self.primary(planned, rendering);
                } else {
                    self.secondary(planned, rendering);
                }
            });
        }
        rendering
    }

    fn declared(&self, planned: &Planned) -> Option<Declared> {
        self.owner(planned)?.declared()
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn is_ipv4(address: &Address) -> bool {
    address.net.addr().is_ipv4()
}

/// Those addresses of an ENI that `keep` takes.
fn addresses(planned: &Planned, keep: &dyn Fn(&Address) -> bool) -> Planned {
    part(planned, &|object| object.address().is_some_and(keep))
}

/// One file of an ENI.
fn file(planned: &Planned, prefix: &str, lines: &[String]) -> File {
    let text = marker::marker(planned) + &lines.join("\n") + "\n";
    File::readable(path(&format!("{prefix}{}", planned.dev)), text)
}

/// The files of an ENI's routes and rules with the part that each one has; none without lines.
fn routes_and_rules(planned: &Planned) -> Vec<(File, Planned)> {
    let one = |prefix: &str, family: Family, is_in: &dyn Fn(&Object) -> bool| {
        let part = part(planned, &|object| {
            object.family() == Some(family) && is_in(object)
        });
        let lines = [route_lines(&part), rule_lines(&part)].concat();
        (!lines.is_empty()).then(|| (file(&part, prefix, &lines), part))
    };
    let is_route = |object: &Object| matches!(object, Object::Route(_));
    let is_rule = |object: &Object| matches!(object, Object::Rule(_));
    let files = [
        one("route-", Family::Ipv4, &is_route),
        one("rule-", Family::Ipv4, &is_rule),
        one("route6-", Family::Ipv6, &is_route),
        one("rule6-", Family::Ipv6, &is_rule),
    ];
    files.into_iter().flatten().gathered()
}

/// The subnets of the table and of main before every gateway: without `onlink` the kernel refuses a gateway
/// that no route reaches yet ("Nexthop has invalid gateway").
fn route_lines(part: &Planned) -> Vec<String> {
    let mut routes: Vec<_> = part.routes.iter().gathered();
    routes.order_by_key(|route| (route.via.is_some(), route.table == MAIN));
    routes.into_iter().map(route_line).gathered()
}

/// The words of `ip route add` without `onlink`, as Amazon Linux has them.
fn route_line(route: &Route) -> String {
    route.to_string().replacen(" onlink", "", 1)
}

fn rule_lines(part: &Planned) -> Vec<String> {
    part.rules.iter().map(ToString::to_string).gathered()
}

fn alias(planned: &Planned, name: &str, lines: &[String]) -> File {
    let (marker, lines) = (marker::marker(planned), lines.join("\n"));
    let text = format!("{marker}DEVICE={name}\n{lines}\n");
    File::readable(path(&format!("ifcfg-{name}")), text)
}

/// Without the switch for sysctls, ifup would run ifup-ipv6 for the alias, too, and overwrite what the owner's file
/// wants of router advertisements with the defaults.
fn ipv4_alias(part: &Planned, name: &str, rendering: &mut Rendering) {
    if name.len() > LABEL_LEN {
        let why = format!("the kernel takes no label as long as `{name}`");
        return rendering.limit(part, why);
    }
    let words = |ip: IpAddr| {
        format!(
            "IPADDR={ip} PREFIX=32 NO_ALIASROUTING=yes ARPCHECK=no ARPUPDATE=no IPV6_SET_SYSCTLS=no"
        )
    };
    let addresses = part.addresses.iter().map(|address| address.net.addr());
    let lines = addresses.map(|ip| words(ip).replace(' ', "\n"));
    rendering.add(alias(part, name, &lines.gathered::<Vec<_>>()), part);
}

#[cfg(test)]
mod tests;
