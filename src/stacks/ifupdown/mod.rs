//! ifupdown: one file per ENI in /etc/network/interfaces.d, with `ip` commands that may run any number of times. A
//! whole stanza where nobody else has one for the interface, else only what that one lacks. Pure once
//! [`Ifupdown::read`] is done.

mod audit;
mod detect;
mod interfaces;
mod words;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::{Disk, File};
use crate::gather::Gather;
use crate::net::{Declared, Dev, Family, Link};
use crate::object::{Change, Object};
use crate::plan::Planned;
use crate::stacks::marker;
use crate::stacks::networkd::nic::Nic;
use crate::stacks::rendering::{Renderer, Rendering, Share, part};
use crate::stacks::stack::{Finding, Stack};
use interfaces::{Interfaces, PLAIN_NAMES, Stanza};

const FOLDER: &str = "/etc/network/interfaces.d";

/// ifupdown, and Alpine's ifupdown-ng.
pub static STACK: Stack = Stack {
    name: "ifupdown",
    folders: &[FOLDER],
    reads: &["/etc/network", FOLDER, "/run/network/interfaces.d"],
    program: "ifup",
    runs_host: |disk| Ok(Finding::by(disk, "/etc/network/interfaces")),
    witness: |host| Ok(Box::new(detect::Records(host))),
    read: |disk, links| Ok(Some(Box::new(Ifupdown::read(disk, links)?))),
    audit: audit::findings,
    ..Stack::NONE
};

/// What ifup reads already.
#[derive(Debug, Default)]
pub struct Ifupdown {
    interfaces: Interfaces,
    nics: BTreeMap<Dev, Nic>,
    /// Alpine's ifupdown-ng, which does not know `allow-hotplug`.
    next_generation: bool,
}

impl Ifupdown {
    /// Reads /etc/network/interfaces and what it sources. Errors: a file that cannot be read.
    pub fn read(disk: &Disk, links: &[Link]) -> Result<Self> {
        Ok(Self {
            interfaces: Interfaces::read(disk)?,
            nics: Nic::read_all(disk, links)?,
            next_generation: disk.exists("/usr/libexec/ifupdown-ng"),
        })
    }

    /// The name by which its owner's stanza goes: where none has today's, the next boot's.
    fn name(&self, planned: &Planned) -> Dev {
        let is_owned = |dev: &str| self.interfaces.owners(dev).next().is_some();
        let nic = self.nics.get(&planned.dev);
        let next = nic.and_then(|nic| nic.next_name.as_deref());
        let next = next.filter(|next| !is_owned(&planned.dev) && is_owned(next));
        next.map_or_else(|| planned.dev.clone(), Dev::from)
    }

    /// One ENI's file and the part that it has; none when there is nothing to add to its owner, or else the reason why it has no place.
    fn file(&self, planned: &Planned) -> Result<Option<(File, Planned)>, String> {
        let owners: Vec<_> = self.interfaces.owners(&planned.dev).gathered();
        if owners.is_empty() && planned.objects().next().is_none() {
            return Ok(None);
        }
        if owners.is_empty() && planned.eni.primary {
            let unread = self.interfaces.unread(&planned.dev).map(|path| {
                let path = path.display();
                format!(" (ifup does not read the one in {path}: {PLAIN_NAMES})")
            });
            return Err(format!(
                "no iface stanza configures it{}, and the primary never changes owner",
                unread.unwrap_or_default()
            ));
        }
        let part = lacking(planned, &owners);
        let stanzas = match owners[..] {
            [] => self.whole(&part),
            _ => additions(&part),
        };
        if stanzas.is_empty() {
            return Ok(None);
        }
        let path = self.path(planned, &owners)?;
        let file = File::readable(path, marker::marker(planned) + &stanzas);
        Ok(Some((file, part)))
    }

    /// A name that ifup reads, and after the owner's file: a route with `src` is refused until the owner's DHCP
    /// client has brought that address.
    fn path(&self, planned: &Planned, owners: &[&Stanza]) -> Result<PathBuf, String> {
        let prefixes = ["60", "99", "zz"].iter();
        let names = prefixes.flat_map(|prefix| {
            ["", ".cfg"].map(|end| format!("{prefix}-eniroute-{}{end}", planned.dev))
        });
        let mut read = names
            .map(|name| Path::new(FOLDER).join(name))
            .filter_map(|path| self.interfaces.place_of(&path));
        let last = owners.iter().max_by_key(|stanza| &stanza.place);
        let found = read.find(|place| last.is_none_or(|last| *place > last.place));
        found.map(|(_, path)| path).ok_or_else(|| match last {
            Some(last) => format!(
                "no file of ours in {FOLDER} is read after {}",
                last.path.display()
            ),
            None if self.interfaces.takes_plain_names(Path::new(FOLDER)) => format!(
                "ifup would not read {FOLDER}/60-eniroute-{}: {PLAIN_NAMES}",
                planned.dev
            ),
            None => format!("/etc/network/interfaces does not source {FOLDER}"),
        })
    }

    /// The stanzas of an ENI that nobody else configures.
    ///
    /// `allow-hotplug`, never `auto`: with the ENI detached, `auto` fails the whole networking service. A restart of
    /// that service takes down all that is up and brings up what is `auto`, hence `no-auto-down`.
    fn whole(&self, planned: &Planned) -> String {
        let dev = &planned.dev;
        let mut inet = [&pre_up(planned)[..], &steps(planned, Family::Ipv4)].concat();
        let mut inet6 = steps(planned, Family::Ipv6);
        let last = match inet6[..] {
            [] => &mut inet,
            _ => &mut inet6,
        };
        last.push(format!("post-down ip link set dev {dev} down || :"));
        let stays = if self.next_generation {
            String::new()
        } else {
            format!("no-auto-down {dev}\n")
        };
        format!("allow-hotplug {dev}\n")
            + &stays
            + &stanza(dev, "inet", &inet)
            + &stanza(dev, "inet6", &inet6)
    }

    /// What the stanzas of others bring.
    fn leave(&self, planned: &Planned, rendering: &mut Rendering) {
        let owners: Vec<_> = self.interfaces.owners(&planned.dev).gathered();
        if !owners.is_empty() {
            rendering.leave_to_owner(planned);
            let brought = part(planned, &|object| !lacks(planned, &owners, object));
            let lasting = brought.objects().filter(Object::is_lasting);
            rendering.owned.extend(lasting);
        }
    }

    /// What comes with a whole definition of ours.
    fn hold_link(&self, planned: &Planned, rendering: &mut Rendering) {
        rendering.hold_link(planned);
        if self.next_generation {
            let link = Object::LinkUp(planned.dev.clone());
            rendering.holds.retain(|held| *held != link);
            let why = "ifupdown-ng knows no `allow-hotplug`";
            rendering.limit(planned, why.to_owned());
        }
    }

    fn has_room(&self, planned: &Planned) -> bool {
        let planned = planned.under(&self.name(planned));
        matches!(self.file(&planned), Ok(Some(_)))
    }

    fn add(&self, planned: &Planned, rendering: &mut Rendering) {
        self.leave(planned, rendering);
        match self.file(planned) {
            Ok(Some((file, part))) => {
                if self.interfaces.owners(&planned.dev).next().is_none() {
                    self.hold_link(planned, rendering);
                }
                rendering.add(file, &part);
            }
            Ok(None) => {}
            Err(why) => rendering.limit(planned, why),
        }
    }
}

impl Renderer for Ifupdown {
    fn render(&self, share: &Share) -> Rendering {
        let mut rendering = Rendering::default();
        let carrier = share.enis.iter().find(|planned| self.has_room(planned));
        for planned in share.with_rules_at(carrier.copied()) {
            rendering.under(&planned, &self.name(&planned), |planned, rendering| {
                self.add(planned, rendering);
            });
        }
        rendering
    }

    fn declared(&self, planned: &Planned) -> Option<Declared> {
        words::declared(&self.interfaces, &self.name(planned))
    }
}

/// The lines that bring the link up, without router advertisements.
fn pre_up(planned: &Planned) -> [String; 2] {
    let (dev, own) = (&planned.dev, guard(planned));
    [
        format!(
            "pre-up {own} && {{ echo 0 >/proc/sys/net/ipv6/conf/{dev}/accept_ra; }} 2>/dev/null || :"
        ),
        format!("pre-up {own} && ip link set dev {dev} up || :"),
    ]
}

/// What no stanza of others brings, or everything where there is none.
fn lacking(planned: &Planned, owners: &[&Stanza]) -> Planned {
    if owners.is_empty() {
        planned.without_owner()
    } else {
        part(planned, &|object| lacks(planned, owners, object))
    }
}

fn lacks(planned: &Planned, owners: &[&Stanza], object: &Object) -> bool {
    let leased = planned.eni.ipv4.first().map(|ip| IpAddr::from(*ip));
    let brings = |ip: IpAddr| {
        owners
            .iter()
            .any(|stanza| stanza.brings(ip, Some(ip) == leased))
    };
    object
        .address()
        .is_none_or(|address| !brings(address.net.addr()))
}

/// What is added to the stanzas of others. Repeated stanzas of one interface run one after the other.
fn additions(part: &Planned) -> String {
    stanza(&part.dev, "inet", &steps(part, Family::Ipv4))
        + &stanza(&part.dev, "inet6", &steps(part, Family::Ipv6))
}

/// A stanza, or nothing when it would be empty.
fn stanza(dev: &str, family: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines = lines.iter().map(|line| format!("    {line}\n"));
    format!("iface {dev} {family} manual\n") + &lines.gathered::<String>()
}

/// The `up` lines of one family, and the `down` lines that take all back, the last first.
fn steps(part: &Planned, family: Family) -> Vec<String> {
    let is_in = |object: &Object| object.is_lasting() && object.family() == Some(family);
    let objects: Vec<_> = part.objects().filter(is_in).gathered();
    let own = guard(part);
    let up = objects.iter().map(|object| up(&own, object));
    up.chain(objects.iter().rev().map(down)).gathered()
}

/// ifup goes by the interface's name alone, so every line asks first whether the name is still this ENI's: in an
/// image that was made of the instance it is another's.
fn guard(planned: &Planned) -> String {
    format!(
        "grep -q {} /sys/class/net/{}/address",
        planned.eni.mac, planned.dev
    )
}

/// One line's failure must cost neither the lines after it nor the interface, and no unit. A rule can only be added,
/// and the kernel refuses a second one like it.
fn up(guard: &str, object: &Object) -> String {
    let command = Change::Add(object.clone()).to_string();
    if matches!(object, Object::Rule(_)) {
        return format!("up {guard} && {command} 2>/dev/null || :");
    }
    let command = command.replacen(" add ", " replace ", 1);
    format!("up {guard} && {command} || :")
}

/// What goes with the link or the lease is gone already.
fn down(object: &Object) -> String {
    format!("down {} 2>/dev/null || :", Change::Remove(object.clone()))
}

#[cfg(test)]
mod tests;
