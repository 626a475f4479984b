//! The shape of the code: what needs neither root nor a network. The unit tests themselves are in src/, beside what they test.

// Helper functions of tests may panic, too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod figures;
mod house;
mod install;
mod instead;
mod twice;
