//! What the host should look like. Pure and total: no disk, no kernel, no clock.

use crate::eni::Eni;
use crate::net::{Address, Dev, Route, Rule};

/// What the host should hold for its ENIs: both the kernel's changes and the files come from this, and
/// from nothing else, so what is applied and what is persisted cannot differ. Ordered by table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    pub enis: Vec<Planned>,
}

/// One ENI's part. `addresses`, `routes` and `rules` are in the order in which they must be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub eni: Eni,
    /// The interface that carries the ENI's MAC.
    pub dev: Dev,
    /// Host addresses. A secondary ENI: all of its addresses, IPv4 first, the primary one first of all. The
    /// primary ENI: its secondary IPv4 addresses only, because the rest is its DHCP client's.
    pub addresses: Vec<Address>,
    /// A subnet's route before the default that needs it.
    pub routes: Vec<Route>,
    pub rules: Vec<Rule>,
}
