//! What can go wrong with the metadata service, and on which requests.

use std::time::Duration;

/// `WHAT` names a MAC, a key, or both (`06:..:b8/device-number`): whole parts of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Answered with this status: 403 refused or turned off, 429 throttled, 500 broken.
    Status(u16),
    /// The same, for `WHAT` alone. `api/token` is the PUT.
    StatusOf(String, u16),
    /// Not yet there: listed, and yet 404.
    Late(String),
    /// Neither listed nor there.
    Absent(String),
    /// Another value: of a key, or of a listing.
    Value(String, String),
    /// Each answer takes this long.
    Slow(Duration),
    /// Connections are refused.
    Dead,
    /// Connections are accepted, and never answered.
    Blackhole,
    /// The connection ends in the middle of the body.
    Truncated,
    /// The connection is reset in place of an answer.
    Reset,
    /// The connection ends in place of an answer.
    Closed,
    /// Not HTTP.
    Garbage,
    /// Another fault, on requests for this very path alone: `/latest/meta-data/mac`.
    On(String, Box<Fault>),
}

impl Fault {
    pub const REFUSE: Self = Self::Status(403);
    pub const THROTTLE: Self = Self::Status(429);
    pub const BROKEN: Self = Self::Status(500);

    pub fn status_of(what: &str, status: u16) -> Self {
        Self::StatusOf(what.to_owned(), status)
    }

    pub fn late(what: &str) -> Self {
        Self::Late(what.to_owned())
    }

    pub fn absent(what: &str) -> Self {
        Self::Absent(what.to_owned())
    }

    pub fn value(what: &str, text: &str) -> Self {
        Self::Value(what.to_owned(), text.to_owned())
    }

    /// A key that is there, with nothing in it.
    pub fn empty(what: &str) -> Self {
        Self::value(what, "")
    }

    pub fn on(path: &str, fault: Self) -> Self {
        Self::On(path.to_owned(), Box::new(fault))
    }

    /// What goes wrong, wherever.
    fn inner(self) -> Self {
        match self {
            Self::On(_, fault) => *fault,
            fault => fault,
        }
    }

    fn concerns(&self, path: &str) -> bool {
        match self {
            Self::StatusOf(what, _) | Self::Late(what) | Self::Absent(what) => {
                wrapped(path).contains(&wrapped(what))
            }
            Self::Value(what, _) => wrapped(path).ends_with(&wrapped(what)),
            Self::On(exactly, _) => exactly == path,
            _ => true,
        }
    }
}

/// The faults in force.
#[derive(Default)]
pub struct Faults(Vec<(Fault, Option<usize>)>);

impl Faults {
    /// For the next `times` requests that it concerns, or until [`Faults::clear`].
    pub fn add(&mut self, fault: Fault, times: Option<usize>) {
        self.0.push((fault, times));
    }

    /// Ends all of them, and tells what they were.
    pub fn clear(&mut self) -> Vec<Fault> {
        self.0.drain(..).map(|(fault, _)| fault.inner()).collect()
    }

    /// What goes wrong with a request for this path; each counted fault is used up by one.
    pub fn strike(&mut self, path: &str) -> Vec<Fault> {
        let mut struck = vec![];
        for (fault, times) in self.0.iter_mut().filter(|(fault, _)| fault.concerns(path)) {
            struck.push(fault.clone().inner());
            *times = times.map(|n| n - 1);
        }
        self.0.retain(|(_, times)| *times != Some(0));
        struck
    }

    /// Whether a listing leaves this child out.
    pub fn hides(&self, path: &str) -> bool {
        self.0
            .iter()
            .any(|(fault, _)| matches!(fault, Fault::Absent(_)) && fault.concerns(path))
    }
}

fn wrapped(path: &str) -> String {
    format!("/{}/", path.trim_matches('/'))
}
