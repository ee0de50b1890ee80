"""local.md, sections 6 to 8: the kubelet, names and network, the life of a run. Part of the page `local`."""

COMMAND_LINE = "tests/decisions/test_command_line.py::"
FIELDS = "tests/decisions/test_fields.py::"
DECIDE = "tests/decisions/test_kubelet_decide.py::"
TIME = "tests/decisions/test_kubelet_time.py::"
VALUES = "tests/decisions/test_kubelet_values.py::"
NAMES = "tests/decisions/test_names.py::"
RUN = "tests/decisions/test_run.py::"
CHECK = "tests/manifests/test_check.py::"
ISOLATION = "tests/contract/test_isolation.py::"
LOOKUP = "tests/contract/test_name_lookup.py::"
NOTHING_LEFT = "tests/contract/test_nothing_is_left.py::"
STARTER = "tests/contract/test_starter.py::"
PROCESSES = "tests/e2e/test_kubelet_processes.py::"
COMMAND = "tests/e2e/test_run_command.py::"
TERMINAL = "tests/e2e/test_terminal.py::"
STORIES = "tests/scenarios/test_kubelet_stories.py::"
LINKS = "tests/scenarios/test_links.py::"
PROBING = "tests/scenarios/test_probing.py::"

STARTS = f"{DECIDE}test_what_starts"
STOPS = f"{DECIDE}test_what_stops"
STATE = f"{DECIDE}test_container_state"
WARNED = f"{CHECK}test_what_only_looks_like_a_mistake_is_a_warning"
LACKS = f"{COMMAND}test_what_a_machine_lacks_is_told"

ITEMS: dict[str, tuple[str, ...]] = {
    "LOC-601": (
        f"{DECIDE}test_phase",
        f"{DECIDE}test_conditions",
        f"{STORIES}test_a_pod_runs_is_ready_and_succeeds",
    ),
    "LOC-602": (
        STATE,
        f"{DECIDE}test_a_restarted_container_keeps_its_last_end",
        f"{STORIES}test_a_program_that_is_not_there_ends_with_127",
        f"{STORIES}test_a_container_that_cannot_be_started_is_told_and_tried_again",
        f"{STARTER}test_a_program_that_cannot_start_says_why",
    ),
    "LOC-603": (
        f"{STARTER}test_a_container_reports_how_it_ended",
        f"{DECIDE}test_a_container_killed_by_a_signal_tells_it",
    ),
    "LOC-604": (
        f"{STORIES}test_a_failing_container_is_restarted_with_growing_back_off",
        f"{STORIES}test_waits_can_be_scaled_for_experiments",
        f"{VALUES}test_back_off_doubles_up_to_five_minutes",
        f"{STARTS}[ten minutes of running make the next restart immediate]",
        f"{RUN}test_back_off_is_that_of_kubernetes_unless_it_is_shortened",
    ),
    "LOC-605": (
        f"{STARTS}[a container's own policy beats the pod's]",
        f"{STARTS}[a rule beats the container's policy]",
        f"{STARTS}[a rule with NotIn matches what is not listed]",
        f"{STORIES}test_all_containers_start_over_in_place_when_a_rule_says_so",
    ),
    "LOC-606": (
        f"{STORIES}test_init_containers_and_sidecars_start_in_order_and_sidecars_stop_last",
        f"{STARTS}[a sidecar holds the next back until it has started]",
        f"{STOPS}[sidecars",
        f"{DECIDE}test_phase[an init container failed for good]",
    ),
    "LOC-607": (
        f"{PROBING}test_answers",
        f"{VALUES}test_probe_thresholds",
        f"{STORIES}test_a_liveness_probe_that_gives_up_restarts_the_container",
        f"{STORIES}test_readiness_comes_and_goes_with_its_probe",
        f"{DECIDE}test_a_probe_may_bring_its_own_grace_period",
        f"{PROCESSES}test_http_tcp_and_exec_probes_ask_the_pod",
    ),
    "LOC-608": (
        f"{PROBING}test_hooks",
        f"{STORIES}test_hooks_run_beside_the_start_and_before_the_stop",
        f"{STORIES}test_a_post_start_hook_that_fails_stops_the_container",
        f"{STORIES}test_a_pre_stop_hook_cannot_outlast_the_grace",
    ),
    "LOC-609": (
        f"{PROCESSES}test_stop_reaches_everything_that_a_container_started",
        f"{STARTER}test_nothing_of_a_container_survives_it",
        f"{STORIES}test_a_deleted_pod_gets_its_grace_and_then_the_object_goes",
        f"{DECIDE}test_a_grace_period_of_zero_is_the_shortest_not_the_default",
        f"{ISOLATION}test_a_machine_without_process_namespaces_says_so_and_keeps_the_rest",
    ),
    "LOC-610": (
        f"{VALUES}test_expansion",
        f"{VALUES}test_variables",
        f"{VALUES}test_downward_fields",
        f"{VALUES}test_downward_resources",
        f"{VALUES}test_keys_that_are_no_variable_names_are_skipped_and_told",
        f"{VALUES}test_the_command_line_is_expanded_and_needs_a_command",
    ),
    "LOC-611": (
        f"{VALUES}test_a_missing_source_is_named",
        f"{STORIES}test_a_pod_waits_for_a_config_map_and_starts_when_it_appears",
        f"{WARNED}[a ConfigMap that is not there]",
        f"{WARNED}[a Secret in a variable]",
        f"{WARNED}[a key that is not there]",
    ),
    "LOC-612": (
        f"{VALUES}test_only_a_short_list_passes_through_from_the_caller",
        f"{PROCESSES}test_a_program_has_its_environment_and_no_other",
        f"{COMMAND_LINE}test_a_usage_error_is_2_and_says_what_is_right[a variable with a value]",
    ),
    "LOC-613": (
        f"{ISOLATION}test_a_volume_appears_at_a_path_that_does_not_exist",
        f"{ISOLATION}test_volumes_cover_what_exists_and_lie_in_each_other",
        f"{ISOLATION}test_a_volume_may_cover_the_place_of_another_ones_files",
        f"{PROCESSES}test_without_mounts_a_path_of_the_user_is_a_link_and_others_are_refused",
        f"{LINKS}test_what_exists_is_never_covered_unless_it_is_the_same_place",
        f"{COMMAND}test_a_mount_that_is_not_possible_starts_nothing",
    ),
    "LOC-614": (
        f"{VALUES}test_volume_files",
        f"{VALUES}test_a_volume_that_cannot_be_made_says_why",
        f"{LINKS}test_files_are_switched_all_at_once_and_only_when_something_changed",
        f"{STORIES}test_a_config_map_volume_follows_its_object",
        f"{STORIES}test_an_empty_dir_that_outgrows_its_limit_evicts_the_pod",
        f"{STORIES}test_a_claim_is_a_directory_that_lives_as_long_as_the_claim",
        f"{FIELDS}test_fields_that_this_machine_treats_differently[a host path",
    ),
    "LOC-615": (
        f"{VALUES}test_termination_message",
        f"{VALUES}test_many_containers_share_the_room_for_messages",
        f"{PROCESSES}test_a_termination_message_is_what_the_program_wrote",
    ),
    "LOC-616": (
        f"{VALUES}test_lines_survive_any_cut",
        f"{VALUES}test_a_very_long_line_is_written_in_parts",
        f"{VALUES}test_log_lines_have_nanoseconds",
        f"{STORIES}test_logs_of_all_attempts_are_kept",
        f"{PROCESSES}test_log_files_rotate",
        f"{PROCESSES}test_much_output_survives_whole",
    ),
    "LOC-617": (
        f"{VALUES}test_devices_are_handed_out_by_index_and_come_back",
        f"{VALUES}test_init_containers_use_the_devices_of_the_main_ones",
    ),
    "LOC-701": (
        f"{NAMES}test_addresses_are_kept_and_come_back_last",
        f"{NAMES}test_one_address_for_all_pods_is_a_loss",
    ),
    "LOC-702": (
        f"{ISOLATION}test_a_hosts_file_and_hostname_of_its_own_and_changes_are_seen",
        f"{NAMES}test_every_name_and_address_has_a_line_with_the_full_name_first",
        f"{NAMES}test_a_service_has_the_addresses_of_all_its_pods",
        f"{LOOKUP}test_glibc_and_python_find_pods_and_services",
        f"{LOOKUP}test_a_static_go_program_finds_pods_and_services",
    ),
    "LOC-703": (
        f"{NAMES}test_what_is_published",
        f"{NAMES}test_hosts_files_follow_what_is_published",
        f"{NAMES}test_every_change_of_a_file_has_a_later_time_in_whole_seconds",
        f"{LOOKUP}test_readers_lose_no_name_while_others_come_and_go",
    ),
    "LOC-704": (
        f"{LOOKUP}test_a_name_that_is_not_published_fails_quickly",
        f"{LOOKUP}test_a_name_server_that_says_nothing_is_found_out_and_one_that_refuses_is_not_silent",
    ),
    "LOC-705": (
        f"{NAMES}test_which_way_with_names_is_taken",
        f"{NAMES}test_a_way_that_is_not_possible_is_refused_with_the_reason",
        f"{NAMES}test_names_of_pods_in_values_become_addresses",
        f"{NAMES}test_a_marked_block_is_put_in_replaced_and_taken_out",
        f"{LOOKUP}test_a_wrapped_program_finds_pods_without_namespaces",
        f"{COMMAND_LINE}test_the_version_tells_the_ways_of_this_machine_when_asked",
    ),
    "LOC-706": (
        f"{NAMES}test_which_port_the_last_words_of_a_program_speak_of",
        f"{NAMES}test_who_has_the_port_is_told_with_the_remedy",
    ),
    "LOC-801": (f"{COMMAND}test_a_state_directory_serves_one_run_at_a_time",),
    "LOC-802": (
        f"{COMMAND}test_a_signal_stops_the_run_with_grace",
        f"{COMMAND}test_a_second_interrupt_kills",
        f"{TERMINAL}test_a_terminal_shows_a_live_table_and_ctrl_c_stops",
    ),
    "LOC-803": (
        f"{NOTHING_LEFT}test_everything_ends_within_two_seconds_of_kill_9",
        f"{NOTHING_LEFT}test_the_starter_removes_what_a_killed_supervisor_left",
        f"{COMMAND}test_nothing_is_left_when_the_command_is_killed",
        f"{COMMAND}test_links_of_a_killed_run_are_not_in_the_way_of_the_next",
        f"{COMMAND}test_the_next_start_ends_what_outlived_everybody_who_looked_after_it",
    ),
    "LOC-804": (
        f"{TIME}test_a_stop_of_the_process_does_not_count",
        f"{TIME}test_a_wait_goes_on_after_a_stop_as_if_it_had_not_been",
    ),
    "LOC-805": (
        f"{PROCESSES}test_a_full_disk_loses_log_lines_but_not_the_program",
        f"{STARTER}test_no_file_descriptors_left_fails_the_launch_and_not_the_starter",
        LACKS,
        f"{COMMAND}test_more_pods_than_the_callers_soft_limit_of_open_files_has_room_for",
    ),
}
"""The items of these sections that a run needs, and the tests that show them."""

NOT_YET: dict[str, str] = {
    "LOC-618": "resource limits",
    "LOC-707": "isolated network",
    "LOC-806": "local API",
    "LOC-807": "local API",
}
"""The items that wait for a part."""
