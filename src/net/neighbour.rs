//! What the kernel knows of a neighbour on a link: whether it answers ARP or neighbour discovery.

use std::net::IpAddr;

use super::Dev;

/// An entry of the kernel's neighbour table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    pub dev: Dev,
    pub ip: IpAddr,
    pub state: Reachability,
}

/// Whether a neighbour is known to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// Its MAC is known (`REACHABLE`, `STALE`, `PERMANENT`, ...).
    Answers,
    /// It was asked for, and has not answered (`FAILED`).
    Silent,
    /// It is being asked for.
    Unknown,
}
