//! Links: listed, and brought up or down.

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{Iff, Ifla, IflaInfo, RtAddrFamily, Rtm};
use neli::rtnl::{Ifinfomsg, IfinfomsgBuilder};

use super::Kernel;
use super::attributes::{Attributes, find, index, is, nested, number, text_of, value};
use super::refusal::Refusal;
use crate::error::Result;
use crate::gather::Gather;
use crate::net::{Dev, Link, Mac};

/// The type of IPv6's part in `IFLA_AF_SPEC`.
const AF_INET6: u16 = 10;
/// The link's sysctls, an array of 32-bit numbers; `disable_ipv6` is this one (linux/ipv6.h).
const IFLA_INET6_CONF: u16 = 2;
const DEVCONF_DISABLE_IPV6: usize = 26;

impl Kernel {
    /// Every link.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    pub fn links(&mut self) -> Result<Vec<Link>> {
        self.list_links()
            .map_err(|refusal| refusal.of("list links"))
    }

    pub(super) fn list_links(&mut self) -> Result<Vec<Link>, Refusal> {
        let keep = |all: &mut Vec<_>, row: Ifinfomsg| all.extend(decode(&row));
        self.socket.dump(Rtm::Getlink, request(0)?, &keep)
    }

    pub(super) fn link(&mut self, index: u32) -> Result<Option<Link>, Refusal> {
        let reply: Ifinfomsg = self.socket.get(Rtm::Getlink, request(index)?)?;
        Ok(decode(&reply))
    }

    pub(super) fn bring_up(&mut self, dev: &Dev, links: &[Link]) -> Result<bool, Refusal> {
        self.set_link(index(links, dev)?, true)
    }

    pub(super) fn take_down(&mut self, dev: &Dev, links: &[Link]) -> Result<bool, Refusal> {
        match index(links, dev) {
            Ok(index) => self.set_link(index, false),
            Err(_) => Ok(false),
        }
    }

    /// Asks first: the kernel acknowledges a link's state whether it changes or not.
    fn set_link(&mut self, index: u32, up: bool) -> Result<bool, Refusal> {
        if self.link(index)?.is_some_and(|link| link.up == up) {
            return Ok(false);
        }
        self.socket
            .change(Rtm::Newlink, NlmF::empty(), state(index, up)?)?;
        Ok(true)
    }
}

/// The link `index`, or every link (0).
pub(super) fn request(index: u32) -> Result<Ifinfomsg, Refusal> {
    builder(index)?.build().map_err(Refusal::because)
}

/// The link `index` administratively up or down, and nothing else of it.
fn state(index: u32, up: bool) -> Result<Ifinfomsg, Refusal> {
    let message = builder(index)?;
    let message = if up { message.up() } else { message.down() };
    message.build().map_err(Refusal::because)
}

fn builder(index: u32) -> Result<IfinfomsgBuilder, Refusal> {
    let index = i32::try_from(index).map_err(Refusal::because)?;
    Ok(IfinfomsgBuilder::default()
        .ifi_family(RtAddrFamily::Unspecified)
        .ifi_index(index))
}

/// `None` for a message without index or name.
pub(super) fn decode(message: &Ifinfomsg) -> Option<Link> {
    let attributes = message.rtattrs();
    Some(Link {
        index: u32::try_from(*message.ifi_index()).ok()?,
        name: text_of(value(attributes, Ifla::Ifname)?).into(),
        altnames: altnames(attributes),
        mac: value(attributes, Ifla::Address).and_then(mac),
        permanent_mac: value(attributes, Ifla::PermAddress).and_then(mac),
        kind: kind(attributes),
        master: number(attributes, Ifla::Master),
        ipv6: value(attributes, Ifla::AfSpec).is_none_or(has_ipv6),
        up: message.ifi_flags().contains(Iff::UP),
    })
}

/// `None` unless it is an Ethernet address: `lo` reports zeros, a tunnel four bytes.
fn mac(bytes: &[u8]) -> Option<Mac> {
    <[u8; 6]>::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes != [0; 6])
        .map(Mac)
}

fn altnames(attributes: &Attributes<Ifla>) -> Vec<String> {
    let Some(list) = find(attributes, Ifla::PropList) else {
        return Vec::new();
    };
    let Ok(list) = list.get_attr_handle::<Ifla>() else {
        return Vec::new();
    };
    let names = list
        .get_attrs()
        .iter()
        .filter(|a| is(a, Ifla::AltIfname.into()));
    names
        .map(|name| text_of(name.rta_payload().as_ref()))
        .gathered()
}

fn kind(attributes: &Attributes<Ifla>) -> Option<String> {
    let info = find(attributes, Ifla::Linkinfo)?;
    let info = info.get_attr_handle::<IflaInfo>().ok()?;
    let kind = info.get_attribute(IflaInfo::Kind)?;
    Some(text_of(kind.rta_payload().as_ref()))
}

/// What `IFLA_AF_SPEC` says: a link without IPv6 has no part for it, and one where it is off says so there.
fn has_ipv6(families: &[u8]) -> bool {
    let conf = nested(families, AF_INET6).and_then(|inet6| nested(inet6, IFLA_INET6_CONF));
    let disable_ipv6 = conf.and_then(|conf| conf.chunks_exact(4).nth(DEVCONF_DISABLE_IPV6));
    disable_ipv6.is_some_and(|number| number == [0; 4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_bytes_that_are_not_zero_are_a_mac() {
        assert_eq!(mac(&[0; 6]), None);
        assert_eq!(mac(&[10, 0, 0, 1]), None);
        assert_eq!(
            mac(&[2, 0, 0, 0, 0, 1]).unwrap().to_string(),
            "02:00:00:00:00:01"
        );
    }

    #[test]
    fn ipv6_is_on_only_where_the_link_says_so() {
        let attribute = |kind: u16, value: &[u8]| {
            let length = u16::try_from(value.len() + 4).unwrap();
            [&length.to_ne_bytes()[..], &kind.to_ne_bytes()[..], value].concat()
        };
        let inet6 = |off: u32| {
            let conf: Vec<u8> = (0..30)
                .flat_map(|n| if n == 26 { off } else { 7 }.to_ne_bytes())
                .collect();
            [
                attribute(2, &[0; 4]),
                attribute(10, &[attribute(1, &[0; 4]), attribute(2, &conf)].concat()),
            ]
            .concat()
        };
        assert!(has_ipv6(&inet6(0)) && !has_ipv6(&inet6(1)));
        assert!(!has_ipv6(&attribute(2, &[0; 4])), "IPv4 only");
        for cut in 0..inet6(0).len() {
            has_ipv6(&inet6(0)[..cut]);
        }
        assert!(!has_ipv6(&[0; 16]), "a length of zero ends too");
    }

    #[test]
    fn an_index_beyond_the_kernels_is_refused() {
        assert!(request(u32::MAX).is_err());
    }
}
