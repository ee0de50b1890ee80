"""api.md: what a JobSet is, and what its children look like."""

PAGE = "api.md"

REAL_ACCEPTANCE = "tests/control_plane/test_acceptance.py::"
REAL_CRD = "tests/control_plane/test_jobset_crd.py::"
CRD_FILE = "tests/manifests/test_crd.py::"
SERVERS = "tests/contract/test_jobset_schema.py::"
ACCEPTANCE = "tests/e2e/test_acceptance.py::"
CONTRACT = "tests/contract/test_jobsets.py::"
ADMISSION = "tests/decisions/test_admission_jobset.py::"
SCHEMA = "tests/decisions/test_admission_jobset_schema.py::"
CRD_TYPES = "tests/decisions/test_admission_schema.py::"
DEFAULTS = "tests/decisions/test_admission_defaults.py::"
VALIDATION = "tests/decisions/test_admission_validation.py::"
CHILD_JOB = "tests/decisions/test_child_job.py::"
NETWORK = "tests/decisions/test_network.py::"
STATUS = "tests/decisions/test_status.py::"
SUSPENDING = "tests/decisions/test_suspend.py::"
VOLUMES = "tests/decisions/test_volumes.py::"

CHILD = "tests/scenarios/test_children_stories.py::"
SHARED = "tests/scenarios/test_service_and_claim_stories.py::"

DONE = "tests/decisions/test_decide.py::test_what_is_done"
REFUSED = f"{SCHEMA}test_the_schema_refuses"
STORED = f"{SCHEMA}test_what_is_given_is_stored"
REPORTED = f"{SCHEMA}test_a_status_is_checked"
NEW = f"{ADMISSION}test_rules_of_a_new_object"
CHANGED = f"{ADMISSION}test_rules_of_a_changed_object"
WHOLE = f"{ADMISSION}test_a_new_jobset_is_pruned_defaulted_and_stored_without_status"
MAY_BE = f"{CONTRACT}test_a_jobset_may_be"
STORED_WHOLE = f"{CONTRACT}test_what_is_stored_has_the_defaults_and_nothing_unknown"
FOUR_PLACES = f"{CHILD_JOB}test_a_job_is_its_template_with_our_labels_in_four_places"
PLACED = f"{CHILD_JOB}test_exclusive_placement"
COORDINATOR = f"{CHILD_JOB}test_every_job_tells_the_coordinator"
FOUR_REAL_PLACES = f"{CHILD}test_every_label_of_ours_is_in_four_places"
ALONE = f"{CHILD}test_a_job_is_told_where_it_is_alone"
NAMED = f"{CHILD}test_a_job_and_its_pods_carry_the_names_of_their_jobset"
HEADLESS = f"{CHILD}test_a_service_is_headless_and_goes_with_its_jobset"
CLAIMED = f"{CHILD}test_a_claim_is_its_template_and_has_an_owner_only_if_it_is_deleted_with_it"
RESUMED = f"{CHILD}test_a_resumed_job_takes_over_five_fields_and_keeps_what_it_has"
DEFAULTED = f"{SERVERS}test_what_is_stored_has_the_defaults_of_the_schema_alone"
FILLED_IN = f"{CONTRACT}test_schema_and_webhook_fill_in"
SUBDOMAIN = f"{CHILD_JOB}test_pods_get_the_subdomain_with_their_hostnames"

ITEMS: dict[str, tuple[str, ...]] = {
    "API-01": (
        f"{CONTRACT}test_the_kind_is_known_by_its_names_and_no_short_one",
        f"{CONTRACT}test_a_list_of_them_has_a_kind_of_its_own",
        f"{REAL_CRD}test_the_definition_is_accepted_as_it_is",
        f"{REAL_CRD}test_users_call_it",
    ),
    "API-02": (
        f"{CONTRACT}test_one_version_of_the_group_is_served",
        f"{CONTRACT}test_the_kind_is_known_by_its_names_and_no_short_one",
        f"{REAL_CRD}test_the_definition_is_accepted_as_it_is",
    ),
    "API-03": (f"{CONTRACT}test_status_and_the_rest_are_written_apart",),
    "API-04": (
        f"{REAL_CRD}test_a_table_has_these_columns",
        f"{REAL_CRD}test_the_definition_is_accepted_as_it_is",
    ),
    "API-05": (
        STORED_WHOLE,
        WHOLE,
        f"{SERVERS}test_what_is_stored_has_the_defaults_of_the_schema_alone[fields that nobody knows]",
    ),
    "API-06": (
        STORED_WHOLE,
        f"{CRD_TYPES}test_the_schema_of_a_crd_has_no_enums_and_few_defaults",
        f"{SERVERS}test_what_is_stored_has_the_defaults_of_the_schema_alone[metadata of templates]",
    ),
    "API-07": (
        f"{CONTRACT}test_a_jobset_may_say_very_little",
        f"{VALIDATION}test_a_new_jobset_is_judged[no roles]",
    ),
    "API-08": (
        f"{REFUSED}[a role twice]",
        f"{CONTRACT}test_the_schema_refuses_in_its_own_name[roles of one name]",
        f"{REAL_CRD}test_lists_that_are_maps_are_merged_by_their_keys",
    ),
    "API-09": (STORED_WHOLE, WHOLE),
    "API-10": (
        f"{CONTRACT}test_no_replicas_are_stored_as_none",
        f"{STORED}[no replicas]",
        f"{SERVERS}test_what_is_given_is_stored",
    ),
    "API-11": (f"{REFUSED}[replicas below zero]", f"{SERVERS}test_a_new_jobset_is_refused"),
    "API-12": (STORED_WHOLE, WHOLE),
    "API-13": (
        f"{REFUSED}[six dependencies]",
        f"{STORED}[five dependencies]",
        f"{SERVERS}test_a_new_jobset_is_refused",
    ),
    "API-14": (
        f"{REFUSED}[a dependency on another status]",
        f"{STORED}[five dependencies]",
        f"{SERVERS}test_a_new_jobset_is_refused",
    ),
    "API-15": (
        f"{CHANGED}[dependencies that change]",
        f"{CHANGED}[dependencies in another order]",
        f"{SERVERS}test_a_stored_jobset_changes_as_the_rules_allow[update-a dependency less]",
    ),
    "API-16": (
        f"{CHANGED}[a network that changes]",
        f"{CONTRACT}test_a_refused_change_of_a_schema_rule_comes_before_the_webhook",
        f"{SERVERS}test_a_stored_jobset_changes_as_the_rules_allow[update-another network]",
    ),
    "API-17": (
        f"{CHANGED}[a success policy that changes]",
        f"{SERVERS}test_a_stored_jobset_changes_as_the_rules_allow[update-another operator]",
    ),
    "API-18": (
        f"{CHANGED}[a policy that changes]",
        f"{CHANGED}[a rule more]",
        f"{CHANGED}[rules in another order]",
        f"{SERVERS}test_a_stored_jobset_changes_as_the_rules_allow[update-rules in another order]",
    ),
    "API-19": (
        f"{CHANGED}[a startup policy that changes]",
        f"{SERVERS}test_a_stored_jobset_changes_as_the_rules_allow[update-another startup order]",
    ),
    "API-20": (
        f"{CHANGED}[claims that change]",
        f"{SERVERS}test_a_stored_jobset_changes_as_the_rules_allow[update-another claim]",
    ),
    "API-21": (
        f"{CHANGED}[a policy that comes]",
        f"{MAY_BE}[given a failure policy",
        f"{SERVERS}test_a_policy_may_come_to_a_jobset_that_has_none",
    ),
    "API-22": (
        f"{CHANGED}[a policy that goes]",
        f"{MAY_BE}[left without its network]",
        f"{SERVERS}test_a_stored_jobset_changes_as_the_rules_allow[update-no failure policy]",
    ),
    "API-23": (
        f"{NEW}[in order, and waiting]",
        f"{NEW}[in order without roles]",
        f"{SERVERS}test_a_rule_refuses_a_new_jobset",
    ),
    "API-24": (f"{NEW}[in any order, and waiting]", f"{SERVERS}test_the_rules_let_a_new_jobset_pass"),
    "API-25": (f"{NEW}[in order, and waiting for nobody]", f"{SERVERS}test_a_rule_refuses_a_new_jobset"),
    "API-26": (f"{REFUSED}[another startup order]", f"{SERVERS}test_a_new_jobset_is_refused"),
    "API-27": (
        f"{REFUSED}[another operator]",
        f"{REFUSED}[no operator]",
        f"{SERVERS}test_a_new_jobset_is_refused",
    ),
    "API-28": (WHOLE, f"{DEFAULTED}[a failure policy]", f"{FILLED_IN}[a failure policy without a strategy]"),
    "API-29": (f"{REFUSED}[another strategy]", f"{SERVERS}test_a_new_jobset_is_refused"),
    "API-30": (
        f"{REFUSED}[another action]",
        f"{STORED}[the action",
        f"{SERVERS}test_a_new_jobset_is_refused",
    ),
    "API-31": (
        WHOLE,
        f"{FILLED_IN}[rules without names]",
        f"{SERVERS}test_a_new_jobset_is_refused[a rule without a name]",
    ),
    "API-32": (f"{STORED}[fewer than no restarts]", WHOLE, f"{SERVERS}test_what_is_given_is_stored"),
    "API-33": (f"{STORED}[one reason twice]", f"{SERVERS}test_what_is_given_is_stored"),
    "API-34": (
        f"{REFUSED}[a time to live below zero]",
        f"{STORED}[no time to live]",
        f"{MAY_BE}[given a time to live]",
        f"{SERVERS}test_a_new_jobset_is_refused",
    ),
    "API-35": (f"{MAY_BE}[suspended]", f"{CONTRACT}test_a_suspended_jobset_runs_again"),
    "API-36": (f"{MAY_BE}[given a coordinator that is not there]",),
    "API-37": (
        f"{REFUSED}[a coordinator in no role]",
        f"{COORDINATOR}[of the first pod]",
        f"{SERVERS}test_a_new_jobset_is_refused",
    ),
    "API-38": (
        f"{REFUSED}[51 claim policies]",
        f"{REFUSED}[51 claim templates]",
        f"{SERVERS}test_a_new_jobset_is_refused",
    ),
    "API-39": (
        f"{NEW}[a claim with a namespace]",
        f"{NEW}[a claim with an empty namespace]",
        f"{SERVERS}test_a_rule_refuses_a_new_jobset",
    ),
    "API-40": (
        f"{NEW}[no templates]",
        f"{NEW}[a claim without metadata]",
        f"{SERVERS}test_a_rule_refuses_a_new_jobset",
    ),
    "API-41": (
        f"{SCHEMA}test_an_empty_retention_policy_deletes",
        f"{REFUSED}[claims that are deleted some day]",
        f"{STORED}[claims that stay]",
        f"{SERVERS}test_what_is_stored_has_the_defaults_of_the_schema_alone[an empty retention policy]",
    ),
    "API-42": (
        f"{DEFAULTS}test_what_is_missing_is_filled_in[claims go with the JobSet]",
        f"{FILLED_IN}[claims that nobody says what becomes of]",
    ),
    "API-43": (
        f"{STATUS}test_a_status_is_written",
        f"{CHILD}test_a_status_tells_restarts_always_and_nothing_that_is_empty",
    ),
    "API-44": (
        f"{REPORTED}[a condition",
        f"{REPORTED}[a reason that is a sentence]",
        f"{REPORTED}[a long reason]",
        f"{REPORTED}[a long message]",
        f"{SERVERS}test_a_status_is_checked",
    ),
    "API-45": (
        f"{REPORTED}[a role twice]",
        f"{REPORTED}[a role without its counts]",
        f"{SERVERS}test_a_status_is_checked",
    ),
    "API-46": (
        f"{REPORTED}[1024 Jobs with restarts]",
        f"{REPORTED}[1025 Jobs with restarts]",
        f"{SERVERS}test_a_status_is_checked",
    ),
    "API-47": (
        f"{REPORTED}[attempts in place]",
        f"{REPORTED}[attempts in place below zero]",
        f"{SCHEMA}test_a_null_in_a_status_is_nothing",
        f"{SERVERS}test_a_status_is_checked",
    ),
    "API-48": (FOUR_PLACES, FOUR_REAL_PLACES),
    "API-49": (FOUR_PLACES, FOUR_REAL_PLACES),
    "API-50": (f"{CHILD_JOB}test_the_job_key_is_the_same_in_every_language", FOUR_REAL_PLACES),
    "API-51": (f"{CHILD_JOB}test_jobs_are_numbered_over_all_and_within_their_group", FOUR_REAL_PLACES),
    "API-52": (FOUR_PLACES, FOUR_REAL_PLACES),
    "API-53": (
        f"{CHILD_JOB}test_a_job_tells_its_own_attempt_with_the_gate",
        f"{FOUR_REAL_PLACES}[without RestartJob]",
        f"{FOUR_REAL_PLACES}[with RestartJob]",
    ),
    "API-54": (f"{COORDINATOR}[none]", f"{COORDINATOR}[of a pod]", FOUR_REAL_PLACES, NAMED),
    "API-55": (f"{COORDINATOR}[of a pod]", f"{COORDINATOR}[below a subdomain", FOUR_REAL_PLACES),
    "API-56": (f"{PLACED}[of the JobSet]", f"{ALONE}[the JobSet]"),
    "API-57": (
        f"{PLACED}[the role wins]",
        f"{CHILD_JOB}test_the_topology_of_a_role_is_its_own",
        f"{ALONE}[the role wins]",
    ),
    "API-58": (f"{PLACED}[a node selector alone is not copied]", f"{ALONE}[a selector of the JobSet alone]"),
    "API-59": (
        f"{PLACED}[by node selector]",
        f"{PLACED}[by node selector, of the role]",
        f"{ALONE}[by selector]",
        f"{ALONE}[of each the half]",
    ),
    "API-60": (
        f"{PLACED}[of the JobSet]",
        f"{PLACED}[of the role]",
        f"{ALONE}[the JobSet]",
        f"{ALONE}[nothing]",
    ),
    "API-61": (FOUR_PLACES, NAMED),
    "API-62": (f"{CHILD_JOB}test_the_jobset_says_whether_its_jobs_are_suspended", NAMED),
    "API-63": (SUBDOMAIN, NAMED),
    "API-64": (
        SUBDOMAIN,
        f"{NETWORK}test_the_service_is_named_after_the_subdomain",
        f"{NETWORK}test_the_service_is_named_after_the_name_that_was_generated",
        HEADLESS,
        f"{SHARED}test_a_service_is_named_after_the_name_that_was_generated",
    ),
    "API-65": (f"{VOLUMES}test_a_claim_carries_what_its_template_says_and_the_name_of_the_jobset", CLAIMED),
    "API-66": (
        FOUR_PLACES,
        f"{NETWORK}test_the_service_is_headless_and_goes_with_its_jobset",
        f"{VOLUMES}test_which_claims_go_with_their_jobset",
        NAMED,
        HEADLESS,
        CLAIMED,
    ),
    "API-67": (
        f"{VOLUMES}test_a_pod_gets_the_volumes_that_its_containers_mount",
        f"{CHILD_JOB}test_pods_get_the_claims_they_mount",
        CLAIMED,
    ),
    "API-68": (
        f"{ACCEPTANCE}test_a_rule_fails_the_jobset_at_once_and_names_the_job",
        f"{ACCEPTANCE}test_workers_read_the_coordinator_from_their_label_and_resolve_it",
        f"{ACCEPTANCE}test_four_workers_meet_by_name_and_port",
        f"{ACCEPTANCE}test_a_coordinator_is_told_and_a_long_sleep_completes",
        f"{REAL_ACCEPTANCE}test_a_rule_fails_the_jobset_at_once_and_stops_everything",
        f"{REAL_ACCEPTANCE}test_a_coordinator_is_told_everywhere_and_the_jobset_completes",
        f"{REAL_ACCEPTANCE}test_workers_can_read_and_resolve_their_coordinator",
        f"{REAL_ACCEPTANCE}test_four_workers_have_names_and_are_found_by_the_selector",
        f"{REAL_ACCEPTANCE}test_each_slice_has_a_domain_of_its_own_and_what_is_missing_is_told",
    ),
    "API-69": (
        f"{STORED}[fields that newer pods have]",
        f"{CHILD_JOB}test_fields_that_newer_pods_and_jobs_have_pass_through",
        f"{SERVERS}test_what_is_given_is_stored[fields that newer pods have]",
    ),
    "API-70": (
        f"{REAL_CRD}test_the_definition_is_applied_again_without_a_change",
        f"{CRD_FILE}test_the_file_is_fresh",
    ),
    "API-71": (f"{REAL_CRD}test_the_same_jobset_applied_again_is_the_same_generation",),
    "API-72": (
        STORED_WHOLE,
        f"{SCHEMA}test_the_schema_has_these_defaults_and_no_others",
        f"{SERVERS}test_every_default_is_filled_in_and_no_other",
    ),
    "API-73": (
        f"{VOLUMES}test_a_claim_carries_what_its_template_says_and_the_name_of_the_jobset",
        f"{NETWORK}test_the_service_is_headless_and_goes_with_its_jobset",
        CLAIMED,
        HEADLESS,
    ),
    "API-74": (
        WHOLE,
        f"{DONE}[somebody else's]",
        f"{DONE}[expressly ours]",
        f"{CONTRACT}test_a_jobset_may_say_very_little",
    ),
    "API-75": (
        f"{SUSPENDING}test_only_running_jobs_are_suspended",
        f"{SUSPENDING}test_a_started_job_loses_its_start_time_first",
        f"{DEFAULTED}[metadata of templates]",
        RESUMED,
    ),
}

NOT_YET: dict[str, str] = {
    "API-68": "foreign manifests",
    "API-71": "server-side apply",
}

IN_PROCESS: dict[str, str] = {}
"""Why an item is not shown on a real control plane."""
