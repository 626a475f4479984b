//! How long to keep trying: a deadline, growing pauses with jitter, and when to tell the human.
//! Pure: the present moment comes in as an argument, and somebody else sleeps.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// The most that one request may take, its connect included: a server that hangs must leave time for another try.
const TRY: Duration = Duration::from_secs(2);

/// The budget where there is no deadline to share, because each way is tried once.
const ONLY_ROUND: Duration = Duration::from_secs(4);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How much longer than the next pause a round listens to each way: 250 ms in the first one.
const QUICK: u32 = 5;

/// What the last pause leaves for the last try.
const LAST_TRY: Duration = Duration::from_millis(100);

/// From this much waiting on, a person wants to know.
const NOTICEABLE: Duration = Duration::from_secs(1);

/// One stretch of trouble, from the first try to the deadline.
#[derive(Debug)]
pub(super) struct Retry {
    start: Instant,
    wait: Duration,
    next: Duration,
    said: bool,
}

/// Sleep this long, then try again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) length: Duration,
    /// The time left to the deadline, when it is time to say so: once for each stretch.
    pub(super) announce: Option<Duration>,
}

impl Retry {
    /// `wait` zero means one try, of the usual length.
    pub(super) fn new(wait: Duration, now: Instant) -> Self {
        Self {
            start: now,
            wait,
            next: FIRST_PAUSE,
            said: false,
        }
    }

    /// How long the next try may take when `tries` of them have to share what is left, and yet another
    /// one must be possible: one that hangs does not use up the deadline.
    pub(super) fn share(&self, tries: usize, now: Instant) -> Duration {
        let shares = u32::try_from(tries).unwrap_or(u32::MAX).saturating_add(1);
        let budget = match self.wait.is_zero() {
            true => ONLY_ROUND.saturating_sub(self.elapsed(now)),
            false => self.left(now),
        };
        (budget / shares).clamp(Duration::from_millis(1), TRY)
    }

    /// How long to listen to one of `ways` in a round over all of them. Short at first, longer with each
    /// round: the service answers within milliseconds, and the way that leads to it may come last.
    pub(super) fn listen(&self, ways: usize, now: Instant) -> Duration {
        let share = self.share(ways, now);
        match self.wait.is_zero() {
            true => share,
            false => share.min(self.next * QUICK),
        }
    }

    /// `None`: the deadline leaves no time for another try.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Pause> {
        let time = self
            .left(now)
            .checked_sub(LAST_TRY)
            .filter(|time| !time.is_zero())?;
        let length = jittered(self.next, random()).min(time);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        let announce = !self.said && self.elapsed(now) + length > NOTICEABLE;
        self.said |= announce;
        Some(Pause {
            length,
            announce: announce.then(|| self.left(now)),
        })
    }

    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    fn left(&self, now: Instant) -> Duration {
        self.wait.saturating_sub(self.elapsed(now))
    }
}

/// Between a half and the whole of `pause`: hundreds of instances that boot together must not ask in step.
fn jittered(pause: Duration, random: u64) -> Duration {
    let half = pause / 2;
    let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
    half + Duration::from_micros(random % (micros + 1))
}

/// The keys of std's hash maps are random: enough for jitter.
fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Plays tries that fail at once against a clock that only the pauses move.
    fn pauses(wait: Duration) -> Vec<Pause> {
        let mut now = Instant::now();
        let mut patience = Retry::new(wait, now);
        let step = || patience.pause(now).inspect(|pause| now += pause.length);
        std::iter::from_fn(step).collect()
    }

    #[test]
    fn pauses_grow_and_end_before_the_deadline() {
        let pauses = pauses(30 * SECOND);
        let lengths: Vec<_> = pauses.iter().map(|pause| pause.length).collect();
        assert!(
            lengths[0] <= FIRST_PAUSE && lengths[0] >= FIRST_PAUSE / 2,
            "{lengths:?}"
        );
        assert!(
            lengths.iter().all(|&length| length <= LONGEST_PAUSE),
            "{lengths:?}"
        );
        assert!(
            lengths[6] >= SECOND,
            "the seventh pause is a long one: {lengths:?}"
        );
        assert_eq!(lengths.iter().sum::<Duration>(), 30 * SECOND - LAST_TRY);
    }

    #[test]
    fn no_wait_means_one_try_of_the_usual_length() {
        let now = Instant::now();
        let mut patience = Retry::new(Duration::ZERO, now);
        assert_eq!(patience.share(1, now), TRY);
        assert_eq!(patience.pause(now), None);
    }

    #[test]
    fn ways_share_the_time_and_one_try_never_takes_it_all() {
        let now = Instant::now();
        assert_eq!(Retry::new(60 * SECOND, now).share(1, now), TRY);
        assert_eq!(Retry::new(3 * SECOND, now).share(5, now), SECOND / 2);
        assert_eq!(
            Retry::new(3 * SECOND, now).share(1, now + 2 * SECOND),
            SECOND / 2
        );
        assert_eq!(Retry::new(Duration::ZERO, now).share(3, now), SECOND);
        assert_eq!(
            Retry::new(SECOND, now).share(1, now + 2 * SECOND),
            Duration::from_millis(1)
        );
    }

    #[test]
    fn a_round_is_quick_at_first() {
        let now = Instant::now();
        let mut patience = Retry::new(60 * SECOND, now);
        let limits = std::iter::from_fn(|| {
            let limit = patience.listen(6, now);
            patience.pause(now).map(|_| limit.as_millis())
        });
        assert_eq!(
            limits.take(5).collect::<Vec<_>>(),
            [250, 500, 1000, 2000, 2000]
        );
        assert_eq!(Retry::new(Duration::ZERO, now).listen(3, now), SECOND);
        assert_eq!(Retry::new(SECOND, now).listen(9, now), SECOND / 10);
    }

    #[test]
    fn a_long_wait_is_announced_once_and_a_short_one_never() {
        let long: Vec<_> = pauses(10 * SECOND)
            .into_iter()
            .filter_map(|pause| pause.announce)
            .collect();
        assert_eq!(long.len(), 1);
        assert!(long[0] > 8 * SECOND && long[0] <= 10 * SECOND, "{long:?}");
        assert!(pauses(SECOND).iter().all(|pause| pause.announce.is_none()));
    }

    #[test]
    fn jitter_stays_between_a_half_and_the_whole() {
        let pause = Duration::from_millis(100);
        assert_eq!(jittered(pause, 0), pause / 2);
        assert_eq!(jittered(pause, 50_000), pause);
        assert_eq!(jittered(pause, 50_001), pause / 2);
        assert_ne!(random(), random());
    }
}
