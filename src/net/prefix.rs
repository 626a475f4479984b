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
    let mut text = String::with_capacity(LONGEST);
    for octet in net.addr().octets() {
        number(octet, &mut text);
        text.push('.');
    }
    text.pop();
    text.push('/');
    number(net.prefix_len(), &mut text);
    text
}

fn number(number: u8, text: &mut String) {
    for (above, scale) in [(99, 100), (9, 10)] {
        if number > above {
            text.push(digit(number / scale % 10));
        }
    }
    text.push(digit(number % 10));
}

fn digit(digit: u8) -> char {
    char::from(b'0' + digit)
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
