//! The client against a service that demands the token and misbehaves. Every deadline here is short.

mod server;

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::mem::replace;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use super::*;
use server::{Act, Ec2, Request, Server, status};

/// For what is to fail at the deadline.
const WAIT: Duration = Duration::from_millis(800);

/// For what is to succeed, on a busy machine too; no test lasts that long.
const GENEROUS: Duration = Duration::from_secs(20);

/// The environment variable that makes a test its own child, with the URL to ask.
const CHILD: &str = "ENIROUTE_TEST_CHILD";

fn healthy(ec2: &mut Ec2, request: &Request, _: usize) -> Act {
    ec2.answer(request)
}

/// Answers as EC2 does, but for the one request `number`.
fn once(number: usize, act: Act) -> impl FnMut(&mut Ec2, &Request, usize) -> Act + Send + 'static {
    move |ec2, request, n| {
        if n == number {
            act.clone()
        } else {
            ec2.answer(request)
        }
    }
}

/// Hands out tokens, and does `act` for every value.
fn values(act: Act) -> impl FnMut(&mut Ec2, &Request, usize) -> Act + Send + 'static {
    move |ec2, request, _| {
        if request.line.starts_with("PUT") {
            ec2.answer(request)
        } else {
            act.clone()
        }
    }
}

fn options(server: &Server, wait: Duration) -> Options {
    Options {
        urls: vec![server.url()],
        wait,
    }
}

fn connect(server: &Server) -> Imds {
    Imds::connect(&options(server, GENEROUS), &[]).unwrap()
}

fn mac(imds: &mut Imds) -> Result<Option<String>> {
    imds.get("mac")
}

fn assert_mac(imds: &mut Imds) {
    assert_eq!(mac(imds).unwrap().as_deref(), Some(Ec2::MAC));
}

fn unreachable(error: Error) -> String {
    let text = error.to_string();
    assert!(matches!(error, Error::Unreachable { .. }), "{text}");
    text
}

fn refused(error: Error) -> String {
    let text = error.to_string();
    assert!(matches!(error, Error::Refused { .. }), "{text}");
    text
}

#[test]
fn one_token_and_one_connection_serve_all_requests() {
    let server = Server::start(healthy);
    let mut imds = connect(&server);
    assert_mac(&mut imds);
    assert_eq!(
        imds.get("local-ipv4").unwrap().as_deref(),
        Some("172.31.41.29")
    );
    assert_eq!(imds.get("network/interfaces/macs/").unwrap(), None);
    assert_mac(&mut imds);
    assert_eq!(
        server.lines(),
        [
            "PUT /latest/api/token",
            "GET /latest/meta-data/mac",
            "GET /latest/meta-data/local-ipv4",
            "GET /latest/meta-data/network/interfaces/macs/",
            "GET /latest/meta-data/mac",
        ]
    );
    assert_eq!((imds.requests(), server.connections()), (5, 1));
    let agent = concat!("eniroute/", env!("CARGO_PKG_VERSION"));
    assert!(
        server
            .log()
            .iter()
            .all(|request| request.header("user-agent") == Some(agent))
    );
    assert!(
        server
            .log()
            .iter()
            .all(|request| request.header("x-forwarded-for").is_none())
    );
}

#[test]
fn a_token_that_has_expired_is_renewed_once() {
    let server = Server::start(|ec2, request, n| {
        if n == 2 {
            ec2.tokens += 1; // the one in use is no longer valid
        }
        ec2.answer(request)
    });
    let mut imds = connect(&server);
    assert_mac(&mut imds);
    assert_mac(&mut imds);
    assert_mac(&mut imds);
    assert_eq!((imds.requests(), server.connections()), (6, 1));
}

#[test]
fn a_fresh_token_that_is_rejected_is_the_end() {
    let server = Server::start(values(status("401 Unauthorized", b"")));
    let mut imds = connect(&server);
    assert!(refused(mac(&mut imds).unwrap_err()).contains("rejects a fresh token (401"));
    assert_eq!(imds.requests(), 4);
}

#[test]
fn a_service_turned_off_is_refused_at_once_with_the_remedy() {
    let server = Server::start(|_, _, _| status("403 Forbidden", b"no\x1b[31m"));
    let text = refused(Imds::connect(&options(&server, WAIT), &[]).unwrap_err());
    assert!(
        text.contains(&server.url()) && text.contains("--http-endpoint enabled"),
        "{text}"
    );
    assert!(text.contains("403 Forbidden: no\\u{1b}[31m"), "{text}");
    assert_eq!(server.lines().len(), 1);

    let server = Server::start(values(status("403 Forbidden", b"")));
    let mut imds = connect(&server);
    refused(mac(&mut imds).unwrap_err());
    assert_eq!(imds.requests(), 2);
}

#[test]
fn clear_answers_of_something_else_are_refused_at_once() {
    for (answer, word) in [
        ("404 Not Found", "no IMDSv2"),
        ("400 Bad Request", "400"),
        ("401 Unauthorized", "401"),
        ("405 Method Not Allowed", "405"),
    ] {
        let server = Server::start(move |_, _, _| status(answer, b""));
        let text = refused(Imds::connect(&options(&server, WAIT), &[]).unwrap_err());
        assert!(text.contains(word), "{text}");
        assert_eq!(server.lines().len(), 1, "{text}");
    }
}

#[test]
fn a_redirect_is_refused_and_not_followed() {
    let elsewhere = Server::start(healthy);
    let location = format!(
        "HTTP/1.1 302 Found\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n",
        elsewhere.url()
    );
    let server = Server::start(move |_, _, _| Act::Send(location.clone().into_bytes()));
    let text = refused(Imds::connect(&options(&server, WAIT), &[]).unwrap_err());
    assert!(text.contains("302"), "{text}");
    assert_eq!((elsewhere.connections(), server.lines().len()), (0, 1));
}

/// Every answer that is none, with a word of the error that it leads to.
fn broken() -> Vec<(&'static str, Act)> {
    let raw = |text: &str| text.as_bytes().to_vec();
    vec![
        (
            "429 Too Many Requests",
            status("429 Too Many Requests", b""),
        ),
        (
            "500 Internal Server Error: oops",
            status("500 Internal Server Error", b"oops\n"),
        ),
        ("503", status("503 Service Unavailable", b"")),
        ("unexpected status 204", status("204 No Content", b"")),
        (
            "the body",
            Act::Close(raw("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n06:ce")),
        ),
        (
            "the body",
            Act::Close(raw("HTTP/1.1 404 Not Found\r\nContent-Length: 20\r\n\r\n")),
        ),
        (
            "not an HTTP answer",
            Act::Close(raw("SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        ),
        (
            "Peer disconnected",
            Act::Close(raw("HTTP/1.1 200 OK\r\nConte")),
        ),
        (
            "not an HTTP answer",
            Act::Send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(9000)).into_bytes()),
        ),
        ("more than 65536 bytes", status("200 OK", &[b'x'; 70_000])),
        ("not UTF-8", status("200 OK", b"06:ce:\xff")),
        ("empty", status("200 OK", b"")),
        ("empty", status("200 OK", b" \n")),
    ]
}

#[test]
fn a_broken_answer_is_asked_again() {
    for (word, act) in broken() {
        let server = Server::start(once(1, act));
        let mut imds = connect(&server);
        assert_mac(&mut imds);
        assert_eq!(imds.requests(), 3, "{word}");
    }
}

/// The others are read all the same.
#[test]
fn an_eni_s_key_that_says_nothing_is_answered_at_once() {
    let server = Server::start(once(1, status("200 OK", b" \n")));
    let mut imds = connect(&server);
    let path = "network/interfaces/macs/06:ce:dd:28:5b:b8/ipv6s";
    assert_eq!(imds.get(path).unwrap().as_deref(), Some(" \n"));
    assert_eq!(imds.requests(), 2);
}

#[test]
fn broken_answers_without_end_are_unreachable_at_the_deadline() {
    let drip = Act::Drip(
        ["HTTP/1.1 200 OK\r\n\r\n", &"x".repeat(400)]
            .concat()
            .into_bytes(),
    );
    let slow = [
        ("no answer in time", Act::Hang),
        ("no answer in time", drip),
    ];
    thread::scope(|scope| {
        for (word, act) in broken().into_iter().chain(slow) {
            scope.spawn(move || fails_at_the_deadline(word, act));
        }
    });
}

fn fails_at_the_deadline(word: &str, act: Act) {
    let server = Server::start(values(act));
    // On a busy machine the deadline may come upon the last answer, and no word of it.
    let tries = (0..5).map(|_| failure_at_the_deadline(&server));
    let others: Vec<String> = tries.take_while(|text| !text.contains(word)).collect();
    assert!(others.len() < 5, "{word}: {others:?}");
    let is_late = |text: &String| text.contains("no answer in time");
    assert!(others.iter().all(is_late), "{word}: {others:?}");
}

/// What is said then, of metadata that never comes.
fn failure_at_the_deadline(server: &Server) -> String {
    let mut imds = connect(server);
    imds.wait = WAIT;
    let start = Instant::now();
    let text = unreachable(mac(&mut imds).unwrap_err());
    assert!(
        text.contains("/latest/meta-data/mac") && text.contains("--wait"),
        "{text}"
    );
    let elapsed = start.elapsed();
    assert!(elapsed < 5 * WAIT, "{text}: {elapsed:?}");
    assert!(
        elapsed >= WAIT / 2 && imds.requests() >= 3,
        "{text}: {} requests, {elapsed:?}",
        imds.requests()
    );
    text
}

#[test]
fn a_server_that_hangs_once_does_not_use_up_the_deadline() {
    let server = Server::start(once(1, Act::Hang));
    let mut imds = connect(&server);
    imds.wait = WAIT;
    assert_mac(&mut imds);
    assert_eq!((imds.requests(), server.connections()), (3, 2));
}

#[test]
fn a_token_that_cannot_be_one_is_asked_again() {
    let server = Server::start(once(0, status("200 OK", b"<html>\r\nX-Evil: 1")));
    assert_eq!(connect(&server).requests(), 2);
}

#[test]
fn no_wait_means_one_try() {
    let server = Server::start(once(0, status("503 Service Unavailable", b"")));
    let options = options(&server, Duration::ZERO);
    unreachable(Imds::connect(&options, &[]).unwrap_err());
    assert_eq!(server.lines().len(), 1);
    Imds::connect(&options, &[]).unwrap();
}

#[test]
fn other_framings_work() {
    for (reply, connections) in [
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nvalue",
            4,
        ),
        ("HTTP/1.0 200 OK\r\n\r\nvalue", 4),
        // It closes, and has not said that it would.
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvalue", 4),
    ] {
        let server = Server::start(|_, _, _| Act::Close(reply.into()));
        let mut imds = connect(&server);
        for _ in 0..3 {
            assert_eq!(mac(&mut imds).unwrap().as_deref(), Some("value"), "{reply}");
        }
        assert_eq!(server.connections(), connections, "{reply}");
    }
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nval\r\n2\r\nue\r\n0\r\n\r\n";
    let server = Server::start(values(Act::Send(chunked.to_vec())));
    let mut imds = connect(&server);
    assert_eq!(mac(&mut imds).unwrap().as_deref(), Some("value"));
    assert_eq!(mac(&mut imds).unwrap().as_deref(), Some("value"));
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_kept_connection_that_dies_under_a_request_is_replaced_without_a_pause() {
    let server = Server::start(once(1, Act::Close(Vec::new())));
    let mut imds = Imds::connect(&options(&server, Duration::ZERO), &[]).unwrap();
    assert_mac(&mut imds);
    assert_eq!((imds.requests(), server.connections()), (3, 2));
}

#[test]
fn the_next_url_answers_where_the_first_is_silent() {
    let (silent, server) = (Server::start(|_, _, _| Act::Hang), Server::start(healthy));
    let options = Options {
        urls: vec![silent.url(), server.url()],
        wait: GENEROUS,
    };
    let mut imds = Imds::connect(&options, &[]).unwrap();
    assert_mac(&mut imds);
    let (astray, served) = (silent.lines().len(), server.lines().len());
    assert!(astray >= 1 && served >= 2);
    assert_eq!(imds.requests() as usize, astray + served);
}

#[test]
fn nobody_there_names_the_ways_that_were_tried() {
    // An address of its own: no other test opens a port there.
    let closed = || {
        format!(
            "http://{}",
            TcpListener::bind("127.1.2.3:0")
                .unwrap()
                .local_addr()
                .unwrap()
        )
    };
    let options = Options {
        urls: (0..6).map(|_| closed()).collect(),
        wait: WAIT,
    };
    let text = unreachable(Imds::connect(&options, &[]).unwrap_err());
    assert!(
        options.urls[..TOLD]
            .iter()
            .all(|url| text.contains(&format!("{url}: Connection refused"))),
        "{text}"
    );
    assert!(text.contains("and 2 ways more"), "{text}");
    assert!(
        text.contains("--wait") && text.contains("hop limit") && text.contains("EC2"),
        "{text}"
    );
}

#[test]
fn a_proof_does_not_trust_the_open_connection() {
    let mut server = Server::on(TcpListener::bind("127.1.2.4:0").unwrap(), healthy);
    let mut imds = connect(&server);
    let ways = imds.ways(true);
    reach(&ways, GENEROUS).unwrap();
    assert_mac(&mut imds);
    assert_eq!((ways.len(), server.connections()), (1, 2));

    server.stop_listening();
    assert_mac(&mut imds);
    assert!(unreachable(reach(&ways, WAIT).unwrap_err()).contains("Connection refused"));
}

#[test]
fn any_answer_shows_that_the_service_is_reached_and_nothing_else_does() {
    let asked = |act: Act| {
        let server = Server::start(move |_, _, _| act.clone());
        let ways = Way::all(&[server.url()], &[]).unwrap();
        let ended = reach(&ways, WAIT);
        assert!(
            server
                .log()
                .iter()
                .all(|request| request.header("x-aws-ec2-metadata-token").is_some()),
            "not IMDSv1"
        );
        (ended.is_ok(), server.lines().len())
    };
    for answer in [
        "200 OK",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "429 Too Many Requests",
        "503 Oh",
    ] {
        assert_eq!(asked(status(answer, b"")), (true, 1), "{answer}");
    }
    for act in [
        Act::Hang,
        Act::Close(vec![]),
        Act::Close(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
    ] {
        assert!(!asked(act.clone()).0, "{act:?}");
    }
}

#[test]
fn the_plain_ways_that_a_session_has_left_are_still_found() {
    let asleep = |ec2: &mut Ec2, request: &Request, n: usize| {
        if n == 0 {
            Act::Hang
        } else {
            ec2.answer(request)
        }
    };
    let [slow, quick, silent] = [
        Server::start(asleep),
        Server::start(healthy),
        Server::start(|_, _, _| Act::Hang),
    ];
    let urls = vec![slow.url(), silent.url(), quick.url()];
    let mut imds = Imds::connect(
        &Options {
            urls,
            wait: GENEROUS,
        },
        &[],
    )
    .unwrap();
    let ways: Vec<_> = imds.ways(true).iter().map(Way::to_string).collect();
    assert_eq!(ways, [quick.url(), slow.url()]);
}

/// Most instances have none, and a proof must not wait for it.
#[test]
fn an_ipv6_endpoint_is_a_way_where_it_opens_and_the_primary_has_ipv6() {
    let (v4, v6) = (
        Server::start(healthy),
        Server::on(TcpListener::bind("[::1]:0").unwrap(), healthy),
    );
    let session = |urls: Vec<String>| {
        Imds::connect(
            &Options {
                urls,
                wait: GENEROUS,
            },
            &[],
        )
        .unwrap()
    };
    let mut imds = session(vec![v4.url(), v6.url()]);
    assert_eq!(imds.ways(false).len(), 1);
    assert_eq!(imds.ways(true).len(), 2);
    // Its accept queue is full, so it says nothing.
    let listener = TcpListener::bind("[::1]:0").unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let full = listener.local_addr().unwrap();
    let _fills_the_queue = std::net::TcpStream::connect(full).unwrap();
    let mut imds = session(vec![v4.url(), format!("http://{full}")]);
    let begin = Instant::now();
    assert_eq!(imds.ways(true).len(), 1);
    assert!(
        begin.elapsed() < Duration::from_millis(100),
        "{:?}",
        begin.elapsed()
    );
}

/// Runs itself as a child, because the environment belongs to the whole process.
#[test]
fn the_environments_proxy_is_ignored() {
    if let Ok(url) = env::var(CHILD) {
        return assert_mac(
            &mut Imds::connect(
                &Options {
                    urls: vec![url],
                    wait: GENEROUS,
                },
                &[],
            )
            .unwrap(),
        );
    }
    let (proxy, server) = (Server::start(healthy), Server::start(healthy));
    let mut child = Command::new(env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "metadata::imds::tests::the_environments_proxy_is_ignored",
        ])
        .env(CHILD, server.url());
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url());
    }
    let output = child.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!((proxy.connections(), server.lines().len()), (0, 2));
}

/// Keys of which EC2 knows nothing: each answer is a 404.
fn paths(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("key-{n:03}")).collect()
}

#[test]
fn what_is_asked_ahead_goes_over_four_connections_with_one_token_and_each_question_once() {
    let server = Server::start(|ec2, request, _| {
        std::thread::sleep(Duration::from_millis(2));
        ec2.answer(request)
    });
    let mut imds = connect(&server);
    let answers = imds.ahead(paths(40));
    assert!(answers.len() == 40 && answers.values().all(Option::is_none));
    assert_eq!(imds.ahead(paths(40)).len(), 40);
    assert_eq!((imds.requests(), server.connections()), (81, 4));
    let mut lines = server.lines();
    lines.sort();
    let tokens = lines.iter().filter(|line| line.starts_with("PUT"));
    assert_eq!(tokens.count(), 1);
    lines.dedup();
    assert_eq!(lines.len(), 41);
    assert!(
        imds.ahead(paths(1)).is_empty(),
        "one question needs no further connection"
    );
}

#[test]
fn a_connection_that_fails_loses_nothing_of_what_the_others_bring() {
    for act in [Act::Hang, status("503 Slow Down", b"")] {
        let mut failed = false;
        let server = Server::start(move |ec2, request, _| {
            if request.line.ends_with("key-005") && !replace(&mut failed, true) {
                act.clone()
            } else {
                std::thread::sleep(Duration::from_millis(5));
                ec2.answer(request)
            }
        });
        let mut imds = connect(&server);
        let begin = Instant::now();
        let answers = imds.ahead(paths(40));
        assert!(answers.len() >= 39, "{answers:?}");
        assert!(
            begin.elapsed() < Duration::from_secs(4),
            "{:?}",
            begin.elapsed()
        );
        assert_eq!(imds.get("key-005").unwrap(), None, "the session insists");
        assert!(
            imds.ahead(paths(4)).is_empty(),
            "and goes on by one connection"
        );
        assert_mac(&mut imds);
    }
}

#[test]
fn a_service_that_throttles_is_not_pressed_and_the_deadline_holds() {
    let server = Server::start(values(status("503 Slow Down", b"")));
    let mut imds = Imds::connect(&options(&server, WAIT), &[]).unwrap();
    let begin = Instant::now();
    assert!(imds.ahead(paths(100)).is_empty());
    assert!(imds.requests() <= 1 + 4, "{}", imds.requests());
    assert!(unreachable(imds.get("mac").unwrap_err()).contains("503"));
    assert!(begin.elapsed() < WAIT * 2, "{:?}", begin.elapsed());
    assert!(imds.requests() < 20, "{}", imds.requests());
}

#[test]
fn a_service_that_hangs_takes_no_more_time_than_it_is_waited_for() {
    let server = Server::start(values(Act::Hang));
    let mut imds = Imds::connect(&options(&server, WAIT), &[]).unwrap();
    let begin = Instant::now();
    assert!(imds.ahead(paths(100)).is_empty());
    unreachable(imds.get("mac").unwrap_err());
    assert!(
        begin.elapsed() < WAIT + Duration::from_millis(400),
        "{:?}",
        begin.elapsed()
    );
}

/// The host is looked at meanwhile: it does not wait to be asked for its answer.
#[test]
fn a_service_is_asked_for_the_proof_before_anybody_waits_for_its_answer() {
    // What an earlier one has left may wake this thread once too often.
    let is_over = |asked: &Asked| (0..3).any(|_| asked.is_over_within(GENEROUS));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ways = Way::all(&[url], &[]).unwrap();
    let asked = Asked::by(&ways, GENEROUS);
    // Would wait for ever, were it not asked by now.
    let (stream, _) = listener.accept().unwrap();
    let mut request = BufReader::new(&stream).lines();
    assert_eq!(
        request.next().unwrap().unwrap(),
        "GET /latest/meta-data/mac HTTP/1.1"
    );
    assert!(!asked.is_over_within(Duration::from_millis(20)));
    let mut answer = &stream;
    answer
        .write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    assert!(is_over(&asked));
    asked.end().unwrap();

    let asked = Asked::by(&ways, WAIT);
    drop((stream, listener));
    assert!(is_over(&asked));
    let error = unreachable(asked.end().unwrap_err());
    assert!(error.contains(&ways[0].to_string()), "{error}");
    Asked::by(&[], WAIT).end().unwrap();
}
