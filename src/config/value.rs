//! Single values of the configuration, refused while their place in the file is known. Pure.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// IPv4's least (RFC 791), and more than any ENI's link has (9001).
const MTUS: RangeInclusive<i64> = 68..=9216;

/// A selector. With a byte replaced it would mean no ENI, and leave one unexcluded.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(pub String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_str(Whole)
    }
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Name, E> {
        let is_whole = !text.contains(char::REPLACEMENT_CHARACTER);
        let why = "a value holds a byte that is not UTF-8; save the file as UTF-8";
        is_whole
            .then(|| Name(text.to_owned()))
            .ok_or_else(|| E::custom(why))
    }
}

/// The longest packet of a route, in bytes.
pub(super) struct Mtu(pub u32);

impl<'de> Deserialize<'de> for Mtu {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_i64(Bounded)
    }
}

struct Bounded;

impl Visitor<'_> for Bounded {
    type Value = Mtu;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (least, most) = MTUS.into_inner();
        write!(f, "a number of bytes from {least} to {most}")
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Mtu, E> {
        let bounded = Some(bytes).filter(|bytes| MTUS.contains(bytes));
        bounded
            .and_then(|bytes| u32::try_from(bytes).ok())
            .map(Mtu)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(bytes), &self))
    }
}
