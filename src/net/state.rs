//! What the kernel says of links and addresses beside what a plan goes by: how they are, not what they are.

use super::{Address, Dev};

/// How a link is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    pub dev: Dev,
    /// `IFF_UP`: administratively up.
    pub up: bool,
    /// `IFF_LOWER_UP`: what it is connected to answers. Only a link that is up says so.
    pub carrier: bool,
    /// In bytes.
    pub mtu: u32,
}

/// How an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressState {
    pub address: Address,
    /// `IFA_F_TENTATIVE`: whether another host has it is still being found out.
    pub tentative: bool,
    /// `IFA_F_DADFAILED`: another host has it.
    pub duplicate: bool,
    /// `IFA_F_DEPRECATED`: new connections take another one.
    pub deprecated: bool,
    /// In so many seconds it goes; `None`: it stays.
    pub valid: Option<u32>,
}
