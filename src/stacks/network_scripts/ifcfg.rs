//! Other people's ifcfg files: KEY=value lines in shell quoting, read and never written.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::files;
use crate::gather::Gather;
use crate::net::{Declared, Mac, Word};

/// Each names what the device is a port of; NetworkManager's plugin knows the second half.
const HOLDERS: [&str; 9] = [
    "BRIDGE",
    "MASTER",
    "TEAM_MASTER",
    "OVS_BRIDGE",
    "VRF",
    "BRIDGE_UUID",
    "MASTER_UUID",
    "TEAM_MASTER_UUID",
    "VRF_UUID",
];

/// One ifcfg file that is not ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ifcfg {
    pub path: PathBuf,
    values: BTreeMap<String, String>,
}

impl Ifcfg {
    /// Reads what a shell that sources the file would set. Lines that are no plain assignment are skipped: the
    /// file may hold any shell code, and a missed one only means that nobody seems to own the interface.
    pub fn parse(path: &Path, text: &str) -> Self {
        let assignment = |line: &str| {
            let line = line.trim_start();
            let (key, value) = line
                .strip_prefix("export ")
                .unwrap_or(line)
                .split_once('=')?;
            let name =
                !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            name.then(|| (key.to_owned(), unquote(value)))
        };
        Self {
            path: path.to_owned(),
            values: text.lines().filter_map(assignment).into_map(),
        }
    }

    /// The value of a key; `None` where it is empty, too.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether it configures the interface with this MAC and one of these names: by its hardware address, else by its
    /// device, or by its own name.
    pub fn configures(&self, names: &[&str], mac: Mac) -> bool {
        let is_named = || names.contains(&self.get("DEVICE").unwrap_or(self.name()));
        let hwaddr = self.get("HWADDR").and_then(|mac| mac.parse::<Mac>().ok());
        let is_its = hwaddr.map_or_else(is_named, |hwaddr| hwaddr == mac);
        is_its && !self.name().contains(':')
    }

    /// The name that it gives the device, where it names one.
    pub fn device(&self) -> Option<&str> {
        self.get("DEVICE")
    }

    /// Whether it is an alias file (`ifcfg-eth0:1`), which adds an address to a device that another configures.
    pub fn is_alias_of(&self, dev: &str) -> bool {
        self.name()
            .split_once(':')
            .is_some_and(|(parent, _)| parent == dev)
    }

    /// What follows `ifcfg-` in the file's name.
    fn name(&self) -> &str {
        let name = files::name(&self.path);
        name.strip_prefix("ifcfg-").unwrap_or(name)
    }

    /// Whose port it makes its device, or that it waits for somebody to bring that up.
    pub fn declared(&self) -> Option<Declared> {
        let said = |key: &str| Some((key.to_owned(), self.get(key)?.to_owned()));
        let new = |word, (key, value): &(String, String)| {
            Declared::new(word, &format!("{key}={value}"), self.path.display())
        };
        let is_slave = self.get("SLAVE").is_none_or(|value| !is_no(value));
        let holders = HOLDERS
            .iter()
            .filter(|key| is_slave || !key.starts_with("MASTER"));
        let port = holders.filter_map(|key| said(key)).next();
        let onboot = said("ONBOOT").filter(|(_, value)| is_no(value));
        port.map(|said| new(Word::Port(said.1.as_str().into()), &said))
            .or_else(|| onboot.map(|said| new(Word::Manual, &said)))
    }

    /// Whether a DHCP client brings its IPv4 address.
    pub fn is_dhcp(&self) -> bool {
        self.get("BOOTPROTO")
            .is_some_and(|proto| proto.eq_ignore_ascii_case("dhcp"))
    }

    /// Whether a DHCPv6 client brings its IPv6 addresses.
    pub fn is_dhcpv6(&self) -> bool {
        self.get("DHCPV6C")
            .is_some_and(|yes| yes.eq_ignore_ascii_case("yes"))
    }

    /// Whether it has a static IPv4 address: `IPADDR`, `IPADDR0`, `IPADDR1`, ...
    pub fn has_ipv4(&self) -> bool {
        self.values
            .iter()
            .any(|(key, value)| key.starts_with("IPADDR") && !value.is_empty())
    }

    /// Whether the address is one of its static ones: `IPADDR` with any number, `IPV6ADDR`, `IPV6ADDR_SECONDARIES`.
    pub fn has_address(&self, ip: IpAddr) -> bool {
        let addresses = |key: &str| key.starts_with("IPADDR") || key.starts_with("IPV6ADDR");
        let values = self
            .values
            .iter()
            .filter(|(key, _)| addresses(key))
            .map(|(_, value)| value);
        let words = values.flat_map(|value| value.split_whitespace());
        words
            .filter_map(|word| word.split('/').next()?.parse::<IpAddr>().ok())
            .any(|address| address == ip)
    }
}

fn is_no(value: &str) -> bool {
    let no = ["no", "n", "false", "f", "off", "0"];
    no.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// ifup passes over the same leftovers of editors and packages.
pub fn is_ifcfg(path: &Path) -> bool {
    let name = files::name(path);
    let leftovers = [
        "~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave",
    ];
    name.starts_with("ifcfg-") && !leftovers.iter().any(|end| name.ends_with(end))
}

/// The first word of a shell assignment's right side, without its quotes and escapes.
fn unquote(value: &str) -> String {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => word.extend(chars.next()),
            (None, c) if c.is_whitespace() || c == ';' => break,
            (_, c) => word.push(c),
        }
    }
    word
}
