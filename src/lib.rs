//! eniroute: every address of every ENI of an EC2 Linux instance leaves by the interface that owns it.
//!
//! The flow: metadata ([`imds`], [`eni`]) -> [`plan`] -> [`diff`] against the kernel ([`kernel`]) and
//! files ([`persist`]) -> [`report`]. [`run`] is the only module that knows all the others.

pub mod eni;
pub mod error;
pub mod files;
pub mod net;
pub mod persist;
pub mod plan;

// The test helpers that unit tests and the e2e binary share name the crate as its users do.
#[cfg(test)]
extern crate self as eniroute;
