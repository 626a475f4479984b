//! What EC2 says, as evidence, and the commands that change it.

use std::net::IpAddr;

use crate::eni::Eni;
use crate::gather::Gather;
use crate::metadata::key_of;
use crate::report::Evidence;

/// So many addresses are named, and of more how many they are: an ENI may have 64.
const NAMED: usize = 4;

/// The addresses of that family that EC2 gives to the ENI.
pub fn addresses(eni: &Eni, ipv4: bool) -> String {
    let own: Vec<IpAddr> = eni
        .addresses()
        .filter(|own| own.is_ipv4() == ipv4)
        .gathered();
    let named = own.iter().take(NAMED).map(ToString::to_string);
    let named = named.gathered::<Vec<_>>().join(", ");
    match own.len() {
        0 => "no address".to_owned(),
        count if count > NAMED => format!("{named} and {} more", count - NAMED),
        _ => named,
    }
}

/// The key that says so.
pub fn metadata_key(eni: &Eni, ipv4: bool) -> Evidence {
    Evidence::metadata(key(eni, ipv4), addresses(eni, ipv4))
}

/// The same of one address that it names.
pub fn metadata_of(eni: &Eni, ip: IpAddr) -> Evidence {
    Evidence::metadata(key(eni, ip.is_ipv4()), ip.to_string())
}

fn key(eni: &Eni, ipv4: bool) -> String {
    key_of(eni.mac, if ipv4 { "local-ipv4s" } else { "ipv6s" })
}

/// The command that has EC2 give `ip` to the ENI `id`.
pub fn assign(id: &str, ip: IpAddr) -> String {
    let (verb, flag) = match ip {
        IpAddr::V4(_) => ("assign-private-ip-addresses", "--private-ip-addresses"),
        IpAddr::V6(_) => ("assign-ipv6-addresses", "--ipv6-addresses"),
    };
    format!("aws ec2 {verb} --network-interface-id {id} {flag} {ip}")
}
