//! The neighbour table (`RTM_GETNEIGH`): listed only.

use neli::consts::rtnl::{Nda, Ntf, Nud, RtAddrFamily, Rtm, Rtn};
use neli::rtnl::{Ndmsg, NdmsgBuilder};
use neli::types::RtBuffer;

use super::Kernel;
use super::attributes::{ip, name};
use super::refusal::Refusal;
use crate::error::Result;
use crate::net::{Link, Neighbour, Reachability};

impl Kernel {
    /// Every neighbour that was asked for, of both families; `links` give the interfaces their names.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    pub fn neighbours(&mut self, links: &[Link]) -> Result<Vec<Neighbour>> {
        let all = self.list_neighbours(links);
        all.map_err(|refusal| refusal.of("list neighbours"))
    }

    fn list_neighbours(&mut self, links: &[Link]) -> Result<Vec<Neighbour>, Refusal> {
        let every = NdmsgBuilder::default()
            .ndm_family(RtAddrFamily::Unspecified)
            .ndm_index(0)
            .ndm_state(Nud::empty())
            .ndm_flags(Ntf::empty())
            .ndm_type(Rtn::Unspec)
            .rtattrs(RtBuffer::new())
            .build()
            .map_err(Refusal::because)?;
        let keep = |all: &mut Vec<_>, row: Ndmsg| all.extend(decode(&row, links));
        self.socket.dump(Rtm::Getneigh, every, &keep)
    }
}

fn decode(row: &Ndmsg, links: &[Link]) -> Option<Neighbour> {
    let index = u32::try_from(*row.ndm_index()).ok()?;
    Some(Neighbour {
        dev: name(links, index)?,
        ip: ip(row.rtattrs(), Nda::Dst)?,
        state: state(*row.ndm_state()),
    })
}

fn state(nud: Nud) -> Reachability {
    if nud.contains(Nud::FAILED) {
        Reachability::Silent
    } else if nud.contains(Nud::INCOMPLETE) || nud.is_empty() {
        Reachability::Unknown
    } else {
        Reachability::Answers
    }
}
