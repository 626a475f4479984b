use super::*;

const LONG: Duration = Duration::from_secs(30);

fn sh(script: &str, wait: Duration) -> (std::result::Result<(), String>, Duration) {
    let began = Instant::now();
    let ended = run("sh", &["-c", script], wait).map_err(|error| error.to_string());
    (ended, began.elapsed())
}

/// The process that has written its number to this file is gone.
fn is_gone(path: &std::path::Path) -> bool {
    let pid = std::fs::read_to_string(path).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    // One that nobody has waited for yet has ended as well.
    stat.map_or(true, |stat| stat.contains(") Z "))
}

fn comes_true(what: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(5);
    while !what() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    what()
}

#[test]
fn what_a_program_has_started_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let started = format!("sleep 300 & echo $! >{}", pid.display());
    for (script, wait, works) in [
        (started.clone(), LONG, true),
        (format!("{started}; exit 3"), LONG, false),
        (
            format!("{started}; wait"),
            Duration::from_millis(300),
            false,
        ),
    ] {
        let (ended, took) = sh(&script, wait);
        assert_eq!(ended.is_ok(), works, "{script}: {ended:?}");
        assert!(took < Duration::from_secs(10), "{script}");
        assert!(comes_true(|| is_gone(&pid)), "{script}");
    }
}

#[test]
fn of_what_a_failed_program_says_the_end_is_passed_on() {
    let (ended, _) = sh("seq 1 200000; echo the reason >&2; exit 7", LONG);
    let error = ended.unwrap_err();
    assert!(
        error.ends_with("the reason") && error.contains("exit status: 7"),
        "{error}"
    );
    assert!(error.len() < 2 * WORDS, "{}", error.len());
}

#[test]
fn a_program_that_never_stops_talking_is_killed_in_time() {
    let (ended, took) = sh("echo begin; exec yes the end", Duration::from_millis(300));
    let error = ended.unwrap_err();
    assert!(error.contains("was killed (--wait bounds it)"), "{error}");
    assert!(
        error.len() < 2 * WORDS && took < Duration::from_secs(10),
        "{took:?}"
    );
}
