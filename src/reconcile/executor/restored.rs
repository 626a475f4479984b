//! What was proven once and has gone by another's doing.

use super::Executor;
use crate::error::Result;
use crate::net::nft::Nft;
use crate::object::{Change, Object};

impl Executor<'_> {
    /// Loads the table of nftables that an earlier run has made and proven, whatever stands. Where that fails, nothing is
    /// passed on without it.
    ///
    /// # Errors
    /// [`crate::error::Error::Kernel`]: nft is missing, or refuses.
    pub fn restore(&mut self, text: &str) -> Result<()> {
        let change = Change::Add(Object::from(Nft::written(text)));
        let loaded = self.kernel.apply(&change, &[]);
        if loaded.is_err() {
            self.close_what_was_made();
        }
        self.forget_flows(&[change]);
        self.kernel.note_listing();
        loaded.map(|_| ())
    }
}
