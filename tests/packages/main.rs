//! The packages as people use them: dpkg and rpm install, upgrade, remove and purge them in a root folder of their own,
//! which is an instance's in the fake VPC, and the maintainer scripts run. The oracle is packets, `ip` and what is on
//! the disk. `make test` builds the packages first; by hand: `make packages`.

// Helper functions of tests may panic, too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/vpc/mod.rs"]
mod vpc;

mod cross;
mod deb;
mod lint;
mod place;
mod release;
mod rpm;
mod same;
