//! The YAML that we write: scalars, flow maps and flow lists in one fixed shape. Knows YAML, not netplan.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::gather::Gather;

/// Plain words that YAML 1.1, which netplan reads, takes for a boolean or for nothing.
const RESERVED: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// A scalar, in double quotes where a plain one could be read as something else (`::1`, `12`, `on`).
pub fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// `{to: 10.0.0.0/20, scope: link}`; the values as [`scalar`] gives them.
pub fn flow_map<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<_> = pairs
        .into_iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .gathered();
    format!("{{{}}}", pairs.join(", "))
}

/// `[10.0.0.20/32, "2001:db8::1/128"]`; the items as [`scalar`] gives them.
pub fn flow_list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

fn is_plain(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_plain)
        && !RESERVED.contains(&text.to_lowercase().as_str());
    let ipv4 = text.parse::<IpNet>().is_ok_and(|net| net.addr().is_ipv4());
    word || ipv4 || text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4())
}
