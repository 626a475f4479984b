//! What DHCP clients of others keep in main while a network manager loads our files: it may configure an ENI anew whose
//! client stays, and the lease is away for a moment then.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use super::assess::Assessment;
use crate::error::Result;
use crate::gather::Gather;
use crate::kernel::Kernel;
use crate::net::{Dev, MAIN, Route};
use crate::object::Object;

/// A DHCP client that begins anew has an answer at once, or after its first repetition (RFC 2131, 4.1: 4 s, and one
/// more by chance).
const ANSWER: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(50);

/// Main's routes that are not ours. To be asked before the kernel is changed.
pub fn of_others(assessment: &Assessment) -> Vec<Route> {
    let routes = assessment.observed.routes.iter();
    let main = routes.filter(|route| route.table == MAIN);
    main.filter(|route| !assessment.scope.has_made(&Object::from((*route).clone())))
        .cloned()
        .gathered()
}

/// The `routes` of others, those of `taken` interfaces left out: a complete definition of ours has taken these from their
/// clients.
pub fn kept(mut routes: Vec<Route>, taken: &BTreeSet<Dev>) -> Vec<Route> {
    let is_taken = |route: &Route| route.ways().any(|(_, dev)| taken.contains(dev));
    routes.retain(|route| !is_taken(route));
    routes
}

/// Waits until all of them are there, for as long as a client may need, but for `wait` at most.
///
/// # Errors
/// The kernel does not tell.
pub fn await_return(kernel: &mut Kernel, routes: &[Route], wait: Duration) -> Result<()> {
    let began = Instant::now();
    loop {
        let there: BTreeSet<Route> = kernel.observe()?.routes.into_iter().into_set();
        if routes.iter().all(|route| there.contains(route)) || began.elapsed() >= ANSWER.min(wait) {
            return Ok(());
        }
        thread::sleep(INTERVAL);
    }
}
