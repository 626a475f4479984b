//! The one nftables table of ours, as the text that makes it (nft(8)).

use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::gather::Gather;

/// The family and the name of the table. No other one is ever touched.
pub const TABLE: &str = "inet eniroute";

/// The ports of an address that clients get, which are as many flows to one destination and port: those from 1024 on.
pub const PORTS: u64 = 64_512;

/// The program that loads it; nobody else can.
pub const NFT: &str = "nft";

/// Its name alone.
pub const NAME: &str = "eniroute";

/// What a counter has counted since it was made. A reload of the table keeps it; the table's end, and the boot's, do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub packets: u64,
    pub bytes: u64,
}

/// The counter of an entry, of that of one of its addresses, whose name ends in that and `_out` or `_in`. What the two count,
/// no packet is in both.
pub fn whole_of(counter: &str) -> Option<String> {
    let words: Vec<&str> = counter.rsplitn(6, '_').gathered();
    let [part, address @ .., key] = &*words else {
        return None;
    };
    let is_address = address.len() == 4 && address.iter().all(|word| word.parse::<u8>().is_ok());
    is_address.then(|| format!("{key}_{part}"))
}

/// Where the text stands for the next boot; nftables' own files may include it.
pub const PATH: &str = "/var/lib/eniroute/nat.nft";

/// The name of the chain that tells from which text a table was made. It has no rules.
pub const TEXT: &str = "text_";

/// The table, made from a text that nft takes any number of times: it declares everything, empties all but counters, and
/// fills it again, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nft {
    /// Sixteen hexadecimal digits, which the table itself tells; empty: it stands, but is not what any text makes.
    pub digest: Arc<str>,
    /// Empty where only the digest is known: of a table that stands.
    pub text: Arc<str>,
    /// The text of the table that it takes the place of; `None`: there is none, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Arc<str>>,
}

impl Nft {
    /// The table that `statements` make: lines of nft(8), without the chain that tells of them.
    pub fn new(statements: &str) -> Self {
        let digest = digest(statements);
        let mark = format!("add chain {TABLE} {TEXT}{digest}\n");
        // Chains are to be declared before maps (nft 1.0.6), and a table before chains.
        let (head, rest) = statements.split_once('\n').unwrap_or((statements, ""));
        Self {
            text: format!("{head}\n{mark}{rest}").into(),
            digest: digest.into(),
            before: None,
        }
    }

    /// A table that stands.
    pub fn standing(digest: &str) -> Self {
        Self {
            digest: digest.into(),
            text: Arc::default(),
            before: None,
        }
    }

    /// A table of this text, whatever it was made from.
    pub fn written(text: &str) -> Self {
        Self {
            text: text.into(),
            ..Self::standing("")
        }
    }

    /// The same, as it is seen once it stands.
    pub fn as_seen(&self) -> Self {
        Self::standing(&self.digest)
    }

    /// The command that makes it, from the file that has its text.
    pub fn add_command(&self) -> String {
        format!("nft -f {PATH}")
    }

    /// The command that takes it away, or puts back what was before.
    pub fn remove_command(&self) -> String {
        match self.before {
            Some(_) => format!("nft -f {PATH}"),
            None => format!("nft delete table {TABLE}"),
        }
    }
}

/// FNV-1a of 64 bits: it tells texts apart that eniroute itself has made, and withstands no attack.
pub fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut digits = String::new();
    // Writing to a string cannot fail.
    let _ = write!(digits, "{hash:016x}");
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_tells_its_digest_in_the_line_behind_the_table_s() {
        let nft = Nft::new("add table inet eniroute\nadd chain inet eniroute a_1\n");
        let lines: Vec<&str> = nft.text.lines().collect();
        let mark = format!("add chain inet eniroute text_{}", nft.digest);
        assert_eq!(
            lines,
            [
                "add table inet eniroute",
                &mark,
                "add chain inet eniroute a_1"
            ]
        );
        assert_eq!(
            digest(""),
            "cbf29ce484222325",
            "the offset basis of FNV-1a, 64 bits"
        );
        assert_eq!(
            digest("a"),
            "af63dc4c8601ec8c",
            "the test vector of its authors"
        );
    }
}
