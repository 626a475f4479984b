//! What the decoders make of a datagram: the entrance of the fuzz targets, and in no binary.

use neli::rtnl::{Fibmsg, Ifaddrmsg, Ifinfomsg, Rtmsg};
use neli::types::Buffer;

use super::nexthop::Objects;
use super::reply::rows;
use super::{address, link, route, rule};
use crate::net::Link;

/// Reads a part of a list: of links (`kind` 0), addresses (1), routes (2), rules (3) or next hops. How many it has.
pub fn read(kind: u8, datagram: &[u8], links: &[Link]) -> usize {
    let next_hops = || Objects::of(&rows::<Buffer>(datagram));
    match kind {
        0 => count(&rows::<Ifinfomsg>(datagram), link::decode),
        1 => count(&rows::<Ifaddrmsg>(datagram), |row| {
            address::decode(row, links)
        }),
        2 => count(&rows::<Rtmsg>(datagram), |row| {
            route::decode(row, links, &next_hops())
        }),
        3 => count(&rows::<Fibmsg>(datagram), rule::decode),
        _ => (0..8).map(|id| next_hops().ways(id).len()).sum(),
    }
}

fn count<M, T>(messages: &[M], decode: impl Fn(&M) -> Option<T>) -> usize {
    messages.iter().filter_map(decode).count()
}
