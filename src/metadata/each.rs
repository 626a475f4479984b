//! Reading many ENIs: by two lines to the service at once, where there are two.

use std::thread;

use super::Source;
use crate::error::{Error, Result};
use crate::net::Mac;

/// From so many ENIs on, a second line reads half of them: the time goes into waiting for one answer after the other.
/// No more than two: EC2 bounds both the connections to the service and the packets per second.
pub(super) const CROWD: usize = 8;

/// Reads each of `macs`, in their order, up to the first failure of the service; from a `crowd` of them on by two lines at
/// once.
pub(super) fn each<S: Source, T: Send>(
    source: &mut S,
    macs: &[Mac],
    crowd: usize,
    one: impl Fn(&mut S, Mac) -> Result<T> + Sync,
) -> Vec<Result<T>> {
    let is_crowd = macs.len() >= crowd;
    let Some(mut second) = is_crowd.then(|| source.second()).flatten() else {
        return all(source, macs, &one);
    };
    let (first_half, second_half) = macs.split_at(macs.len() / 2);
    let both = thread::scope(|scope| {
        let other = || all(&mut second, second_half, &one);
        // A bound of tasks (`TasksMax=`, a user's limit) may leave no second thread.
        let other = thread::Builder::new().spawn_scoped(scope, other).ok()?;
        let mut read = all(source, first_half, &one);
        let failed = || Error::Failed("a thread that read metadata ended early".to_owned());
        read.extend(other.join().unwrap_or_else(|_| vec![Err(failed())]));
        Some(read)
    });
    both.unwrap_or_else(|| all(source, macs, &one))
}

/// One after the other.
fn all<S: Source, T>(
    source: &mut S,
    macs: &[Mac],
    one: &impl Fn(&mut S, Mac) -> Result<T>,
) -> Vec<Result<T>> {
    let mut read = Vec::new();
    for mac in macs {
        read.push(one(source, *mac));
        // A service that fails for one ENI fails for the next one, too, after another long wait.
        if matches!(read.last(), Some(Err(error)) if !matches!(error, Error::Metadata { .. })) {
            break;
        }
    }
    read
}
