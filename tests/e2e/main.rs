//! Everything that needs root, network namespaces and packets, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)] // clippy.toml frees test functions only, not their helpers

mod kernel;
