//! The plain ways to the service, by the host's routes, as every program on the host goes: which of them lead there
//! before a change of those routes, and after it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::client::Client;
use super::endpoint::{Endpoint, Way};
use super::from::Question;
use super::transport::Knock;
use super::{ANY_KEY, DEFAULT_URLS, Imds, insist};
use crate::error::Result;
use crate::gather::Gather;

/// How long a way that one lost packet has made us leave is waited for, before it counts as one that leads nowhere: a
/// lost SYN is sent again after a second.
const PATIENCE: Duration = Duration::from_secs(2);

/// A plain way that a session does not use, and for IPv6 a connection that has been begun there.
pub(super) type Other = (Way, Option<Knock>);

/// Begins a connection by each plain IPv6 way that is not `used`: a silent one costs nobody any time.
pub(super) fn others<'a>(ways: impl Iterator<Item = &'a Way>, used: &Way) -> Vec<Other> {
    let plain = ways.filter(|way| way.is_plain() && *way != used).cloned();
    let knock = |address: SocketAddr| address.is_ipv6().then(|| Knock::at(address));
    plain
        .map(|way| (way.clone(), knock(way.endpoint.address())))
        .gathered()
}

impl Imds {
    /// The plain ways that lead to the service now; where none does, the way that this session uses. To be asked right
    /// before a change. `ipv6`: whether the IPv6 endpoint counts; it is off on most instances, so it is not waited for.
    pub fn ways(&mut self, ipv6: bool) -> Vec<Way> {
        // What is read, is read: the proof has a connection of its own.
        self.hang_up();
        let wait = self.wait.min(PATIENCE);
        let leads_there = |(way, knock): &&Other| match knock {
            Some(knock) => ipv6 && knock.is_open(),
            // One that the host has no route for is not waited for.
            None => Knock::at(way.endpoint.address()).is_begun(),
        };
        let others = self.others.iter().filter(leads_there).map(|(way, _)| way);
        let mut ways: Vec<Way> = others
            .filter(|way| reach(&[(*way).clone()], wait).is_ok())
            .cloned()
            .gathered();
        if self.client.way.is_plain() || ways.is_empty() {
            ways.insert(0, self.client.way.clone());
        }
        ways
    }

    /// What may be asked of it from any address: the one that this session uses first.
    pub fn questions(&self) -> Vec<Question> {
        let others = self.others.iter().map(|(way, _)| way);
        let ways = std::iter::once(&self.client.way).chain(others);
        ways.map(|way| Question::metadata(way.endpoint.address()))
            .gathered()
    }

    /// Where this service is, in each family that it has been asked for.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let others = self.others.iter().map(|(way, _)| way);
        let ways = others.chain([&self.client.way]);
        ways.map(|way| way.endpoint.address().ip()).gathered()
    }
}

/// Where the service is unless somebody has named another.
pub fn default_addresses() -> Vec<IpAddr> {
    DEFAULT_URLS
        .iter()
        .filter_map(|url| Endpoint::parse(url).ok())
        .map(|endpoint| endpoint.address().ip())
        .gathered()
}

/// The service is being asked whether it can be reached, while other things are done.
pub struct Asked {
    ways: Vec<Way>,
    wait: Duration,
    /// `None`: there is no way, or no further thread.
    asking: Option<JoinHandle<Result<()>>>,
    is_over: Arc<AtomicBool>,
}

impl Asked {
    /// By each of `ways`, for at most `wait`. The thread that begins it is the one that waits for it.
    pub fn by(ways: &[Way], wait: Duration) -> Self {
        let ways = ways.to_vec();
        let is_over = Arc::new(AtomicBool::new(false));
        let ask = {
            let (ways, is_over, waiting) = (ways.clone(), is_over.clone(), thread::current());
            move || {
                let answer = reach(&ways, wait);
                is_over.store(true, Ordering::Release);
                waiting.unpark();
                answer
            }
        };
        let asking = (!ways.is_empty()).then(|| thread::Builder::new().spawn(ask).ok());
        Self {
            ways,
            wait,
            asking: asking.flatten(),
            is_over,
        }
    }

    /// Waits for the answer for at most `time`, or less where something else wakes this thread. Returns whether
    /// [`Asked::end`] takes no more time, or is all there is.
    pub fn is_over_within(&self, time: Duration) -> bool {
        let is_over = || {
            let has_ended = |asking: &JoinHandle<_>| asking.is_finished();
            self.is_over.load(Ordering::Acquire) || self.asking.as_ref().is_none_or(has_ended)
        };
        if !is_over() {
            thread::park_timeout(time);
        }
        is_over()
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// As [`reach`].
    pub fn end(self) -> Result<()> {
        let asked = self.asking.and_then(|asking| asking.join().ok());
        asked.unwrap_or_else(|| reach(&self.ways, self.wait))
    }
}

/// Asks by each of `ways`, over a new connection, for at most `wait` in all: one that was open before outlives changes
/// of routes, and would prove nothing. Any answer will do.
///
/// # Errors
/// [`crate::error::Error::Unreachable`] for the first way by which none comes.
pub fn reach(ways: &[Way], wait: Duration) -> Result<()> {
    let end = Instant::now() + wait;
    ways.iter().try_for_each(|way| {
        let mut client = Client::new(way.clone());
        let left = end.saturating_duration_since(Instant::now());
        let answer = insist(left, |patience| {
            client.answers(ANY_KEY, patience.share(1, Instant::now()))
        });
        answer.map_err(|end| end.about(way.to_string()))
    })
}
