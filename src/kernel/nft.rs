//! Our table of nftables, by the program `nft`, in transactions: what is loaded takes the place of what stands, in one step.
//! No other table is listed or touched.
//!
//! A table tells of itself by the names of chains without rules: from which text it was made; which generation of the
//! kernel's rules it was made in; and what its listing was right after that. While the generation is the same, nobody has
//! changed any table, and no program is asked. Later, where the listing is another one by now, somebody has changed it.

mod listed;

use std::time::Duration;

use super::Kernel;
use super::refusal::Refusal;
use crate::command;
use crate::error::Result;
use crate::gather::Gather;
use crate::net::nft::{NFT, Nft, TABLE, TEXT, digest, whole_of};

/// The name of the chain that tells the generation, and the listing behind it as soon as that is known.
const STANDS: &str = "stands_";

/// Sets that rules fill have this in their names.
const FILLED: &str = "_limit_";

/// What lists [`TABLE`], without counts.
const LIST: [&str; 5] = ["-s", "list", "table", "inet", "eniroute"];

/// Bounds each call: ten thousand clients take less than a second.
const WAIT: Duration = Duration::from_secs(20);

/// The package that has [`NFT`] everywhere.
const PACKAGE: &str = "nftables";

/// A part of a table: `chain`, `map`, `ct timeout`, and its name.
type Part = (&'static str, String);

impl Kernel {
    /// [`Kernel::observe`] tells of our table of nftables, too, from now on, for which it may run a program.
    pub fn observe_nft(&mut self) {
        self.sees_nft = true;
    }

    /// Loads `text`, a part of our table, beside what of it stands; the table is then another than was made.
    ///
    /// # Errors
    /// nft is missing, or refuses.
    pub fn load_beside(&mut self, text: &str) -> Result<()> {
        run(text).map_err(|refusal| refusal.of("load a part of the nftables table"))
    }

    /// Has our table, which was just made, tell its listing, by which it is known when others have changed their tables.
    pub fn note_listing(&self) {
        let generation = listed::generation();
        let listing = self.has_table().then(listing).flatten();
        if let Some(listing) = listing {
            let old = listed::parts().into_iter();
            let old = old.filter(|(_, name)| name.starts_with(STANDS));
            let old = old.map(|(_, name)| format!("delete chain {TABLE} {name}\n"));
            let now = stands(generation, &listing);
            // Without it, a later run takes the table for changed, and loads it again.
            let _ = run(&old.chain([now]).gathered::<String>());
        }
    }

    /// Our table, where it stands, was asked for, and could be mended.
    pub(super) fn nft(&self) -> Option<Nft> {
        if !self.sees_nft || !command::is_there(NFT) || !self.has_table() {
            return None;
        }
        let parts = listed::parts();
        let told = |prefix| parts.iter().find_map(|(_, name)| name.strip_prefix(prefix));
        let is_as_made = told(STANDS).is_some_and(is_as_told);
        let text = told(TEXT).filter(|_| is_as_made);
        Some(Nft::standing(text.unwrap_or_default()))
    }
}

/// What a table tells that is made now: the transaction ends the generation.
fn stands(generation: Option<u32>, listing: &str) -> String {
    let next = generation.map_or(0, |generation| generation.wrapping_add(1));
    format!("add chain {TABLE} {STANDS}{next:x}_{listing}\n")
}

/// Whether the table is what it was when it told this.
fn is_as_told(told: &str) -> bool {
    let (generation, then) = told.split_once('_').unwrap_or_default();
    let is_same = |now: u32| u32::from_str_radix(generation, 16) == Ok(now);
    listed::generation().is_some_and(is_same) || listing().is_some_and(|now| now == then)
}

/// A digest of what nft lists of the table; `None`: it cannot be asked.
fn listing() -> Option<String> {
    let listing = command::output(NFT, &LIST, WAIT).ok()?;
    Some(digest(&lasting(&listing)))
}

/// A listing without what may differ. A part begins with a line that is indented once and ends with a brace.
fn lasting(listing: &str) -> String {
    let (mut lasting, mut counts) = (String::new(), true);
    for line in listing.lines() {
        if let Some(name) = header(line) {
            counts = !name.contains(FILLED) && !name.starts_with(STANDS);
        }
        if counts && line.starts_with('\t') {
            lasting.push_str(line);
            lasting.push('\n');
        }
    }
    lasting
}

/// The name in a part's first line.
fn header(line: &str) -> Option<&str> {
    let words = line.strip_prefix('\t')?.strip_suffix(" {")?;
    let (_, name) = words.rsplit_once(' ')?;
    (!words.starts_with('\t')).then_some(name)
}

/// Makes the table, or makes it so.
pub(super) fn load(nft: &Nft) -> Result<bool, Refusal> {
    put(&nft.text)?;
    Ok(true)
}

/// Puts back what was before, or takes the table away. False where there is none.
pub(super) fn put_back(kernel: &Kernel, nft: &Nft) -> Result<bool, Refusal> {
    match &nft.before {
        Some(before) => put(before).map(|()| true),
        None => take_away(kernel),
    }
}

fn take_away(kernel: &Kernel) -> Result<bool, Refusal> {
    let stands = kernel.has_table();
    if stands {
        let is_gone = || !kernel.has_table();
        run_until(&format!("delete table {TABLE}\n"), &is_gone)?;
    }
    Ok(stands)
}

fn put(text: &str) -> Result<(), Refusal> {
    let generation = listed::generation();
    let mark = stands(generation, "");
    let text = format!("{text}{mark}");
    let stale = stale(&listed::parts(), &text);
    // No table that stood before has this chain: it names the generation that is made now.
    let is_made = || generation.is_some() && tells(&mark);
    run_until(&format!("{text}{stale}"), &is_made).or_else(|error| {
        // The kernel cannot change everything in place: a hook, the type of a set.
        let anew = format!("add table {TABLE}\ndelete table {TABLE}\n{text}");
        run_until(&anew, &is_made).map_err(|_| error)
    })
}

/// The chain that this line adds is there.
fn tells(mark: &str) -> bool {
    let parts = listed::parts().into_iter();
    let mut chains = parts.filter(|(kind, _)| *kind == "chain");
    chains.any(|(_, name)| mark.trim_end().rsplit(' ').next() == Some(name.as_str()))
}

/// As [`run`], but what nft could do before it was ended, by a signal or for its time, is done.
fn run_until(text: &str, is_done: &dyn Fn() -> bool) -> Result<(), Refusal> {
    run(text).or_else(|refusal| is_done().then_some(()).ok_or(refusal))
}

/// Takes away what stands and `text` does not have. What an address that is gone has counted for an entry stays.
fn stale(parts: &[Part], text: &str) -> String {
    let has = |kind: &str, name: &str| {
        let words = format!("add {kind} {TABLE} {name}");
        text.lines().any(|line| {
            let rest = line.strip_prefix(&words);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
    };
    let is_part = |kind: &str, name: &str| {
        let whole = whole_of(name).filter(|_| kind == "counter");
        whole.is_some_and(|whole| has(kind, &whole))
    };
    let is_stale = |(kind, name): &&Part| !has(kind, name) && !is_part(kind, name);
    let stale: Vec<&Part> = parts.iter().filter(is_stale).gathered();
    let chains = stale.iter().filter(|(kind, _)| *kind == "chain");
    let flushed = chains.map(|(_, name)| format!("flush chain {TABLE} {name}\n"));
    let of = |wanted: &'static [&'static str]| {
        let stale = stale.iter();
        let stale = stale.filter(move |(kind, _)| wanted.contains(kind));
        stale.map(|(kind, name)| format!("delete {kind} {TABLE} {name}\n"))
    };
    // Maps lead to chains, and rules of chains count.
    let order = of(&["map", "set"]).chain(of(&["chain"]));
    flushed
        .chain(order)
        .chain(of(&["counter", "ct timeout"]))
        .gathered()
}

/// What nft says against the table, in its first words; `None`: it takes it. Nothing is changed.
pub fn refusal(nft: &Nft) -> Option<String> {
    let said = command::fed(NFT, &["-c", "-f", "-"], &nft.text, WAIT).err()?;
    let said = said.to_string();
    let mut lines = said.lines().skip_while(|line| !line.contains("Error: "));
    let error = lines
        .next()
        .map(|line| line.rsplit("Error: ").next().unwrap_or(line));
    let at = lines.next().map(|line| format!(": `{}`", line.trim()));
    Some(error.map_or_else(
        || said.clone(),
        |error| error.to_owned() + &at.unwrap_or_default(),
    ))
}

fn demand_nft() -> Result<(), Refusal> {
    let why = || format!("`{NFT}` is not installed: install the package {PACKAGE}");
    let is_there = command::is_there(NFT).then_some(());
    is_there.ok_or_else(|| Refusal::because(why()))
}

fn run(text: &str) -> Result<(), Refusal> {
    demand_nft()?;
    command::fed(NFT, &["-f", "-"], text, WAIT).map_err(Refusal::because)
}

#[cfg(test)]
#[path = "nft_tests.rs"]
mod tests;
