//! `/etc/eniroute.toml` into types. An error names the key and the line. Reads the disk, never writes it.

mod egress;
mod forwarding;
mod value;

use std::collections::BTreeMap;
use std::io::ErrorKind::NotFound;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::error::{Error, Result};
use crate::files::plain;
use crate::nearest::nearest;
pub use egress::{Client, Egress, Wishes};
pub use forwarding::{Forwarding, Path as ForwardingPath, Standby};
use value::{Mtu, Name};

/// Where the configuration is looked for when `--config` does not say otherwise.
pub const DEFAULT_PATH: &str = "/etc/eniroute.toml";

/// What the administrator chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A subnet route and a default route per ENI in the main table, with the ENI's number as their metric.
    pub main_route: bool,
    /// Specific routes of the main table (containers, VPN, peering) win over an ENI's default route.
    pub main_routes_first: bool,
    /// Whether a search tree lies over the rules.
    pub rule_index: RuleIndex,
    /// ENIs to leave alone, by any selector: eni-id, interface, MAC, device number, address.
    pub exclude: Vec<String>,
    /// What is chosen for single ENIs, in the order of their selectors.
    pub eni: Vec<EniConfig>,
    /// What is passed on.
    pub forwarding: Forwarding,
    /// Whose packets leave as which address; the first that names a client has it.
    pub egress: Vec<Egress>,
}

/// Whether a search tree lies over the rules (`rule_index`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleIndex {
    /// Where it pays.
    Auto,
    Off,
}

/// What is chosen for one ENI: a table `[eni."SELECTOR"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EniConfig {
    /// Any selector, as in [`Config::exclude`].
    pub selector: String,
    /// The longest packet in bytes on its default routes.
    pub mtu_internet: Option<u32>,
    /// The file and the line where it stands.
    pub place: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            main_route: true,
            main_routes_first: false,
            rule_index: RuleIndex::Auto,
            exclude: Vec::new(),
            eni: Vec::new(),
            forwarding: Forwarding::default(),
            egress: Vec::new(),
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

    /// As a file of this text says.
    #[cfg(test)]
    pub fn parsed(text: &str) -> Result<Self> {
        Self::parse(Path::new("eniroute.toml"), text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let place = |offset: usize| {
            let before = text.get(..offset).unwrap_or("");
            format!("{}:{}", path.display(), before.matches('\n').count() + 1)
        };
        match toml::from_str::<Written>(text) {
            Ok(written) => written.into_config(&place),
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                let why = error.message().trim().replace('\n', " ");
                let said = match without_quotes(text, offset, &why) {
                    Some(value) => format!(
                        "`{value}` is neither true, false nor a number: text stands in quotes, \"{value}\""
                    ),
                    None => in_our_words(&why),
                };
                Err(Error::Usage(format!("{}: {said}", place(offset))))
            }
        }
    }
}

/// For what the parser takes an address or a name without quotes: "invalid float, expected nothing" is 10.0.0.1.
const TAKEN_FOR: [&str; 7] = [
    "string values must be quoted",
    "invalid boolean",
    "invalid date",
    "invalid float",
    "invalid integer",
    "invalid time",
    "unexpected leading zero",
];

/// The value at this offset, where that it has no quotes is what is wrong with it.
fn without_quotes<'a>(text: &'a str, offset: usize, why: &str) -> Option<&'a str> {
    let ends = |c: char| c.is_whitespace() || "[]{},=#\"'".contains(c);
    let (before, after) = text.split_at_checked(offset)?;
    let start = offset - before.rsplit(ends).next()?.len();
    let end = offset + after.split(ends).next()?.len();
    let is_taken = TAKEN_FOR.iter().any(|kind| why.starts_with(kind));
    (is_taken && start < end).then(|| &text[start..end])
}

/// What serde says of a name that it does not know: "unknown field `egres`, expected one of `exclude`, `egress`".
fn in_our_words(why: &str) -> String {
    if why == "invalid type: map, expected a sequence" {
        return "a list belongs here; the names of tables of which there may be several stand in two pairs of brackets: \
                [[egress]], [[forwarding.path]]"
            .to_owned();
    }
    let why = why.replacen("unknown field", "unknown key", 1).replacen(
        "wanted string or table",
        "text in quotes belongs here",
        1,
    );
    let mut names = why.split('`').skip(1).step_by(2);
    let (Some(written), true) = (names.next(), why.starts_with("unknown ")) else {
        return why;
    };
    match (nearest(written, &mut names), why.split_once(", expected ")) {
        (Some(name), Some((what, known))) => {
            format!("{what}: did you mean `{name}`? Expected {known}")
        }
        _ => why,
    }
}

/// The file as it stands. Every key may be absent; an unknown key is an error, because a mistyped `exclude` must not be
/// taken for consent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    main_route: bool,
    main_routes_first: bool,
    rule_index: RuleIndex,
    exclude: Vec<Name>,
    eni: BTreeMap<Name, Spanned<WrittenEni>>,
    forwarding: forwarding::Written,
    egress: Vec<Spanned<egress::Written>>,
}

/// The file and the line of an offset.
type Places<'a> = &'a dyn Fn(usize) -> String;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenEni {
    mtu_internet: Option<Spanned<Mtu>>,
}

impl Default for Written {
    fn default() -> Self {
        let Config {
            main_route,
            main_routes_first,
            rule_index,
            ..
        } = Config::default();
        Self {
            main_route,
            main_routes_first,
            rule_index,
            exclude: Vec::new(),
            eni: BTreeMap::new(),
            forwarding: forwarding::Written::default(),
            egress: Vec::new(),
        }
    }
}

impl Written {
    /// Errors: what each value alone does not show.
    fn into_config(self, place: Places) -> Result<Config> {
        let eni = self.eni.into_iter();
        Ok(Config {
            main_route: self.main_route,
            main_routes_first: self.main_routes_first,
            rule_index: self.rule_index,
            exclude: self.exclude.into_iter().map(|name| name.0).collect(),
            eni: eni.map(|(name, eni)| of_eni(name, &eni, place)).collect(),
            forwarding: self.forwarding.into_forwarding(place)?,
            egress: of_egress(self.egress, place),
        })
    }
}

fn of_egress(all: Vec<Spanned<egress::Written>>, place: Places) -> Vec<Egress> {
    let all = all.into_iter();
    all.map(|one| egress::Written::into_egress(one, place))
        .collect()
}

fn of_eni(name: Name, eni: &Spanned<WrittenEni>, place: Places) -> EniConfig {
    let mtu = eni.get_ref().mtu_internet.as_ref();
    let span = mtu.map_or(eni.span(), Spanned::span);
    EniConfig {
        selector: name.0,
        mtu_internet: mtu.map(|mtu| mtu.get_ref().0),
        place: place(span.start),
    }
}

#[cfg(test)]
mod tests;
