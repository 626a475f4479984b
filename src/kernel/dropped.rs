//! Routes that the kernel drops with an address, although they do not need it: kept, and made again.

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Rta, Rtm, RtmF, Rtprot};
use neli::rtnl::{Rtmsg, RtmsgBuilder};

use super::attributes::{ip, number};
use super::refusal::Refusal;
use super::route::{ONLINK, is_cached};
use super::{Kernel, nexthop};
use crate::net::{Address, Family};

/// `RTNH_F_DEAD` and `RTNH_F_LINKDOWN`: the kernel reports them, and refuses them in a request.
const DEAD: u32 = 1;
const LINKDOWN: u32 = 16;

impl Kernel {
    /// The IPv4 routes by the link `index` that could stand without `address`.
    pub(super) fn independent(
        &mut self,
        address: &Address,
        index: u32,
    ) -> Result<Vec<Rtmsg>, Refusal> {
        self.route_messages(Family::Ipv4, &|row| outlives(row, address, index))
    }

    /// A gateway that only our routes led to is on the link all the same. What cannot stand any more is no loss to us.
    pub(super) fn put_back(&mut self, route: &Rtmsg) -> Result<(), Refusal> {
        // Beside others of the same metric, as it stood.
        let new = NlmF::CREATE | NlmF::APPEND;
        let (same, on_link) = (again(route, false)?, again(route, true)?);
        let made = self.socket.change(Rtm::Newroute, new, same);
        if made
            .or_else(|_| self.socket.change(Rtm::Newroute, new, on_link))
            .is_err()
        {
            log::warn!(
                "the kernel dropped a route that eniroute did not make with the last address of its interface: {route:?}"
            );
        }
        Ok(())
    }
}

/// A route that was listed, to be made again as it was; with `on_link`, its gateway need not be covered by a route.
fn again(listed: &Rtmsg, on_link: bool) -> Result<Rtmsg, Refusal> {
    let flags = listed.rtm_flags().bits() & !(DEAD | LINKDOWN) | if on_link { ONLINK } else { 0 };
    let message = RtmsgBuilder::default()
        .rtm_family(*listed.rtm_family())
        .rtm_dst_len(*listed.rtm_dst_len())
        .rtm_src_len(*listed.rtm_src_len())
        .rtm_tos(*listed.rtm_tos())
        .rtm_table(*listed.rtm_table())
        .rtm_protocol(*listed.rtm_protocol())
        .rtm_scope(*listed.rtm_scope())
        .rtm_type(*listed.rtm_type())
        .rtm_flags(RtmF::from_bits_retain(flags))
        .rtattrs(listed.rtattrs().clone());
    message.build().map_err(Refusal::because)
}

/// A route by the link `index` that could stand without `address`: the kernel has not made it for that, and it does
/// not have it as its source. One by a next hop object stays by itself (`fib_sync_down_dev` knows none).
fn outlives(message: &Rtmsg, address: &Address, index: u32) -> bool {
    let attributes = message.rtattrs();
    number(attributes, Rta::Oif) == Some(index)
        && !is_cached(message)
        && nexthop::object_of(message).is_none()
        && *message.rtm_protocol() != Rtprot::Kernel
        && ip(attributes, Rta::Prefsrc) != Some(address.net.addr())
}
