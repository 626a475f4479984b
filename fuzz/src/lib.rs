//! What each fuzz target does with an input, and what must hold whatever the input is. cargo-fuzz runs them with inputs
//! of its own making; eniroute's unit tests replay those of `corpus/`, on the stable compiler.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a broken promise is to end the run

mod files;
mod guest;
mod metadata;
pub mod model;
mod written;

pub use files::{ifcfg, interfaces, keyfile, netplan, networkd, toml};
pub use metadata::metadata;
pub use written::{ledger, memory};

/// A target: its name, which is that of its folder below `corpus/`, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 10] = [
    ("metadata", metadata),
    ("netplan", netplan),
    ("networkd", networkd),
    ("ifcfg", ifcfg),
    ("keyfile", keyfile),
    ("interfaces", interfaces),
    ("netlink", netlink),
    ("ledger", ledger),
    ("memory", memory),
    ("toml", toml),
];

/// The first byte says which list a datagram of the kernel's is a part of.
pub fn netlink(input: &[u8]) {
    let Some((kind, datagram)) = input.split_first() else {
        return;
    };
    let read = eniroute::kernel::datagram::read(*kind, datagram, &guest::links());
    assert!(
        read <= input.len(),
        "{read} objects of {} bytes",
        input.len()
    );
}
