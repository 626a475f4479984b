//! A policy rule.

mod written;

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Dev, Family, MAIN, quoted, short};
use written::Written;

/// The protocol of what an administrator or a program of theirs has made (`RTPROT_STATIC`), eniroute's among it.
pub const STATIC: u8 = 4;

/// What the host itself sends came in by this interface, for a rule.
pub const LOOPBACK: &str = "lo";

/// A policy rule (`fib_rule`) that looks up a table. Its protocol is left out, as with [`Route`](super::Route).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Rule {
    pub priority: u32,
    pub family: Family,
    /// `None` is `from all`. Masked.
    pub from: Option<IpNet>,
    pub table: u32,
    /// Ignore a result whose prefix is not longer than this (0: ignore the default route).
    pub suppress_prefixlength: Option<u32>,
    /// See [`Rule::extra`] and [`Rule::with`]. Elsewhere, because there are thousands of rules without any.
    pub extra: Option<Box<Extra>>,
}

/// What few rules say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extra {
    /// The packet's mark.
    pub mark: Option<Mark>,
    /// It came in by the interface of this name, which need not be there.
    pub iif: Option<Dev>,
    /// What a foreign rule is `to`; eniroute writes none. Masked.
    pub to: Option<IpNet>,
    /// It has a selector or an action that eniroute never writes (`to`, `oif`, `goto`, `not`, ...): all that
    /// it says, in `ip`'s words, but for the priority.
    pub foreign: Option<Arc<str>>,
}

impl Extra {
    /// Nothing.
    pub const NONE: Self = Self {
        mark: None,
        iif: None,
        to: None,
        foreign: None,
    };
}

impl Rule {
    /// What it says that few rules do.
    pub fn extra(&self) -> &Extra {
        self.extra.as_deref().unwrap_or(&Extra::NONE)
    }

    /// The same with this instead of what it said of that.
    pub fn with(self, extra: Extra) -> Self {
        let extra = Some(extra).filter(|extra| *extra != Extra::NONE);
        Self {
            extra: extra.map(Box::new),
            ..self
        }
    }

    /// The `ip` command that makes it.
    pub fn add_command(&self) -> String {
        format!("ip {} rule add {self} protocol static", self.family.flag())
    }

    /// The `ip` command that takes it away.
    pub fn remove_command(&self) -> String {
        format!("ip {} rule del {self}", self.family.flag())
    }
}

impl fmt::Display for Rule {
    /// The words after `ip -4 rule add` or `ip -6 rule add`, without the protocol.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let extra = self.extra();
        if let Some(words) = &extra.foreign {
            return write!(f, "{words} priority {}", self.priority);
        }
        write!(f, "{} ", From(self.from))?;
        if let Some(mark) = extra.mark {
            write!(f, "fwmark {mark} ")?;
        }
        if let Some(dev) = &extra.iif {
            write!(f, "iif {} ", quoted(dev))?;
        }
        write!(f, "{}", Lookup(self.table))?;
        if let Some(length) = self.suppress_prefixlength {
            write!(f, " suppress_prefixlength {length}")?;
        }
        write!(f, " priority {}", self.priority)
    }
}

/// `fwmark`: the packet's mark has this value in the bits of the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    pub value: u32,
    pub mask: u32,
}

impl fmt::Display for Mark {
    /// `0x80/0xff`; without a mask that takes all bits, as `ip` says it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.mask {
            u32::MAX => write!(f, "{:#x}", self.value),
            mask => write!(f, "{:#x}/{mask:#x}", self.value),
        }
    }
}

/// `from 10.0.0.10`, `from 10.0.0.0/20` or `from all`.
pub struct From(pub Option<IpNet>);

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            Some(net) => write!(f, "from {}", short(net)),
            None => write!(f, "from all"),
        }
    }
}

/// `lookup 10001` or `lookup main`.
pub struct Lookup(pub u32);

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            MAIN => write!(f, "lookup main"),
            table => write!(f, "lookup {table}"),
        }
    }
}
