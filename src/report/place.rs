//! Where one address lives, by its private or its public name.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{AddressReport, EniReport, Report, Role, Voice};
use crate::error::{Error, Result};
use crate::gather::Gather;

/// How many addresses are named to who asks for one that is nobody's.
const NAMED: usize = 20;

impl Report {
    /// The report about this address alone: a private one, a public one, or one of a delegated prefix.
    ///
    /// # Errors
    /// [`Error::Usage`]: no ENI has it; names those that there are.
    pub fn about(mut self, ip: IpAddr) -> Result<Self> {
        let found = self.enis.iter().find_map(|eni| place(eni, ip));
        let Some((mac, kept, text)) = found else {
            return Err(Error::Usage(self.unknown(ip)));
        };
        self.enis.retain(|eni| eni.mac == mac);
        for eni in &mut self.enis {
            eni.addresses.retain(|one| Some(one.address) == kept);
            eni.prefixes
                .retain(|prefix| kept.is_none() && contains(prefix, ip));
        }
        let concerns = |address: Option<IpAddr>| address.is_none() || address == kept;
        let whose = mac.to_string();
        self.findings
            .retain(|finding| finding.whose() == whose && concerns(finding.address));
        self.voice = Voice::Line(text);
        Ok(self)
    }

    fn unknown(&self, ip: IpAddr) -> String {
        let of_eni = |eni: &EniReport| -> Vec<String> {
            let addresses = eni.addresses.iter();
            let named = addresses.map(|one| format!("{} ({})", one.address, eni.name()));
            named.gathered()
        };
        let mut all: Vec<String> = self.enis.iter().flat_map(of_eni).gathered();
        let more = all.len().saturating_sub(NAMED);
        all.truncate(NAMED);
        if more > 0 {
            all.push(format!("and {more} more (`eniroute status` has all)"));
        }
        let told = self
            .findings
            .iter()
            .find(|finding| finding.address == Some(ip));
        let told = told.map_or_else(String::new, |finding| format!(" ({})", finding.what));
        format!(
            "EC2 has given {ip} to no ENI of this instance{told}; there are {}",
            all.join(", ")
        )
    }
}

type Place = (crate::net::Mac, Option<IpAddr>, String);

/// The ENI's MAC, its private address that is meant, and a sentence.
fn place(eni: &EniReport, ip: IpAddr) -> Option<Place> {
    let is_it = |one: &&AddressReport| {
        one.address == ip || one.public.iter().any(|public| IpAddr::from(*public) == ip)
    };
    if let Some(one) = eni.addresses.iter().find(is_it) {
        return Some((eni.mac, Some(one.address), sentence(eni, one, ip)));
    }
    let prefix = eni.prefixes.iter().find(|prefix| contains(prefix, ip))?;
    let text = format!(
        "{ip} is in {prefix}, a delegated prefix of {}",
        whereabouts(eni)
    );
    Some((eni.mac, None, text))
}

fn sentence(eni: &EniReport, one: &AddressReport, ip: IpAddr) -> String {
    let role = match one.role {
        Role::Primary => "the primary address",
        Role::Secondary => "a secondary address",
        Role::Ipv6 => "an IPv6 address",
    };
    let place = format!("{role} of {}: {}", whereabouts(eni), one.state);
    if one.address != ip {
        return format!("{ip} is the public address of {}, {place}", one.address);
    }
    let public: Vec<String> = one.public.iter().map(ToString::to_string).gathered();
    match &public[..] {
        [] => format!("{ip} is {place}"),
        public => format!("{ip}, outside {}, is {place}", public.join(" and ")),
    }
}

fn whereabouts(eni: &EniReport) -> String {
    let id = eni.eni.clone().unwrap_or_else(|| eni.mac.to_string());
    let table = eni
        .table
        .map_or_else(String::new, |table| format!(", table {table}"));
    match &eni.interface {
        Some(interface) => format!("{interface} ({id}{table})"),
        None => format!("{id}, which has no interface here"),
    }
}

fn contains(prefix: &str, ip: IpAddr) -> bool {
    prefix.parse().is_ok_and(|net: IpNet| net.contains(&ip))
}
