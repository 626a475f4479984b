//! How deep and how long other people's YAML may be. The reader that makes values of it calls itself for each level, and
//! has no bound of its own: too deep a file would end the process. Here it is read event by event, which takes no stack.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScanError};

/// Levels of lists and mappings, those that aliases bring included. netplan's own go six deep.
const DEPTH: usize = 64;

/// In bytes; real files have a few thousand.
const LENGTH: usize = 1024 * 1024;

/// What keeps `text` from being read at all.
pub fn excess(text: &str) -> Option<String> {
    if text.len() > LENGTH {
        return Some(format!(
            "longer than {LENGTH} bytes, the most that eniroute reads of it"
        ));
    }
    // The reader itself refuses what is not YAML.
    let line = too_deep(text).ok().flatten()?;
    Some(format!(
        "line {line}: lists and mappings are nested more than {DEPTH} deep, the most that eniroute reads"
    ))
}

/// The line that is too deep.
fn too_deep(text: &str) -> Result<Option<usize>, ScanError> {
    let mut open = Open::default();
    // By character, as the reader goes: one scanner in the binary, not two.
    for event in Parser::new_from_iter(text.chars()) {
        let (event, span) = event?;
        let height = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => open.begin(anchor),
            Event::SequenceEnd | Event::MappingEnd => open.end(),
            Event::Alias(anchor) => open.reuse(anchor),
            _ => 0,
        };
        if open.levels.len() + height > DEPTH {
            return Ok(Some(span.start.line()));
        }
    }
    Ok(None)
}

/// The levels that are open, and how high what has an anchor is.
#[derive(Default)]
struct Open {
    /// Each level's anchor, and the height of the highest thing in it.
    levels: Vec<(usize, usize)>,
    anchors: BTreeMap<usize, usize>,
}

impl Open {
    fn begin(&mut self, anchor: usize) -> usize {
        self.levels.push((anchor, 0));
        0
    }

    fn end(&mut self) -> usize {
        let Some((anchor, height)) = self.levels.pop() else {
            return 0;
        };
        self.anchors.insert(anchor, height + 1);
        self.hold(height + 1)
    }

    fn reuse(&mut self, anchor: usize) -> usize {
        let height = self.anchors.get(&anchor).copied().unwrap_or_default();
        self.hold(height)
    }

    /// The innermost level has something so high.
    fn hold(&mut self, height: usize) -> usize {
        if let Some((_, highest)) = self.levels.last_mut() {
            *highest = height.max(*highest);
        }
        height
    }
}

#[cfg(test)]
#[path = "bounds_tests.rs"]
mod tests;
