//! `/etc/eniroute.toml` into types. An error names the key and the line. Reads the disk, never writes it.

use std::fmt;
use std::io::ErrorKind::NotFound;
use std::path::Path;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::files::plain;

/// Where the configuration is looked for when `--config` does not say otherwise.
pub const DEFAULT_PATH: &str = "/etc/eniroute.toml";

/// What the administrator chose. Every key may be absent; an unknown key is an error, because a mistyped
/// `exclude` must not be taken for consent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A subnet route and a default route per ENI in the main table, with the ENI's number as their metric.
    pub main_route: bool,
    /// Specific routes of the main table (containers, VPN, peering) win over an ENI's default route.
    pub main_routes_first: bool,
    /// ENIs to leave alone, by any selector: eni-id, interface, MAC, device number, address.
    #[serde(deserialize_with = "whole")]
    pub exclude: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            main_route: true,
            main_routes_first: false,
            exclude: Vec::new(),
        }
    }
}

impl Config {
    /// Reads `path`; a file that is not there means the defaults, unless the user named it (`must_exist`). A comment
    /// may be in any encoding.
    ///
    /// # Errors
    /// [`Error::Usage`] for a file that cannot be read or understood: with it, nothing is touched.
    pub fn load(path: &Path, must_exist: bool) -> Result<Self> {
        match plain::bytes(path) {
            Ok(bytes) => Self::parse(path, &String::from_utf8_lossy(&bytes)),
            Err(error) if error.kind() == NotFound && !must_exist => Ok(Self::default()),
            Err(error) => Err(Error::Usage(format!("{}: {error}", path.display()))),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.unwrap_or_default().matches('\n').count() + 1;
            let why = error.message().trim().replace('\n', " ");
            Error::Usage(format!("{}:{line}: {why}", path.display()))
        })
    }
}

/// An entry of `exclude`. With a byte replaced it would mean no ENI, and leave one unexcluded.
struct Entry(String);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_str(Whole)
    }
}

/// Refuses while the value's place in the file is known.
struct Whole;

impl Visitor<'_> for Whole {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Entry, E> {
        let is_whole = !text.contains(char::REPLACEMENT_CHARACTER);
        let why = "a value holds a byte that is not UTF-8; save the file as UTF-8";
        is_whole
            .then(|| Entry(text.to_owned()))
            .ok_or_else(|| E::custom(why))
    }
}

fn whole<'de, D: Deserializer<'de>>(values: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<Entry>::deserialize(values)?
        .into_iter()
        .map(|entry| entry.0)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(Path::new("/etc/eniroute.toml"), text)
    }

    fn complaint(text: &str) -> String {
        let error = parse(text).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn an_absent_or_empty_file_means_the_defaults() {
        assert_eq!(parse("").unwrap(), Config::default());
        assert_eq!(
            Config::load(Path::new("/nonexistent/eniroute.toml"), false).unwrap(),
            Config::default()
        );
        assert!(Config::default().main_route && !Config::default().main_routes_first);
    }

    #[test]
    fn a_file_that_the_user_named_must_exist() {
        let error = Config::load(Path::new("/nonexistent/eniroute.toml"), true).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("/nonexistent/eniroute.toml: "),
            "{error}"
        );
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            "main_route = false\nmain_routes_first = true\nexclude = [\"eni-0abc\", \"eth3\"]\n",
        )
        .unwrap();
        assert!(!config.main_route && config.main_routes_first);
        assert_eq!(config.exclude, ["eni-0abc", "eth3"]);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let text = complaint("main_route = true\n\nexclud = [\"eth1\"]\n");
        assert!(text.starts_with("/etc/eniroute.toml:3: "), "{text}");
        assert!(
            text.contains("exclud") && text.contains("main_routes_first"),
            "{text}"
        );
    }

    fn load(bytes: &[u8]) -> Result<Config> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("eniroute.toml");
        std::fs::write(&path, bytes).unwrap();
        Config::load(&path, false)
    }

    #[test]
    fn a_comment_in_another_encoding_is_no_mistake() {
        let config = load(
            b"# caf\xe9\nmain_route = false # gr\xfcn\nexclude = [\n  # \xff\n  \"eth1\",\n]\n",
        )
        .unwrap();
        assert!(!config.main_route);
        assert_eq!(config.exclude, ["eth1"]);
    }

    #[test]
    fn a_key_or_value_with_a_byte_that_is_not_utf_8_is_named_with_its_line() {
        for (bytes, line, words) in [
            (
                &b"# caf\xe9\nexclude = [\n  \"eth1\",\n  \"eth\xe9\",\n]\n"[..],
                4,
                "not UTF-8",
            ),
            (b"# caf\xe9\n\nexclude = [\"eth\xe9\"]\n", 3, "not UTF-8"),
            (b"# caf\xe9\nexclud\xe9 = [\"eth1\"]\n", 2, "key"),
            (b"# caf\xe9\nmain_route = tru\xe9\n", 2, ""),
        ] {
            let error = load(bytes).unwrap_err();
            let text = error.to_string();
            assert!(
                error.exit_code() == 2 && text.contains(&format!("eniroute.toml:{line}: ")),
                "{text}"
            );
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_wrong_type_and_a_syntax_error_are_named_with_their_line() {
        let text = complaint("exclude = []\nmain_route = \"yes\"\n");
        assert!(
            text.starts_with("/etc/eniroute.toml:2: ") && text.contains("boolean"),
            "{text}"
        );
        let text = complaint("main_route = true\nexclude = [\n");
        assert!(text.starts_with("/etc/eniroute.toml:"), "{text}");
    }
}
