//! The tests that need root: eniroute, and the VPC that it is tested in, with real packets.

// clippy takes only the `#[test]` functions themselves for tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../vpc/mod.rs"]
mod vpc;

#[path = "vpc.rs"]
mod vpc_selftest;
