//! What of `[[egress]]` cannot be followed: refused where a person has asked for the run, and told of else. Pure.

use super::{FILE, Idle};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::plan::Desired;

/// Refuses an `[[egress]]` that cannot be followed.
///
/// # Errors
/// [`Error::Usage`], with all that is wrong.
pub(crate) fn demand_meaning(desired: &Desired) -> Result<()> {
    match &desired.egress.mistakes[..] {
        [] => Ok(()),
        mistakes => Err(Error::Usage(mistakes.join("\n"))),
    }
}

/// What of it has no effect; `unresolved` are names.
pub(crate) fn unfollowed(desired: &Desired, unresolved: Vec<String>) -> impl Iterator<Item = Idle> {
    let told = desired.egress.told().cloned();
    told.chain(unresolved).map(|what| Idle {
        code: Code::N5,
        entry: "[[egress]]".to_owned(),
        place: place(&what).to_owned(),
        is: "a part that has no effect".to_owned(),
        expected: "clients and addresses that are there".to_owned(),
        what,
    })
}

/// The file and the line that a sentence begins with, if it does.
fn place(what: &str) -> &str {
    let head = what.split(": ").next().unwrap_or_default();
    let has_line = head
        .rsplit_once(':')
        .is_some_and(|(_, line)| line.parse::<u32>().is_ok());
    if has_line { head } else { FILE }
}
