//! What every command is made of: a [`Run`], with the host, what is asked for, what is known before anything is
//! changed, and what has come of it; the one door to the kernel; the files and their hand-over; and waiting for
//! metadata that is late.

mod ahead;
mod alone;
mod apart;
pub mod assess;
mod choices;
mod chosen;
pub mod converge;
pub mod drained;
pub mod enis;
pub mod executor;
pub mod files;
pub mod findings;
pub mod host;
pub mod how;
pub mod inspect;
pub mod kept;
mod kernel;
mod leases;
pub mod lock;
pub mod made;
mod names;
mod outlook;
mod passing;
mod proof;
mod removal;
pub mod rule_index;
pub mod run;
pub mod said;
pub mod seen;
pub mod settle;
mod strays;
pub mod unproven;
pub mod wait;

pub use converge::converge;
pub use host::Host;
pub use how::How;
pub use inspect::Inspection;
pub use lock::{LOCK, demand_root, lock, tidy, try_lock};
pub use passing::passing;
pub use proof::outside;
pub use run::Run;
