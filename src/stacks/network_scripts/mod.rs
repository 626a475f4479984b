//! network-scripts (ifup): ifcfg, route, route6, rule and rule6 files per ENI in the Amazon Linux look, and alias
//! files where somebody else's ifcfg configures the device. Pure once [`NetworkScripts::read`] is done.

mod detect;
pub(super) mod ifcfg;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::{Disk, File};
use crate::net::{Family, MAIN, Route};
use crate::plan::Planned;
use crate::stacks::marker;
use crate::stacks::stack::{Renderer, Rendering, Share, Stack};
use ifcfg::{Ifcfg, is_ifcfg};

const FOLDER: &str = "/etc/sysconfig/network-scripts";

/// The network scripts of the distributions of Red Hat's line.
pub static STACK: Stack = Stack {
    name: "network-scripts",
    folders: &[FOLDER],
    program: "ifup",
    runs_host: detect::runs_host,
    read: |disk, _| Ok(Some(Box::new(NetworkScripts::read(disk)?))),
    ..Stack::NONE
};

/// The longest name that the kernel takes for an address label such as `eth0:1` (`IFNAMSIZ` - 1).
const LABEL_LEN: usize = 15;

/// What the folder holds that is not ours.
#[derive(Debug, Default)]
pub struct NetworkScripts {
    ifcfgs: Vec<Ifcfg>,
    paths: BTreeSet<PathBuf>,
}

impl NetworkScripts {
    /// Reads the ifcfg files of others. Errors: one that cannot be read.
    pub fn read(disk: &Disk) -> Result<Self> {
        let mut scripts = Self::default();
        for path in disk.list(FOLDER)? {
            if disk
                .first_line(&path)?
                .is_none_or(|line| marker::is_own(&line))
            {
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
        self.ifcfgs.iter().find(|ifcfg| ifcfg.configures(planned))
    }

    /// The primary never changes owner.
    fn primary(&self, planned: &Planned, rendering: &mut Rendering) {
        let Some(owner) = self.owner(planned) else {
            rendering.notes.push(note(
                planned,
                "its additions are",
                "no ifcfg file configures it",
            ));
            return;
        };
        self.aliases(planned, owner, rendering);
        rendering.files.extend(routes_and_rules(planned));
    }

    fn secondary(&self, planned: &Planned, rendering: &mut Rendering) {
        let whole = planned.without_owner();
        let files = match self.owner(planned) {
            Some(owner) => {
                self.aliases(planned, owner, rendering);
                routes_and_rules(planned)
            }
            None => {
                rendering.complete.insert(planned.dev.clone());
                rendering
                    .files
                    .extend(file(planned, "ifcfg-", &ifcfg_lines(planned)));
                routes_and_rules(&whole)
            }
        };
        rendering.files.extend(files);
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
        let (v4, v6): (Vec<_>, Vec<_>) = self
            .missing(planned, owner)
            .into_iter()
            .partition(IpAddr::is_ipv4);
        let names = (0..).map(|number| format!("{}:{number}", planned.dev));
        let mut free = names.filter(|name| !self.paths.contains(&path(&format!("ifcfg-{name}"))));
        for (ip, name) in v4.into_iter().zip(&mut free) {
            if name.len() > LABEL_LEN {
                let why = format!("the kernel takes no label as long as `{name}`");
                rendering
                    .notes
                    .push(note(planned, &format!("its address {ip} is"), &why));
            } else {
                rendering
                    .files
                    .push(alias(planned, &name, &alias_lines(ip)));
            }
        }
        rendering
            .files
            .extend(self.ipv6_alias(planned, &v6, free, &mut rendering.notes));
    }

    /// ifup-aliases takes the second file without an IPv4 address for a repetition of the first, and drops it.
    fn ipv6_alias(
        &self,
        planned: &Planned,
        addresses: &[IpAddr],
        mut names: impl Iterator<Item = String>,
        notes: &mut Vec<String>,
    ) -> Option<File> {
        if addresses.is_empty() {
            return None;
        }
        if let Some(other) = self.aliases_of(planned).find(|alias| !alias.has_ipv4()) {
            let why = format!(
                "ifup takes one alias file for IPv6, and {} is there",
                other.path.display()
            );
            notes.push(note(planned, "its IPv6 addresses are", &why));
            return None;
        }
        names
            .next()
            .map(|name| alias(planned, &name, &ipv6_alias_lines(addresses)))
    }

    fn aliases_of(&self, planned: &Planned) -> impl Iterator<Item = &Ifcfg> {
        self.ifcfgs
            .iter()
            .filter(|ifcfg| ifcfg.is_alias_of(&planned.dev))
    }

    fn missing(&self, planned: &Planned, owner: &Ifcfg) -> Vec<IpAddr> {
        let first = planned.eni.ipv4.first().map(|ip| IpAddr::from(*ip));
        let leased = |ip: &IpAddr| {
            if ip.is_ipv4() {
                owner.is_dhcp() && first == Some(*ip)
            } else {
                owner.is_dhcpv6()
            }
        };
        let configured = |ip: &IpAddr| {
            self.aliases_of(planned)
                .chain([owner])
                .any(|ifcfg| ifcfg.has_address(*ip))
        };
        let addresses = planned.addresses.iter().map(|address| address.net.addr());
        addresses
            .filter(|ip| !leased(ip) && !configured(ip))
            .collect()
    }
}

impl Renderer for NetworkScripts {
    fn render(&self, share: &Share) -> Rendering {
        let mut rendering = Rendering::default();
        let carriers = || {
            let enis = share.enis.iter();
            enis.filter(|planned| self.holds_rules(planned))
        };
        let has_room = |planned: &&&Planned| self.has_room_for_rules(planned);
        let carrier = carriers().find(has_room).or(carriers().next());
        for planned in &share.enis {
            let planned = &share.with_rules(
                planned,
                carrier.is_some_and(|carrier| carrier.eni.mac == planned.eni.mac),
            );
            if planned.eni.primary {
                self.primary(planned, &mut rendering);
            } else {
                self.secondary(planned, &mut rendering);
            }
        }
        rendering
    }

    fn holds_rules(&self, planned: &Planned) -> bool {
        !planned.eni.primary || self.owner(planned).is_some()
    }

    fn holds_routes(&self, primary: &Planned) -> bool {
        self.owner(primary).is_some()
    }
}

fn note(planned: &Planned, what: &str, why: &str) -> String {
    format!(
        "{} ({}): {what} left to the boot service, because {why}",
        planned.dev, planned.eni.id
    )
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// One file of an ENI; none without lines.
fn file(planned: &Planned, prefix: &str, lines: &[String]) -> Option<File> {
    let text = marker::marker(planned) + &lines.join("\n") + "\n";
    (!lines.is_empty()).then(|| File {
        path: path(&format!("{prefix}{}", planned.dev)),
        mode: 0o644,
        text,
    })
}

fn routes_and_rules(planned: &Planned) -> Vec<File> {
    let files = [
        file(planned, "route-", &route_lines(planned, Family::Ipv4)),
        file(planned, "rule-", &rule_lines(planned, Family::Ipv4)),
        file(planned, "route6-", &route_lines(planned, Family::Ipv6)),
        file(planned, "rule6-", &rule_lines(planned, Family::Ipv6)),
    ];
    files.into_iter().flatten().collect()
}

/// The subnets of the table and of main before every gateway: without `onlink` the kernel refuses a gateway
/// that no route reaches yet ("Nexthop has invalid gateway").
fn route_lines(planned: &Planned, family: Family) -> Vec<String> {
    let mut routes: Vec<_> = planned
        .routes
        .iter()
        .filter(|route| route.family() == family)
        .collect();
    routes.sort_by_key(|route| (route.via.is_some(), route.table == MAIN));
    routes.into_iter().map(route_line).collect()
}

/// The words of `ip route add` without `onlink`, as Amazon Linux has them.
fn route_line(route: &Route) -> String {
    route.to_string().replacen(" onlink", "", 1)
}

fn rule_lines(planned: &Planned, family: Family) -> Vec<String> {
    planned
        .rules
        .iter()
        .filter(|rule| rule.family == family)
        .map(ToString::to_string)
        .collect()
}

/// A whole, static ifcfg file for an ENI that nobody else configures.
fn ifcfg_lines(planned: &Planned) -> Vec<String> {
    let mut lines = vec![
        format!("DEVICE={}", planned.dev),
        format!("HWADDR={}", planned.eni.mac),
    ];
    lines.extend(
        "TYPE=Ethernet ONBOOT=yes BOOTPROTO=none NM_CONTROLLED=no DEFROUTE=no PEERDNS=no NOZEROCONF=yes"
            .split(' ')
            .map(str::to_owned),
    );
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = planned
        .addresses
        .iter()
        .map(|address| address.net.addr())
        .partition(IpAddr::is_ipv4);
    for (number, ip) in v4.iter().enumerate() {
        // The first has no number, and ifup-eth stops at the first gap. The ARP options are each address's own: its
        // probe costs seconds, and finds nothing in a VPC.
        let number = if number == 0 {
            String::new()
        } else {
            number.to_string()
        };
        let words = format!(
            "IPADDR{number}={ip} PREFIX{number}=32 ARPCHECK{number}=no ARPUPDATE{number}=no"
        );
        lines.extend(words.split(' ').map(str::to_owned));
    }
    lines.extend(ipv6_lines(&v6));
    lines
}

/// Without IPV6_AUTOCONF=no, router advertisements would bring a second default into main.
fn ipv6_lines(addresses: &[IpAddr]) -> Vec<String> {
    if addresses.is_empty() {
        return vec!["IPV6INIT=no".into()];
    }
    let mut lines: Vec<String> = ["IPV6INIT=yes", "IPV6_AUTOCONF=no", "IPV6_DEFROUTE=no"]
        .map(str::to_owned)
        .into();
    lines.extend(ipv6_addresses(addresses));
    lines
}

fn ipv6_addresses(addresses: &[IpAddr]) -> Vec<String> {
    let hosts: Vec<_> = addresses.iter().map(|ip| format!("{ip}/128")).collect();
    let Some((first, others)) = hosts.split_first() else {
        return Vec::new();
    };
    let others =
        (!others.is_empty()).then(|| format!("IPV6ADDR_SECONDARIES=\"{}\"", others.join(" ")));
    [format!("IPV6ADDR={first}")]
        .into_iter()
        .chain(others)
        .collect()
}

fn alias(planned: &Planned, name: &str, lines: &[String]) -> File {
    let text = format!(
        "{}DEVICE={name}\n{}\n",
        marker::marker(planned),
        lines.join("\n")
    );
    File {
        path: path(&format!("ifcfg-{name}")),
        mode: 0o644,
        text,
    }
}

/// Without the switch for sysctls, ifup would run ifup-ipv6 for the alias, too, and overwrite what the owner's file
/// wants of router advertisements with the defaults.
fn alias_lines(ip: IpAddr) -> Vec<String> {
    let words = format!(
        "IPADDR={ip} PREFIX=32 NO_ALIASROUTING=yes ARPCHECK=no ARPUPDATE=no IPV6_SET_SYSCTLS=no"
    );
    words.split(' ').map(str::to_owned).collect()
}

fn ipv6_alias_lines(addresses: &[IpAddr]) -> Vec<String> {
    let mut lines: Vec<String> = ["IPV6INIT=yes", "IPV6_SET_SYSCTLS=no"]
        .map(str::to_owned)
        .into();
    lines.extend(ipv6_addresses(addresses));
    lines
}

#[cfg(test)]
mod tests;
