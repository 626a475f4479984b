//! Our table of nftables, by the program `nft`, in transactions: what is loaded takes the place of what stands, in one step.
//! No other table is listed or touched.
//!
//! A table tells of itself by the names of two chains without rules: from which text it was made, and what its listing was
//! right after that. Where the listing is another one by now, somebody has changed it.

mod listed;

use std::time::Duration;

use super::Kernel;
use super::refusal::Refusal;
use crate::command;
use crate::error::Result;
use crate::net::nft::{NFT, Nft, TABLE, TEXT, digest};

/// The name of the chain that tells what the listing was.
const LISTING: &str = "stands_";

/// Sets that rules fill have this in their names.
const FILLED: &str = "_limit_";

/// What lists [`TABLE`], without counts.
const LIST: [&str; 5] = ["-s", "list", "table", "inet", "eniroute"];

/// Bounds each call: ten thousand clients take less than a second.
const WAIT: Duration = Duration::from_secs(20);

/// The package that has [`NFT`] everywhere.
const PACKAGE: &str = "nftables";

impl Kernel {
    /// [`Kernel::observe`] tells of our table of nftables, too, from now on, for which it runs a program.
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

    /// Our table, where it stands and was asked for.
    pub(super) fn nft(&self) -> Option<Nft> {
        let live = self.sees_nft.then(live).flatten()?;
        let digest = live
            .text
            .filter(|_| live.listing.as_ref() == Some(&live.digest));
        Some(Nft::standing(&digest.unwrap_or_default()))
    }
}

/// What stands.
struct Live {
    /// Its parts but for the two chains that tell of it: `chain`, `map`, `ct timeout`, and the name.
    parts: Vec<(String, String)>,
    /// What it was made from.
    text: Option<String>,
    /// What its listing was then.
    listing: Option<String>,
    /// What its listing is now.
    digest: String,
}

/// `None`: there is no such table, or nft cannot be asked.
fn live() -> Option<Live> {
    let listing = command::output(NFT, &LIST, WAIT).ok()?;
    Some(read(&listing))
}

/// Reads a listing: a part begins with a line that is indented once and ends with a brace.
fn read(listing: &str) -> Live {
    let mut live = Live {
        parts: Vec::new(),
        text: None,
        listing: None,
        digest: String::new(),
    };
    let (mut lasting, mut counts) = (String::new(), true);
    for line in listing.lines() {
        if let Some((kind, name)) = header(line) {
            counts = !name.contains(FILLED) && !name.starts_with(LISTING);
            live.parts.push((kind.to_owned(), name.to_owned()));
            let rest = |prefix| name.strip_prefix(prefix).map(str::to_owned);
            live.text = live.text.or(rest(TEXT));
            live.listing = live.listing.or(rest(LISTING));
        }
        if counts && line.starts_with('\t') {
            lasting.push_str(line);
            lasting.push('\n');
        }
    }
    live.digest = digest(&lasting);
    live
}

fn header(line: &str) -> Option<(&str, &str)> {
    let words = line.strip_prefix('\t')?.strip_suffix(" {")?;
    let is_deeper = words.starts_with('\t');
    words.rsplit_once(' ').filter(|_| !is_deeper)
}

/// Makes the table, or makes it so.
pub(super) fn load(nft: &Nft) -> Result<bool, Refusal> {
    put(&nft.text)?;
    Ok(true)
}

/// Puts back what was before, or takes the table away. False where there is none.
pub(super) fn put_back(nft: &Nft) -> Result<bool, Refusal> {
    match &nft.before {
        Some(before) => put(before).map(|()| true),
        None => take_away(),
    }
}

fn take_away() -> Result<bool, Refusal> {
    let stands = live().is_some();
    if stands {
        run(&format!("delete table {TABLE}\n"))?;
    }
    Ok(stands)
}

fn put(text: &str) -> Result<(), Refusal> {
    let stale = live().map(|live| stale(&live, text)).unwrap_or_default();
    run(&format!("{text}{stale}")).or_else(|error| {
        // The kernel cannot change everything in place: a hook, the type of a set.
        let anew = format!("add table {TABLE}\ndelete table {TABLE}\n{text}");
        run(&anew).map_err(|_| error)
    })?;
    if let Some(live) = live() {
        // Without it, the next run takes the table for changed, and loads it again.
        let _ = run(&format!("add chain {TABLE} {LISTING}{}\n", live.digest));
    }
    Ok(())
}

/// What stands and is not in `text`: emptied first, lest one part of it is in use by another.
fn stale(live: &Live, text: &str) -> String {
    let is_stale = |(kind, name): &&(String, String)| {
        let words = format!("add {kind} {TABLE} {name}");
        !text.lines().any(|line| {
            let rest = line.strip_prefix(&words);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
    };
    let stale: Vec<&(String, String)> = live.parts.iter().filter(is_stale).collect();
    let chains = stale.iter().filter(|(kind, _)| kind == "chain");
    let flushed = chains.map(|(_, name)| format!("flush chain {TABLE} {name}\n"));
    let of = |wanted: &'static [&'static str]| {
        let stale = stale.iter();
        let stale = stale.filter(move |(kind, _)| wanted.contains(&kind.as_str()));
        stale.map(|(kind, name)| format!("delete {kind} {TABLE} {name}\n"))
    };
    // Maps lead to chains, and rules of chains count.
    let order = of(&["map", "set"]).chain(of(&["chain"]));
    flushed
        .chain(order)
        .chain(of(&["counter", "ct timeout"]))
        .collect()
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
