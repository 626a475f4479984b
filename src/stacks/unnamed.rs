//! Interfaces whose names no file may have: shells read some of the files, and one such name would make netplan refuse all
//! of its YAML. The kernel part takes any name.

use std::borrow::Cow;

use crate::gather::Gather;
use crate::net::is_plain;
use crate::plan::{Desired, Planned};

/// What files are written for, and a note for each interface that is left out.
pub fn without(desired: &Desired) -> (Cow<'_, Desired>, Vec<String>) {
    let has_name = |planned: &Planned| is_plain(&planned.dev);
    let mut named = Cow::Borrowed(desired);
    if !desired.enis.iter().all(has_name) {
        named.to_mut().enis.retain(has_name);
    }
    let unnamed = desired.enis.iter().filter(|planned| !has_name(planned));
    let note = |planned: &Planned| {
        format!(
            "{} ({}) gets no files, because of its name: only letters, digits, `.`, `_` and `-` are safe in them; \
             eniroute configures it at each boot. To have files, rename it",
            planned.dev, planned.eni.id
        )
    };
    (named, unnamed.map(note).gathered())
}
