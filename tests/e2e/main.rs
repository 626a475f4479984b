//! Tests that need root: network namespaces, packets, the real kernel. One binary, so that it links once.

#![allow(clippy::unwrap_used, clippy::expect_used)] // clippy.toml spares only #[test] functions

mod imds;
