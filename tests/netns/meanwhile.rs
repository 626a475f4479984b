//! Others change the host while a run is at work, after it has looked and before its changes are proven: a router
//! advertisement, a lease, an address that goes. What was planned for another host is taken back and planned anew, a few
//! times at most.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::support::cut::{FILE, MARK, PRIMARY, SECOND, Scene};
use crate::support::instance::{Run, changed};
use crate::support::vpc::{Fault, wait_for};

const LEDGER: &str = "var/lib/eniroute/ledger.json";

/// EC2's router advertises itself on the second ENI, too: a default beside the primary's, and as good.
const ADVERTISED: &str =
    "-6 route append default via fe80:ec2::1 dev eth1 onlink proto ra metric 1024";
const LEASED: &str = "-4 route add default via 10.1.0.1 dev eth1 onlink proto dhcp metric 50";

const AGAIN: &str = "others changed the host meanwhile";

/// The second ENI is up by somebody else's doing.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.instance.write("run/systemd/system/there", "");
    scene.instance.host.ip("link set eth1 up");
    wait_for("a link-local address", || {
        let addresses = scene
            .instance
            .host
            .ip("-6 address show dev eth1 scope link");
        addresses.contains("fe80") && !addresses.contains("tentative")
    });
    scene
}

/// What a run does while others change the host; it is held up then.
#[derive(Clone, Copy)]
enum When {
    /// It has written down what it is about to change; the ledger is written while it does.
    Marked,
    /// It has taken all back, of which the ledger is the last.
    TakenBack,
}

use When::{Marked, TakenBack};

impl When {
    /// Since when it is so, if that is after `last`; `None`: it is not.
    fn since(self, root: &Path, last: SystemTime) -> Option<SystemTime> {
        match self {
            Marked => {
                let written = root.join(MARK).metadata().ok()?.modified().ok()?;
                (written > last).then_some(written)
            }
            TakenBack => {
                let is_so = root.join(MARK).exists() && !root.join(LEDGER).exists();
                is_so.then_some(last)
            }
        }
    }

    fn wait(self, root: &Path, last: SystemTime, is_over: &AtomicBool) -> Option<SystemTime> {
        let mut was_written = matches!(self, Marked);
        while !is_over.load(Ordering::Relaxed) {
            was_written |= root.join(LEDGER).exists();
            if let Some(since) = self.since(root, last).filter(|_| was_written) {
                return Some(since);
            }
            thread::yield_now();
        }
        None
    }
}

/// Runs `command`, and meanwhile, one after the other, these lines for `ip`.
fn run_beside(scene: &Scene, command: &str, others: &[(When, &str)]) -> Run {
    let is_over = &AtomicBool::new(false);
    let (root, host) = (scene.instance.root(), &scene.instance.host);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut last = SystemTime::UNIX_EPOCH;
            for (when, line) in others {
                let Some(since) = when.wait(root, last, is_over) else {
                    return;
                };
                last = since;
                host.ip(line);
            }
        });
        // Mark and ledger are written for each attempt, and deleted after it; a service's run has a file of its own before.
        let last = 4 * others.len() + 1;
        let held_up = format!(
            "inject=rename,renameat,renameat2,unlink,unlinkat:delay_exit=150000:when=1..{last}"
        );
        // Longer than the kernel asks for a router in vain, by an address that the VPC does not know there.
        let (run, _) = scene.traced(&held_up, &format!("{command} --wait 9"));
        is_over.store(true, Ordering::Relaxed);
        run
    })
}

fn all_said(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

/// Nothing is left to do, the primary answers, and a run that finds all of that from the start would end there, too.
fn assert_as_from_the_start(mut scene: Scene, what: &str) {
    scene.assert_reached(what);
    assert!(scene.vpc.inet().ping(&SECOND).is_empty(), "{what}");
    let after = scene.instance.host.dump();
    let again = scene.instance.must("apply");
    assert!(again.starts_with("nothing to do"), "{what}: {again}");
    scene.instance.must("remove");
    scene.instance.must("apply");
    assert_eq!(
        changed(&after, &scene.instance.host.dump()),
        [""; 0],
        "{what}"
    );
}

#[test]
fn a_router_advertisement_in_the_midst_of_a_run_is_planned_for() {
    // The package's installation begins as a boot does.
    for command in ["apply", "package postinst configure"] {
        let scene = scene();
        let run = run_beside(&scene, command, &[(Marked, ADVERTISED)]);
        let said = all_said(&run);
        assert!(
            run.code == 0 && said.matches(AGAIN).count() == 1 && said.contains("route add default"),
            "{command}: {run:?}"
        );
        assert!(scene.instance.has(FILE), "{command}");
        let own = scene.instance.host.ip("-6 route show table 10000");
        assert!(own.contains("default"), "{command}: {own}");
        assert_as_from_the_start(scene, command);
    }
}

fn is_planned_for(what: &str, others: &[(When, &str)]) {
    let scene = scene();
    let run = run_beside(&scene, "apply", others);
    assert!(
        run.code == 0 && run.stdout.matches(AGAIN).count() == 1,
        "{what}: {run:?}"
    );
    assert_as_from_the_start(scene, what);
}

#[test]
fn a_lease_that_comes_in_the_midst_of_a_run_is_planned_for() {
    is_planned_for("a lease", &[(Marked, LEASED)]);
}

#[test]
fn an_address_of_the_primary_that_goes_in_the_midst_of_a_run_and_may_come_back_is_planned_for() {
    let gone = format!("-6 address del {}/128 dev eth0", PRIMARY[1]);
    let back = gone.replace("del", "add") + " noprefixroute nodad valid_lft 450 preferred_lft 140";
    is_planned_for("it goes", &[(Marked, &gone)]);
    is_planned_for("it comes back", &[(Marked, &gone), (TakenBack, &back)]);
}

/// The proof holds, by luck: of two defaults with one metric the kernel takes either.
#[test]
fn what_comes_in_the_midst_of_a_run_and_breaks_nothing_is_planned_for_as_well() {
    let mut scene = scene();
    let lease = LEASED.replace("add", "append").replace("50", "100");
    let run = run_beside(&scene, "apply", &[(Marked, &lease)]);
    assert_eq!(run.code, 0, "{run:?}");
    let own = scene.instance.host.ip("-4 route show table 10000");
    assert!(own.contains("default"), "{own}\n{run:?}");
    scene.assert_reached("a lease as good as the primary's");
    assert!(scene.instance.must("apply").starts_with("nothing to do"));
    // The kernel drops the client's route with the last address, and it is made again.
    let routes = || scene.instance.host.ip("-4 route show default");
    assert!(scene.instance.must("remove").contains("removed"));
    assert!(routes().contains("via 10.1.0.1"), "{}", routes());
}

#[test]
fn a_router_advertisement_in_the_midst_of_a_removal_stays_and_keeps_nothing_of_ours() {
    let mut scene = scene();
    let before = scene.instance.host.dump();
    scene.instance.must("apply");
    let run = run_beside(&scene, "remove", &[(Marked, ADVERTISED)]);
    assert!(
        run.code == 0 && run.stdout.matches(AGAIN).count() == 1,
        "{run:?}"
    );
    let host = &scene.instance.host;
    let both = host.ip("-6 route show default");
    assert!(
        both.contains("dev eth1") && both.contains("dev eth0"),
        "{both}"
    );
    host.ip("-6 route del default via fe80:ec2::1 dev eth1 metric 1024");
    assert_eq!(changed(&before, &host.dump()), [""; 0]);
    scene.assert_reached("removed");
}

#[test]
fn a_host_that_others_change_again_and_again_is_left_as_it_was_with_a_clear_error() {
    let mut scene = scene();
    let cuts = [
        "-4 rule {} from 10.0.0.10 to 8.8.8.8 priority 9001 prohibit",
        "-4 rule {} to 8.8.8.8 priority 9002 prohibit",
        "-6 rule {} from 2001:db8:0:a::100 to 2001:4860:4860::8888 priority 9003 prohibit",
        "-6 rule {} to 2001:4860:4860::8888 priority 9004 prohibit",
    ];
    let dump = scene.instance.host.dump();
    let lines = cuts.map(|line| line.replace("{}", "add"));
    let others: Vec<(When, &str)> = lines.iter().map(|line| (Marked, &**line)).collect();
    let run = run_beside(&scene, "apply", &others);
    assert!(
        run.code == 1
            && run.stderr.contains("3 times")
            && run.stderr.contains(AGAIN)
            && run.stderr.contains("priority 9003")
            && run.stderr.contains("run again"),
        "{run:?}"
    );
    scene.rules(&cuts[..3].join("\n"), "del");
    assert_eq!(changed(&dump, &scene.instance.host.dump()), [""; 0]);
    assert!(!scene.instance.has(FILE) && !scene.instance.has(MARK));
    scene.assert_reached("left alone");
    scene.instance.must("apply");
}

/// Does `work` beside a run, once that has written down what it is about to change. How the run ended, and in what time.
fn beside(
    scene: &Scene,
    run: impl FnOnce() -> Run,
    work: impl FnOnce(&AtomicBool) + Send,
) -> (Run, Duration) {
    let is_over = &AtomicBool::new(false);
    let root = scene.instance.root();
    thread::scope(|scope| {
        scope.spawn(move || {
            if Marked.wait(root, SystemTime::UNIX_EPOCH, is_over).is_some() {
                work(is_over);
            }
        });
        let begin = Instant::now();
        let run = run();
        is_over.store(true, Ordering::Relaxed);
        (run, begin.elapsed())
    })
}

/// Its answers go the lease's way then, and nobody waits for them.
#[test]
fn a_lease_that_comes_while_the_proof_waits_for_the_service_is_planned_for_at_once() {
    const KEY: &str = "/latest/meta-data/mac";
    let scene = scene();
    let (host, imds) = (&scene.instance.host, scene.vpc.imds());
    let lease = |is_over: &AtomicBool| {
        imds.clear_log();
        imds.fault(Fault::on(KEY, Fault::Closed));
        // By the fourth try the kernel has been asked for every way.
        let asked = || imds.log().into_iter().filter(|request| request.path == KEY);
        while asked().count() < 4 && !is_over.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        host.ip(LEASED);
        imds.heal();
    };
    let held_up = "inject=rename,renameat,renameat2:delay_exit=150000:when=1";
    let run = || scene.traced(held_up, "apply --wait 30").0;
    let (run, took) = beside(&scene, run, lease);
    assert!(
        run.code == 0 && run.stdout.matches(AGAIN).count() == 1,
        "{run:?}"
    );
    let is_soon = scene.instance.is_soon(took, Duration::from_secs(12));
    assert!(is_soon, "{took:?} {run:?}");
    assert_as_from_the_start(scene, "a lease while the proof waits");
}

/// A boot's run, which waits for half a minute, would be ended by systemd.
#[test]
fn a_silent_service_costs_no_more_time_however_often_others_change_the_host() {
    let scene = scene();
    let (root, host, imds) = (
        scene.instance.root(),
        &scene.instance.host,
        scene.vpc.imds(),
    );
    let silence = |is_over: &AtomicBool| {
        let mut last = SystemTime::UNIX_EPOCH;
        for third in 1..=3 {
            let Some(since) = Marked.wait(root, last, is_over) else {
                return;
            };
            last = since;
            imds.fault(Fault::Blackhole);
            host.ip(&format!("-4 route add blackhole 10.99.{third}.0/24"));
        }
    };
    let run = || scene.instance.eniroute("apply --wait 6");
    let (run, took) = beside(&scene, run, silence);
    assert!(
        run.code == 1
            && run.stderr.contains("stopped answering")
            && run.stderr.contains("so it was 3 times"),
        "{run:?}"
    );
    let is_soon = scene.instance.is_soon(took, Duration::from_secs(13));
    assert!(is_soon, "{took:?} {run:?}");
}
