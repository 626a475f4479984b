//! What the kernel says of one packet, sent or arriving, as `ip route get` shows it.

use std::fmt;
use std::net::IpAddr;

use neli::consts::rtnl::{Rta, Rtm, Rtn};
use neli::rtnl::Rtmsg;
use nix::errno::Errno;

use super::attributes::number;
use super::lookup::{Lookup, decode, request, table_flag};
use super::refusal::Refusal;
use super::{Kernel, route};
use crate::error::Result;
use crate::net::{Link, MAIN, quoted};

/// A packet as the kernel is asked for it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub to: IpAddr,
    /// `None`: the socket is bound to no address.
    pub from: Option<IpAddr>,
    /// The interface that it came in by; `None`: this host sends it.
    pub iif: Option<&'a Link>,
}

/// The kernel's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is for this host; the table that says so.
    Local(u32),
    /// It leaves.
    Way(Lookup),
    /// The reverse path filter (`rp_filter`) drops it.
    Filtered,
    /// It goes nowhere, in the words of the error.
    Refused(&'static str),
}

/// What the kernel answers for a packet that goes nowhere.
const REFUSALS: [Errno; 4] = [
    Errno::ENETUNREACH,
    Errno::EHOSTUNREACH,
    Errno::EACCES,
    // `blackhole`; a source that no packet may have, or IPv4 that this host does not have.
    Errno::EINVAL,
];

impl Kernel {
    /// What the kernel would do with a packet: the lookup, and of one that arrives the checks of its source as well.
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`] for an answer that is none of [`Word`].
    pub fn word(&mut self, asked: &Asked) -> Result<Word> {
        self.ask(asked).map_err(|refusal| refusal.of(asked))
    }

    fn ask(&mut self, asked: &Asked) -> Result<Word, Refusal> {
        let iif = asked.iif.map(|link| link.index);
        let question = request(asked.to, asked.from, iif, table_flag(asked.to))?;
        match self.socket.get(Rtm::Getroute, question) {
            Ok(reply) => self.heard(asked, &reply),
            Err(refusal) if refusal.is(&[Errno::EXDEV]) => Ok(Word::Filtered),
            Err(refusal) => {
                let said = REFUSALS.into_iter().find(|errno| refusal.is(&[*errno]));
                said.map(|errno| Word::Refused(errno.desc())).ok_or(refusal)
            }
        }
    }

    fn heard(&mut self, asked: &Asked, reply: &Rtmsg) -> Result<Word, Refusal> {
        let is_sent = asked.iif.is_none();
        let errno = match *reply.rtm_type() {
            Rtn::Unicast => return self.leaving(reply),
            Rtn::Broadcast | Rtn::Multicast if is_sent => return self.leaving(reply),
            Rtn::Local | Rtn::Anycast | Rtn::Broadcast | Rtn::Multicast => {
                return Ok(Word::Local(route::table(reply)));
            }
            Rtn::Blackhole => Errno::EINVAL,
            Rtn::Prohibit => Errno::EACCES,
            _ => Errno::EHOSTUNREACH,
        };
        Ok(Word::Refused(errno.desc()))
    }

    fn leaving(&mut self, reply: &Rtmsg) -> Result<Word, Refusal> {
        let index = number(reply.rtattrs(), Rta::Oif);
        let link = index.map(|index| self.link(index));
        let link = link.transpose()?.flatten();
        let link = link.ok_or_else(|| Refusal::because("an interface went away meanwhile"))?;
        Ok(Word::Way(decode(reply, link.name)))
    }
}

impl fmt::Display for Asked<'_> {
    /// The command that asks the same.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ip route get {}", self.to)?;
        if let Some(from) = self.from {
            write!(f, " from {from}")?;
        }
        if let Some(link) = self.iif {
            write!(f, " iif {}", quoted(&link.name))?;
        }
        Ok(())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Local(_) => f.write_str("local"),
            Self::Filtered => f.write_str(Errno::EXDEV.desc()),
            Self::Refused(words) => f.write_str(words),
            Self::Way(lookup) => lookup.fmt(f),
        }
    }
}

impl fmt::Display for Lookup {
    /// As `ip route get` has it, without the destination.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(via) = self.via {
            write!(f, "via {via} ")?;
        }
        write!(f, "dev {} table ", quoted(&self.dev))?;
        match self.table {
            MAIN => write!(f, "main")?,
            table => write!(f, "{table}")?,
        }
        self.src.map_or(Ok(()), |src| write!(f, " src {src}"))
    }
}
