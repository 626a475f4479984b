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
        "an_address_that_the_host_lacks_is_one_of_apply_s",
        GOOD,
    ),
    (
        "A2",
        "an_address_that_ec2_does_not_know_is_named_with_what_ec2_expects_and_both_remedies",
        GOOD,
    ),
    (
        "A3",
        "an_address_on_the_interface_of_another_eni_or_on_none_of_them_is_named_with_its_own",
        GOOD,
    ),
    (
        "A4",
        "an_address_that_the_kernel_does_not_use_is_a_warning_with_its_flag",
        GOOD,
    ),
    (
        "A5",
        "a_lease_that_nobody_renews_is_an_error_and_one_with_a_client_or_a_manager_is_none",
        GOOD,
    ),
    (
        "A6",
        "that_ipv6_is_outbound_only_is_explained_and_nothing_is_called_broken",
        GOOD,
    ),
    ("A7", "an_eni_without_ipv4_is_told_and_is_no_fault", GOOD),
    (
        "A8",
        "a_prefix_that_nobody_uses_is_a_hint_until_a_container_has_an_address_of_it",
        GOOD,
    ),
    (
        "A9",
        "a_default_route_that_gives_unbound_traffic_another_address_is_named_with_the_one_that_is_right",
        GOOD,
    ),
    ("L1", "an_eni_without_an_interface_is_named_by_its_id", GOOD),
    (
        "L2",
        "an_interface_whose_eni_ec2_does_not_list_is_named",
        GOOD,
    ),
    (
        "L3",
        "a_link_that_is_down_or_has_no_carrier_is_an_error",
        GOOD,
    ),
    (
        "L4",
        "an_mtu_that_differs_is_a_warning_in_one_subnet_a_hint_elsewhere_and_too_large_a_warning",
        GOOD,
    ),
    (
        "L5",
        "ipv6_that_is_off_is_an_error_where_it_is_assigned_and_a_warning_for_what_comes",
        GOOD,
    ),
    (
        "L6",
        "a_strict_reverse_path_filter_is_told_only_where_it_drops_something",
        GOOD,
    ),
    (
        "L7",
        "that_enis_of_one_subnet_answer_arp_for_each_other_is_told_once_and_is_no_fault",
        GOOD,
    ),
    (
        "L8",
        "names_in_another_order_than_ec2_s_numbers_are_told",
        GOOD,
    ),
    (
        "M1",
        "a_service_that_is_turned_off_is_named_with_the_command_that_turns_it_on_and_the_rest_is_checked",
        GOOD,
    ),
    (
        "M2",
        "an_eni_that_is_not_all_told_is_a_warning_and_a_hint_in_its_first_minute",
        GOOD,
    ),
    ("M3", "enis_of_several_vpcs_are_told_once", GOOD),
    ("M5", "an_eni_of_another_account_is_named_with_both", GOOD),
    (
        "M6",
        "an_entry_that_excludes_nothing_is_named_with_what_there_is",
        GOOD,
    ),
    ("P1", RISING, NEVER),
    ("P2", RISING, NEVER),
    ("P3", RISING, NEVER),
    ("P4", RISING, NEVER),
    (
        "P5",
        "an_ena_driver_without_the_counters_is_a_hint_and_another_driver_is_none",
        NEVER,
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
        "R14",
        "a_rule_of_others_that_would_be_jumped_over_prevents_an_index_and_is_named",
        "many_addresses_get_an_index_that_every_run_keeps_and_remove_takes_away",
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
    (
        "M4",
        "what_cannot_be_seen_from_inside_is_said_once_and_is_no_fault",
        GOOD,
    ),
    ("F2", "a_definition_that_comes_before_ours_is_named", GOOD),
    (
        "F3",
        "rules_and_routes_that_networkd_would_delete_are_found_unless_it_is_told_not_to",
        "a_fresh_host_of_networkd_has_no_finding_whichever_systemd",
    ),
    (
        "F4",
        "what_no_file_holds_is_lost_without_the_boot_service",
        GOOD,
    ),
    (
        "F5",
        "a_file_that_networkd_has_not_loaded_is_found_until_it_has",
        "a_fresh_host_of_networkd_has_no_finding_whichever_systemd",
    ),
    ("F6", "a_version_with_a_known_defect_is_named", GOOD),
    (
        "O1",
        "another_tool_is_named_with_the_command_that_turns_it_off",
        GOOD,
    ),
    (
        "O2",
        "a_firewall_that_may_drop_is_a_hint_by_family_and_one_that_drops_all_a_warning",
        GOOD,
    ),
    (
        "O3",
        "a_masquerade_that_gives_an_eni_s_second_address_its_first_is_found_and_a_container_s_is_not",
        GOOD,
    ),
    (
        "N1",
        "a_host_that_forwards_hears_of_the_source_destination_check_and_of_its_redirects",
        GOOD,
    ),
    (
        "N2",
        "a_connection_table_that_is_nearly_full_or_has_refused_packets_is_found",
        GOOD,
    ),
    (
        "N3",
        "connections_that_ec2_forgets_first_are_a_warning_where_the_type_is_known",
        GOOD,
    ),
    (
        "F1",
        "a_file_that_is_gone_or_lacks_a_line_is_an_error_and_one_with_a_comment_more_a_warning",
        GOOD,
    ),
    (
        "O4",
        "forwarding_that_no_file_asks_for_is_found_and_the_file_that_says_otherwise",
        GOOD,
    ),
    (
        "N4",
        "ports_of_one_address_that_run_out_for_one_destination_are_counted",
        GOOD,
    ),
    (
        "N5",
        "a_part_of_egress_without_effect_is_told_with_its_line",
        GOOD,
    ),
    (
        "N6",
        "a_rule_that_sends_clients_or_their_answers_elsewhere_is_an_error_until_it_goes",
        GOOD,
    ),
    (
        "N9",
        "marks_of_others_in_the_top_byte_are_told_and_other_marks_are_not",
        GOOD,
    ),
    (
        "N7",
        "a_host_that_forwards_hears_of_the_source_destination_check_and_of_its_redirects",
        GOOD,
    ),
    (
        "N8",
        "a_table_that_is_gone_or_changed_is_an_error_and_the_next_refresh_mends_it",
        "each_client_of_s3_is_seen_as_its_own_address_and_a_third_gets_nothing",
    ),
];

/// No NIC of a test has EC2's counters: these go by recorded ones.
const RISING: &str =
    "a_counter_that_rises_is_of_now_and_one_that_stands_is_of_any_time_since_the_boot";
const NEVER: &str = "a_nic_that_was_never_held_back_gives_nothing";

#[test]
fn each_code_has_a_test_that_provokes_it_and_one_that_shows_it_absent() {
    let sources = ["tests/netns", "src/check"].map(|folder| sources(Path::new(folder)));
    let sources = sources.concat();
    let mut open = Vec::new();
    for code in Code::all().map(|code| code.to_string()) {
        let Some((_, provoked, absent)) = TESTS.iter().find(|(listed, ..)| *listed == code) else {
            open.push(code);
            continue;
        };
        let source = source_of(&sources, provoked);
        assert!(
            source.contains(&format!("\"{code}\"")) || source.contains(&format!("Code::{code}")),
            "{provoked} is to provoke {code}, and its file has no \"{code}\""
        );
        source_of(&sources, absent);
    }
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
