//! Signals that end or stop a process wait while it does what must be brought to an end.

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// What a person, a terminal that goes away (an ssh session that is cut off), or systemd sends.
const HELD: [Signal; 5] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
];

/// Until this is dropped they wait; then they are delivered.
pub struct Held {
    /// `None`: the kernel would not hold them, or they are to wait for the end of the process.
    before: Option<SigSet>,
}

/// Holds the signals for the calling thread. A process that has others must have them hold theirs.
pub fn hold() -> Held {
    let set: SigSet = HELD.into_iter().collect();
    Held {
        before: set.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok(),
    }
}

impl Held {
    /// They wait for the end of the process, which is near: why it fails has to be told first.
    pub fn until_the_end(mut self) {
        self.before = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Setting a mask that the kernel gave cannot fail.
        let _ = self
            .before
            .map_or(Ok(()), |before| before.thread_set_mask());
    }
}
