//! How links and addresses are: listed for whoever judges them.

use neli::consts::rtnl::{Ifa, Iff, Ifla, RtAddrFamily, Rtm};
use neli::rtnl::{Ifaddrmsg, Ifinfomsg};

use super::attributes::{number, text_of, value};
use super::refusal::Refusal;
use super::{Kernel, address, link};
use crate::error::Result;
use crate::net::Link;
use crate::net::state::{AddressState, LinkState};

/// `IFA_F_DADFAILED`, `IFA_F_DEPRECATED`, `IFA_F_TENTATIVE` (linux/if_addr.h).
const DADFAILED: u32 = 0x08;
const DEPRECATED: u32 = 0x20;
const TENTATIVE: u32 = 0x40;

impl Kernel {
    /// How every link is.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    pub fn link_states(&mut self) -> Result<Vec<LinkState>> {
        self.list_link_states()
            .map_err(|refusal| refusal.of("list links"))
    }

    /// How every address of `links` is.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    pub fn address_states(&mut self, links: &[Link]) -> Result<Vec<AddressState>> {
        self.list_address_states(links)
            .map_err(|refusal| refusal.of("list addresses"))
    }

    fn list_link_states(&mut self) -> Result<Vec<LinkState>, Refusal> {
        let keep = |all: &mut Vec<_>, row: Ifinfomsg| all.extend(link_state(&row));
        self.socket.dump(Rtm::Getlink, link::request(0)?, &keep)
    }

    fn list_address_states(&mut self, links: &[Link]) -> Result<Vec<AddressState>, Refusal> {
        let every = address::builder(RtAddrFamily::Unspecified, 0, 0).build();
        let every = every.map_err(Refusal::because)?;
        let keep = |all: &mut Vec<_>, row: Ifaddrmsg| all.extend(address_state(&row, links));
        self.socket.dump(Rtm::Getaddr, every, &keep)
    }
}

fn link_state(message: &Ifinfomsg) -> Option<LinkState> {
    let (attributes, flags) = (message.rtattrs(), message.ifi_flags());
    Some(LinkState {
        dev: text_of(value(attributes, Ifla::Ifname)?).into(),
        up: flags.contains(Iff::UP),
        carrier: flags.contains(Iff::LOWERUP),
        mtu: number(attributes, Ifla::Mtu)?,
    })
}

/// The header has the lower eight bits of the flags, which are all that Linux before 3.14 tells.
fn address_state(message: &Ifaddrmsg, links: &[Link]) -> Option<AddressState> {
    let flags = number(message.rtattrs(), Ifa::Flags)
        .unwrap_or_else(|| u32::from(message.ifa_flags().bits()));
    Some(AddressState {
        address: address::decode(message, links)?,
        tentative: flags & TENTATIVE != 0,
        duplicate: flags & DADFAILED != 0,
        deprecated: flags & DEPRECATED != 0,
        valid: address::end(message),
    })
}
