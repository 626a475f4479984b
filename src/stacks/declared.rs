//! What the owners of the ENIs' interfaces say of them: each in the words of the stack that runs the interface, and of
//! netplan, where that drives it. What follows from it is the plan's business. Reads the disk only.

use std::collections::BTreeMap;

use super::assign::Stacks;
use super::gather::Target;
use crate::error::Result;
use crate::net::{Declared, Dev};
use crate::plan::Desired;

/// By interface, for the ENIs of `desired`.
///
/// # Errors
/// A foreign file that cannot be read or parsed.
pub fn declared(
    target: &Target,
    stacks: &Stacks,
    desired: &Desired,
) -> Result<BTreeMap<Dev, Declared>> {
    let mut renderers = Vec::new();
    for stack in stacks.speaking(desired) {
        let renderer = stacks.renderer(stack, target)?;
        renderers.extend(renderer.map(|renderer| (stack, renderer)));
    }
    let mut found = BTreeMap::new();
    for planned in &desired.enis {
        let speaking = stacks.speaking_of(planned);
        let own = renderers
            .iter()
            .filter(|(stack, _)| speaking.contains(stack));
        let words = own.filter_map(|(_, renderer)| renderer.declared(planned));
        let strongest = words.min_by_key(|declared| declared.word.clone());
        found.extend(strongest.map(|declared| (planned.dev.clone(), declared)));
    }
    Ok(found)
}
