//! What our table of nftables holds, by netlink: it needs no program, and is asked for where none is there.

use std::collections::BTreeMap;

use neli::consts::rtnl::Rtm;
use neli::consts::socket::NlFamily;
use neli::types::Buffer;

use crate::error::Result;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::kernel::attributes::{nested, text_of};
use crate::kernel::conntrack::{HEADER, NONE};
use crate::kernel::refusal::Refusal;
use crate::kernel::socket::Socket;
use crate::net::nft::{NAME, Tally};

/// `NFNL_SUBSYS_NFTABLES << 8`, and in it `NFT_MSG_GETTABLE` and `NFT_MSG_GETOBJ` (`linux/netfilter/nf_tables.h`).
const GET_TABLE: u16 = 0x0a01;
const GET_OBJECT: u16 = 0x0a13;

/// `NFPROTO_INET`, the family of our table.
const INET: u8 = 1;

const NFTA_TABLE_NAME: u16 = 1;
const NFTA_OBJ_TABLE: u16 = 1;
const NFTA_OBJ_NAME: u16 = 2;
const NFTA_OBJ_DATA: u16 = 4;
const NFTA_COUNTER_BYTES: u16 = 1;
const NFTA_COUNTER_PACKETS: u16 = 2;

/// A counter and its name.
type Named = (String, Tally);

impl Kernel {
    /// Our table stands, whatever is in it. Where that cannot be asked, none does.
    pub fn has_table(&self) -> bool {
        let tables = listed(GET_TABLE, &|table| {
            (name(table, NFTA_TABLE_NAME)? == NAME).then(|| (NAME.to_owned(), Tally::default()))
        });
        tables.is_ok_and(|tables| !tables.is_empty())
    }

    /// The named counters of our table; none where it does not stand.
    ///
    /// # Errors
    /// They cannot be listed: only root may.
    pub fn tallies(&self) -> Result<BTreeMap<String, Tally>> {
        let tallies = listed(GET_OBJECT, &tally);
        tallies.map_err(|refusal| refusal.of("list counters (nfnetlink, nf_tables)"))
    }
}

fn listed(
    what: u16,
    read: &dyn Fn(&[u8]) -> Option<Named>,
) -> Result<BTreeMap<String, Tally>, Refusal> {
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
        Err(refusal) if refusal.is(&NONE) => Ok(BTreeMap::new()),
        done => done.map(|()| found.into_iter().into_map()),
    }
}

/// `None` for an object of another table, and for one that counts nothing.
fn tally(object: &[u8]) -> Option<Named> {
    if name(object, NFTA_OBJ_TABLE)? != NAME {
        return None;
    }
    let data = nested(object, NFTA_OBJ_DATA)?;
    let number = |kind| Some(u64::from_be_bytes(nested(data, kind)?.try_into().ok()?));
    let tally = Tally {
        packets: number(NFTA_COUNTER_PACKETS)?,
        bytes: number(NFTA_COUNTER_BYTES)?,
    };
    Some((name(object, NFTA_OBJ_NAME)?, tally))
}

fn name(attributes: &[u8], kind: u16) -> Option<String> {
    nested(attributes, kind).map(text_of)
}
