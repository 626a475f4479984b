//! Which of the names that there are was meant by one that is none of them. Pure.

use strsim::osa_distance;

use crate::gather::Gather;

/// The name that is a slip or two away from what was written; `None` where none is. Case, and `-` for `_`, make no
/// difference.
pub fn nearest<'a>(written: &str, known: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = plain(written);
    let mut best: Option<(usize, &str)> = None;
    for name in known {
        let distance = osa_distance(&plain, &self::plain(name));
        let is_nearer = best.is_none_or(|(least, _)| distance < least);
        if is_nearer && is_near(distance, plain.len(), name.len()) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// The same of names whose numbers tell them apart: `eth2` is no slip for `eth1`.
pub fn nearest_object<'a>(
    written: &str,
    known: &mut dyn Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).gathered() };
    let numbers = digits(written);
    nearest(written, &mut known.filter(|name| digits(name) == numbers))
}

/// ` (did you mean NAME?)`, for a message; empty without one.
pub fn aside(name: Option<&str>) -> String {
    name.map_or(String::new(), |name| format!(" (did you mean `{name}`?)"))
}

fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

/// One slip in four letters, and more in common than not.
fn is_near(distance: usize, written: usize, name: usize) -> bool {
    distance <= (written / 4).max(1) && 2 * distance < written.max(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 8] = [
        "main_route",
        "main_routes_first",
        "exclude",
        "egress",
        "from",
        "as",
        "idle",
        "mss",
    ];

    fn key(written: &str) -> Option<&str> {
        nearest(written, &mut KEYS.into_iter())
    }

    #[test]
    fn a_slip_names_the_nearest() {
        for (written, name) in [
            ("egres", "egress"),
            ("Egress", "egress"),
            ("main-route", "main_route"),
            ("main_rotue", "main_route"),
            ("main_route_first", "main_routes_first"),
            ("mainroutesfirst", "main_routes_first"),
            ("form", "from"),
            ("fom", "from"),
            ("idel", "idle"),
        ] {
            assert_eq!(key(written), Some(name));
        }
    }

    #[test]
    fn where_nothing_is_near_none_is_named() {
        for written in [
            "",
            "x",
            "a",
            "to",
            "include",
            "nobody",
            "mtu",
            "ingres_as",
            "é",
        ] {
            assert_eq!(key(written), None, "{written}");
        }
        assert_eq!(nearest("exclude", &mut [].into_iter()), None);
    }

    #[test]
    fn what_has_another_number_is_another_object() {
        let links = ["lo", "eth0", "eth1"];
        for (written, expected) in [
            ("ehh1", " (did you mean `eth1`?)"),
            ("etho1", " (did you mean `eth1`?)"),
            ("eth2", ""),
            ("eth11", ""),
        ] {
            let name = nearest_object(written, &mut links.into_iter());
            assert_eq!(aside(name), expected);
        }
    }
}
