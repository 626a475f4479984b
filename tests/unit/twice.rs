//! How `make test` tells a test that other work on the machine has disturbed from one that is broken.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A test program in which `flaky` succeeds from its second run on, and whatever else never does.
const PROGRAM: &str = "\
for name; do :; done
[ \"$1 $RUST_TEST_THREADS\" = '--exact 1' ] || exit 3
[ $name = flaky ]
";

fn script(path: PathBuf, text: &str) -> PathBuf {
    fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What cargo says of a program in which these have failed.
fn said(program: &Path, failed: &[&str]) -> String {
    let [mut details, mut list] = ["failures:\n".to_owned(), "failures:\n".to_owned()];
    for name in failed {
        details +=
            &format!("\n---- {name} stdout ----\nfailures:\nnot within 60 s\n    indented\n");
        list += &format!("    {name}\n");
    }
    let program = program.display();
    format!(
        "     Running tests/netns/main.rs ({program})\n\n{details}\n{list}\ntest result: FAILED. 1 passed\n\n"
    )
}

/// `tests/twice` with a cargo that says this, and names so many targets as failed.
fn run(says: impl Fn(&Path) -> String, targets: usize) -> Output {
    let folder = TempDir::new().unwrap();
    let program = script(folder.path().join("netns-1a2b"), PROGRAM);
    let text = folder.path().join("said");
    let target = "    `--test netns`\n".repeat(targets);
    let end = format!("error: {targets} target failed:\n{target}");
    fs::write(&text, says(&program) + if targets == 0 { "" } else { &end }).unwrap();
    let (text, code) = (text.display(), if targets == 0 { 0 } else { 101 });
    let cargo =
        format!("[ \"$*\" = 'test --no-fail-fast --locked' ] || exit 9\ncat {text}\nexit {code}\n");
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/twice"))
        .arg("--locked")
        .env("CARGO", script(folder.path().join("cargo"), &cargo))
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn tests_that_all_succeed_are_run_once() {
    let output = run(|_| "test result: ok. 2 passed\n".to_owned(), 0);
    assert!(output.status.success());
    assert_eq!(told(&output), "");
}

#[test]
fn a_test_that_succeeds_alone_is_told_and_one_that_fails_again_is_an_error() {
    let output = run(|program| said(program, &["flaky"]), 1);
    assert!(output.status.success(), "{output:?}");
    assert!(told(&output).ends_with("failed beside other tests, and succeeded alone:\nflaky\n"));
    let output = run(|program| said(program, &["flaky", "broken"]), 1);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).ends_with("has failed alone, too: broken\n"));
}

#[test]
fn more_than_three_and_what_has_no_list_are_not_tried_again() {
    let many = run(|program| said(program, &["flaky", "a", "b", "c"]), 1);
    let crashed = run(|program| said(program, &["flaky"]), 2);
    let uncompiled = run(|_| "error: could not compile `eniroute`\n".to_owned(), 1);
    for output in [many, crashed, uncompiled] {
        assert_eq!(output.status.code(), Some(1));
        assert!(
            told(&output).ends_with("none is tried again\n"),
            "{output:?}"
        );
    }
}
