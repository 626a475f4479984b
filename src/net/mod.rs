//! Values of the network: MAC, link, address, route, rule, setting. Ordered, comparable, and shown in `ip`
//! notation. Nothing here touches the kernel, and nothing here knows what an ENI is.

mod address;
mod declared;
pub mod fib;
mod flows;
pub mod index_rule;
pub mod link;
mod mac;
pub mod maker;
mod name;
mod neighbour;
mod next_hop_object;
pub mod nft;
pub mod prefix;
mod route;
pub mod rule;
pub mod sources;
pub mod state;
pub mod sysctl;

use std::sync::Arc;

pub use address::{Address, Family, short};
pub use declared::{Declared, Word};
pub use flows::{Flow, Flows, Target};
pub use index_rule::IndexRule;
pub use link::{Link, link_of_mac, nics};
pub use mac::Mac;
pub use name::{is_plain, quoted};
pub use neighbour::{Neighbour, Reachability};
pub use next_hop_object::NextHopObject;
pub use route::{MAIN, NextHop, Route, RouteKind};
pub use rule::{Extra, From, Lookup, Mark, Rule};

/// An interface's name (`eth1`, `ens6`). Shared, because every address and route carries one.
pub type Dev = Arc<str>;
