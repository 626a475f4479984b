//! The instance metadata service, version 2 only: finds the endpoint that answers, holds the token,
//! and decides what to repeat, for how long, and what to say at the end. Knows no metadata key but one, and the ENIs' folder.

mod client;
mod endpoint;
mod from;
mod lines;
mod pace;
mod plain;
mod retry;
mod source;
#[cfg(test)]
mod tests;
mod transport;

use std::fmt;
use std::mem::take;
use std::thread;
use std::time::{Duration, Instant};

use log::{debug, info};

use crate::error::{Error, Result};
use crate::metadata::{Answers, REQUESTS, Source};
use crate::net::Dev;
use client::{Client, Fault};
pub use endpoint::Way;
pub use from::{Question, Url, address_in, ask_from};
use lines::Lines;
pub use plain::{Asked, default_addresses, reach};
use retry::Retry;

/// The link-local IPv4 endpoint, and the IPv6 one, which answers on Nitro instances that turned it on
/// (EC2 User Guide, "Access instance metadata").
pub const DEFAULT_URLS: [&str; 2] = ["http://169.254.169.254", "http://[fd00:ec2::254]"];

/// A key that every instance has at any time.
const ANY_KEY: &str = "mac";

/// How many ways an error tells of: an instance may have 80 NICs.
const TOLD: usize = 4;

/// Where to ask, and how long to insist.
#[derive(Clone, Debug)]
pub struct Options {
    /// `http://IP[:PORT]`, tried in this order; see [`DEFAULT_URLS`].
    pub urls: Vec<String>,
    /// The deadline for the first answer, and anew for each later stretch of trouble. Zero: one try, of
    /// at most 2 s, or one round over all ways, of at most 4 s.
    pub wait: Duration,
}

/// A session with the metadata service: one endpoint, one token, one connection, and others for what is asked ahead.
pub struct Imds {
    client: Client,
    token: String,
    wait: Duration,
    /// Requests sent to the ways that did not answer.
    astray: u32,
    others: Vec<plain::Other>,
    lines: Lines,
}

impl Imds {
    /// Fetches a token from the first way that gives one: each URL by the host's routes, then bound to
    /// each of `devices` that has an address of its own; then all of them again, after a pause, until the
    /// deadline. Loopback URLs are asked by the routes only.
    ///
    /// # Errors
    /// [`Error::Usage`] for a URL that is not `http://IP[:PORT]`; [`Error::Refused`] as soon as one way
    /// answers that it will not serve us; [`Error::Unreachable`] at the deadline.
    pub fn connect(options: &Options, devices: &[Dev]) -> Result<Self> {
        let mut clients: Vec<_> = Way::all(&options.urls, devices)?
            .into_iter()
            .map(Client::new)
            .collect();
        let found = insist(options.wait, |patience| any_token(&mut clients, patience));
        let (index, token) = found.map_err(|end| end.about(options.urls.join(", ")))?;
        let client = clients.swap_remove(index);
        let astray = clients.iter().map(|client| client.sent).sum();
        debug!("metadata service: {}", client.way);
        let others = plain::others(clients.iter().map(|client| &client.way), &client.way);
        Ok(Self {
            client,
            token,
            wait: options.wait,
            astray,
            others,
            lines: Lines::new(),
        })
    }

    /// How long to insist from now on; see [`Options::wait`].
    pub fn insist_for(&mut self, wait: Duration) {
        self.wait = wait;
    }

    /// HTTP requests sent so far, repeated ones and unanswered ones included.
    pub fn requests(&self) -> u32 {
        self.astray + self.client.sent + self.lines.sent()
    }

    fn ask(&mut self, path: &str, wait: Duration) -> Result<Option<String>> {
        if self.requests() >= REQUESTS {
            return Err(Error::Unreachable {
                url: self.client.way.endpoint.to_string(),
                why: format!(
                    "it was given up after {REQUESTS} requests, the most that one run sends"
                ),
            });
        }
        let wait = wait.saturating_sub(take(&mut self.lines.lost));
        let answer = insist(wait, |patience| self.once(path, patience));
        answer.map_err(|end| {
            end.about(format!(
                "{}/latest/meta-data/{path}",
                self.client.way.endpoint
            ))
        })
    }

    /// One try, with one renewal of the token: a service that rejects a fresh one will go on to do so.
    fn once(&mut self, path: &str, patience: &Retry) -> Result<Option<String>, Fault> {
        let limit = || patience.share(1, Instant::now());
        match self.client.value(path, &self.token, limit()) {
            Err(Fault::Unauthorized(_)) => {
                self.token = self.client.token(limit())?;
                self.client.value(path, &self.token, limit())
            }
            answer => answer,
        }
    }
}

impl fmt::Debug for Imds {
    /// Without the token, which is a secret for as long as it lives.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Imds({})", self.client.way)
    }
}

impl Source for Imds {
    /// `GET /latest/meta-data/{path}`. An empty answer is no answer, but of an ENI's keys, where its reader judges it.
    ///
    /// # Errors
    /// [`Error::Refused`] at once for 403 and other answers that no repetition changes;
    /// [`Error::Unreachable`] when the trouble outlasts the deadline.
    fn get(&mut self, path: &str) -> Result<Option<String>> {
        self.ask(path, self.wait)
    }

    fn ahead(&mut self, paths: Vec<String>) -> Answers {
        self.ask_together(paths)
    }
}

/// How a stretch of trouble ended.
enum End {
    Refused(String),
    TooLate(String),
}

impl End {
    fn about(self, url: String) -> Error {
        match self {
            Self::Refused(why) => Error::Refused { url, why },
            Self::TooLate(why) => Error::Unreachable { url, why },
        }
    }
}

/// Tries until something other than trouble comes, or the deadline.
fn insist<T>(wait: Duration, mut once: impl FnMut(&Retry) -> Result<T, Fault>) -> Result<T, End> {
    let mut patience = Retry::new(wait, Instant::now());
    loop {
        let why = match once(&patience) {
            Ok(value) => return Ok(value),
            Err(Fault::Refused(why)) => return Err(End::Refused(why)),
            Err(Fault::Unauthorized(why)) => {
                return Err(End::Refused(format!("it rejects a fresh token ({why})")));
            }
            Err(Fault::Trouble(why)) => why,
        };
        let now = Instant::now();
        let Some(pause) = patience.pause(now) else {
            return Err(End::TooLate(too_late(&why, patience.elapsed(now))));
        };
        if let Some(left) = pause.announce {
            info!(
                "waiting for the metadata service ({why}), {} s left",
                left.as_secs()
            );
        }
        thread::sleep(pause.length);
    }
}

fn too_late(why: &str, tried: Duration) -> String {
    format!("{why} (tried for {:.1} s)", tried.as_secs_f64())
}

/// One round over all ways: the first token, and the index of who gave it.
fn any_token(clients: &mut [Client], patience: &Retry) -> Result<(usize, String), Fault> {
    let ways = clients.len();
    let mut troubles = Vec::new();
    for (index, client) in clients.iter_mut().enumerate() {
        let answer = client.token(patience.listen(ways - index, Instant::now()));
        let told = |why| {
            if ways > 1 {
                format!("{}: {why}", client.way)
            } else {
                why
            }
        };
        match answer {
            Ok(token) => return Ok((index, token)),
            Err(Fault::Trouble(why)) => troubles.push(told(why)),
            Err(Fault::Refused(why) | Fault::Unauthorized(why)) => {
                return Err(Fault::Refused(told(why)));
            }
        }
    }
    Err(Fault::Trouble(summary(&troubles)))
}

fn summary(troubles: &[String]) -> String {
    let told = troubles[..troubles.len().min(TOLD)].join("; ");
    match troubles.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told}; and {more} ways more"),
    }
}
