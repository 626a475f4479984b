//! What our table of nftables holds, by netlink: it needs no program, and is asked for where none is there.

use std::collections::BTreeMap;

use neli::consts::rtnl::Rtm;
use neli::consts::socket::NlFamily;
use neli::types::Buffer;

use super::Part;
use crate::error::Result;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::kernel::attributes::{nested, text_of};
use crate::kernel::conntrack::{HEADER, NONE};
use crate::kernel::refusal::Refusal;
use crate::kernel::socket::Socket;
use crate::net::nft::{NAME, Tally};

/// `NFNL_SUBSYS_NFTABLES << 8`, and in it `NFT_MSG_GETTABLE`, `NFT_MSG_GETCHAIN`, `NFT_MSG_GETSET`, `NFT_MSG_GETGEN` and
/// `NFT_MSG_GETOBJ` (`linux/netfilter/nf_tables.h`).
const GET_TABLE: u16 = 0x0a01;
const GET_CHAIN: u16 = 0x0a04;
const GET_SET: u16 = 0x0a0a;
const GET_GENERATION: u16 = 0x0a10;
const GET_OBJECT: u16 = 0x0a13;

/// `NFPROTO_INET`, the family of our table.
const INET: u8 = 1;

const NFTA_TABLE_NAME: u16 = 1;
/// Of chains, sets and objects alike.
const NFTA_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_SET_NAME: u16 = 2;
const NFTA_SET_FLAGS: u16 = 3;
const NFTA_OBJ_NAME: u16 = 2;
const NFTA_OBJ_TYPE: u16 = 3;
const NFTA_OBJ_DATA: u16 = 4;
const NFTA_COUNTER_BYTES: u16 = 1;
const NFTA_COUNTER_PACKETS: u16 = 2;
const NFTA_GEN_ID: u16 = 1;

/// `NFT_SET_ANONYMOUS`; `NFT_SET_MAP` and `NFT_SET_OBJECT`.
const ANONYMOUS: u32 = 1;
const MAP: u32 = 8 | 0x40;

/// `NFT_OBJECT_COUNTER` and `NFT_OBJECT_CT_TIMEOUT`.
const COUNTER: u32 = 1;
const CT_TIMEOUT: u32 = 7;

impl Kernel {
    /// Our table stands, whatever is in it. Where that cannot be asked, none does.
    pub fn has_table(&self) -> bool {
        let is_ours = |table: &[u8]| (name(table, NFTA_TABLE_NAME)? == NAME).then_some(());
        listed(GET_TABLE, &is_ours).is_ok_and(|tables| !tables.is_empty())
    }

    /// The named counters of our table; none where it does not stand.
    ///
    /// # Errors
    /// They cannot be listed: only root may.
    pub fn tallies(&self) -> Result<BTreeMap<String, Tally>> {
        let tallies = listed(GET_OBJECT, &tally);
        let tallies = tallies.map(|tallies| tallies.into_iter().into_map());
        tallies.map_err(|refusal| refusal.of("list counters (nfnetlink, nf_tables)"))
    }
}

/// The parts of our table; none where they cannot be listed.
pub(super) fn parts() -> Vec<Part> {
    let mut parts = listed(GET_CHAIN, &chain).unwrap_or_default();
    for (what, read) in [(GET_SET, set as fn(&[u8]) -> _), (GET_OBJECT, object)] {
        parts.extend(listed(what, &read).unwrap_or_default());
    }
    parts
}

/// The number of the kernel's present rules, which every transaction of whoever changes, in whichever table. `None`: it
/// cannot be asked.
pub(super) fn generation() -> Option<u32> {
    let mut socket = Socket::of(NlFamily::Netfilter).ok()?;
    let any = Buffer::from(vec![0; HEADER]);
    let told: Buffer = socket.get(Rtm::from(GET_GENERATION), any).ok()?;
    number(told.as_ref().get(HEADER..)?, NFTA_GEN_ID)
}

fn listed<T>(what: u16, read: &dyn Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, Refusal> {
    let mut found = Vec::new();
    let take = |entry: Buffer| {
        let entry: &[u8] = entry.as_ref();
        found.extend(entry.get(HEADER..).and_then(read));
    };
    let every = Buffer::from(vec![INET, 0, 0, 0]);
    let done = Socket::of(NlFamily::Netfilter)
        .map_err(Refusal::from)
        .and_then(|mut socket| socket.each(Rtm::from(what), every, take));
    match done {
        Err(refusal) if refusal.is(&NONE) => Ok(Vec::new()),
        done => done.map(|()| found),
    }
}

/// Each of these: `None` for what is of another table.
fn chain(chain: &[u8]) -> Option<Part> {
    of_ours(chain)?;
    Some(("chain", name(chain, NFTA_CHAIN_NAME)?))
}

/// Nor for those that rules have to themselves.
fn set(set: &[u8]) -> Option<Part> {
    of_ours(set)?;
    let flags = number(set, NFTA_SET_FLAGS).unwrap_or_default();
    let kind = if flags & MAP == 0 { "set" } else { "map" };
    let named = (flags & ANONYMOUS == 0).then(|| name(set, NFTA_SET_NAME));
    Some((kind, named.flatten()?))
}

fn object(object: &[u8]) -> Option<Part> {
    of_ours(object)?;
    let kind = match number(object, NFTA_OBJ_TYPE)? {
        COUNTER => "counter",
        CT_TIMEOUT => "ct timeout",
        _ => return None,
    };
    Some((kind, name(object, NFTA_OBJ_NAME)?))
}

fn of_ours(attributes: &[u8]) -> Option<()> {
    (name(attributes, NFTA_TABLE)? == NAME).then_some(())
}

/// `None` for an object of another table, and for one that counts nothing.
fn tally(object: &[u8]) -> Option<(String, Tally)> {
    of_ours(object)?;
    let data = nested(object, NFTA_OBJ_DATA)?;
    let count = |kind| Some(u64::from_be_bytes(nested(data, kind)?.try_into().ok()?));
    let tally = Tally {
        packets: count(NFTA_COUNTER_PACKETS)?,
        bytes: count(NFTA_COUNTER_BYTES)?,
    };
    Some((name(object, NFTA_OBJ_NAME)?, tally))
}

fn name(attributes: &[u8], kind: u16) -> Option<String> {
    nested(attributes, kind).map(text_of)
}

fn number(attributes: &[u8], kind: u16) -> Option<u32> {
    let bytes = nested(attributes, kind)?.try_into().ok()?;
    Some(u32::from_be_bytes(bytes))
}
