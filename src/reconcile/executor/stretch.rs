//! The time in which the kernel is changed and nothing is proven yet.

use crate::logger;
use crate::signals;

/// From the first change to the end of its proof or rollback: signals wait, and so does the log.
pub(super) struct Stretch {
    // Dropped in this order: what there is to say is said before a signal ends the process.
    _log: logger::Held,
    signals: signals::Held,
}

impl Stretch {
    pub(super) fn begin() -> Self {
        Self {
            signals: signals::hold(),
            _log: logger::hold(),
        }
    }

    pub(super) fn until_the_end(self) {
        self.signals.until_the_end();
    }
}
