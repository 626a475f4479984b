//! The kinds of routes, in the kernel's words and in ours.

use neli::consts::rtnl::Rtn;
use neli::rtnl::Rtmsg;

use crate::net::RouteKind;

/// As the kernel has it.
pub(super) fn kind_value(kind: RouteKind) -> Rtn {
    match kind {
        RouteKind::Unicast => Rtn::Unicast,
        RouteKind::Throw => Rtn::Throw,
        RouteKind::Other(kind) => Rtn::from(kind),
    }
}

/// As the kernel says it.
pub(super) fn kind(message: &Rtmsg) -> RouteKind {
    match *message.rtm_type() {
        Rtn::Unicast => RouteKind::Unicast,
        Rtn::Throw => RouteKind::Throw,
        other => RouteKind::Other(other.into()),
    }
}
