//! eniroute: every address of every ENI of an EC2 Linux instance leaves by the interface that owns it.
//!
//! The flow: [`metadata`] -> [`plan`] -> [`diff`] against the [`kernel`] and the files of the host's [`stacks`] ->
//! [`report`]. [`reconcile`] has the steps, and [`commands`] what each command makes of them. CONTRIBUTING.md says
//! which module may use which.

pub mod check;
pub mod cli;
pub mod code;
pub mod command;
pub mod commands;
pub mod config;
pub mod conflicts;
pub mod diff;
pub mod eni;
pub mod error;
pub mod files;
pub mod gather;
pub mod kernel;
pub mod ledger;
pub mod logger;
pub mod metadata;
pub mod nearest;
pub mod net;
pub mod numbering;
pub mod object;
pub mod plan;
pub mod platform;
pub mod reconcile;
pub mod report;
pub mod select;
pub mod signals;
pub mod stacks;

// The test helpers that unit tests and the e2e binary share name the crate as its users do.
#[cfg(test)]
extern crate self as eniroute;

/// What the fuzz targets do with an input: the unit tests do it with the inputs that are kept.
#[cfg(test)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;
#[cfg(test)]
mod property_tests;
