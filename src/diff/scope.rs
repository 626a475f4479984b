//! How far a run may go: which ENIs it changes, and of what it takes nothing away.

use std::collections::BTreeSet;

use crate::ledger::Made;
use crate::net::{MAIN, Mac, Route};
use crate::numbering::Owner;
use crate::object::Object;
use crate::plan::Desired;

/// How far a run may go.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Change only these ENIs, and take nothing away that belongs to none; `None`: all.
    pub only: Option<BTreeSet<Mac>>,
    /// Take nothing away from these ENIs, which are left alone.
    pub keep: BTreeSet<Mac>,
    /// Every ENI that the VPC lists could be read. Without that, the routes of an ENI's table may stand for one that
    /// could not, and all of an ENI that is not known is kept.
    pub complete: bool,
    /// What earlier runs made, but for addresses and rules that are wanted still; nothing else may be changed or taken
    /// away.
    pub made: Vec<Made>,
}

impl Scope {
    pub(super) fn adds(&self, mac: Mac) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&mac))
    }

    /// It is ours, whatever MTU it has now. Of an address or a rule that is wanted, that is not known.
    pub fn has_made(&self, object: &Object) -> bool {
        let has_route = |made: &Made, route: &Route| {
            let mut routes = made.objects.iter().filter_map(Object::route);
            routes.any(|made| made.is_same_but_mtu(route))
        };
        self.made.iter().any(|made| {
            let is_there = || object.route().is_some_and(|route| has_route(made, route));
            made.objects.contains(object) || is_there()
        })
    }

    pub(super) fn removes(&self, desired: &Desired, owner: Owner, object: &Object) -> bool {
        match owner {
            Owner::Eni(mac) => self.removes_of(mac, desired, object),
            Owner::Host => self.only.is_none() && self.complete,
        }
    }

    fn removes_of(&self, mac: Mac, desired: &Desired, object: &Object) -> bool {
        // The primary ENI's rules stand for the others: it has none when it is alone.
        let mut enis = desired.enis.iter();
        let is_known = enis.any(|planned| planned.eni.mac == mac && !planned.eni.primary);
        let is_of_others = object.route().is_some_and(|route| route.table != MAIN);
        let is_told = self.complete || (is_known && !is_of_others);
        self.adds(mac) && !self.keep.contains(&mac) && is_told
    }
}
