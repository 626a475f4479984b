//! What a person has written behind `explain`, when it is no code.

use std::net::IpAddr;

use crate::cli::Explain;
use crate::code::Code;
use crate::error::{Error, Result};
use crate::gather::Gather;
use crate::nearest::{aside, nearest};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub address: IpAddr,
    /// `to DESTINATION`: the packet is from `address` to there.
    pub to: Option<IpAddr>,
    /// `--from`: the packet is from there to `address`; `0.0.0.0` and `::` are a socket bound to no address.
    pub from: Option<IpAddr>,
    /// `--in`: it arrives by this interface.
    pub dev: Option<String>,
}

impl Wish {
    /// No other end of a packet, and no interface.
    pub fn is_of_one_address(&self) -> bool {
        self.to.is_none() && self.from.is_none() && self.dev.is_none()
    }

    /// By the words of the command line.
    ///
    /// # Errors
    /// [`Error::Usage`]: neither a code nor an address, a destination that is no address.
    pub fn of(wanted: &Explain) -> Result<Self> {
        let (address, to) = match &wanted.words[..] {
            [address] => (address, None),
            [address, to, destination] if to == "to" => (address, Some(destination)),
            words => return Err(unclear(&words.join(" "))),
        };
        if to.is_some() && wanted.from.is_some() {
            return Err(Error::Usage(
            "`to DESTINATION` cannot be used with --from: a packet is from ADDRESS to DESTINATION, or from --from to \
             ADDRESS"
                .to_owned(),
        ));
        }
        Ok(Self {
            address: address.parse().map_err(|_| neither(address))?,
            to: to
                .map(|text| text.parse().map_err(|_| no_address(text)))
                .transpose()?,
            from: wanted.from,
            dev: wanted.dev.clone(),
        })
    }
}

fn unclear(words: &str) -> Error {
    Error::Usage(format!(
        "`explain {words}`: neither CODE, nor ADDRESS, nor ADDRESS to DESTINATION"
    ))
}

/// What there is, for one who has named something else.
fn neither(word: &str) -> Error {
    let codes: Vec<String> = Code::all().map(|code| code.to_string()).gathered();
    let meant = aside(nearest(word, &mut codes.iter().map(String::as_str)));
    Error::Usage(format!(
        "`{word}` is neither a code nor an address{meant}. Codes: {}. Addresses: those of this host, private or public \
         (eniroute status)",
        codes.join(" ")
    ))
}

fn no_address(word: &str) -> Error {
    Error::Usage(format!(
        "`{word}` is no address: DESTINATION is an IPv4 or IPv6 address; for a name, look it up first \
         (getent ahosts NAME)"
    ))
}
