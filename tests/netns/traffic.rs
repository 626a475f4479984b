//! Traffic through the primary ENI while something else is done: what that costs.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::vpc::{Background, Host, Vpc, wait_for};

/// Does `work` while the Internet pings `public` every 10 ms and the guest sends on a connection of its own. All that
/// was sent must have come in; gives the number of pings that were lost.
pub fn under_traffic(vpc: &Vpc, guest: &Host, public: &str, work: impl FnOnce()) -> usize {
    let inet = vpc.inet();
    let listener = inet.enter(|| TcpListener::bind("8.8.8.8:4000").unwrap());
    let stream = guest.enter(|| TcpStream::connect("8.8.8.8:4000").unwrap());
    let (mut inward, _) = listener.accept().unwrap();
    let received = thread::spawn(move || io::copy(&mut inward, &mut io::sink()).unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let sender = thread::spawn({
        let done = done.clone();
        move || send_until(stream, &done)
    });
    let pings = inet
        .command("ping")
        .args(["-i", "0.01", public])
        .background();
    await_answers(&pings, 45);
    work();
    await_answers(&pings, 45);
    done.store(true, Ordering::Relaxed);
    assert_eq!(sender.join().unwrap(), received.join().unwrap());
    lost(&pings.log())
}

/// Until so many more have come.
fn await_answers(pings: &Background, more: usize) {
    let count = || pings.log().matches("icmp_seq=").count();
    let before = count();
    wait_for("answers", || count() >= before + more);
}

fn send_until(mut stream: TcpStream, done: &AtomicBool) -> u64 {
    let mut sent = 0;
    while !done.load(Ordering::Relaxed) {
        stream.write_all(&[0; 4096]).unwrap();
        sent += 4096;
        thread::sleep(Duration::from_millis(1));
    }
    sent
}

/// How many numbers are missing among the answers that ping has printed.
fn lost(log: &str) -> usize {
    let numbers = log.lines().filter_map(|line| {
        line.split_once("icmp_seq=")?
            .1
            .split(' ')
            .next()?
            .parse::<usize>()
            .ok()
    });
    let numbers: BTreeSet<_> = numbers.collect();
    assert!(
        numbers.len() >= 50,
        "too few answers to tell anything:\n{log}"
    );
    numbers.last().unwrap() - numbers.len()
}
