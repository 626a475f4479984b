//! What a run ends with: the process's exit code.

use super::Report;

/// The exit code of a service's run that metadata came too late for: that of a metadata service that cannot be reached.
const LATE: u8 = 4;

/// That of `plan --exit-code` where something would change.
const DRIFT: u8 = 5;

/// That of `egress drain` where flows are left.
const LEFT: u8 = 6;

impl Report {
    /// 0, or 1 when something failed, 4 when that is only late metadata that a service waited for; of `check`, what its
    /// [`super::Form`] says; of `plan --exit-code`, 5 where something would change; of `egress drain`, 6 where flows are
    /// left.
    pub fn exit_code(&self) -> u8 {
        let has_flows = self
            .drained
            .as_ref()
            .is_some_and(|drained| drained.flows > 0);
        match self.form {
            Some(form) => form.exit_code(&self.findings),
            None if !self.errors.is_empty() && self.awaits => LATE,
            None if !self.errors.is_empty() => 1,
            None if has_flows => LEFT,
            None if self.tells_drift && self.changes_anything() => DRIFT,
            None => 0,
        }
    }
}
