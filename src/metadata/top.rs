//! What the metadata service says of the instance as a whole: which ENIs there are, and which one is the primary.

use std::collections::BTreeSet;

use log::info;

use super::Source;
use super::keys::{MACS, lines};
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::net::Mac;

/// Every ENI, in EC2's order, each once.
///
/// # Errors
/// The service fails, or it has no such list.
pub(super) fn list(source: &mut dyn Source) -> Result<Vec<Mac>> {
    let list = required(source, MACS)?;
    let (mut macs, mut known) = (Vec::new(), BTreeSet::new());
    let mut strange = None;
    for line in lines(&list) {
        match mac(MACS, line.trim_end_matches('/')) {
            Ok(mac) if known.insert(mac) => macs.push(mac),
            Ok(_) => {}
            Err(error) => strange = Some(error),
        }
    }
    match strange {
        // Another kind of interface, of which nothing is known, has no part in what the others are.
        Some(error) if !macs.is_empty() => info!("{error}; that line is passed over"),
        Some(error) => return Err(error),
        None => {}
    }
    Ok(macs)
}

/// The one value of its key, whatever its line ends with and however often it is said.
pub(super) fn primary(source: &mut dyn Source) -> Result<Mac> {
    let text = required(source, "mac")?;
    let mut said: BTreeSet<&str> = lines(&text).into_set();
    match said.pop_first() {
        Some(one) if said.is_empty() => mac("mac", one),
        _ => mac("mac", &text),
    }
}

fn mac(path: &str, text: &str) -> Result<Mac> {
    text.parse()
        .map_err(|why| not_ec2(path, format!("{why}: is this EC2?")))
}

fn required(source: &mut dyn Source, path: &str) -> Result<String> {
    source
        .get(path)?
        .ok_or_else(|| not_ec2(path, "404: this is not an EC2 instance in a VPC".to_owned()))
}

fn not_ec2(path: &str, why: String) -> Error {
    Error::Refused {
        url: format!("/latest/meta-data/{path}"),
        why,
    }
}
