//! Many changes at once: what needs no look at what stands goes to the kernel several in a datagram.

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;

use super::refusal::Refusal;
use super::request::{BATCH, Request};
use super::{Kernel, Listed, address, route, rule};
use crate::error::Error;
use crate::gather::Gather;
use crate::net::Link;
use crate::object::{Change, Object};

/// What makes an object that is not there yet.
const NEW: NlmF = NlmF::CREATE.union(NlmF::EXCL);

/// A change that could not be made, and why.
pub type Failed = (Change, Error);

impl Kernel {
    /// Does `changes` in their order, each as [`Kernel::apply`] does it, but looks the kernel's rules and routes up
    /// once for all of them: an instance can have thousands. None stops the others. Leaves those in `changes` that were
    /// made, and returns those that failed.
    pub fn apply_all(&mut self, changes: &mut Vec<Change>, links: &[Link]) -> Vec<Failed> {
        self.listed = Listed::default();
        let (mut made, mut failed) = (Vec::with_capacity(changes.len()), Vec::new());
        let mut rest = &changes[..];
        while !rest.is_empty() {
            let requests: Vec<Request> = rest
                .iter()
                .take(BATCH)
                .map_while(|change| request(change, links))
                .gathered();
            let (now, then) = rest.split_at(requests.len().max(1));
            for (change, is_made) in now.iter().zip(self.at_once(&requests)) {
                let ended = match is_made {
                    true => Ok(true),
                    false => self.one(change, links),
                };
                made.push(matches!(ended, Ok(true)));
                match ended {
                    Ok(true) => self.listed.follow(change),
                    Ok(false) => {}
                    Err(error) => failed.push((change.clone(), error)),
                }
            }
            rest = then;
        }
        let mut made = made.into_iter();
        changes.retain(|_| made.next().unwrap_or(false));
        failed
    }

    /// Whether the kernel has done it, of each of these, and of one that cannot be asked for so: what it refuses is looked at
    /// by itself, as it may be there already.
    fn at_once(&mut self, requests: &[Request]) -> Vec<bool> {
        if requests.is_empty() {
            return vec![false];
        }
        let refused = self.socket.changes(requests).unwrap_or_default();
        let made = |at| matches!(refused.get(at), Some(None));
        (0..requests.len()).map(made).gathered()
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
