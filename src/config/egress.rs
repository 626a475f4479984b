//! `[[egress]]`: clients, and the address that they leave as. What can be judged without the host is judged here, while
//! the place in the file is known. Pure.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::Places;
use super::value::{Name, number};
use crate::gather::Gather;

/// As a NAT gateway has it (Amazon VPC user guide, NAT gateway basics), in seconds.
const IDLE: u32 = 350;

/// What fits a packet of 1500 bytes over IPv4.
const MSS: u32 = 1460;

/// IPv4's least segment (RFC 9293, 3.7.1), and what fits the longest packet of an ENI.
const SEGMENTS: std::ops::RangeInclusive<u32> = 536..=8961;

/// One `[[egress]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// Whose packets.
    pub from: Vec<Client>,
    /// Public or private addresses, interfaces, eni-ids: any selector of an ENI, or one of its addresses.
    pub leave_as: Vec<String>,
    /// Destinations that are reached without NAT, beside the VPC's.
    pub not_to: Vec<IpNet>,
    pub wishes: Wishes,
    /// The file and the line where it stands.
    pub place: String,
}

/// Who is meant by a word of `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// An address or a prefix.
    Net(IpNet),
    /// A name, whose addresses DNS or /etc/hosts tells.
    Name(String),
}

/// How the flows of an entry are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// A TCP flow whose beginning was not seen here is ended by a reset; else it goes on.
    pub resets: bool,
    /// Source ports are drawn at random; else they are kept where they are free.
    pub random_ports: bool,
    /// The largest TCP segment over IPv4 in bytes, 20 less over IPv6; 0: as the two ends agree.
    pub mss: u32,
    /// Seconds after which an idle established TCP flow is forgotten.
    pub idle: u32,
    /// How many flows a client may have at a time.
    pub limit: Option<u32>,
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    from: Many<Client>,
    r#as: Many<Name>,
    #[serde(default)]
    not_to: Many<Net>,
    #[serde(default)]
    stale: Stale,
    #[serde(default)]
    ports: Ports,
    #[serde(default, deserialize_with = "mss")]
    mss: Option<u32>,
    #[serde(default, deserialize_with = "idle")]
    idle: Option<u32>,
    #[serde(default, deserialize_with = "limit")]
    limit: Option<u32>,
}

impl Written {
    /// `place` tells of an offset the file and the line.
    pub(super) fn into_egress(written: Spanned<Self>, place: Places) -> Egress {
        let place = place(written.span().start);
        let written = written.into_inner();
        Egress {
            from: written.from.0,
            leave_as: written.r#as.0.into_iter().map(|name| name.0).gathered(),
            not_to: written.not_to.0.into_iter().map(|net| net.0).gathered(),
            wishes: Wishes {
                resets: written.stale == Stale::Reset,
                random_ports: written.ports == Ports::Random,
                mss: written.mss.unwrap_or(MSS),
                idle: written.idle.unwrap_or(IDLE),
                limit: written.limit,
            },
            place,
        }
    }
}

#[derive(Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stale {
    #[default]
    Adopt,
    Reset,
}

#[derive(Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ports {
    #[default]
    Keep,
    Random,
}

fn mss<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u32>, D::Error> {
    let mss = number(
        value,
        0,
        *SEGMENTS.end(),
        "0, or a number of bytes from 536 to 8961",
    )?;
    if mss > 0 && !SEGMENTS.contains(&mss) {
        let why = format!("mss is {mss}: it must be 0 (off), or from 536 to 8961");
        return Err(de::Error::custom(why));
    }
    Ok(Some(mss))
}

fn idle<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u32>, D::Error> {
    number(value, 30, 432_000, "a number of seconds from 30 to 432000").map(Some)
}

fn limit<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u32>, D::Error> {
    number(value, 1, 1_000_000, "a number of flows from 1 to 1000000").map(Some)
}

/// One, or a list of them that is not empty.
struct Many<T>(Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Word> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let words = value.deserialize_any(Words)?;
        let parsed = words.iter().map(|word| T::parse(word.trim()));
        let parsed: Result<Vec<T>, String> = parsed.gathered();
        parsed.map(Self).map_err(de::Error::custom)
    }
}

/// Texts, one or many.
struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string, or a list of strings")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut words = Vec::new();
        while let Some(Name(word)) = list.next_element()? {
            words.push(word);
        }
        if words.is_empty() {
            return Err(de::Error::custom("the list is empty: name at least one"));
        }
        Ok(words)
    }
}

/// What a word may stand for.
trait Word: Sized {
    fn parse(word: &str) -> Result<Self, String>;
}

impl Word for Name {
    fn parse(word: &str) -> Result<Self, String> {
        match word {
            "" => Err("an empty name means nobody".to_owned()),
            word => Ok(Self(word.to_owned())),
        }
    }
}

struct Net(IpNet);

impl Word for Net {
    fn parse(word: &str) -> Result<Self, String> {
        let net =
            net(word).ok_or_else(|| format!("`{word}` is neither an address nor a prefix"))?;
        net.map(Self)
    }
}

impl Word for Client {
    fn parse(word: &str) -> Result<Self, String> {
        if let Some(net) = net(word) {
            return net.map(Self::Net);
        }
        let is_name = is_name(word);
        is_name.then(|| Self::Name(word.to_owned())).ok_or_else(|| {
            format!("`{word}` is neither an address, nor a prefix, nor a name that can be resolved")
        })
    }
}

/// `None`: it is no address and no prefix.
fn net(word: &str) -> Option<Result<IpNet, String>> {
    if let Ok(ip) = word.parse::<IpAddr>() {
        return Some(Ok(ip.into()));
    }
    let net: IpNet = word.parse().ok()?;
    let whole = net.trunc();
    Some((net == whole).then_some(whole).ok_or_else(|| {
        format!(
            "`{word}` has bits behind its length; write {whole}, or {} alone",
            net.addr()
        )
    }))
}

/// RFC 1123, 2.1, and the underscore that some use; what is all digits and dots is a mistyped address.
fn is_name(word: &str) -> bool {
    let is_label = |label: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && !label.starts_with('-') && label.chars().all(is_letter)
    };
    let word = word.strip_suffix('.').unwrap_or(word);
    let has_letter = word.chars().any(|c| c.is_ascii_alphabetic());
    has_letter && word.len() <= 253 && word.split('.').all(is_label)
}

#[cfg(test)]
#[path = "egress_tests.rs"]
mod tests;
