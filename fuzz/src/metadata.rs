//! The metadata service's answers. An input is the keys and their values, a blank line between one and the next, below
//! `network/interfaces/macs/` where a key does not exist by itself.

use std::collections::HashMap;

use eniroute::config::Config;
use eniroute::error::Result;
use eniroute::metadata::{Also, Answers, Known, Metadata, Reading, Source, judge, still_holds};
use eniroute::net::Link;
use eniroute::object::Observed;

use super::{guest, model};

/// The service: what it says to each question.
#[derive(Clone)]
struct Service(HashMap<String, String>);

impl Source for Service {
    fn get(&mut self, path: &str) -> Result<Option<String>> {
        Ok(self.0.get(path).cloned())
    }

    fn ahead(&mut self, paths: Vec<String>) -> Answers {
        let answer = |path: String| (self.0.get(&path).cloned(), path);
        paths
            .into_iter()
            .map(answer)
            .map(|(answer, path)| (path, answer))
            .collect()
    }
}

const EVERYTHING: Also = Also {
    public: true,
    ranges: true,
};

/// Reads, judges, plans and asks again, as the daemonless life of eniroute does.
pub fn metadata(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut service = Service(text.split("\n\n").filter_map(key).collect());
    let Ok(mut reading) = Reading::start(&mut service, EVERYTHING) else {
        return;
    };
    let metadata = reading.metadata();
    judged(&metadata);
    let changed = reading
        .go_on(&mut service, &[])
        .expect("the service has not changed");
    assert!(!changed, "the same answers, and something else to do");
    let known: Vec<_> = metadata
        .enis
        .iter()
        .chain(&metadata.refused)
        .cloned()
        .collect();
    let known = Known {
        enis: &known,
        ..Known::default()
    };
    let _ = still_holds(&mut service, known, 1);
    let observed = Observed {
        links: links(&metadata),
        ..Observed::default()
    };
    for first in [false, true] {
        let config = Config {
            main_routes_first: first,
            ..Config::default()
        };
        model::assert_settles(&metadata.enis, &observed, &config);
    }
}

fn key(record: &str) -> Option<(String, String)> {
    let (key, value) = record.trim_start_matches('\n').split_once('\n')?;
    let key = key.strip_prefix('.').map_or(key.to_owned(), |key| {
        format!("network/interfaces/macs/{key}")
    });
    Some((key, value.to_owned()))
}

/// What has been found to be true is true when it is looked at again.
fn judged(metadata: &Metadata) {
    let again = judge(metadata.enis.clone(), &metadata.recalled);
    assert_eq!(again.enis, metadata.enis);
    assert_eq!(again.incomplete, []);
}

fn links(metadata: &Metadata) -> Vec<Link> {
    let macs = metadata.enis.iter().map(|eni| eni.mac);
    (0..)
        .zip(macs)
        .map(|(number, mac)| guest::link(number, mac))
        .collect()
}
