//! Many changes at once: what needs no look at what stands goes to the kernel several in a datagram.

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;

use super::refusal::Refusal;
use super::request::{BATCH, Request};
use super::{Kernel, Listed, address, route, rule};
use crate::error::Result as Outcome;
use crate::net::Link;
use crate::object::{Change, Object};

/// What makes an object that is not there yet.
const NEW: NlmF = NlmF::CREATE.union(NlmF::EXCL);

impl Kernel {
    /// Does `changes` in their order, each as [`Kernel::apply`] does it, but looks the kernel's rules and routes up
    /// once for all of them: an instance can have thousands. Tells of each how it ended; none stops the others.
    pub fn apply_all(
        &mut self,
        changes: Vec<Change>,
        links: &[Link],
    ) -> Vec<(Change, Outcome<bool>)> {
        self.listed = Listed::default();
        let mut ended = Vec::with_capacity(changes.len());
        let mut waiting = Vec::new();
        for change in changes {
            let request = request(&change, links);
            if request.is_none() || waiting.len() == BATCH {
                self.send_waiting(std::mem::take(&mut waiting), links, &mut ended);
            }
            match request {
                Some(request) => waiting.push((change, request)),
                None => ended.push(self.one_by_one(change, links)),
            }
        }
        self.send_waiting(waiting, links, &mut ended);
        ended
    }

    /// What the kernel refuses is looked at by itself: it may be there already.
    fn send_waiting(
        &mut self,
        waiting: Vec<(Change, Request)>,
        links: &[Link],
        ended: &mut Vec<(Change, Outcome<bool>)>,
    ) {
        let (changes, requests): (Vec<Change>, Vec<Request>) = waiting.into_iter().unzip();
        if requests.is_empty() {
            return;
        }
        let refused = self.socket.changes(&requests).ok();
        for (at, change) in changes.into_iter().enumerate() {
            let refusal = refused.as_ref().and_then(|refused| refused.get(at));
            ended.push(match refusal {
                Some(None) => {
                    self.listed.follow(&change);
                    (change, Ok(true))
                }
                _ => self.one_by_one(change, links),
            });
        }
    }

    fn one_by_one(&mut self, change: Change, links: &[Link]) -> (Change, Outcome<bool>) {
        let done = self.one(&change, links);
        if matches!(done, Ok(true)) {
            self.listed.follow(&change);
        }
        (change, done)
    }
}

/// What does it where nothing like it stands; `None`: it is not made by one request, or not at all.
fn request(change: &Change, links: &[Link]) -> Option<Request> {
    let Change::Add(object) = change else {
        return None;
    };
    let made: Result<Request, Refusal> = match object {
        Object::Address(new) => {
            address::new(new, links).and_then(|message| Request::of(Rtm::Newaddr, NEW, &message))
        }
        Object::Route(new) => {
            route::new(new, links).and_then(|message| Request::of(Rtm::Newroute, NEW, &message))
        }
        Object::Rule(new) => {
            rule::new(new).and_then(|message| Request::of(Rtm::Newrule, NEW, &message))
        }
        Object::Sysctl(_) | Object::LinkUp(_) | Object::Nft(_) => return None,
    };
    made.ok()
}
