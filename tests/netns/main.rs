//! End to end, as root: the real kernel, real packets, real consumers of our files. `ip`, `ping` and `netplan` are
//! the oracle, never eniroute's own code.

// Helper functions of tests may panic, too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod appliance;
mod assigned;
mod by_nic;
mod check;
mod cloud_init;
mod consumer;
mod converge;
mod damaged;
mod declared;
mod drawn;
mod egress;
mod explain;
mod findings;
mod fleet;
#[path = "../support/guest.rs"]
#[allow(dead_code)] // the unit tests use the rest
mod guest;
mod hardened;
mod hostile;
mod ifupdown;
mod imds;
mod input;
mod journal;
mod judged;
mod kernel;
mod kinds;
mod late;
mod lease;
mod life;
mod managers_restarted;
mod meanwhile;
mod metadata;
mod mtu;
mod network_manager;
mod network_scripts;
mod networkd;
mod nm_newcomer;
mod others;
mod output;
mod pace;
mod peers;
mod persist;
mod primary;
mod proof;
mod reach;
mod recalled;
mod rule_index;
mod same_twice;
mod scale;
mod service;
mod settings;
mod shadow;
mod shown;
mod standing;
mod status;
mod steady;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
mod truth;
mod units;
mod unreadable;
mod vpc_selftest;

use support::{crowd, disks, draw, instance, nat, vpc};
