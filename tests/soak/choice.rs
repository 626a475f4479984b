//! Which cells are run: all, a sample, or those that somebody names; and until when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::stage::Scene;

pub struct Choice {
    whole: bool,
    seed: u64,
    filter: String,
    end: Option<Instant>,
}

impl Choice {
    /// `[--whole] [--seed N] [--minutes N] [CELL]`: a sample unless told otherwise; CELL is the beginning of names.
    pub fn from(mut arguments: impl Iterator<Item = String>) -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mut choice = Self {
            whole: false,
            seed: u64::from(clock.subsec_nanos()),
            filter: String::new(),
            end: None,
        };
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|text| text.parse().ok());
            match argument.as_str() {
                "--whole" => choice.whole = true,
                "--seed" => choice.seed = number().expect("--seed NUMBER"),
                "--minutes" => {
                    let minutes = number().expect("--minutes NUMBER");
                    choice.end = Some(Instant::now() + Duration::from_secs(60 * minutes));
                }
                // What `cargo test` passes to tests of other binaries.
                other if other.starts_with('-') => {}
                cell => cell.clone_into(&mut choice.filter),
            }
        }
        choice
    }

    /// For the first line of the output.
    pub fn describe(&self) -> String {
        let what = if self.whole { "all cells" } else { "a sample" };
        format!("{what}, seed {}, of `{}*`", self.seed, self.filter)
    }

    /// Until when a scene may go on, if `left` others wait for one of so many `workers`: its share of the time left.
    pub fn end_of_scene(&self, left: usize, workers: usize) -> Option<Instant> {
        let (end, now) = (self.end?, Instant::now());
        let share = end.saturating_duration_since(now) * u32::try_from(workers).unwrap();
        Some(end.min(now + share / u32::try_from(left + 1).unwrap()))
    }

    /// The scenes to be played. In a sample one of those whose names begin alike: each stack, with one of its commands.
    pub fn scenes(&self, all: Vec<Scene>) -> Vec<Scene> {
        let wanted = all.into_iter().filter(|scene| self.may_want(scene));
        if self.whole || !self.filter.is_empty() {
            return wanted.collect();
        }
        let mut groups: BTreeMap<(&str, String), Vec<Scene>> = BTreeMap::new();
        for scene in wanted {
            let begin = scene.name.split('/').next().unwrap_or_default().to_owned();
            groups.entry((scene.matrix, begin)).or_default().push(scene);
        }
        let of_group = |(n, mut group): (usize, Vec<Scene>)| {
            let turn = (self.seed as usize).wrapping_add(n) % group.len();
            group.swap_remove(turn)
        };
        groups.into_values().enumerate().map(of_group).collect()
    }

    /// Whether the scene may have cells that are wanted.
    fn may_want(&self, scene: &Scene) -> bool {
        let prefix = scene.prefix();
        let is_tested = scene.is_tested && !self.whole && self.filter.is_empty();
        !is_tested && (prefix.starts_with(&self.filter) || self.filter.starts_with(&prefix))
    }

    /// Of the scene's cells those to be run, in their order. A cell that is named in full need not be listed: where
    /// exactly a call is may differ from one run to the next.
    pub fn of(&self, scene: &Scene, cells: Vec<String>) -> Vec<String> {
        let prefix = scene.prefix();
        if let Some(cell) = self.filter.strip_prefix(&prefix)
            && !cell.is_empty()
        {
            let listed: Vec<_> = cells.into_iter().filter(|c| c.starts_with(cell)).collect();
            return if listed.is_empty() {
                vec![cell.to_owned()]
            } else {
                listed
            };
        }
        let shuffled = self.shuffle(&prefix, cells);
        if self.whole {
            shuffled
        } else {
            cover(shuffled)
        }
    }

    /// The same for the same seed, whichever other scenes there are.
    fn shuffle(&self, salt: &str, mut cells: Vec<String>) -> Vec<String> {
        let salted = salt
            .bytes()
            .fold(self.seed, |state, byte| next(state ^ u64::from(byte)));
        let mut state = salted;
        for last in (1..cells.len()).rev() {
            state = next(state);
            cells.swap(last, (state >> 33) as usize % (last + 1));
        }
        cells
    }
}

/// Knuth's generator of 64 bits.
fn next(state: u64) -> u64 {
    state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407)
}

/// As few as have, together, every part that any name has.
fn cover(cells: Vec<String>) -> Vec<String> {
    let mut touched = BTreeSet::new();
    let mut is_new = |cell: &String| {
        let before = touched.len();
        touched.extend(parts(cell));
        touched.len() > before
    };
    cells.into_iter().filter(|cell| is_new(cell)).collect()
}

/// `apply`, `rename`, `KILL` of `apply/rename.3/KILL`, each with its place.
fn parts(cell: &str) -> Vec<(usize, String)> {
    let without_number = |part: &str| match part.rsplit_once('.') {
        Some((name, number)) if number.parse::<usize>().is_ok() => name.to_owned(),
        _ => part.to_owned(),
    };
    cell.split('/').map(without_number).enumerate().collect()
}
