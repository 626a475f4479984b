//! The ways of a route that has several: `RTA_MULTIPATH`, and the next hop objects that a route may name by number
//! (`ip nexthop`, Linux 5.3 and later). Read and written byte by byte, because neli knows neither.

use std::collections::BTreeMap;
use std::net::IpAddr;

use neli::consts::rtnl::{Rta, Rtm};
use neli::rtnl::Rtmsg;
use neli::types::Buffer;

use super::Kernel;
use super::attributes::{
    self, RTA_VIA, attribute, find, gateway, ip_of, ip_of_via, name, nested, value,
};
use super::refusal::Refusal;
use crate::gather::Gather;
use crate::net::{Link, NextHop};

/// The number of the next hop object that a route goes by.
pub const RTA_NH_ID: u16 = 30;
/// `RTM_GETNEXTHOP`, whose message is a `struct nhmsg` of eight bytes, all zero where every object is asked for.
const RTM_GETNEXTHOP: u16 = 106;
const NHMSG: [u8; 8] = [0; 8];

const NHA_ID: u16 = 1;
const NHA_GROUP: u16 = 2;
const NHA_OIF: u16 = 5;
const NHA_GATEWAY: u16 = 6;

/// `RTNH_F_ONLINK`: take the gateway as reachable on the link though no route covers it.
const ONLINK: u8 = 4;

/// Router, interface and weight, before the interface has its name.
type Way = (Option<IpAddr>, u32, u16);

/// The kernel's next hop objects.
#[derive(Debug, Default)]
pub struct Objects {
    ways: BTreeMap<u32, Way>,
    /// The members of each group, with their weights.
    groups: BTreeMap<u32, Vec<(u32, u16)>>,
}

impl Objects {
    /// From the messages of a dump: each a `struct nhmsg` and its attributes. One without a way (`blackhole`) is left out.
    pub fn of(messages: &[impl AsRef<[u8]>]) -> Self {
        let mut objects = Self::default();
        for attributes in messages
            .iter()
            .filter_map(|message| message.as_ref().get(NHMSG.len()..))
        {
            let Some(id) = number(attributes, NHA_ID) else {
                continue;
            };
            if let Some(group) = nested(attributes, NHA_GROUP) {
                objects.groups.insert(id, members(group));
            } else if let Some(index) = number(attributes, NHA_OIF) {
                let via = nested(attributes, NHA_GATEWAY).and_then(ip_of);
                objects.ways.insert(id, (via, index, 1));
            }
        }
        objects
    }

    /// The next hop object `id` is a group of others.
    pub fn is_group(&self, id: u32) -> bool {
        self.groups.contains_key(&id)
    }

    /// The ways of an object, or of each member of a group.
    pub fn ways(&self, id: u32) -> Vec<Way> {
        let way = |&(id, weight): &(u32, u16)| {
            self.ways
                .get(&id)
                .map(|&(via, index, _)| (via, index, weight))
        };
        let alone = [(id, 1)];
        self.groups
            .get(&id)
            .map_or(&alone[..], Vec::as_slice)
            .iter()
            .filter_map(way)
            .gathered()
    }
}

impl Kernel {
    /// Asked for only where a route names one and tells nothing else of its ways.
    pub(super) fn next_hop_objects(&mut self, rows: &[Rtmsg]) -> Result<Objects, Refusal> {
        if !rows.iter().any(|row| object(row).is_some()) {
            return Ok(Objects::default());
        }
        let (kind, every) = (Rtm::from(RTM_GETNEXTHOP), Buffer::from(NHMSG.to_vec()));
        let rows: Vec<Buffer> = self.socket.dump(kind, every, &Vec::push)?;
        Ok(Objects::of(&rows))
    }
}

/// `struct nexthop_grp`: id, weight - 1 (low byte, and since Linux 6.12 the high byte, which was 0), padding.
fn members(group: &[u8]) -> Vec<(u32, u16)> {
    let (entries, _) = group.as_chunks::<8>();
    let weight = |low, high| u16::from_le_bytes([low, high]).saturating_add(1);
    let entries = entries.iter();
    let member = |&[a, b, c, d, low, high, ..]: &[u8; 8]| {
        (u32::from_ne_bytes([a, b, c, d]), weight(low, high))
    };
    entries.map(member).gathered()
}

fn number(attributes: &[u8], kind: u16) -> Option<u32> {
    Some(u32::from_ne_bytes(
        nested(attributes, kind)?.try_into().ok()?,
    ))
}

/// The value of `RTA_MULTIPATH`: for each way a `struct rtnexthop` (length, flags, weight - 1, interface) and its
/// attributes. What is cut off is left out.
fn of_multipath(mut bytes: &[u8]) -> Vec<Way> {
    let mut ways = Vec::new();
    while let Some((&[a, b, _, weight, i, j, k, l], _)) = bytes.split_first_chunk::<8>() {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let Some(attributes) = bytes.get(8..length) else {
            break;
        };
        let gateway = nested(attributes, Rta::Gateway.into()).and_then(ip_of);
        let other_family = || ip_of_via(nested(attributes, RTA_VIA)?);
        ways.push((
            gateway.or_else(other_family),
            u32::from_ne_bytes([i, j, k, l]),
            u16::from(weight) + 1,
        ));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    ways
}

/// The value of `RTA_MULTIPATH` for these ways by the interfaces of `indexes`, which are in the same order.
pub fn multipath(hops: &[NextHop], indexes: &[u32]) -> Vec<u8> {
    hops.iter()
        .zip(indexes)
        .flat_map(|(hop, index)| next_hop(hop, *index))
        .gathered()
}

fn next_hop(hop: &NextHop, index: u32) -> Vec<u8> {
    let gateway = match hop.via {
        Some(IpAddr::V4(ip)) => attribute(Rta::Gateway.into(), &ip.octets()),
        Some(IpAddr::V6(ip)) => attribute(Rta::Gateway.into(), &ip.octets()),
        None => Vec::new(),
    };
    let flags = if hop.via.is_some() { ONLINK } else { 0 };
    let weight = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    let length = u16::try_from(8 + gateway.len()).unwrap_or_default();
    [
        &length.to_ne_bytes()[..],
        &[flags, weight],
        &index.to_ne_bytes(),
        &gateway,
    ]
    .concat()
}

/// Which next hop object a route goes by.
pub fn object_of(message: &Rtmsg) -> Option<u32> {
    attributes::number(message.rtattrs(), RTA_NH_ID)
}

/// The same where the kernel tells nothing else of the route's ways (`nexthop_compat_mode` off).
fn object(message: &Rtmsg) -> Option<u32> {
    let attributes = message.rtattrs();
    let told = find(attributes, Rta::Oif).is_some() || find(attributes, Rta::Multipath).is_some();
    object_of(message).filter(|_| !told)
}

/// The route has several next hops, its own or those of a group.
pub fn is_multipath(message: &Rtmsg, objects: &Objects) -> bool {
    find(message.rtattrs(), Rta::Multipath).is_some()
        || object(message).is_some_and(|id| objects.is_group(id))
}

/// Every way of a route, or of the answer to a lookup; `None` where a link came after `links` were listed.
pub fn ways(message: &Rtmsg, links: &[Link], objects: &Objects) -> Option<Vec<NextHop>> {
    let attributes = message.rtattrs();
    let raw = match (value(attributes, Rta::Multipath), object(message)) {
        (Some(hops), _) => of_multipath(hops),
        (None, Some(id)) => objects.ways(id),
        (None, None) => {
            let index = attributes::number(attributes, Rta::Oif);
            let only = index.map(|index| (gateway(attributes), index, 1));
            only.into_iter().gathered()
        }
    };
    let named = |(via, index, weight)| {
        let dev = name(links, index)?;
        Some(NextHop { via, dev, weight })
    };
    raw.into_iter().map(named).gathered()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways() -> [NextHop; 2] {
        let hop = |via: Option<&str>, weight| NextHop {
            via: via.map(|ip| ip.parse().unwrap()),
            dev: "eth1".into(),
            weight,
        };
        [hop(Some("fe80::1"), 1), hop(None, 256)]
    }

    #[test]
    fn a_message_that_is_cut_anywhere_has_fewer_ways_and_no_end_of_them() {
        let bytes = multipath(&ways(), &[2, 3]);
        assert_eq!(
            of_multipath(&bytes),
            [(Some("fe80::1".parse().unwrap()), 2, 1), (None, 3, 256)]
        );
        for cut in 0..bytes.len() {
            assert!(of_multipath(&bytes[..cut]).len() < 2);
        }
        assert_eq!(of_multipath(&[0; 64]), [], "a length of zero ends too");
    }

    #[test]
    fn a_group_has_the_ways_of_its_members_and_an_unknown_object_has_none() {
        let object = |id: u32, rest: &[Vec<u8>]| {
            [
                &NHMSG[..],
                &attribute(NHA_ID, &id.to_ne_bytes()),
                &rest.concat(),
            ]
            .concat()
        };
        let oif = |index: u32| attribute(NHA_OIF, &index.to_ne_bytes());
        let member = |id: u32, weight: u8| [&id.to_ne_bytes()[..], &[weight, 0, 0, 0]].concat();
        let group = attribute(
            NHA_GROUP,
            &[member(1, 0), member(2, 9), member(8, 0)].concat(),
        );
        let via = attribute(NHA_GATEWAY, &[10, 0, 0, 1]);
        let objects = Objects::of(&[
            object(1, &[oif(7), via]),
            object(2, &[oif(8)]),
            object(3, &[group]),
            object(4, &[]),
        ]);
        assert_eq!(objects.ways(1), [(Some("10.0.0.1".parse().unwrap()), 7, 1)]);
        assert_eq!(
            objects.ways(3),
            [(Some("10.0.0.1".parse().unwrap()), 7, 1), (None, 8, 10)]
        );
        assert!(objects.is_group(3) && !objects.is_group(1));
        assert_eq!(
            (objects.ways(4), objects.ways(5)),
            (vec![], vec![]),
            "a blackhole, and one that is gone"
        );
    }
}
