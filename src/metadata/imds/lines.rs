//! Several connections to the service at once, by one token: for answers that are not yet needed, so that whatever goes
//! wrong is left to the one connection that insists. One failure, and the session is back at that one: a service that
//! throttles, or bounds its connections, is not pressed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;
use super::retry::Retry;
use super::{Imds, REQUESTS};
use crate::gather::Gather;
use crate::metadata::Answers;

/// Connections, the session's own included. EC2 bounds them, and does not say by how many.
const MOST: usize = 4;

/// How long a further connection is waited for: EC2 answers within milliseconds, and a lost packet is sent again after
/// 200 ms.
const PATIENCE: Duration = Duration::from_millis(300);

/// The further connections of a session.
#[derive(Debug)]
pub(super) struct Lines {
    clients: Vec<Client>,
    most: usize,
    /// What the last failure has taken of the time that the session insists for.
    pub(super) lost: Duration,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            clients: Vec::new(),
            most: MOST,
            lost: Duration::ZERO,
        }
    }

    pub(super) fn sent(&self) -> u32 {
        self.clients.iter().map(|client| client.sent).sum()
    }
}

impl Imds {
    /// Ends the further connections.
    pub(super) fn hang_up(&mut self) {
        self.astray += self.lines.sent();
        self.lines.clients.clear();
    }

    /// What the service says at once of `paths`.
    pub(super) fn ask_together(&mut self, mut paths: Vec<String>) -> Answers {
        let spare = REQUESTS.saturating_sub(self.requests());
        paths.truncate(usize::try_from(spare).unwrap_or(usize::MAX));
        let lines = self.lines.most.min(paths.len());
        if lines < 2 {
            return Answers::new();
        }
        let clients = &mut self.lines.clients;
        while clients.len() + 1 < lines {
            clients.push(Client::new(self.client.way.clone()));
        }
        let begin = Instant::now();
        let work = Work {
            token: &self.token,
            limit: Retry::new(self.wait, begin).share(1, begin),
            paths: Mutex::new(paths.into_iter()),
            answers: Mutex::default(),
        };
        let is_well = work.by_all(&mut self.client, &mut clients[..lines - 1]);
        let answers = work.answers.into_inner();
        if !is_well {
            (self.lines.most, self.lines.lost) = (1, begin.elapsed());
            self.hang_up();
        }
        answers.unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all lines take from, and bring to.
struct Work<'a> {
    token: &'a str,
    limit: Duration,
    paths: Mutex<std::vec::IntoIter<String>>,
    answers: Mutex<Answers>,
}

impl Work<'_> {
    /// Whether none of them failed.
    fn by_all(&self, own: &mut Client, further: &mut [Client]) -> bool {
        thread::scope(|scope| {
            let begin = |client| {
                let ask = || self.by(client, self.limit.min(PATIENCE));
                // A bound of tasks (`TasksMax=`, a user's limit) may leave no further thread.
                thread::Builder::new().spawn_scoped(scope, ask).ok()
            };
            let further: Vec<_> = further.iter_mut().filter_map(begin).gathered();
            let well = self.by(own, self.limit);
            let ended = further.into_iter().map(|line| line.join());
            ended.fold(well, |well, ended| well && ended.unwrap_or(false))
        })
    }

    /// Asks one after the other, up to the first that is not answered.
    fn by(&self, client: &mut Client, limit: Duration) -> bool {
        while let Some(path) = self.next() {
            match client.value(&path, self.token, limit) {
                Ok(answer) => drop(held(&self.answers).insert(path, answer)),
                Err(_) => return false,
            }
        }
        true
    }

    fn next(&self) -> Option<String> {
        held(&self.paths).next()
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
