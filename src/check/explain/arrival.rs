//! Why this host does not take a packet that arrives, where its routes would: its source, and whether it forwards.

use std::net::IpAddr;

use super::Ground;
use crate::check::walk::{Packet, Walker};
use crate::gather::Gather;
use crate::net::sysctl::Key;
use crate::net::{Dev, Family, Link};

const RP_FILTER: &str = "net/ipv4/conf/*/rp_filter";
const RP_FILTER_OF_ALL: &str = "net/ipv4/conf/all/rp_filter";
const FORWARDS_IPV6: &str = "net/ipv6/conf/all/forwarding";
const FORCE_FORWARDING: &str = "net/ipv6/conf/*/force_forwarding";

/// `rp_filter` where a packet must come in by the interface of the way back.
const STRICT: &str = "1";

/// The settings that decide what arrives on `links`: who explains has them observed.
pub fn settings(links: &[Link]) -> Vec<Key> {
    let of_links = links
        .iter()
        .flat_map(|link| [RP_FILTER, FORCE_FORWARDING].map(|name| Key::of_link(name, &link.name)));
    let of_host = [RP_FILTER_OF_ALL, FORWARDS_IPV6].map(Key::of_host);
    of_links.chain(of_host).gathered()
}

/// What the kernel, which has refused a packet from `from` that its routes would take, has against it.
pub fn objection(ground: &Ground, packet: &Packet, from: IpAddr, dev: &Dev) -> String {
    let walker = Walker::new(ground.fib);
    let back = walker.walk(&Packet::sent(Some(packet.to), from)).end.devs();
    if ground.up(from).is_some() {
        return format!(
            "{from} is an address of its own, and such packets do not come in by {dev}"
        );
    }
    if let Some(why) = filter(ground, packet, dev, &back) {
        return why;
    }
    if ground.up(packet.to).is_none() {
        return no_router();
    }
    match back.is_empty() {
        true => format!("no way leads back to {from}"),
        false => format!(
            "the kernel takes no packet from {from} to {} by {dev}",
            packet.to
        ),
    }
}

/// A packet for elsewhere that the kernel's lookup lets through is dropped where IPv6 is not forwarded
/// (`ip6_forward` in net/ipv6/ip6_output.c); for IPv4 the lookup itself says so.
pub fn is_kept_from_going_on(ground: &Ground, packet: &Packet, dev: &Dev) -> bool {
    let is_off = |key: Key| ground.setting(&key) != Some("1");
    packet.family() == Family::Ipv6
        && is_off(Key::of_host(FORWARDS_IPV6))
        && is_off(Key::of_link(FORCE_FORWARDING, dev))
}

/// Why it does not go on.
pub fn no_router() -> String {
    "it does not forward (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding: O4)".to_owned()
}

/// The reverse path filter, where that is it (`__fib_validate_source` in net/ipv4/fib_frontend.c).
fn filter(ground: &Ground, packet: &Packet, dev: &Dev, back: &[&Dev]) -> Option<String> {
    let keys = [Key::of_host(RP_FILTER_OF_ALL), Key::of_link(RP_FILTER, dev)];
    let value = keys.iter().filter_map(|key| ground.setting(key)).max()?;
    let is_strict = value == STRICT;
    let drops = value != "0" && (back.is_empty() || is_strict && !back.contains(&dev));
    let way = match back {
        [] => "no way leads back".to_owned(),
        devs => {
            let devs: Vec<&str> = devs.iter().map(|dev| &***dev).gathered();
            format!("the way back is by {}", devs.join(" or "))
        }
    };
    (drops && packet.family() == Family::Ipv4)
        .then(|| format!("rp_filter of {dev} is {value}, and {way} (L6)"))
}
