//! What becomes of flows when clients and addresses leave.

use std::io::ErrorKind::ConnectionReset;

use crate::instance::FIRST_FOLDER;
use crate::nat::{A, B, FIRST, Flow, Lab, S3, SECOND, ask, echo};
use crate::vpc::wait_for;

/// How many flows of this client's the host's kernel knows.
fn known(lab: &Lab, client: &str) -> usize {
    let listed = lab
        .instance
        .host
        .sh("cat /proc/net/nf_conntrack 2>/dev/null || conntrack -L 2>/dev/null || true");
    listed
        .lines()
        .filter(|line| line.contains(&format!("src={client} dst=8.8.8.8")))
        .count()
}

/// How many flows that began elsewhere have been given this address of the host's.
pub fn by(lab: &Lab, address: &str) -> usize {
    let host = &lab.instance.host;
    let listed = host.sh(&format!(
        "conntrack -L --any-nat -q {address} 2>/dev/null || true"
    ));
    listed.lines().count()
}

#[test]
fn flows_by_an_address_that_left_the_instance_are_forgotten_and_nobody_else_s() {
    let mut lab = Lab::bare();
    lab.vpc
        .associate(lab.enis[1], "172.31.8.209", "54.178.200.1");
    lab.configure(&format!(
        "[forwarding]\nstandby = [\"172.31.8.209\"]\n[[egress]]\nfrom = \"{A}\"\nas = \"172.31.8.209\"\n[[egress]]\nfrom = \"{B}\"\nas = \"{SECOND}\"\n"
    ));
    lab.instance.must("apply --backend none");
    echo(&lab.vpc.inet());
    let [mut a, mut b] = [0, 1].map(|index| Flow::open(&lab.clients[index]));
    let host = lab.instance.host.clone();
    let foreign = "conntrack -I -p udp -s 192.0.2.1 -d 192.0.2.2 --sport 7 --dport 7 -t 600 -u ASSURED -n 172.31.8.209";
    host.sh(foreign);
    assert_eq!([by(&lab, "172.31.8.209"), by(&lab, "172.31.8.208")], [2, 1]);
    lab.vpc.unassign(lab.enis[1], "172.31.8.209");
    lab.instance.must("refresh");
    assert_eq!([by(&lab, "172.31.8.209"), by(&lab, "172.31.8.208")], [1, 1]);
    assert!(b.lives());
    assert!(!a.lives(), "its address is another's by now");
    assert_eq!(lab.vpc.without_public_address(), 0);
}

#[test]
fn a_client_that_left_the_configuration_loses_its_flows_and_nobody_else_does() {
    let lab = Lab::new(S3);
    echo(&lab.vpc.inet());
    let [mut a, mut b] = [0, 1].map(|index| Flow::open(&lab.clients[index]));
    lab.configure(&format!("[[egress]]\nfrom = \"{B}\"\nas = \"{SECOND}\"\n"));
    lab.instance.must("apply --backend none");
    assert!(b.lives());
    assert!(!a.lives(), "it is nobody's client any more");
    assert_eq!(lab.vpc.without_public_address(), 0);
    assert_eq!(known(&lab, A), 0);
}

/// From now on nft has done what it is to do to the table when a signal ends eniroute, but has not said so yet.
fn signalled_behind_the_table(lab: &Lab) {
    let script = r#"nft "$@" || exit; [ "$1" != -f ] || { kill -TERM $PPID; sleep 60; }"#;
    lab.instance.instead_of("nft", script);
}

#[test]
fn a_table_that_was_made_when_a_signal_ended_its_program_is_made_and_flows_that_left_are_forgotten()
{
    let lab = Lab::new(S3);
    echo(&lab.vpc.inet());
    let [mut a, mut b] = [0, 1].map(|index| Flow::open(&lab.clients[index]));
    lab.configure(&format!("[[egress]]\nfrom = \"{B}\"\nas = \"{SECOND}\"\n"));
    signalled_behind_the_table(&lab);
    let run = lab.instance.eniroute("apply --backend none");
    assert_ne!(run.code, 0, "{run:?}");
    lab.instance.instead_of_none();
    let run = lab.instance.must("apply --backend none");
    assert!(run.starts_with("nothing to do"), "{run}");
    assert_eq!(known(&lab, A), 0);
    assert!(b.lives());
    assert!(!a.lives(), "it is nobody's client any more");
    signalled_behind_the_table(&lab);
    let run = lab.instance.eniroute("remove");
    assert_ne!(run.code, 0, "{run:?}");
    lab.instance.instead_of_none();
    assert_eq!(known(&lab, B), 0);
    lab.instance.must("remove");
    let tables = lab.instance.host.sh("nft list tables");
    assert_eq!(tables, "", "{run:?}");
    assert_eq!(lab.vpc.without_public_address(), 0);
}

/// Killed, eniroute leaves an nft that has not begun yet, and that does so as soon as somebody writes to the pipe. The next
/// run settles what was left before that, and ends by a selector that means nobody.
#[test]
fn flows_that_left_are_forgotten_though_their_table_is_made_behind_the_run_that_settles_it() {
    let lab = Lab::new(S3);
    echo(&lab.vpc.inet());
    let [mut a, mut b] = [0, 1].map(|index| Flow::open(&lab.clients[index]));
    lab.configure(&format!("[[egress]]\nfrom = \"{B}\"\nas = \"{SECOND}\"\n"));
    let host = &lab.instance.host;
    let script = r#"once=$(dirname $0)/once
if [ "$1" = -f ] && mkfifo $once; then kill -KILL $PPID; read go <$once; fi
exec nft "$@""#;
    lab.instance.instead_of("nft", script);
    let run = lab.instance.eniroute("apply --backend none");
    assert_ne!(run.code, 0, "{run:?}");
    let run = lab
        .instance
        .eniroute("apply --backend none --eni eni-0none");
    assert_eq!(run.code, 2, "{run:?}");
    assert!(!lab.instance.has("run/eniroute/unproven.json"), "{run:?}");
    let clients = || host.sh("nft list map inet eniroute fwd4");
    assert!(clients().contains(A));
    host.sh(&format!("echo go >{FIRST_FOLDER}/once"));
    wait_for("the table", || !clients().contains(A));
    lab.instance.instead_of_none();
    lab.instance.must("apply --backend none");
    assert_eq!(known(&lab, A), 0);
    assert!(b.lives());
    assert!(!a.lives(), "it is nobody's client any more");
    let run = lab.instance.must("apply --backend none");
    assert!(run.starts_with("nothing to do"), "{run}");
    assert_eq!(lab.vpc.without_public_address(), 0);
}

#[test]
fn a_session_to_the_host_itself_outlives_an_emptied_conntrack_and_unasked_packets_are_dropped() {
    let lab = Lab::new(S3);
    let host = &lab.instance.host;
    let listener = host.enter(|| std::net::TcpListener::bind("172.31.5.10:22").unwrap());
    let mut session = lab
        .vpc
        .inet()
        .enter(|| std::net::TcpStream::connect((FIRST, 22)).unwrap());
    let (mut server, _) = listener.accept().unwrap();
    lab.forget_flows();
    let mut byte = [0; 1];
    for _ in 0..3 {
        std::io::Write::write_all(&mut session, b"x").unwrap();
        std::io::Read::read_exact(&mut server, &mut byte).unwrap();
        std::io::Write::write_all(&mut server, b"y").unwrap();
        std::io::Read::read_exact(&mut session, &mut byte).unwrap();
    }
}

#[test]
fn a_tcp_flow_that_nobody_knows_is_adopted_or_ended_by_a_reset_as_wanted() {
    for (stale, outcome) in [("adopt", Ok(())), ("reset", Err(ConnectionReset))] {
        let config = format!("[[egress]]\nfrom = \"{A}\"\nas = \"{FIRST}\"\nstale = \"{stale}\"\n");
        let lab = Lab::new(&config);
        echo(&lab.vpc.inet());
        let mut flow = Flow::open(&lab.clients[0]);
        lab.forget_flows();
        assert_eq!(
            flow.outcome(),
            outcome,
            "{stale}: an answer, and no silence"
        );
        assert!(ask(&lab.clients[0]));
    }
}

#[test]
fn a_client_may_have_so_many_flows_at_a_time_and_idle_ones_end_by_the_entry_s_time() {
    let lab = Lab::new(&format!(
        "[[egress]]\nfrom = \"{A}\"\nas = \"{FIRST}\"\nlimit = 3\nidle = 77\n"
    ));
    echo(&lab.vpc.inet());
    let flows: Vec<Flow> = (0..3).map(|_| Flow::open(&lab.clients[0])).collect();
    assert!(!ask(&lab.clients[0]), "a fourth");
    let left = lab.timeouts();
    assert!(
        !left.is_empty() && left.iter().all(|seconds| (60..=77).contains(seconds)),
        "{left:?}"
    );
    drop(flows);
}
