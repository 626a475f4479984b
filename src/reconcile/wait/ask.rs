//! Asks the metadata service on behalf of a unit. One bad answer must not decide a whole boot: where this is an EC2
//! instance, a service that refuses (400, 403, 404 of a key that every instance has) is asked again until the deadline.

use std::mem::replace;
use std::thread::sleep;
use std::time::{Duration, Instant};

use log::info;

use crate::error::{Error, Result};
use crate::metadata::Reading;
use crate::reconcile::host::Host;

/// Between two tries, at first and at most; it doubles meanwhile.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Reads the metadata, once; `wait` is for a service that does not answer.
///
/// # Errors
/// As [`Reading::start`]. The session is given up then: the next one begins with another token.
pub fn once(host: &mut Host, public: bool, wait: Duration) -> Result<Reading> {
    let usual = replace(&mut host.service.wait, wait);
    let read = host.read(public);
    host.service.wait = usual;
    if read.is_err() {
        host.imds = None;
    }
    read
}

/// Reads the metadata, and goes on trying until `deadline` where a later answer may differ.
///
/// # Errors
/// The last try's.
pub fn until(host: &mut Host, public: bool, deadline: Instant) -> Result<Reading> {
    let left = || deadline.saturating_duration_since(Instant::now());
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match once(host, public, left()) {
            Ok(reading) => return Ok(reading),
            Err(error) => error,
        };
        if left().is_zero() || !may_pass(host, &error) {
            return Err(error);
        }
        info!("{error}; it is asked again for {} s", left().as_secs());
        sleep(pause.min(left()));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the service may answer otherwise later. Off EC2 a refusal is the answer: this is somebody else's server.
pub fn may_pass(host: &Host, error: &Error) -> bool {
    host.is_ec2 && matches!(error, Error::Refused { .. } | Error::Unreachable { .. })
}
