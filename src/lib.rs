//! eniroute: every address of every ENI of an EC2 Linux instance leaves by the interface that owns it.
//!
//! The flow: metadata ([`imds`], [`eni`]) -> [`plan`] -> [`diff`] against the kernel ([`kernel`]) and
//! files ([`persist`]) -> [`report`]. [`run`] is the only module that knows all the others.

pub mod cli;
pub mod config;
pub mod diff;
pub mod ec2;
pub mod eni;
pub mod error;
pub mod files;
pub mod imds;
pub mod kernel;
pub mod ledger;
pub mod logger;
pub mod memory;
pub mod net;
pub mod peers;
pub mod persist;
pub mod plan;
pub mod record;
pub mod report;
pub mod run;
pub mod select;
pub mod signals;

// The test helpers that unit tests and the e2e binary share name the crate as its users do.
#[cfg(test)]
extern crate self as eniroute;
