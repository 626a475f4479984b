//! Single values of the configuration, refused while their place in the file is known. Pure.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// IPv4's least (RFC 791), and more than any ENI's link has (9001).
const MTUS: RangeInclusive<u32> = 68..=9216;

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
        let (least, most) = MTUS.into_inner();
        number(value, least, most, "a number of bytes from 68 to 9216").map(Self)
    }
}

/// A whole number from `least` to `most`; `expected` says so.
pub(super) fn number<'de, D: Deserializer<'de>>(
    value: D,
    least: u32,
    most: u32,
    expected: &'static str,
) -> Result<u32, D::Error> {
    value.deserialize_i64(Bounded {
        range: least..=most,
        expected,
    })
}

struct Bounded {
    range: RangeInclusive<u32>,
    expected: &'static str,
}

impl Visitor<'_> for Bounded {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u32, E> {
        let bounded = u32::try_from(value).ok();
        bounded
            .filter(|value| self.range.contains(value))
            .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(value), &self))
    }
}
