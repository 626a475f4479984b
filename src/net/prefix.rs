//! A prefix in a file, as its `Display` has it: written without the formatter, as there can be ten thousand.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde::Serializer;

/// `255.255.255.255/32`
const LONGEST: usize = 18;

/// One.
pub fn one<S: Serializer>(net: &IpNet, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&text(*net))
}

/// One, or `null`.
pub fn maybe<S: Serializer>(net: &Option<IpNet>, to: S) -> Result<S::Ok, S::Error> {
    match net {
        Some(net) => to.serialize_some(&text(*net)),
        None => to.serialize_none(),
    }
}

/// A list of them.
pub fn all<S: Serializer>(nets: &BTreeSet<IpNet>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(nets.iter().map(|net| text(*net)))
}

fn text(net: IpNet) -> String {
    let IpNet::V4(net) = net else {
        return net.to_string();
    };
    let mut text = Text::default();
    for (octet, end) in net.addr().octets().into_iter().zip(*b".../") {
        text.number(octet);
        text.byte(end);
    }
    text.number(net.prefix_len());
    text.into_string()
}

/// Bytes on the stack: a `String` is a call or two for each of them.
#[derive(Default)]
struct Text {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Text {
    fn number(&mut self, number: u8) {
        if number > 99 {
            self.byte(b'0' + number / 100);
        }
        if number > 9 {
            self.byte(b'0' + number / 10 % 10);
        }
        self.byte(b'0' + number % 10);
    }

    #[inline]
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn into_string(self) -> String {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_written_as_it_is_shown() {
        let shown = |n: u8| {
            [
                format!("{n}.0.{n}.9/{}", n % 33),
                format!("2001:db8::1{n:x}/{}", n % 129),
            ]
        };
        for prefix in (0..=255).flat_map(shown) {
            assert_eq!(text(prefix.parse().unwrap()), prefix);
        }
    }
}
