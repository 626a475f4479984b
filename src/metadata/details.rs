//! What concerns a reader of an ENI and no plan: its subnet, its security groups, its VPC and who owns it.

use std::collections::BTreeMap;

use super::Source;
use super::ahead::{Ahead, TOGETHER};
use super::bounds::VALUES;
use super::keys::{Reader, key_of, lines};
use crate::eni::Details;
use crate::error::Result;
use crate::gather::Gather;
use crate::net::Mac;

/// The longest id that AWS gives has 26 characters.
const LONGEST: usize = 64;

const KEYS: [&str; 4] = ["security-group-ids", "subnet-id", "vpc-id", "owner-id"];

/// An ENI, and its VPC where the service has said it.
pub type Member = (Mac, Option<String>);

/// Reads them of each of `enis`: four requests for each, three where its VPC is known.
///
/// # Errors
/// When the service fails.
pub fn details(source: &mut dyn Source, enis: &[Member]) -> Result<BTreeMap<Mac, Details>> {
    let mut read = BTreeMap::new();
    for enis in enis.chunks(TOGETHER) {
        let mut source = Ahead::new(source);
        for (mac, vpc) in enis {
            source.know(key_of(*mac, "vpc-id"), vpc.as_ref());
        }
        let paths = enis
            .iter()
            .flat_map(|(mac, _)| KEYS.map(|key| key_of(*mac, key)));
        source.ask(paths.gathered());
        for (mac, _) in enis {
            read.insert(*mac, of_one(&mut source, *mac)?);
        }
    }
    Ok(read)
}

fn of_one(source: &mut dyn Source, mac: Mac) -> Result<Details> {
    let mut reader = Reader::new(source, mac);
    let mut ids = |key: &str| -> Result<Vec<String>> {
        let text = reader.get(key)?.unwrap_or_default();
        let ids = lines(&text).filter(|id| is_id(id)).take(VALUES);
        Ok(ids.map(str::to_owned).gathered())
    };
    let [groups, subnet, vpc, owner] = KEYS;
    Ok(Details {
        security_groups: ids(groups)?,
        subnet: ids(subnet)?.pop(),
        vpc: ids(vpc)?.pop(),
        owner: ids(owner)?.pop(),
    })
}

fn is_id(text: &str) -> bool {
    text.len() <= LONGEST
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
