//! What a run is asked for: by the command line, or by the unit that started it.

use std::time::Duration;

use crate::cli::{Apply, Common, Parts, Remove, Selected};
use crate::stacks::Stack;

/// What is asked for, and how to go about it.
#[derive(Clone, Debug)]
pub struct How {
    /// The command's name, for the report.
    pub command: &'static str,
    /// The ENIs that it is about; none named: all.
    pub selected: Selected,
    /// Change the kernel now; else only the files.
    pub live: bool,
    /// Write the files for the next boot.
    pub persist: bool,
    /// The network stack to write them for, whatever is found on the host.
    pub stack: Option<&'static Stack>,
    /// Bounds each wait: for the metadata service, for another run, for a program.
    pub wait: Duration,
    /// Although another tool configures the ENIs.
    pub force: bool,
    /// It runs every minute, or for each interface, and does not say the same again and again.
    pub is_repeated: bool,
}

impl How {
    /// All of the work, for every ENI.
    pub fn all(command: &'static str, common: &Common) -> Self {
        Self {
            command,
            selected: Selected::default(),
            live: true,
            persist: true,
            stack: None,
            wait: common.wait,
            force: false,
            is_repeated: false,
        }
    }

    /// The same, as systemd and udev ask for it again and again.
    pub fn repeated(command: &'static str, common: &Common) -> Self {
        Self {
            is_repeated: true,
            ..Self::all(command, common)
        }
    }

    /// `apply`, with its flags.
    pub fn apply(common: &Common, options: &Apply) -> Self {
        Self {
            command: "apply",
            force: options.force,
            ..Self::plan(common, &options.selected, &options.parts)
        }
    }

    /// `plan`, with its flags.
    pub fn plan(common: &Common, selected: &Selected, parts: &Parts) -> Self {
        Self {
            selected: selected.clone(),
            live: !parts.no_kernel,
            persist: !parts.no_persist,
            stack: parts.backend,
            ..Self::all("plan", common)
        }
    }

    /// `remove`, with its flags.
    pub fn remove(common: &Common, wanted: &Remove) -> Self {
        Self {
            selected: wanted.selected.clone(),
            live: !wanted.no_kernel,
            ..Self::all("remove", common)
        }
    }
}
