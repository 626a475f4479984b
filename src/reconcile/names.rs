//! The addresses of the names that the configuration has, asked for anew at every run, and kept for a name that does not
//! resolve.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::host::Host;
use crate::command::{self, PATIENCE};
use crate::config::{Client, Config};
use crate::error::Result;
use crate::files::Disk;
use crate::gather::Gather;
use crate::object::Observed;
use crate::plan::egress::Names;

/// What each name was when it last resolved.
pub const PATH: &str = "/var/lib/eniroute/names.json";

/// Bounds one name: a resolver answers at once, or its server does not answer.
const EACH: Duration = Duration::from_secs(2);

/// What the names of a configuration are.
pub struct Resolved {
    pub names: Names,
    /// Those that do not resolve now.
    pub unresolved: BTreeSet<String>,
    /// What could not be resolved, and what is done about it.
    pub notes: Vec<String>,
}

/// Asks for every name, or where the run goes by what is known, for those alone that have no address yet.
pub fn resolve(host: &Host) -> Resolved {
    let Host { config, disk, .. } = host;
    let wanted = wanted(config);
    let mut known = match wanted.is_empty() {
        true => Names::new(),
        false => disk.own_or_default(PATH),
    };
    known.retain(|name, _| wanted.contains(name));
    let mut resolved = Resolved {
        names: known,
        unresolved: BTreeSet::new(),
        notes: Vec::new(),
    };
    let deadline = Instant::now() + host.service.wait * PATIENCE;
    let is_asked = |name: &String| !host.recalls_names || !resolved.names.contains_key(name);
    let asked: Vec<String> = wanted.into_iter().filter(is_asked).gathered();
    for name in asked {
        let left = deadline.saturating_duration_since(Instant::now());
        let place = place(config, &name);
        resolved.ask(name, place, left.min(EACH));
    }
    resolved
}

impl Resolved {
    /// Tells who the names are, and returns what could not be resolved.
    pub fn tell(self, observed: &mut Observed) -> Vec<String> {
        observed.names = self.names;
        observed.unresolved = self.unresolved;
        self.notes
    }

    fn ask(&mut self, name: String, place: &str, wait: Duration) {
        match command::addresses(&name, wait) {
            Ok(addresses) => drop(self.names.insert(name, addresses)),
            Err(why) => {
                let kept = match self.names.get(&name) {
                    Some(last) => format!("it keeps {}", listed(last)),
                    None => "it has never had an address, so nobody is meant by it".to_owned(),
                };
                self.notes.push(format!(
                    "{place}: `{name}` in `from` does not resolve ({why}); {kept}"
                ));
                self.unresolved.insert(name);
            }
        }
    }
}

/// Each name once.
fn wanted(config: &Config) -> BTreeSet<String> {
    let clients = config.egress.iter().flat_map(|egress| &egress.from);
    clients.filter_map(name).into_set()
}

/// The file and the line of the first entry that has it.
fn place<'a>(config: &'a Config, wanted: &str) -> &'a str {
    let has = |client: &Client| name(client).is_some_and(|name| name == wanted);
    let mut entries = config.egress.iter();
    let entry = entries.find(|egress| egress.from.iter().any(has));
    entry.map_or("", |egress| &egress.place)
}

fn name(client: &Client) -> Option<String> {
    match client {
        Client::Name(name) => Some(name.clone()),
        Client::Net(_) => None,
    }
}

fn listed(addresses: &[IpAddr]) -> String {
    let addresses = addresses.iter().map(ToString::to_string);
    addresses.gathered::<Vec<_>>().join(", ")
}

/// Keeps them for the next run, and the next boot; none is no file.
///
/// # Errors
/// [`crate::error::Error::File`].
pub fn save(disk: &Disk, names: &Names) -> Result<()> {
    match names.is_empty() {
        true => disk.delete_own(&[PATH]),
        false => disk.write_own(PATH, names),
    }
}
