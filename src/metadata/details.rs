//! What concerns a reader of an ENI and no plan: its subnet, its security groups, its VPC and who owns it.

use std::collections::BTreeMap;

use super::Source;
use super::bounds::VALUES;
use super::each::{CROWD, each};
use super::keys::{Reader, lines};
use crate::eni::Details;
use crate::error::Result;
use crate::net::Mac;

/// The longest id that AWS gives has 26 characters.
const LONGEST: usize = 64;

/// Reads them of each of `macs`: four requests for each.
///
/// # Errors
/// When the service fails.
pub fn details(source: &mut impl Source, macs: &[Mac]) -> Result<BTreeMap<Mac, Details>> {
    let read = each(source, macs, CROWD, |source, mac| of_one(source, mac));
    macs.iter()
        .zip(read)
        .map(|(mac, read)| Ok((*mac, read?)))
        .collect()
}

fn of_one(source: &mut impl Source, mac: Mac) -> Result<Details> {
    let mut reader = Reader::new(source, mac);
    let mut ids = |key: &str| -> Result<Vec<String>> {
        let text = reader.get(key)?.unwrap_or_default();
        let ids = lines(&text).filter(|id| is_id(id)).take(VALUES);
        Ok(ids.map(str::to_owned).collect())
    };
    Ok(Details {
        security_groups: ids("security-group-ids")?,
        subnet: ids("subnet-id")?.pop(),
        vpc: ids("vpc-id")?.pop(),
        owner: ids("owner-id")?.pop(),
    })
}

fn is_id(text: &str) -> bool {
    text.len() <= LONGEST
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
