//! The few settings of a link that rtnetlink can read but not write: they are files below /proc/sys/net.

use std::io::ErrorKind;
use std::{fs, io};

use super::socket::Refusal;
use crate::net::Dev;

/// Sets a link's `accept_ra`, or with `None` gives it back the value that new links get. False when it is so
/// already, and for a link that is gone or has no IPv6.
pub fn set_accept_ra(dev: &Dev, value: Option<u32>) -> Result<bool, Refusal> {
    let path = |link: &str| format!("/proc/sys/net/ipv6/conf/{link}/accept_ra");
    let wanted = match value {
        Some(value) => value.to_string(),
        None => read(&path("default"))?.unwrap_or_default(),
    };
    match read(&path(dev))? {
        Some(present) if present != wanted && !wanted.is_empty() => Ok(fs::write(path(dev), wanted).map(|()| true)?),
        _ => Ok(false),
    }
}

fn read(path: &str) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
