//! Signals that end or stop a process wait while it does what must be brought to an end.

use std::io;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

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

/// Those that end the process wait, but whoever works meanwhile sees that they have come.
pub struct Watched {
    // Dropped first: what has come is delivered when the signals are no longer held.
    pending: SignalFd,
    _held: Held,
}

/// Holds the signals of the calling thread, and watches for those that end the process.
///
/// # Errors
/// The kernel has no descriptor left.
pub fn watch() -> io::Result<Watched> {
    let ending = HELD.into_iter().filter(|signal| *signal != Signal::SIGTSTP);
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    let pending = SignalFd::with_flags(&ending.collect(), flags)?;
    let _held = hold();
    Ok(Watched { pending, _held })
}

impl Watched {
    /// Whether one of them waits. It is left where it is.
    pub fn have_come(&self) -> bool {
        let mut ready = [PollFd::new(self.pending.as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, PollTimeout::ZERO).is_ok_and(|count| count > 0)
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
