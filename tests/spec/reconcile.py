"""reconcile.md: what the controller does, and when."""

PAGE = "reconcile.md"

DECIDE = "tests/decisions/test_decide.py::"
ATTEMPTS = "tests/decisions/test_attempts.py::"
CHILDREN = "tests/decisions/test_children.py::"
CREATION = "tests/decisions/test_creation.py::"
CHILD_JOB = "tests/decisions/test_child_job.py::"
PLACEMENT = "tests/decisions/test_placement.py::"
PLAN = "tests/decisions/test_plan.py::"
CONDITIONS = "tests/decisions/test_conditions.py::"
FAILURE = "tests/decisions/test_failure.py::"
RESTART = "tests/decisions/test_restart.py::"
SUCCESS = "tests/decisions/test_success.py::"
NETWORK = "tests/decisions/test_network.py::"
VOLUMES = "tests/decisions/test_volumes.py::"
TTL = "tests/decisions/test_ttl.py::"
SUSPEND = "tests/decisions/test_suspend.py::"
STARTUP = "tests/decisions/test_startup.py::"
ELASTIC = "tests/decisions/test_elastic.py::"
IN_PLACE = "tests/decisions/test_in_place.py::"
PATTERNS = "tests/decisions/test_patterns.py::"
FILE = "tests/decisions/test_configuration.py::"
GATES = "tests/decisions/test_gates.py::"
STORY = "tests/scenarios/test_controller_stories.py::"
REQUEST = "tests/scenarios/test_request_stories.py::"
SHARED = "tests/scenarios/test_service_and_claim_stories.py::"
EVENT = "tests/scenarios/test_event_stories.py::"
EVICTION = "tests/scenarios/test_placement_stories.py::"
TALES = "tests/scenarios/test_tales.py::"
CHILD = "tests/scenarios/test_children_stories.py::"
WITH_JOBS = "tests/control_plane/test_jobsets_with_real_jobs.py::"
CRASH = "tests/properties/test_crashes.py::"
ANY_READING = "tests/properties/test_decide.py::"
QUEUE = "tests/properties/test_queue.py::"

DONE = f"{DECIDE}test_what_is_done"
PROBLEM = f"{DECIDE}test_a_problem_stops_the_plan_where_it_is_met"
CREATED = f"{CREATION}test_which_jobs_are_created"
REFUSAL = f"{PLAN}test_how_a_refusal_is_told"
FAILURES = f"{PLAN}test_which_events_failures_are_told_by"
TURN = f"{STARTUP}test_whose_turn_it_is"
SET = f"{CONDITIONS}test_setting_a_condition"
TRANSITION = f"{CONDITIONS}test_a_transition_of_a_jobset_that_restarts"
POLICY = f"{FAILURE}test_failure_policy"
RESTARTED = f"{RESTART}test_a_restart_of_all_is_told_twice"
RULE = f"{FAILURE}test_which_jobs_a_rule_applies_to"
CALM = f"{CRASH}test_a_calm_run_counts_each_restart_once_and_never_backwards"
TOLD = f"{DECIDE}test_what_is_told"
ALONE = f"{RESTART}test_a_job_that_restarts_alone_is_counted_at_its_index"
OWN_ATTEMPT = f"{CHILD_JOB}test_a_job_tells_its_own_attempt_with_the_gate"
ENOUGH = f"{SUCCESS}test_success_policy"
SUBDOMAIN = f"{CHILD_JOB}test_pods_get_the_subdomain_with_their_hostnames"
LEFT = f"{STORY}test_how_many_are_left_an_hour_after_the_end"
STAYS = f"{TTL}test_how_long_a_finished_jobset_stays"
RESUMED = f"{SUSPEND}test_what_a_resumed_job_takes_over"
SCALED = f"{ELASTIC}test_which_jobs_are_scaled"
LIMIT = f"{IN_PLACE}test_restarts_in_place_are_limited"
STEP = f"{IN_PLACE}test_a_step_of_an_in_place_restart"
UNJUDGED = f"{IN_PLACE}test_what_cannot_be_judged"
STEADY = f"{DECIDE}test_when_nothing_has_changed_nothing_happens"
EVICTED = f"{PLACEMENT}test_who_is_evicted"
STAY = f"{EVICTION}test_who_stays"
TALE = f"{TALES}test_what_becomes_of_it"
UNSEEN = f"{TALES}test_what_becomes_of_it_without_a_webhook"
CARRIED = f"{CHILD}test_a_job_and_its_pods_carry_the_names_of_their_jobset"
HEADLESS = f"{CHILD}test_a_service_is_headless_and_goes_with_its_jobset"
CLAIMED = f"{CHILD}test_a_claim_is_its_template_and_has_an_owner_only_if_it_is_deleted_with_it"
TAKEN_OVER = f"{CHILD}test_a_resumed_job_takes_over_five_fields_and_keeps_what_it_has"
TIMES = f"{CHILD}test_another_reason_keeps_the_time_of_a_condition_and_a_flip_takes_a_new_one"

AGENT = "tests/contract/test_agent.py::"
AGENT_STEP = "tests/decisions/test_agent.py::test_what_an_agent_does_next"
AGENTS = "tests/properties/test_agents.py::"
AGENT_SETTING = "tests/decisions/test_agent.py::"
SEQUENCE = "tests/control_plane/test_agents.py::test_one_failure_restarts_all_in_place"


ITEMS: dict[str, tuple[str, ...]] = {
    "REC-01": (
        f"{STORY}test_a_jobset_that_is_created_or_changed_is_looked_at",
        f"{STORY}test_what_becomes_of_a_job_is_counted",
        f"{STORY}test_a_job_that_somebody_deletes_is_made_anew",
        f"{STORY}test_a_service_that_somebody_deletes_is_made_anew_until_the_jobset_has_finished",
    ),
    "REC-02": (
        f"{STORY}test_with_its_gate_a_pod_wakes_the_jobset_that_it_names",
        f"{STORY}test_a_pod_that_changes_its_jobset_wakes_both",
        f"{STORY}test_without_its_gate_pods_are_not_even_read",
    ),
    "REC-03": (f"{STORY}test_whose_job_it_is",),
    "REC-04": (f"{DONE}[deleted already]", f"{REQUEST}test_a_jobset_that_goes_is_left_alone"),
    "REC-05": (f"{DONE}[somebody else's]", f"{REQUEST}test_a_foreign_status_is_left_as_it_is"),
    "REC-06": (
        f"{DONE}[expressly ours]",
        f"{DONE}[all roles at once]",
        f"{TALE}[expressly ours]",
    ),
    "REC-07": (f"{REQUEST}test_a_foreign_status_is_left_as_it_is",),
    "REC-08": (
        f"{REQUEST}test_a_failing_turn_is_repeated_after_a_delay_that_doubles_from_five_milliseconds",
        f"{REQUEST}test_a_refused_action_keeps_the_status_and_the_events_of_its_turn_back",
        f"{QUEUE}test_a_failing_key_backs_off_twice_as_long_each_time_and_blocks_no_other",
        PROBLEM,
        f"{ANY_READING}test_events_come_with_a_status_and_never_beside_a_problem",
    ),
    "REC-09": (
        f"{REQUEST}test_every_status_write_is_bound_to_what_was_read_and_there_is_one_for_each_turn_that_has_news",
    ),
    "REC-10": (
        f"{REQUEST}test_a_restart_that_meets_another_write_is_counted_and_told_once",
        f"{CRASH}test_crashes_refused_requests_and_late_reads_change_nothing_in_the_end",
    ),
    "REC-11": (
        f"{REQUEST}test_a_change_without_news_for_the_status_writes_none",
        STEADY,
        f"{ANY_READING}test_when_the_world_stands_still_the_status_comes_to_rest",
    ),
    "REC-12": (
        f"{REQUEST}test_a_jobset_that_cannot_be_read_stops_no_other",
        f"{REQUEST}test_a_turn_that_breaks_stops_no_other",
        f"{QUEUE}test_a_failing_key_backs_off_twice_as_long_each_time_and_blocks_no_other",
    ),
    "REC-13": (
        f"{CHILDREN}test_a_job_without_a_readable_attempt_is_a_stray",
        f"{CHILDREN}test_what_go_does_not_take_for_an_integer_is_none",
        f"{PROBLEM}[a stray Job]",
        f"{ANY_READING}test_a_stray_job_stops_everything",
        f"{TALE}[a Job whose attempt cannot be read stops everything]",
    ),
    "REC-14": (
        f"{ATTEMPTS}test_a_job_of_an_earlier_attempt_is_superseded_whatever_became_of_it",
        f"{TALE}[a Job of an earlier attempt does not count, whatever becomes of it]",
    ),
    "REC-15": (
        f"{ATTEMPTS}test_where_a_job_of_this_attempt_goes[a Job of a later attempt is current]",
        f"{TALE}[a Job of a later attempt is current]",
    ),
    "REC-16": (
        f"{CHILDREN}test_how_a_job_ended",
        f"{TALE}[a Job that is about to fail has not failed]",
    ),
    "REC-17": (
        f"{CHILDREN}test_when_a_job_is_ready",
        f"{ATTEMPTS}test_jobs_are_counted_by_role_and_state",
        f"{TALE}[ready, active, succeeded]",
        f"{TALE}[pods that have succeeded are ready]",
    ),
    "REC-18": (
        f"{ATTEMPTS}test_jobs_are_counted_by_role_and_state",
        f"{STORY}test_what_becomes_of_a_job_is_counted",
        f"{TALE}[ready, active, succeeded]",
    ),
    "REC-19": (
        f"{ATTEMPTS}test_jobs_are_counted_by_role_and_state",
        f"{STORY}test_a_jobset_that_is_created_suspended_has_all_its_jobs_suspended",
        f"{TALE}[suspended while it runs]",
    ),
    "REC-20": (
        f"{ATTEMPTS}test_jobs_are_counted_by_role_and_state",
        f"{ANY_READING}test_ended_jobs_are_counted_at_most_once_and_only_those_of_this_attempt",
        f"{TALE}[ready, active, succeeded]",
        f"{TALE}[no policy]",
    ),
    "REC-21": (
        f"{DECIDE}test_roles_are_counted_in_descending_order",
        f"{DECIDE}test_a_jobset_without_roles_has_no_counts",
        f"{ATTEMPTS}test_counts_are_compared_whatever_their_order",
        f"{TALE}[all roles at once]",
    ),
    "REC-22": (
        f"{ATTEMPTS}test_jobs_are_counted_by_role_and_state",
        f"{ATTEMPTS}test_with_the_gate_labels_must_be_right",
        f"{TALE}[a Job of no role is not counted]",
    ),
    "REC-23": (
        f"{ATTEMPTS}test_jobs_are_counted_by_role_and_state",
        f"{TALE}[a Job of an earlier attempt does not count, whatever becomes of it]",
    ),
    "REC-24": (
        f"{ATTEMPTS}test_individual_restarts_are_kept_while_the_gate_is_on",
        f"{TALE}[one restarts alone]",
        f"{TALE}[forgotten when the gate is off]",
    ),
    "REC-25": (
        f"{DECIDE}test_a_finished_jobset_goes_on_being_counted",
        f"{TALE}[all of the targets]",
        f"{TALE}[no policy]",
    ),
    "REC-26": (
        f"{DONE}[all roles at once]",
        f"{CREATED}[nothing exists]",
        f"{TALE}[all roles at once]",
    ),
    "REC-27": (
        f"{CHILD_JOB}test_a_job_is_its_template_with_our_labels_in_four_places",
        f"{STORY}test_a_jobset_that_is_created_suspended_has_all_its_jobs_suspended",
        SUBDOMAIN,
        CARRIED,
    ),
    "REC-28": (f"{STORY}test_a_job_that_somebody_deletes_is_made_anew",),
    "REC-29": (
        f"{CREATED}[some exist]",
        f"{CREATED}[an old Job keeps its name]",
        f"{ANY_READING}test_a_job_is_created_once_under_a_free_name_of_its_role",
        f"{TALE}[each as soon as its old one is gone]",
    ),
    "REC-30": (f"{REQUEST}test_at_most_fifty_jobs_are_created_and_deleted_at_once",),
    "REC-31": (
        f"{REFUSAL}[a Job]",
        f"{FAILURES}[Jobs together]",
        f"{EVENT}test_jobs_that_are_refused_again_and_again_are_one_event_with_a_count",
    ),
    "REC-32": (
        f"{EVENT}test_jobs_that_are_refused_again_and_again_are_one_event_with_a_count",
        f"{EVENT}test_counts_are_told_also_by_a_recorder_that_never_rests",
    ),
    "REC-33": (f"{REQUEST}test_a_name_that_somebody_else_has_is_told_and_tried_again",),
    "REC-34": (f"{REQUEST}test_one_refused_job_keeps_no_other_of_its_role_back_but_all_later_roles",),
    "REC-35": (
        f"{CREATION}test_a_role_without_jobs_makes_none",
        f"{TURN}[in order: roles without Jobs do not count]",
        f"{TURN}[a dependency without Jobs is reached at once]",
        f"{TALE}[all roles at once]",
    ),
    "REC-36": (f"{REQUEST}test_at_most_fifty_jobs_are_created_and_deleted_at_once",),
    "REC-37": (
        f"{ATTEMPTS}test_a_job_that_goes_already_is_not_deleted_again",
        f"{TALE}[each as soon as its old one is gone]",
    ),
    "REC-38": (
        f"{DONE}[what runs when it is finished goes, what has ended stays]",
        f"{ANY_READING}test_only_superseded_jobs_go_before_the_end_and_only_running_ones_after",
        f"{TALE}[all of the targets]",
        f"{TALE}[any]",
    ),
    "REC-39": (
        f"{DONE}[what runs when it has failed goes, what failed stays]",
        f"{TALE}[no policy]",
    ),
    "REC-40": (
        f"{DONE}[nothing is suspended once finished]",
        f"{DONE}[nothing is resumed or made anew once finished]",
        f"{DONE}[old Jobs of a finished JobSet stay]",
        f"{ANY_READING}test_a_finished_jobset_stays_finished_and_makes_nothing",
        f"{TALE}[nothing more once complete]",
    ),
    "REC-41": (
        f"{SET}[a False one is never added]",
        f"{CONDITIONS}test_what_never_was_does_not_end",
        f"{TALE}[all roles at once]",
    ),
    "REC-42": (
        f"{SET}[a flip takes the new time]",
        f"{SET}[another reason keeps the time]",
        f"{SET}[another message keeps the time]",
        TIMES,
    ),
    "REC-43": (
        f"{SET}[the same again changes nothing]",
        STEADY,
        f"{REQUEST}test_a_change_without_news_for_the_status_writes_none",
    ),
    "REC-44": (
        f"{SET}[the end of startup puts its progress to False]",
        f"{SET}[progress puts the end of startup to False]",
        f"{SET}[of two that exclude each other the one that is said again stays]",
        f"{CONDITIONS}test_a_condition_that_only_makes_another_give_way_tells_nobody",
        f"{STORY}test_the_order_of_roles_is_repeated_after_a_restart",
        f"{TALE}[in order: all]",
    ),
    "REC-45": (
        TRANSITION,
        TOLD,
        f"{TALE}[no policy]",
        f"{TALE}[resumed]",
        f"{TALE}[in order: all]",
        f"{TALE}[restarts used up]",
    ),
    "REC-46": (
        f"{REQUEST}test_events_wait_until_the_status_is_written",
        f"{REQUEST}test_a_refused_action_keeps_the_status_and_the_events_of_its_turn_back",
    ),
    "REC-47": (
        f"{TRANSITION}[complete]",
        f"{TRANSITION}[fail]",
        f"{TALE}[all]",
        f"{TALE}[no policy]",
    ),
    "REC-48": (
        f"{DECIDE}test_conditions_tell_no_generation",
        TIMES,
    ),
    "REC-49": (f"{EVENT}test_an_event_tells_who_saw_what_of_which_jobset",),
    "REC-50": (
        f"{POLICY}[no policy: any failure ends the JobSet]",
        f"{RESTART}test_a_failed_jobset_says_why",
        f"{TALE}[no policy]",
    ),
    "REC-51": (
        f"{POLICY}[no policy: the earliest failure is blamed]",
        f"{FAILURE}test_of_several_in_one_second_the_first_in_the_list_failed_first",
        f"{ATTEMPTS}test_failed_jobs_come_by_name",
        f"{TALE}[the earliest failure is blamed]",
    ),
    "REC-52": (
        f"{POLICY}[none allowed: the JobSet fails at once]",
        f"{RESTART}test_a_failed_jobset_says_why",
        f"{TALE}[no restarts allowed]",
    ),
    "REC-53": (
        f"{POLICY}[no rule: restart and count it]",
        f"{POLICY}[no rule matches: the default]",
        f"{RESTARTED}[by default]",
        f"{TALE}[restarted by default]",
    ),
    "REC-54": (
        f"{RESTARTED}[by a rule]",
        f"{TALE}[restarted by a rule]",
    ),
    "REC-55": (
        f"{POLICY}[rule order beats failure time]",
        f"{TALE}[rule order beats failure time]",
    ),
    "REC-56": (
        f"{POLICY}[a later rule for the Jobs that failed]",
        f"{TALE}[of those that a rule applies to the earliest is blamed]",
    ),
    "REC-57": (
        f"{RULE}[the reason]",
        f"{RULE}[another reason]",
        f"{RULE}[empty lists match everything]",
        f"{TALE}[the reason]",
        f"{TALE}[another reason]",
    ),
    "REC-58": (
        f"{RULE}[a pattern anywhere in the message]",
        f"{RULE}[no pattern matches]",
        f"{RULE}[both lists match]",
        f"{RULE}[one of two lists does not match]",
        f"{PATTERNS}test_a_pattern_is_searched",
        f"{TALE}[a pattern in the message, and the reason]",
        f"{TALE}[a pattern that is not there]",
    ),
    "REC-59": (
        f"{RULE}[an invalid pattern matches nothing]",
        f"{RULE}[an invalid pattern spoils no other]",
        f"{PATTERNS}test_an_invalid_pattern_never_matches",
        f"{UNSEEN}[an invalid pattern]",
    ),
    "REC-60": (
        f"{RULE}[the target]",
        f"{RULE}[another target]",
        f"{TALE}[another target]",
    ),
    "REC-61": (
        f"{RULE}[a Job without a role matches no rule]",
        f"{RULE}[nor does one with an empty role]",
        f"{TALE}[a Job without a role]",
    ),
    "REC-62": (
        f"{POLICY}[a rule says fail]",
        f"{RESTART}test_a_failed_jobset_says_why",
        f"{TALE}[a rule says fail]",
    ),
    "REC-63": (
        f"{RESTART}test_a_restart_of_all_raises_the_counters_and_touches_nothing_else",
        f"{DECIDE}test_a_restart_is_recorded_before_anything_is_deleted",
        f"{TALE}[restarted by default]",
    ),
    "REC-64": (
        f"{POLICY}[restarts used up: the JobSet fails]",
        f"{CALM}[restarts used up]",
        f"{TALE}[restarts used up]",
    ),
    "REC-65": (
        f"{POLICY}[uncounted restarts have no limit]",
        f"{RESTART}test_a_restart_of_all_raises_the_counters_and_touches_nothing_else",
        f"{CALM}[uncounted restarts, blocking]",
        f"{TALE}[restarts that do not count]",
    ),
    "REC-66": (
        f"{CALM}[two counted restarts, then complete]",
        f"{CALM}[restarts used up]",
        f"{TALE}[restarted by default]",
        f"{TALE}[restarts used up]",
        f"{WITH_JOBS}test_a_failed_job_restarts_all",
    ),
    "REC-67": (
        f"{STORY}test_a_restart_replaces_all_jobs_also_those_that_succeeded",
        f"{ANY_READING}test_all_superseded_jobs_go",
        f"{TALE}[restarted by default]",
        f"{WITH_JOBS}test_a_failed_job_restarts_all",
    ),
    "REC-68": (
        RESTARTED,
        f"{TOLD}[restarted]",
        f"{TALE}[restarted by default]",
    ),
    "REC-69": (
        f"{ALONE}[counted, for the first time]",
        f"{ALONE}[again]",
        f"{TALE}[one restarts alone]",
    ),
    "REC-70": (
        f"{ALONE}[uncounted, for the first time]",
        f"{ALONE}[again, uncounted]",
        f"{TALE}[uncounted]",
    ),
    "REC-71": (
        f"{STORY}test_jobs_that_failed_together_are_replaced_one_turn_at_a_time_and_the_others_run_on",
        f"{DECIDE}test_a_job_that_failed_alone_is_replaced_alone",
        f"{OWN_ATTEMPT}[it restarted alone]",
        f"{TALE}[one restarts alone]",
    ),
    "REC-72": (
        f"{POLICY}[single restarts are used up too]",
        f"{DECIDE}test_individual_restarts_count_for_the_whole_jobset",
        f"{TALE}[restarts used up together]",
    ),
    "REC-73": (
        f"{DECIDE}test_individual_restarts_count_for_the_whole_jobset",
        f"{RESTART}test_restarts_of_single_jobs_count_with_their_gate",
        f"{TALE}[restarts of all count with them]",
    ),
    "REC-74": (
        f"{POLICY}[RestartJob without its gate]",
        f"{POLICY}[RestartJobAndIgnoreMaxRestarts without its gate]",
        f"{PROBLEM}[an action without its gate, after old Jobs went]",
        f"{UNSEEN}[an action without its gate]",
    ),
    "REC-75": (
        ALONE,
        f"{STORY}test_jobs_that_failed_together_are_replaced_one_turn_at_a_time_and_the_others_run_on",
        f"{TALE}[one restarts alone]",
    ),
    "REC-76": (
        f"{STORY}test_jobs_that_failed_together_are_replaced_one_turn_at_a_time_and_the_others_run_on",
    ),
    "REC-77": (
        f"{DECIDE}test_a_restart_of_all_makes_no_lists_of_single_restarts",
        f"{TALE}[restarted by default]",
    ),
    "REC-78": (
        f"{ATTEMPTS}test_a_job_that_restarts_alone[a Job from before the gate was on]",
        f"{TALE}[a Job from before the gate was on is current]",
    ),
    "REC-79": (
        f"{ATTEMPTS}test_with_the_gate_labels_must_be_right[an index too large]",
        f"{TALE}[an index beyond the role stops everything]",
    ),
    "REC-80": (
        f"{TOLD}[failed while suspended]",
        f"{DONE}[a suspended JobSet's failures are judged all the same]",
        f"{TALE}[a failure while suspended]",
    ),
    "REC-81": (
        f"{TOLD}[a failure outweighs successes]",
        f"{TALE}[a failure outweighs successes]",
    ),
    "REC-82": (
        f"{TOLD}[ready and complete after a restart]",
        f"{ATTEMPTS}test_all_jobs_are_ready_when_none_is_missing",
        f"{TALE}[ready again]",
    ),
    "REC-83": (
        f"{TRANSITION}[fail]",
        f"{TRANSITION}[complete]",
        f"{TRANSITION}[suspend]",
        f"{TOLD}[suspended after a restart]",
        f"{TALE}[restarts used up]",
        f"{TALE}[complete after a restart]",
        f"{TALE}[suspended after a restart]",
    ),
    "REC-84": (
        f"{DONE}[old Jobs go first, and new ones fill the gaps]",
        f"{CREATED}[an old Job keeps its name]",
        f"{TALE}[each as soon as its old one is gone]",
        f"{TALE}[in the end all]",
    ),
    "REC-85": (
        f"{CREATED}[blocking: an old Job keeps all waiting]",
        f"{DONE}[blocking: one Job that restarts alone keeps all waiting]",
        f"{CALM}[uncounted restarts, blocking]",
        f"{TALE}[blocking: none before all are gone]",
        f"{TALE}[blocking, in the end all]",
        f"{TALE}[blocking: one that restarts alone keeps all waiting]",
        f"{WITH_JOBS}test_a_blocking_restart_waits_for_pods_that_take_long_to_stop",
    ),
    "REC-86": (
        f"{CREATED}[no strategy: an old Job keeps its name]",
        f"{CREATED}[a strategy nobody knows: an old Job keeps its name]",
        f"{TALE}[each as soon as its old one is gone]",
    ),
    "REC-87": (
        f"{DONE}[in place without the gate is to recreate]",
        f"{IN_PLACE}test_who_restarts_in_place[asked for, but the gate is off]",
        f"{UNSEEN}[in place without its gate is to recreate]",
    ),
    "REC-88": (
        f"{ENOUGH}[all, no targets]",
        f"{ENOUGH}[all, one missing]",
        f"{ENOUGH}[no policy means all]",
        f"{TALE}[all]",
        f"{TALE}[not all]",
        f"{UNSEEN}[no success policy]",
    ),
    "REC-89": (
        f"{ENOUGH}[all of the targets]",
        f"{ENOUGH}[not all of the targets]",
        f"{DONE}[what runs when it is finished goes, what has ended stays]",
        f"{TALE}[all of the targets]",
    ),
    "REC-90": (
        f"{ENOUGH}[any of the targets]",
        f"{CALM}[any success of a target]",
        f"{TALE}[one of the targets]",
    ),
    "REC-91": (
        f"{ENOUGH}[any]",
        f"{TALE}[any]",
    ),
    "REC-92": (
        f"{ENOUGH}[none of the targets]",
        f"{ENOUGH}[not all of the targets]",
        f"{TALE}[none of the targets]",
    ),
    "REC-93": (
        f"{TOLD}[roles without Jobs never complete]",
        f"{DECIDE}test_a_jobset_without_roles_has_no_counts",
        f"{ENOUGH}[all of roles without Jobs, before any success]",
        f"{TALE}[no Jobs]",
    ),
    "REC-94": (
        f"{NETWORK}test_the_service_is_headless_and_goes_with_its_jobset",
        f"{NETWORK}test_who_needs_a_service[hostnames]",
        HEADLESS,
    ),
    "REC-95": (
        f"{NETWORK}test_who_needs_a_service",
        f"{SUBDOMAIN}[no network]",
        f"{SUBDOMAIN}[no hostnames]",
        f"{TALE}[without hostnames no Service]",
    ),
    "REC-96": (
        f"{NETWORK}test_addresses_of_pods_that_are_not_ready_are_published",
        HEADLESS,
        f"{CHILD}test_addresses_of_pods_that_are_not_ready_are_published_unless_asked_otherwise",
    ),
    "REC-97": (f"{STORY}test_a_service_that_somebody_deletes_is_made_anew_until_the_jobset_has_finished",),
    "REC-98": (f"{SHARED}test_a_service_that_is_there_is_used_as_it_is",),
    "REC-99": (f"{SHARED}test_without_its_service_a_jobset_makes_no_jobs",),
    "REC-100": (f"{SHARED}test_a_service_is_named_after_the_name_that_was_generated",),
    "REC-101": (
        f"{VOLUMES}test_a_claim_carries_what_its_template_says_and_the_name_of_the_jobset",
        f"{VOLUMES}test_which_claims_go_with_their_jobset",
        CLAIMED,
    ),
    "REC-102": (
        f"{SHARED}test_a_claim_that_is_there_is_used_as_it_is",
        f"{VOLUMES}test_missing_claims_come_by_policy",
    ),
    "REC-103": (
        f"{SHARED}test_without_one_of_its_claims_a_jobset_makes_no_jobs_but_the_other_claims",
        f"{FAILURES}[claims, one policy at a time]",
    ),
    "REC-104": (
        f"{DONE}[created suspended, Service and claims too]",
        f"{TALE}[suspended, with its Service]",
    ),
    "REC-105": (f"{SHARED}test_claims_go_with_their_jobset_or_stay_as_their_policy_says",),
    "REC-106": (
        f"{STORY}test_a_finished_jobset_is_deleted_in_the_foreground_when_its_time_is_up",
        STAYS,
        f"{DECIDE}test_a_finished_jobset_is_looked_at_again_when_its_time_is_up",
        f"{WITH_JOBS}test_a_finished_jobset_goes_with_all_that_it_owns[2]",
    ),
    "REC-107": (
        f"{LEFT}[zero: it goes at once]",
        f"{WITH_JOBS}test_a_finished_jobset_goes_with_all_that_it_owns[0]",
    ),
    "REC-108": (f"{LEFT}[none: it stays]", f"{STAYS}[no TTL]"),
    "REC-109": (f"{STORY}test_the_time_to_live_can_be_changed_after_the_end",),
    "REC-110": (
        f"{STAYS}[no time is told]",
        f"{PROBLEM}[no time to count the TTL from, after active Jobs went]",
        f"{TALE}[no time to count the TTL from]",
    ),
    "REC-111": (
        f"{STORY}test_a_jobset_that_is_created_suspended_has_all_its_jobs_suspended",
        f"{TALE}[suspended, with its Service]",
    ),
    "REC-112": (
        f"{DONE}[suspended while it runs]",
        f"{SUSPEND}test_only_running_jobs_are_suspended",
        f"{STORY}test_a_suspended_jobset_keeps_what_has_ended_and_a_started_job_loses_its_start_before_it_is_resumed",
        f"{TALE}[suspended while it runs]",
    ),
    "REC-113": (
        f"{DONE}[resumed]",
        f"{TOLD}[resumed]",
        f"{CONDITIONS}test_a_resumed_jobset_says_so",
        f"{STORY}test_a_jobset_that_is_created_or_changed_is_looked_at",
        f"{TALE}[resumed]",
        f"{WITH_JOBS}test_a_jobset_is_suspended_while_it_runs_and_resumed_with_another_template",
    ),
    "REC-114": (
        f"{CONDITIONS}test_what_never_was_does_not_end",
        f"{TOLD}[counts alone tell nobody]",
        f"{TALE}[all roles at once]",
    ),
    "REC-115": (
        f"{RESUMED}[labels and annotations of the JobSet]",
        f"{RESUMED}[the node selector]",
        TAKEN_OVER,
    ),
    "REC-116": (
        f"{RESUMED}[new tolerations after those that are there]",
        f"{RESUMED}[the same toleration once]",
        f"{RESUMED}[a toleration given twice comes once]",
        f"{RESUMED}[what is empty is as good as left out]",
        f"{RESUMED}[a toleration for no time at all is another]",
        f"{RESUMED}[scheduling gates]",
        TAKEN_OVER,
    ),
    "REC-117": (
        f"{SUSPEND}test_a_started_job_loses_its_start_time_first",
        f"{STORY}test_a_suspended_jobset_keeps_what_has_ended_and_a_started_job_loses_its_start_before_it_is_resumed",
        f"{WITH_JOBS}test_a_jobset_is_suspended_while_it_runs_and_resumed_with_another_template",
    ),
    "REC-118": (
        f"{RESUMED}[no other field]",
        f"{RESUMED}[nothing to bring]",
        TAKEN_OVER,
    ),
    "REC-119": (f"{STORY}test_a_job_that_somebody_suspends_is_resumed",),
    "REC-120": (f"{STORY}test_jobs_that_are_made_later_follow_the_template_as_it_is_then",),
    "REC-121": (
        f"{DONE}[in order: the first role]",
        f"{TOLD}[in order, with the first role to come]",
        f"{TURN}[in order: the first]",
        f"{TALE}[in order: the first]",
    ),
    "REC-122": (
        f"{TURN}[in order: half of the first has started]",
        f"{TURN}[in order: the first has started]",
        f"{TURN}[in order: failed Jobs have started too]",
        f"{TALE}[in order: the next]",
    ),
    "REC-123": (
        f"{TOLD}[in order, all started]",
        f"{TURN}[in order: all have started]",
        f"{SET}[the end of startup puts its progress to False]",
        f"{TALE}[in order: all]",
    ),
    "REC-124": (
        f"{DONE}[in order while suspended: all roles]",
        f"{TOLD}[in order while suspended, no startup conditions]",
        f"{TURN}[in order while suspended: all at once]",
        f"{TALE}[in order, suspended: all at once]",
    ),
    "REC-125": (
        f"{DONE}[resumed in order]",
        f"{TOLD}[resumed in order, not all yet]",
        f"{TALE}[resumed in order: the first]",
        f"{TALE}[resumed in order: all]",
    ),
    "REC-126": (
        f"{STORY}test_the_order_of_roles_is_repeated_after_a_restart",
        f"{DONE}[in order, anew after a restart]",
        f"{TOLD}[in order, anew after a restart]",
        f"{CALM}[in order, with a restart]",
    ),
    "REC-127": (
        f"{TURN}[any order: all at once]",
        f"{TOLD}[counts alone tell nobody]",
        f"{TALE}[any order]",
    ),
    "REC-128": (
        f"{DONE}[a dependent waits]",
        f"{TURN}[a dependent waits, others do not]",
        f"{TURN}[a dependency of which nothing is known]",
        f"{TALE}[a dependent waits, others do not]",
    ),
    "REC-129": (
        f"{TURN}[Ready is reached by ready, failed and succeeded Jobs]",
        f"{TALE}[Ready]",
        f"{WITH_JOBS}test_a_dependent_starts_when_all_pods_are_ready_and_the_first_success_ends_all",
    ),
    "REC-130": (
        f"{TURN}[Complete is not reached by ready Jobs]",
        f"{TALE}[Complete]",
        f"{TALE}[Ready is not Complete]",
    ),
    "REC-131": (
        f"{TURN}[all dependencies are reached]",
        f"{TURN}[Complete is not reached by ready Jobs]",
        f"{TALE}[one of two dependencies]",
        f"{TALE}[two dependencies]",
    ),
    "REC-132": (
        f"{TURN}[a dependent waits, others do not]",
        f"{TALE}[a dependent waits, others do not]",
    ),
    "REC-133": (
        f"{TURN}[a dependent waits while suspended too]",
        f"{TURN}[a dependency is reached while suspended]",
        f"{DONE}[a dependent is not resumed before its dependency is ready]",
        f"{TALE}[a dependent while suspended]",
        f"{TALE}[a dependent after that]",
    ),
    "REC-134": (
        f"{TOLD}[dependencies have no startup conditions]",
        f"{TALE}[a dependent waits, others do not]",
    ),
    "REC-135": (
        f"{DONE}[a dependent whose dependency is no longer ready stays]",
        f"{DONE}[a dependent whose dependency is no longer ready is not made anew]",
        f"{TALE}[a dependent stays]",
    ),
    "REC-136": (
        f"{DONE}[scaled with its gate]",
        f"{SCALED}[another size]",
        f"{CRASH}test_a_scaled_job_is_neither_made_anew_nor_forgotten",
        f"{TALE}[scaled]",
        f"{TALE}[scaled while suspended]",
    ),
    "REC-137": (
        f"{SCALED}[a size with unequal numbers is not carried over]",
        f"{SCALED}[a size that is half left out is not carried over]",
        f"{UNSEEN}[a size with unequal numbers is not carried over]",
    ),
    "REC-138": (
        f"{DONE}[not scaled without its gate]",
        f"{UNSEEN}[not scaled without its gate]",
    ),
    "REC-139": (f"{REFUSAL}[scaling]", f"{REQUEST}test_a_job_that_cannot_be_scaled_ends_the_turn"),
    "REC-140": (
        f"{LIMIT}[containers restarted more often]",
        f"{LIMIT}[so did those of a failed pod]",
        f"{LIMIT}[containers restarted as often as allowed]",
        f"{CHILDREN}test_a_pod_tells_the_most_restarts_of_any_container",
        f"{CALM}[in place, as often as allowed and once more]",
        f"{TALE}[containers restarted more often]",
        f"{TALE}[containers restarted as often as allowed]",
    ),
    "REC-141": (
        f"{LIMIT}[more attempts]",
        f"{LIMIT}[recreations that do not count give more attempts]",
        f"{LIMIT}[and more attempts than these]",
        f"{CALM}[in place, and a lost Job that does not count gives an attempt more]",
        f"{TALE}[more attempts]",
    ),
    "REC-142": (
        f"{STEP}[all are there for the first time]",
        f"{STEP}[all have followed]",
        f"{STEP}[in step again, at a lower attempt]",
        f"{DECIDE}test_pods_in_step_are_let_go_on",
        f"{CRASH}test_no_barrier_is_lifted_before_all_pods_have_reached_its_attempt",
        f"{TALE}[all in step]",
    ),
    "REC-143": (
        f"{STEP}[one is ahead]",
        f"{STEP}[one is ahead, one is away]",
        f"{STEP}[a pod too many]",
        f"{STEP}[previous is never lowered]",
        f"{CALM}[in place, twice, then complete]",
        f"{TALE}[one is ahead]",
    ),
    "REC-144": (
        f"{STEP}[nobody is there]",
        f"{STEP}[nobody has an attempt]",
        f"{STEP}[one of two is there]",
        f"{TALE}[not all there]",
    ),
    "REC-145": (
        f"{STEP}[failed pods do not count]",
        f"{STEP}[nobody has an attempt]",
        f"{STEP}[succeeded pods count]",
        f"{TALE}[failed pods do not count]",
        f"{TALE}[pods without an attempt do not count]",
    ),
    "REC-146": (
        f"{UNJUDGED}[an attempt that is no number]",
        f"{UNJUDGED}[a negative attempt]",
        f"{PROBLEM}[an attempt that is no number, after Jobs were made]",
        f"{TALE}[an attempt that is no number]",
    ),
    "REC-147": (
        f"{UNJUDGED}[sizes that differ]",
        f"{UNJUDGED}[no completions]",
        f"{UNJUDGED}[no size]",
        f"{UNSEEN}[in place with unequal numbers]",
    ),
    "REC-148": (
        f"{STEP}[all in step, nothing new]",
        f"{STEADY}[its pods are in step]",
        f"{STEADY}[its pods are out of step]",
        f"{STORY}test_pods_in_step_write_no_status_again",
    ),
    "REC-149": (
        f"{AGENT}test_a_wrong_start_ends_with_1",
        f"{AGENT_SETTING}test_an_environment_that_is_wrong",
        f"{AGENT_SETTING}test_what_the_environment_says",
        "tests/contract/test_agent_transport.py::test_an_account_that_is_missing_something",
    ),
    "REC-150": (
        f"{AGENT}test_the_attempt_that_is_told",
        f"{AGENT_STEP}[the first run of all tells attempt 0]",
        f"{AGENT_STEP}[the run after attempt 4 tells 5]",
    ),
    "REC-151": (
        f"{AGENT}test_an_attempt_is_told_once_and_by_its_manager",
        f"{AGENT}test_an_attempt_that_cannot_be_told_is_told_later",
        f"{AGENT_STEP}[told once, it is not told again]",
        SEQUENCE,
    ),
    "REC-152": (
        f"{AGENT}test_a_restart_in_place",
        f"{AGENT}test_a_restart_ends_the_worker",
        f"{AGENT}test_the_exit_code_for_a_restart_is_1_unless_said_otherwise",
        f"{AGENT_STEP}[the attempt is over]",
        f"{AGENT_STEP}[an attempt long before is over]",
        f"{AGENTS}test_an_attempt_in_which_a_worker_failed_is_over_for_all",
        SEQUENCE,
    ),
    "REC-153": (
        f"{AGENT}test_a_restart_in_place",
        f"{AGENT_STEP}[all pods have followed]",
        f"{AGENT_STEP}[the barrier is lifted once]",
        f"{AGENTS}test_all_pods_work_in_the_same_attempt_in_the_end",
        SEQUENCE,
    ),
    "REC-154": (f"{AGENT}test_the_exit_code_of_a_worker", SEQUENCE),
    "REC-155": (
        f"{AGENT}test_a_sidecar_answers_its_probe_once_the_barrier_is_lifted",
        "tests/e2e/test_in_place_restarts.py::test_all_pods_restart_in_place_when_one_fails",
    ),
    "REC-156": (
        f"{AGENT}test_without_in_place_restarts_the_worker_starts_and_nothing_is_told",
        f"{AGENT_STEP}[no restarts in place: the worker starts, nothing is told]",
    ),
    "REC-157": (
        f"{AGENT}test_a_signal_ends_an_agent_that_waits",
        f"{AGENT}test_a_signal_ends_an_agent_and_its_worker",
        f"{AGENT}test_a_signal_ends_an_agent_that_has_hardly_begun",
    ),
    "REC-158": (
        f"{AGENT}test_a_jobset_that_does_not_exist_yet_is_waited_for",
        f"{AGENT_STEP}[no JobSet: it waits]",
    ),
    "REC-159": (f"{PLACEMENT}test_who_decides_for_the_others", STAY),
    "REC-160": (f"{EVICTED}[all follow]", f"{STAY}[all follow]"),
    "REC-161": (
        f"{EVICTED}[one is bound elsewhere: all go]",
        f"{EVICTED}[one is bound nowhere: all go]",
        f"{EVICTION}test_one_follower_in_the_wrong_place_takes_all_followers_with_it",
        f"{PLACEMENT}test_an_evicted_pod_is_marked_as_a_disruption_target",
    ),
    "REC-162": (
        f"{EVICTED}[the node is gone]",
        f"{EVICTED}[the node is gone, but nobody follows]",
        f"{STAY}[the leader's node is gone]",
        f"{EVICTION}test_a_node_that_comes_late_lets_the_wrong_ones_go",
    ),
    "REC-163": (
        f"{EVICTED}[the node is in no domain]",
        f"{STAY}[the leader's node is in no domain]",
    ),
    "REC-164": (
        f"{EVICTED}[pods of others do not matter]",
        f"{EVICTED}[pods of others stay]",
        f"{STAY}[those in the wrong place belong to another Job with the same key]",
    ),
    "REC-165": (f"{EVICTION}test_a_pod_that_is_a_disruption_target_already_is_deleted_without_a_mark",),
    "REC-166": (f"{EVICTION}test_a_pod_that_cannot_be_marked_is_not_deleted_until_it_can",),
    "REC-167": (
        f"{GATES}test_all_gates_are_off_at_first",
        f"{FILE}test_which_gates_are_on[none]",
        f"{FILE}test_what_is_wrong_is_told_with_field_and_value[the locked gate]",
        f"{UNSEEN}[an action without its gate]",
        f"{UNSEEN}[in place without its gate is to recreate]",
        f"{UNSEEN}[not scaled without its gate]",
    ),
    "REC-168": (
        f"{OWN_ATTEMPT}[the gate is off]",
        f"{ATTEMPTS}test_individual_restarts_are_kept_while_the_gate_is_on",
        f"{ATTEMPTS}test_without_the_gate_nothing_restarts_alone",
        CARRIED,
    ),
}


NOT_YET: dict[str, str] = {}


IN_PROCESS: dict[str, str] = {}
"""Why an item is not shown on a real control plane."""
