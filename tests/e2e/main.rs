//! Everything that needs root, namespaces or another program, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests are tests, too

#[allow(dead_code)] // the unit tests use the rest
mod guest;
mod persist;
