//! No change cuts the primary ENI off, whatever else is the matter: see [`crate::support::cut`]. And what becomes of a
//! change that is proven late, never, or by somebody else.

use crate::support::cut::{Cut, FILE, MARK, Proof, SECOND, Scene, Way};
use crate::support::instance::changed;
use crate::support::vpc::Fault;

fn nothing_cuts_the_primary_off(way: Way) {
    let mut cut = Cut::new(way);
    let before = cut.scene.instance.host.dump();
    Cut::cells().iter().for_each(|cell| cut.run(cell));
    let mut scene = cut.scene;
    assert_eq!(changed(&before, &scene.instance.host.dump()), [""; 0]);
    scene.instance.must("apply");
    scene.assert_reached("at last");
    assert!(scene.vpc.inet().ping(&SECOND).is_empty());
}

#[test]
fn nothing_cuts_the_primary_off_where_the_metadata_is_read_by_plain_ipv4() {
    nothing_cuts_the_primary_off(Way::Plain);
}

#[test]
fn nothing_cuts_the_primary_off_where_only_the_ipv6_endpoint_answers() {
    nothing_cuts_the_primary_off(Way::OnlyIpv6);
}

#[test]
fn nothing_cuts_the_primary_off_where_a_vpn_swallows_the_plain_way() {
    nothing_cuts_the_primary_off(Way::ByDevice);
}

#[test]
fn nothing_cuts_the_primary_off_where_one_slow_answer_has_moved_the_session_to_ipv6() {
    nothing_cuts_the_primary_off(Way::SlowOnce);
}

/// A change that is right, and is proven at once or by the next run: it stays, and gets its files.
#[test]
fn a_change_that_is_proven_late_stays() {
    let mut scene = Scene::new();
    let moment = scene.first_of_proof(Way::Plain);
    for proof in [Proof::Slow, Proof::Signal("TERM"), Proof::Kill("refresh")] {
        scene.run(Way::Plain, proof, moment);
        assert!(!scene.instance.has(MARK), "{proof:?}");
        assert!(
            scene.vpc.inet().ping(&SECOND).is_empty() || proof == Proof::Kill("refresh"),
            "{proof:?}"
        );
        scene.instance.must("apply");
        assert!(scene.instance.has(FILE), "{proof:?}");
        scene.assert_reached(&format!("{proof:?}"));
        let left = scene.instance.must("remove");
        assert!(left.contains("removed"), "{proof:?}: {left}");
    }
}

/// What is taken away for good is half gone then: the primary answers all the same, though no run can go on with it.
#[test]
fn a_removal_that_is_killed_half_way_does_not_cut_the_primary_off() {
    let mut scene = Scene::new();
    scene.instance.must("apply");
    let trace = scene.strace_of("trace=sendto", "remove");
    let sent = trace
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains("RTM_DEL"));
    let moments: Vec<usize> = sent.map(|(index, _)| index + 1).step_by(3).collect();
    assert!(moments.len() > 5, "{trace}");
    for moment in moments {
        scene.instance.must("apply");
        scene.strace_of(
            &format!("inject=sendto:signal=KILL:when={moment}"),
            "remove",
        );
        assert!(scene.instance.has(MARK), "{moment}");
        scene.vpc.imds().fault(Fault::Dead);
        scene.instance.eniroute("refresh --wait 0.1");
        scene.vpc.imds().heal();
        scene.assert_reached(&format!("killed at {moment}"));
    }
}

/// The kernel's word is not enough: a firewall lets two connections through by plain IPv4, and the third one, the
/// proof, is lost. The session itself is on IPv6 by then, where all is well.
#[test]
fn plain_ipv4_is_asked_again_although_the_session_has_moved_to_ipv6() {
    let scene = Scene::with(Way::SlowOnce);
    scene.instance.host.sh(
        "nft 'table ip t { chain c { type filter hook output priority 0; \
         ip daddr 169.254.169.254 tcp flags syn / syn,ack quota over 200 bytes drop; }; }'",
    );
    let dump = scene.instance.host.dump();
    scene.slow_down(Way::SlowOnce);
    let run = scene.instance.eniroute("apply --wait 2");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("http://169.254.169.254: no answer")
            && run.stderr.contains("taken back"),
        "{run:?}"
    );
    assert_eq!(changed(&dump, &scene.instance.host.dump()), [""; 0]);
    assert!(!scene.instance.has(FILE) && !scene.instance.has(MARK));
}

#[test]
fn a_service_that_refuses_or_is_busy_has_been_reached() {
    for status in [403, 429, 503] {
        let scene = Scene::new();
        let run = scene.apply_with_fault(Fault::Status(status));
        assert!(
            run.code == 0 && scene.instance.has(FILE),
            "{status}: {run:?}"
        );
    }
}

#[test]
fn who_looks_is_told_of_what_is_not_proven() {
    let scene = Scene::new();
    let moment = scene.first_of_proof(Way::Plain);
    scene.kill_in_proof(moment);
    for command in ["plan", "status"] {
        let said = scene.instance.must(command);
        assert!(said.contains("not proven yet"), "{command}: {said}");
    }
    assert!(scene.instance.has(MARK), "who only looks changes nothing");
    scene.instance.must("apply");
    assert!(!scene.instance.must("status").contains("not proven"));
}

/// Whatever may have happened to it: said once, and no run fails for it.
#[test]
fn a_mark_that_cannot_be_read_is_set_aside_and_one_of_another_boot_is_void() {
    let scene = Scene::new();
    let moment = scene.first_of_proof(Way::Plain);
    scene.kill_in_proof(moment);
    let (dump, mark) = (scene.instance.host.dump(), scene.instance.read(MARK));
    let boot = mark
        .split("\"boot\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(
        boot,
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .unwrap()
            .trim()
    );
    scene.instance.write(
        MARK,
        &mark.replace(boot, "1b4e28ba-2fa1-11d2-883f-0016d3cca427"),
    );
    scene.vpc.imds().fault(Fault::Dead);
    assert_eq!(scene.instance.must("refresh"), "");
    assert_eq!(
        changed(&dump, &scene.instance.host.dump()),
        [""; 0],
        "this boot has none of it to be taken back"
    );
    assert!(!scene.instance.has(MARK));

    std::fs::write(scene.instance.root().join(MARK), b"{\"boot\": \"\xff").unwrap();
    let run = scene.instance.eniroute("refresh");
    assert!(
        run.code == 0 && run.stderr.contains(MARK) && run.stderr.lines().count() == 1,
        "{run:?}"
    );
    assert!(scene.instance.has(&format!("{MARK}.bad")));
    scene.vpc.imds().heal();
    scene.instance.must("apply");
}

#[test]
fn nothing_is_changed_where_it_cannot_be_written_down() {
    let scene = Scene::new();
    let folder = scene
        .instance
        .root()
        .join("run/eniroute")
        .display()
        .to_string();
    scene.instance.host.sh(&format!(
        "mkdir -p {folder}; mount -t tmpfs -o ro none {folder}"
    ));
    let dump = scene.instance.host.dump();
    let run = scene.instance.eniroute("apply");
    assert!(
        run.code == 1 && run.stderr.contains(MARK) && run.stderr.contains("nothing was changed"),
        "{run:?}"
    );
    assert_eq!(changed(&dump, &scene.instance.host.dump()), [""; 0]);
    assert!(!scene.instance.has(FILE));
}
