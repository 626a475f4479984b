//! Which packet is meant by what a person has written.

use std::net::IpAddr;

use super::{Ground, Wish};
use crate::check::walk::Packet;
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::nearest::{aside, nearest_object};
use crate::net::{Dev, Family};
use crate::reconcile::outside;

/// The packet that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The private address that the explanation is about.
    pub address: IpAddr,
    pub packet: Packet,
}

/// So many of the host's addresses are named to someone who has named another one.
const NAMED: usize = 8;

impl Question {
    /// By what is known of the host.
    ///
    /// # Errors
    /// [`Error::Usage`]: an address that is nobody's, two of different families, an interface that is not there.
    pub fn of(ground: &Ground, wish: &Wish) -> Result<Self> {
        let dev = wish
            .dev
            .as_deref()
            .map(|name| dev(ground, name))
            .transpose()?;
        let address = ground.private_of(wish.address);
        demand_one_family(address, wish.to.or(wish.from))?;
        match (wish.to, wish.from) {
            (Some(to), _) => sent(ground, address, to, dev),
            (None, Some(from)) => received(ground, wish.address, from, dev),
            (None, None) if dev.is_some() => {
                let from = outside(Family::of(address));
                received(ground, wish.address, from, dev)
            }
            (None, None) => sent(ground, address, outside(Family::of(address)), None),
        }
    }
}

/// A packet from `address`: the host's own, or one of somebody else that arrives by `dev`.
fn sent(ground: &Ground, address: IpAddr, to: IpAddr, dev: Option<Dev>) -> Result<Question> {
    if dev.is_none() {
        demand_own(ground, address)?;
    }
    let packet = Packet {
        iif: dev,
        ..Packet::sent(Some(address), to)
    };
    Ok(Question { address, packet })
}

/// A packet to `address`: one of the host's own, or one that arrives, by `dev` or where EC2 delivers it.
fn received(ground: &Ground, address: IpAddr, from: IpAddr, dev: Option<Dev>) -> Result<Question> {
    let own = ground.private_of(address);
    let source = ground.private_of(from);
    if dev.is_none() && (from.is_unspecified() || ground.is_own(source)) {
        let source = (!from.is_unspecified()).then_some(source);
        let packet = Packet::sent(source, address);
        let address = source.unwrap_or(address);
        return Ok(Question { address, packet });
    }
    let iif = match dev {
        Some(dev) => Some(dev),
        None => {
            demand_own(ground, own)?;
            ground.delivered_by(own)
        }
    };
    let packet = Packet {
        iif,
        ..Packet::sent(Some(from), own)
    };
    let address = own;
    Ok(Question { address, packet })
}

fn demand_one_family(address: IpAddr, other: Option<IpAddr>) -> Result<()> {
    match other {
        Some(other) if Family::of(other) != Family::of(address) => Err(Error::Usage(format!(
            "{address} and {other} are of different families: both must be IPv4, or both IPv6"
        ))),
        _ => Ok(()),
    }
}

fn demand_own(ground: &Ground, ip: IpAddr) -> Result<()> {
    if ground.is_own(ip) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{ip} is no address of this host, private or public: there are {} (for a packet of somebody else's, name the \
         interface that it arrives by: --in INTERFACE)",
        there_are(ground)
    )))
}

/// The host's addresses, with their public ones.
fn there_are(ground: &Ground) -> String {
    let up = ground.assessment.observed.addresses.iter();
    let up = up.map(|up| up.net.addr()).filter(|ip| !ip.is_loopback());
    let assigned = ground.enis().flat_map(crate::eni::Eni::addresses);
    let mut all: Vec<IpAddr> = assigned.chain(up).gathered();
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|ip| seen.insert(*ip));
    let named = all.iter().take(NAMED).map(|ip| with_public(ground, *ip));
    let mut named: Vec<String> = named.gathered();
    if all.len() > NAMED {
        named.push(format!("and {} more: eniroute status", all.len() - NAMED));
    }
    named.join(", ")
}

fn with_public(ground: &Ground, ip: IpAddr) -> String {
    let public: Vec<String> = ground
        .public_of(ip)
        .iter()
        .map(ToString::to_string)
        .gathered();
    match public.is_empty() {
        true => ip.to_string(),
        false => format!("{ip} (public {})", public.join(", ")),
    }
}

/// The interface of this name or altname.
fn dev(ground: &Ground, name: &str) -> Result<Dev> {
    let links = &ground.assessment.observed.links;
    let is_it = |link: &&crate::net::Link| {
        *link.name == *name || link.altnames.iter().any(|altname| altname == name)
    };
    let names = || {
        links
            .iter()
            .map(|link| link.name.to_string())
            .gathered::<Vec<_>>()
            .join(", ")
    };
    let link = links.iter().find(is_it);
    link.map(|link| link.name.clone()).ok_or_else(|| {
        let meant = aside(nearest_object(
            name,
            &mut links.iter().map(|link| &*link.name),
        ));
        Error::Usage(format!(
            "no interface is called {name}{meant}: there are {}",
            names()
        ))
    })
}
