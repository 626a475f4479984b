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
        error.ends_with("the reason") && error.contains("exit code 7"),
        "{error}"
    );
    assert!(error.len() < 2 * WORDS, "{}", error.len());
}

#[test]
fn the_end_of_what_was_said_begins_with_a_whole_character() {
    let (ended, _) = sh("printf 'ä%.0s' $(seq 2000); echo .; exit 1", LONG);
    let error = ended.unwrap_err();
    assert!(error.contains(": ä") && error.ends_with("ä."), "{error}");
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

fn failure(script: &str) -> String {
    let failed = run("sh", &["-c", script], Duration::from_secs(10));
    failed.unwrap_err().to_string()
}

#[test]
fn a_program_that_fails_is_named_with_its_exit_code_or_signal_and_its_last_words() {
    for (script, words) in [
        ("exit 3", "ended with exit code 3, and said nothing"),
        ("echo why >&2; exit 1", "ended with exit code 1: why"),
        ("kill -SEGV $$", "by signal SIGSEGV, and said nothing"),
        ("echo ohno; kill -ABRT $$", "by signal SIGABRT: ohno"),
    ] {
        let said = failure(script);
        assert!(said.starts_with("sh -c "), "{said}");
        assert!(said.ends_with(words), "{said}");
    }
}

#[test]
fn of_much_that_was_said_the_end_is_told() {
    let said = failure("for i in $(seq 2000); do echo line $i; done; exit 1");
    assert!(
        said.ends_with("line 2000") && !said.contains("line 1\n"),
        "{said}"
    );
    assert!(said.len() < 3000, "{}", said.len());
}

#[test]
fn of_a_program_whose_output_is_wanted_the_end_is_told_when_it_fails() {
    let script = "seq 2000; printf 'Traceback\nÄÄÄ\nFileNotFoundError: /x\n' >&2; exit 1";
    let failed = output("sh", &["-c", script], LONG).unwrap_err().to_string();
    assert!(failed.contains("ended with exit code 1: "), "{failed}");
    assert!(failed.ends_with("FileNotFoundError: /x"), "{failed}");
    assert!(failed.len() < 2 * WORDS, "{}", failed.len());
}
