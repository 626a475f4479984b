//! What cannot be made without taking away what is not ours.

use super::Scope;
use super::present::Present;
use crate::gather::Gather;
use crate::net::{Mac, Route};
use crate::object::Observed;
use crate::plan::Desired;

/// A wanted route whose place another one has that is not ours: the kernel has room for one of each destination and
/// metric in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The ENI that the wanted one is for.
    pub owner: Mac,
    pub wanted: Route,
    pub standing: Route,
}

/// What cannot be made without taking away what is not ours.
pub fn conflicts(desired: &Desired, observed: &Observed, scope: &Scope) -> Vec<Conflict> {
    let present = Present::new(observed);
    let enis = desired
        .enis
        .iter()
        .filter(|planned| scope.adds(planned.eni.mac));
    let routes =
        enis.flat_map(|planned| planned.routes.iter().map(|route| (planned.eni.mac, route)));
    let lacking = routes.filter(|(_, route)| !present.index.has_route(route));
    let standing = lacking
        .filter_map(|(owner, wanted)| Some((owner, wanted, present.foreign_rival(wanted, scope)?)));
    standing
        .map(|(owner, wanted, standing)| conflict(owner, wanted, standing))
        .gathered()
}

fn conflict(owner: Mac, wanted: &Route, standing: &Route) -> Conflict {
    Conflict {
        owner,
        wanted: wanted.clone(),
        standing: standing.clone(),
    }
}
