//! Each code has a test that provokes it, and one in which it is absent from a good host. The two are listed here, by
//! name, one line a code: who adds a finding, adds its tests to its line.

use std::fs;
use std::path::Path;

use eniroute::code::Code;

/// Asserts that `check` has no finding at all on a good host.
const GOOD: &str = "of_a_good_host_it_says_a_line_for_each_eni_and_what_was_proven";

/// Code, the test that provokes it, the test in which a good host has none of it.
const TESTS: &[(&str, &str, &str)] = &[
    (
        "A1",
        "each_object_that_is_missing_is_found_with_the_command_that_brings_it_back",
        GOOD,
    ),
    (
        "A2",
        "an_address_that_ec2_does_not_know_is_named_with_what_ec2_expects_and_both_remedies",
        GOOD,
    ),
    (
        "R1",
        "an_address_that_a_rule_of_others_sends_another_way_is_found_with_that_rule",
        GOOD,
    ),
    (
        "R2",
        "each_object_that_is_missing_is_found_with_the_command_that_brings_it_back",
        GOOD,
    ),
    (
        "R3",
        "an_address_that_a_rule_of_others_sends_another_way_is_found_with_that_rule",
        GOOD,
    ),
    (
        "R4",
        "each_object_that_is_missing_is_found_with_the_command_that_brings_it_back",
        GOOD,
    ),
    (
        "L1",
        "an_eni_that_is_left_alone_or_has_no_interface_is_found_with_the_reason",
        GOOD,
    ),
    (
        "O5",
        "an_eni_that_is_left_alone_or_has_no_interface_is_found_with_the_reason",
        GOOD,
    ),
    (
        "M6",
        "an_eni_that_is_left_alone_or_has_no_interface_is_found_with_the_reason",
        GOOD,
    ),
];

#[test]
fn each_code_has_a_test_that_provokes_it_and_one_that_shows_it_absent() {
    let sources = sources(Path::new("tests/e2e"));
    let mut open = Vec::new();
    for code in Code::all().map(|code| code.to_string()) {
        let Some((_, provoked, absent)) = TESTS.iter().find(|(listed, ..)| *listed == code) else {
            open.push(code);
            continue;
        };
        let source = source_of(&sources, provoked);
        assert!(
            source.contains(&format!("\"{code}\"")),
            "{provoked} is to provoke {code}, and its file has no \"{code}\""
        );
        source_of(&sources, absent);
    }
    println!("codes without tests: {open:?}");
}

/// The text of the file that has this test.
fn source_of<'a>(sources: &'a [String], test: &str) -> &'a str {
    let is_it = |source: &&String| source.contains(&format!("#[test]\nfn {test}()"));
    let found = sources.iter().find(is_it);
    found.unwrap_or_else(|| panic!("no test has the name {test}"))
}

fn sources(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => sources(&path),
            path => vec![fs::read_to_string(path).unwrap()],
        })
        .collect()
}
