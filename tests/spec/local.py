"""local.md: what the embedded control plane does."""

from tests.spec import local_run

PAGE = "local.md"

READS = "tests/contract/test_reads.py::"
WRITES = "tests/contract/test_writes.py::"
DELETES = "tests/contract/test_deletes.py::"
FIELDS = "tests/decisions/test_fields.py::"
DELETION = "tests/decisions/test_deletion.py::"
STORE = "tests/decisions/test_store.py::"
PATCHES = "tests/decisions/test_patch.py::"
SELECTORS = "tests/decisions/test_selectors.py::"
STORED_KINDS = "tests/decisions/test_kinds_stored.py::"
JOB_KIND = "tests/decisions/test_kinds_jobs.py::"
POD_KIND = "tests/decisions/test_kinds_pods.py::"
DECODING = "tests/decisions/test_decoding.py::"
JOB = "tests/decisions/test_jobs_decide.py::"
JOB_RULES = "tests/decisions/test_jobs_rules.py::"
SCHEDULING = "tests/decisions/test_scheduling.py::"
JOB_STORIES = "tests/scenarios/test_job_and_scheduler_stories.py::"
JOB_HISTORIES = "tests/properties/test_job_histories.py::"
GARBAGE = "tests/properties/test_garbage.py::"
RUN_COMMAND = "tests/e2e/test_run_command.py::"

CALM = f"{JOB_HISTORIES}test_a_calm_job_ends_as_its_story_says"
MADE = f"{JOB}test_pods_that_are_made"
GONE = f"{JOB}test_pods_that_are_too_many_go_uncounted"
ENDS = f"{JOB}test_what_ends_a_job_is_announced_before_it_is_concluded"
GOES_ON = f"{JOB}test_what_does_not_end_a_job"
BACK_OFF = f"{JOB_RULES}test_back_off_counts_failures_since_the_last_success"
FAILURE_RULE = f"{JOB_RULES}test_the_first_failure_rule_that_matches_wins"
JOB_DEFAULT = f"{JOB_KIND}test_what_a_job_gets_by_default"
JOB_CHANGE = f"{JOB_KIND}test_what_may_change_about_a_job"
PLACE = f"{SCHEDULING}test_where_a_pod_goes"
WAITS = f"{SCHEDULING}test_why_a_pod_waits"

ITEMS: dict[str, tuple[str, ...]] = {
    **local_run.ITEMS,
    "LOC-101": (f"{FIELDS}test_every_field_of_the_schema_has_a_class",),
    "LOC-102": (
        f"{RUN_COMMAND}test_everything_that_cannot_be_done_here_is_told_at_once_and_nothing_starts",
        f"{FIELDS}test_fields_that_this_machine_treats_differently",
        "tests/decisions/test_command_line.py::test_every_problem_is_told_with_its_place_and_remedy",
    ),
    "LOC-103": (
        f"{RUN_COMMAND}test_what_is_ignored_is_told_once_before_the_first_pod_and_in_the_json",
        f"{FIELDS}test_a_field_is_noticed_once",
    ),
    "LOC-104": (
        f"{RUN_COMMAND}test_an_image_can_be_given_its_command",
        f"{FIELDS}test_a_refusal_names_the_way_out",
        f"{FIELDS}test_an_image_is_known_by_its_name",
    ),
    "LOC-201": (f"{WRITES}test_every_write_grows_the_resource_version",),
    "LOC-202": (f"{WRITES}test_a_write_that_changes_nothing_keeps_the_resource_version",),
    "LOC-203": (
        f"{WRITES}test_a_write_on_a_stale_version_is_refused",
        f"{WRITES}test_a_lease_and_a_custom_resource_need_a_version_for_an_update",
    ),
    "LOC-204": (
        f"{WRITES}test_a_name_can_be_taken_once",
        f"{WRITES}test_a_wrong_type_is_told_with_its_path",
        f"{WRITES}test_an_update_is_checked_as_a_change_and_as_a_new_object",
        f"{DECODING}test_a_body_that_is_no_json",
        "tests/properties/test_requests.py::test_every_request_is_answered",
    ),
    "LOC-205": (f"{WRITES}test_a_created_object_gets_an_identity_of_the_server",),
    "LOC-206": (
        f"{WRITES}test_generation_counts_changes_of_the_spec_only",
        f"{DELETION}test_a_deletion_is_a_new_generation_once",
    ),
    "LOC-207": (
        f"{WRITES}test_a_name_is_generated_from_a_prefix",
        f"{STORE}test_a_prefix_whose_names_are_taken_is_told_so",
    ),
    "LOC-208": (
        f"{WRITES}test_spec_and_status_are_written_apart",
        f"{WRITES}test_owner_references_come_with_a_status_but_not_with_that_of_a_pod",
    ),
    "LOC-209": (
        f"{DELETES}test_a_finalizer_holds_a_deleted_object",
        f"{STORED_KINDS}test_nothing_new_holds_an_object_that_is_being_deleted",
        f"{DELETION}test_an_update_finishes_a_deletion",
    ),
    "LOC-210": (f"{DELETES}test_a_delete_can_name_the_object_exactly", f"{DELETION}test_preconditions"),
    "LOC-211": (
        f"{DELETES}test_dependents_follow_their_owner",
        f"{DELETES}test_a_foreground_delete_waits_for_blocking_dependents",
        f"{DELETES}test_orphans_lose_their_reference_and_stay",
        f"{DELETES}test_a_job_orphans_its_pods_by_default_and_says_so",
        f"{DELETES}test_a_delete_answers_with_a_status_or_with_what_is_gone",
    ),
    "LOC-212": (
        f"{GARBAGE}test_what_is_left_is_what_the_references_say",
        f"{DELETES}test_an_owner_of_another_uid_counts_as_absent",
        f"{DELETES}test_a_second_living_owner_keeps_an_object",
        f"{DELETES}test_a_cluster_object_with_an_owner_in_a_namespace_is_left_alone",
    ),
    "LOC-213": (
        f"{DELETES}test_a_bound_pod_gets_its_grace_which_can_only_be_shortened",
        f"{DELETES}test_a_pod_without_a_node_goes_at_once",
        f"{POD_KIND}test_how_long_a_deleted_pod_may_take",
    ),
    "LOC-214": (
        f"{READS}test_a_watch_from_a_list_misses_and_doubles_nothing",
        f"{STORE}test_readers_share_one_event",
    ),
    "LOC-215": (f"{READS}test_a_watch_of_a_selection_tells_who_comes_and_goes",),
    "LOC-216": (f"{STORE}test_a_reader_that_is_too_slow_is_cut_and_nobody_else",),
    "LOC-217": (
        f"{READS}test_a_label_selector_selects",
        f"{READS}test_pods_are_selected_by_their_fields",
        f"{READS}test_an_unknown_field_cannot_be_selected",
        f"{SELECTORS}test_a_field_selector",
        f"{SELECTORS}test_a_field_that_cannot_be_selected",
    ),
    "LOC-218": (
        f"{PATCHES}test_a_json_patch",
        f"{PATCHES}test_a_merge_patch",
        f"{PATCHES}test_a_strategic_merge_patch",
        f"{WRITES}test_a_patch_must_leave_an_object_of_its_kind",
        f"{WRITES}test_a_custom_resource_takes_no_strategic_patch",
    ),
    "LOC-220": (
        f"{WRITES}test_a_dry_run_stores_nothing",
        "tests/decisions/test_admission_jobset.py::"
        "test_a_new_jobset_is_pruned_defaulted_and_stored_without_status",
    ),
    "LOC-221": (f"{WRITES}test_unknown_fields_are_dropped_with_a_warning_or_refused",),
    "LOC-222": (f"{READS}test_pages_show_one_reading",),
    "LOC-223": (f"{READS}test_initial_events_end_with_a_bookmark",),
    "LOC-224": (
        f"{STORE}test_a_version_that_is_forgotten_is_told_as_expired",
        f"{READS}test_a_watch_ahead_of_the_server_passes_over_what_happens_until_then",
        f"{READS}test_initial_events_ahead_of_the_server_are_an_error",
        f"{READS}test_a_wrong_question_is_refused[a version ahead of the server]",
    ),
    "LOC-225": (
        f"{WRITES}test_an_object_needs_a_namespace_that_exists",
        f"{DELETES}test_a_namespace_empties_itself_before_it_goes",
        f"{DELETES}test_the_first_namespaces_cannot_be_deleted",
    ),
    "LOC-226": (
        JOB_DEFAULT,
        f"{JOB_KIND}test_the_selector_is_made_of_the_uid",
        f"{STORED_KINDS}test_what_a_server_fills_in",
        f"{POD_KIND}test_what_has_its_defaults_comes_back_itself",
        f"{POD_KIND}test_requests_default_to_limits_and_quantities_become_canonical",
    ),
    "LOC-227": (JOB_CHANGE, f"{POD_KIND}test_what_may_change_about_a_pod"),
    "LOC-228": (
        f"{JOB_KIND}test_a_job_that_is_refused",
        f"{POD_KIND}test_a_pod_that_is_refused",
        f"{STORED_KINDS}test_metadata_of_a_new_object",
    ),
    "LOC-301": (
        f"{READS}test_the_server_tells_what_it_serves",
        f"{STORED_KINDS}test_every_kind_is_registered_under_its_own_name",
        f"{WRITES}test_both_event_apis_show_one_object",
    ),
    "LOC-302": (f"{STORED_KINDS}test_every_kind_is_registered_under_its_own_name",),
    "LOC-401": (
        f"{JOB_RULES}test_a_pod_of_an_indexed_job_knows_its_index",
        f"{JOB_RULES}test_a_pod_of_a_nonindexed_job_is_its_template",
        f"{JOB_RULES}test_a_long_job_name_is_cut_so_that_the_index_stays",
    ),
    "LOC-402": (
        f"{JOB_RULES}test_a_pod_of_an_indexed_job_knows_its_index",
        f"{JOB_KIND}test_the_selector_is_made_of_the_uid",
    ),
    "LOC-403": (
        f"{MADE}[no more than parallelism]",
        f"{MADE}[no index that succeeded long ago]",
        f"{MADE}[none for a work queue that has a success]",
        f"{ENDS}[the first success of a work queue, once nothing runs]",
        f"{GOES_ON}[a work queue with a success while others run]",
    ),
    "LOC-404": (
        f"{JOB_HISTORIES}test_crashes_refusals_and_late_reads_count_each_pod_once",
        f"{JOB_HISTORIES}test_a_crash_after_any_single_request_changes_nothing_in_the_end",
        f"{JOB_RULES}test_indexes_are_written_and_read_as_ranges",
        f"{JOB_RULES}test_a_status_survives_reading_and_writing",
    ),
    "LOC-405": (
        BACK_OFF,
        f"{JOB_RULES}test_the_delay_doubles_from_ten_seconds_to_ten_minutes",
        f"{JOB_RULES}test_a_replacement_takes_over_the_failure_count_of_its_index",
    ),
    "LOC-406": (
        f"{ENDS}[failures above the limit]",
        f"{ENDS}[container restarts that reach the limit]",
        f"{ENDS}[one container restart with limit 0]",
        f"{GOES_ON}[failures up to the limit]",
    ),
    "LOC-407": (
        f"{ENDS}[too many failed indexes]",
        f"{ENDS}[every index done, one failed]",
        f"{CALM}[limits per index]",
        f"{JOB_RULES}test_a_replacement_takes_over_the_failure_count_of_its_index",
    ),
    "LOC-408": (
        FAILURE_RULE,
        f"{ENDS}[an exit code]",
        f"{GOES_ON}[an ignored failure]",
        f"{JOB_KIND}test_a_job_that_is_refused[restarting sometimes]",
    ),
    "LOC-409": (
        f"{JOB_RULES}test_success_rules",
        f"{ENDS}[a success rule]",
        f"{ENDS}[all completions]",
        f"{CALM}[enough succeeded]",
    ),
    "LOC-410": (
        f"{JOB}test_pods_are_stopped_when_the_reason_is_written_and_they_are_accounted_for",
        f"{JOB}test_a_job_fails_only_when_nothing_is_left_running_or_uncounted",
    ),
    "LOC-411": (
        f"{ENDS}[the deadline]",
        f"{JOB}test_suspension_stops_the_clock_and_resumption_starts_it_anew",
    ),
    "LOC-412": (
        f"{GONE}[all of a suspended Job]",
        f"{MADE}[none while suspended]",
        f"{JOB}test_suspension_stops_the_clock_and_resumption_starts_it_anew",
        f"{CALM}[suspended and resumed]",
    ),
    "LOC-413": (
        f"{MADE}[a pod that terminates is replaced at once]",
        f"{MADE}[or when it has failed]",
        f"{JOB_DEFAULT}[a failure policy]",
        f"{JOB_STORIES}test_a_pod_that_is_deleted_by_hand_before_it_starts_is_replaced",
    ),
    "LOC-414": (
        f"{JOB}test_scaling_down_drops_the_results_of_the_indexes_that_go",
        f"{GONE}[an index above completions]",
        f"{CALM}[scaled down and up]",
        f"{JOB_CHANGE}[completions and parallelism]",
        f"{JOB_CHANGE}[completions alone]",
    ),
    "LOC-415": (
        f"{JOB}test_a_finished_job_lives_as_long_as_its_ttl_says",
        f"{JOB_STORIES}test_a_finished_job_goes_when_its_time_to_live_is_over",
        f"{JOB_STORIES}test_a_job_of_another_manager_is_left_alone",
    ),
    "LOC-416": (
        f"{JOB_STORIES}test_a_pod_that_is_deleted_by_hand_counts_as_failed_and_is_replaced",
        f"{JOB_STORIES}test_a_pod_whose_finalizer_was_taken_is_replaced_and_not_counted",
        f"{JOB_STORIES}test_a_pod_that_has_lost_its_job_can_go",
    ),
    "LOC-417": (
        f"{JOB_STORIES}test_what_happens_to_a_job_is_told_as_events",
        f"{JOB_STORIES}test_pods_that_are_refused_are_told_and_tried_again",
        f"{JOB}test_a_job_fails_only_when_nothing_is_left_running_or_uncounted",
    ),
    "LOC-501": (
        "tests/decisions/test_machine_node.py::test_a_machine_is_a_node_with_its_name_labels_and_capacity",
    ),
    "LOC-503": (PLACE, WAITS, f"{JOB_STORIES}test_gated_pods_and_those_of_another_scheduler_are_left_alone"),
    "LOC-504": (
        WAITS,
        f"{JOB_STORIES}test_a_pod_that_does_not_fit_is_told_why_and_bound_when_there_is_room",
        f"{POD_KIND}test_a_gated_pod_says_so_from_the_start",
        f"{SCHEDULING}test_of_equal_pods_that_do_not_fit_one_is_tried_when_something_changes",
    ),
    "LOC-506": (
        f"{SCHEDULING}test_waiting_pods_come_by_priority_and_then_by_age",
        f"{PLACE}[the emptiest node]",
        f"{JOB_STORIES}test_a_seed_decides_names_and_places",
    ),
}

NOT_YET = {
    **local_run.NOT_YET,
    "LOC-219": "server-side apply",
    "LOC-302": "local API",
    "LOC-502": "virtual nodes",
    "LOC-503": "volume topology",
    "LOC-505": "preemption",
}
