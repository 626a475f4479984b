//! How many packets a second this process sends to services at link-local addresses. EC2 drops, without a word, what an ENI
//! sends there beyond 1,024 a second, and the host's DNS and time queries share that bound: what is sent counts, not the
//! answers (Amazon EC2 User Guide, `linklocal_allowance_exceeded`: "the PPS of the traffic to local proxy services"; Amazon
//! VPC User Guide, "Amazon DNS quotas"). So half of it is left to others.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Packets in any second: the half, less an eighth for what is not foreseen (one is lost and sent again; on a busy machine an
/// answer is acknowledged by itself), and for what is counted a moment before it goes.
const MOST: usize = 448;

const SECOND: Duration = Duration::from_secs(1);

/// The packets of a request: itself. It acknowledges the answer before it.
const REQUEST: usize = 1;

/// Those that open a connection and end it, and acknowledge its first answer, and its last one before a pause: measured 5
/// to 7.
const CONNECTION: usize = 7;

/// What one packet of an answer carries, where the way has the usual MTU of 1,500. One of several is acknowledged by itself.
const SEGMENT: usize = 1400;

static SENT: Mutex<Window> = Mutex::new(Window(VecDeque::new()));

/// The packets of the last second, and when they went.
struct Window(VecDeque<(Instant, usize)>);

impl Window {
    /// Counts `packets` that go now; or how long they have to wait.
    fn take(&mut self, packets: usize, now: Instant) -> Option<Duration> {
        while self.0.front().is_some_and(|(at, _)| *at + SECOND <= now) {
            self.0.pop_front();
        }
        let sent: usize = self.0.iter().map(|(_, packets)| packets).sum();
        match self.0.front() {
            Some((first, _)) if sent + packets > MOST => Some(*first + SECOND - now),
            _ => {
                self.0.push_back((now, packets));
                None
            }
        }
    }
}

/// Waits until a request may be sent to `to`. Only link-local addresses are bounded.
pub(super) fn request(to: IpAddr) {
    while is_bounded(to) {
        let pause = sent().take(REQUEST, Instant::now());
        match pause {
            Some(pause) => thread::sleep(pause),
            None => break,
        }
    }
}

/// Counts a connection: what follows it waits.
pub(super) fn connection(to: IpAddr) {
    note(to, CONNECTION);
}

/// Counts what acknowledges an answer of so many bytes, beside the request that follows it.
pub(super) fn answer(to: IpAddr, bytes: usize) {
    note(to, bytes / SEGMENT);
}

fn note(to: IpAddr, packets: usize) {
    if packets > 0 && is_bounded(to) {
        sent().0.push_back((Instant::now(), packets));
    }
}

fn sent() -> MutexGuard<'static, Window> {
    SENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 169.254.0.0/16 and fd00:ec2::/32, where EC2 has its services.
fn is_bounded(to: IpAddr) -> bool {
    match to {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.segments()[..2] == [0xfd00, 0xec2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays requests that are answered at once against a clock that only the pauses move: when each went.
    fn played(requests: usize) -> Vec<Duration> {
        let (start, mut window) = (Instant::now(), Window(VecDeque::new()));
        let mut now = start;
        let mut one = || {
            while let Some(pause) = window.take(REQUEST, now) {
                now += pause;
            }
            now - start
        };
        (0..requests).map(|_| one()).collect()
    }

    #[test]
    fn no_second_has_more_than_half_of_what_ec2_allows_and_the_first_has_all_of_it() {
        let went = played(2000);
        for from in &went {
            let within = |at: &&Duration| (*from..*from + SECOND).contains(*at);
            assert!(went.iter().filter(within).count() * REQUEST <= 512);
        }
        let seconds = [0, 2000 / MOST as u64].map(Duration::from_secs);
        assert_eq!([went[MOST - 1], went[1999]], seconds);
    }

    #[test]
    fn more_packets_than_a_second_allows_go_by_themselves() {
        let mut window = Window(VecDeque::new());
        let now = Instant::now();
        assert_eq!(window.take(MOST + 1, now), None);
        assert_eq!(window.take(1, now), Some(SECOND));
    }

    #[test]
    fn only_ec2_s_own_services_are_bounded() {
        let is = |text: &str| is_bounded(text.parse().unwrap());
        assert!(is("169.254.169.254") && is("fd00:ec2::254"));
        assert!(!is("127.0.0.1") && !is("::1") && !is("fd00:1::254"));
    }
}
