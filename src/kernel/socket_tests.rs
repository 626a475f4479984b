use super::*;
use crate::kernel::link;
use neli::rtnl::Ifinfomsg;

#[test]
fn the_answers_to_a_request_that_was_given_up_are_skipped() {
    let mut socket = Socket::open().unwrap();
    let every = link::request(0).unwrap();
    let given_up = Request::of(Rtm::Getlink, NlmF::REQUEST | NlmF::DUMP, &every);
    socket.ask(&given_up.unwrap()).unwrap();
    let missing = socket
        .get::<_, Ifinfomsg>(Rtm::Getlink, link::request(i32::MAX as u32).unwrap())
        .unwrap_err();
    assert!(missing.is(&[Errno::ENODEV]), "{missing:?}");
    let loopback: Ifinfomsg = socket.get(Rtm::Getlink, link::request(1).unwrap()).unwrap();
    assert_eq!(*loopback.ifi_index(), 1);
}

#[test]
fn without_an_answer_the_wait_ends_at_the_deadline() {
    let mut socket = Socket::open().unwrap();
    let error = socket.receive(Instant::now() + NAP).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_list_is_asked_for_until_it_is_of_one_moment() {
    let mut answers = [None, None, Some("list")].into_iter();
    assert_eq!(settled(|| Ok(answers.next().flatten())).unwrap(), "list");
    let refused = settled(|| Ok(None::<()>)).unwrap_err();
    assert!(
        refused
            .of("list rules")
            .to_string()
            .starts_with("list rules: it changed during each of 10 dumps")
    );
    let failed = settled(|| Err::<Option<()>, _>(Refusal::because("no"))).unwrap_err();
    assert_eq!(failed.of("list rules").to_string(), "list rules: no");
}
