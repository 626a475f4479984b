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
        "an_address_whose_packets_leave_by_another_eni_is_named_once_with_the_rule_and_its_maker",
        GOOD,
    ),
    (
        "R2",
        "a_missing_rule_is_an_error_where_packets_go_astray_and_a_warning_where_they_do_not",
        GOOD,
    ),
    (
        "R3",
        "a_rule_that_leads_many_addresses_astray_is_one_finding_beside_one_for_each_address",
        GOOD,
    ),
    (
        "R4",
        "a_table_without_a_default_and_a_router_that_is_none_are_errors_of_each_address",
        GOOD,
    ),
    (
        "R5",
        "rules_of_an_eni_that_is_gone_are_told_until_a_run_takes_them_away",
        GOOD,
    ),
    (
        "R6",
        "a_default_of_main_before_or_beside_the_primarys_is_told",
        GOOD,
    ),
    (
        "R7",
        "a_containers_network_that_a_secondary_eni_does_not_reach_is_told_unless_mains_routes_go_first",
        GOOD,
    ),
    (
        "R8",
        "a_route_that_refuses_is_named_and_so_is_systemds_lock_of_the_metadata_service",
        GOOD,
    ),
    (
        "R9",
        "a_default_that_a_router_advertised_to_a_secondary_eni_and_its_setting_are_told",
        GOOD,
    ),
    (
        "R10",
        "more_than_a_thousand_rules_are_counted_and_what_they_cost_is_measured",
        GOOD,
    ),
    (
        "R11",
        "a_table_without_a_default_and_a_router_that_is_none_are_errors_of_each_address",
        GOOD,
    ),
    ("R12", "changes_that_nothing_has_proven_are_told", GOOD),
    (
        "R13",
        "where_the_own_walk_and_the_kernel_differ_that_is_said_and_nothing_else_is_concluded",
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
        "O6",
        "a_link_that_its_owner_alone_brings_up_is_a_hint_while_it_is_up",
        GOOD,
    ),
    // It is always assumed, and never a finding.
    (
        "M4",
        "what_cannot_be_seen_from_inside_is_said_once_and_is_no_fault",
        GOOD,
    ),
    (
        "M6",
        "an_eni_that_is_left_alone_or_has_no_interface_is_found_with_the_reason",
        GOOD,
    ),
];

/// Their tests come with the groups that find them.
const PENDING: &[&str] = &[
    "A3", "A4", "A5", "A6", "A7", "A8", "A9", "L2", "L3", "L4", "L5", "L6", "L7", "L8", "F1", "F2",
    "F3", "F4", "F5", "F6", "O1", "O2", "O3", "O4", "M1", "M2", "M3", "M5", "N1", "N2", "N3", "N7",
    "P1", "P2", "P3", "P4", "P5",
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
    open.retain(|code| !PENDING.contains(&code.as_str()));
    assert_eq!(open, [""; 0], "codes without tests");
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
