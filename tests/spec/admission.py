"""admission.md: what is filled into new objects, and which are refused."""

PAGE = "admission.md"

CONTRACT = "tests/contract/test_jobsets.py::"
ADMISSION = "tests/decisions/test_admission_jobset.py::"
DEFAULTS = "tests/decisions/test_admission_defaults.py::"
ERRORS = "tests/decisions/test_admission_errors.py::"
NAMES = "tests/decisions/test_admission_names.py::"
PODS = "tests/decisions/test_admission_pods.py::"
VALIDATION = "tests/decisions/test_admission_validation.py::"
UPDATES = "tests/decisions/test_admission_updates.py::"
CLAIMS = "tests/decisions/test_admission_claims.py::"
WEBHOOKS = "tests/decisions/test_webhooks.py::"

FILLED = f"{DEFAULTS}test_what_is_missing_is_filled_in"
WHOLE = f"{ADMISSION}test_a_new_jobset_is_pruned_defaulted_and_stored_without_status"
PRINTED = f"{ERRORS}test_an_error_is_printed_as_go_does"
LISTED = f"{ERRORS}test_errors_become_one_status"
SERVED = "tests/contract/test_webhook_server.py::"
REVIEWED = "tests/contract/test_webhook_reviews.py::"
ASKED = "tests/installation/test_webhook_configurations.py::test_what_is_asked_about"
DENIED = f"{CONTRACT}test_the_webhook_refuses_in_its_own_name"
NEW = f"{VALIDATION}test_a_new_jobset_is_judged"
CLAIM = f"{CLAIMS}test_claim_templates_are_judged"
PATHS = f"{NAMES}test_a_domain_prefixed_path_is_judged"
CHANGE = f"{UPDATES}test_a_change_is_judged"
CEL_CHANGE = f"{ADMISSION}test_rules_of_a_changed_object"
MAY_BE = f"{CONTRACT}test_a_jobset_may_be"
UNTOUCHED = f"{PODS}test_some_pods_are_left_alone"
REFUSED = f"{PODS}test_a_follower_waits_for_its_leader"
LEADERS = f"{PODS}test_a_leader_is_one_living_pod_of_the_same_job"
FOLLOWED = f"{CONTRACT}test_a_follower_is_created_once_its_leader_has_a_place"

ITEMS: dict[str, tuple[str, ...]] = {
    "ADM-01": (
        f"{WEBHOOKS}test_only_a_new_jobset_is_filled_in",
        f"{ASKED}[new JobSets are filled in]",
    ),
    "ADM-02": (
        f"{WEBHOOKS}test_a_new_or_changed_jobset_is_judged",
        f"{WEBHOOKS}test_a_status_and_a_delete_are_not_judged",
        f"{ASKED}[JobSets are judged]",
    ),
    "ADM-03": (
        f"{WEBHOOKS}test_only_a_new_pod_is_labelled",
        f"{ASKED}[new pods are placed]",
        f"{ASKED}[new pods are judged]",
    ),
    "ADM-04": (
        "tests/installation/test_webhook_configurations.py::test_no_object_passes_a_webhook_that_does_not_answer",
        "tests/installation/test_outages.py::test_a_restart_waits_for_webhooks_that_are_gone",
    ),
    "ADM-05": (
        f"{CONTRACT}test_only_a_pod_with_the_label_is_shown_to_the_webhook",
        "tests/installation/test_webhook_configurations.py::test_only_pods_of_jobsets_are_asked_about",
        "tests/installation/test_on_a_cluster.py::test_who_is_asked_about_a_pod",
    ),
    "ADM-06": (
        f"{WEBHOOKS}test_only_a_new_jobset_is_filled_in[an update of the status]",
        f"{WEBHOOKS}test_a_status_and_a_delete_are_not_judged[an update of the status]",
        f"{WEBHOOKS}test_only_a_new_pod_is_labelled[an update of the status]",
    ),
    "ADM-07": (f"{SERVED}test_an_answer_has_the_uid_and_the_version_of_its_review",),
    "ADM-08": (
        f"{SERVED}test_what_is_no_review_is_answered_all_the_same[nothing]",
        f"{SERVED}test_what_is_no_review_is_answered_all_the_same[a charset]",
        f"{SERVED}test_what_is_no_review_is_answered_all_the_same[another type]",
    ),
    "ADM-09": (f"{SERVED}test_what_a_refusal_says[an error of ours]",),
    "ADM-10": (
        f"{DEFAULTS}test_a_complete_jobset_is_given_back_as_it_is",
        f"{FILLED}[what nobody fills in stays as it is]",
        f"{SERVED}test_a_change_is_a_json_patch",
        f"{REVIEWED}test_a_jobset_that_lacks_nothing_gets_no_patch",
        f"{REVIEWED}test_a_new_jobset_gets_what_it_lacks_and_keeps_the_rest",
    ),
    "ADM-11": (f"{FILLED}[policies and network]", f"{FILLED}[given policies stay]"),
    "ADM-12": (f"{FILLED}[policies and network]", f"{FILLED}[given policies stay]"),
    "ADM-13": (f"{FILLED}[Jobs are Indexed, pods restart on failure]", f"{FILLED}[given modes stay]"),
    "ADM-14": (
        f"{FILLED}[Jobs are Indexed, pods restart on failure]",
        f"{FILLED}[given modes stay]",
        f"{FILLED}[an empty restart policy is none]",
    ),
    "ADM-15": (f"{FILLED}[policies and network]", f"{FILLED}[a null is nothing]"),
    "ADM-16": (f"{FILLED}[half a network is completed]",),
    "ADM-17": (f"{FILLED}[rules are named by their index]",),
    "ADM-18": (f"{FILLED}[claims go with the JobSet]",),
    "ADM-19": (WHOLE,),
    "ADM-20": (DENIED, LISTED),
    "ADM-21": (
        f"{LISTED}[one error stands alone]",
        f"{LISTED}[several are listed]",
        f"{LISTED}[equal ones are told once]",
    ),
    "ADM-22": (f"{PRINTED}[no field]", f"{ERRORS}test_a_plain_error_is_a_cause_without_a_field"),
    "ADM-23": (DENIED, LISTED),
    "ADM-24": (f"{NEW}[in-place restarts are gated]",),
    "ADM-25": (f"{NEW}[the first role waits for nobody]",),
    "ADM-26": (f"{NEW}[a subdomain has two forms to keep]",),
    "ADM-27": (f"{NEW}[a long subdomain]", f"{NEW}[a subdomain of 63]"),
    "ADM-28": (f"{PATHS}[no slash]", DENIED),
    "ADM-29": (f"{NEW}[a manager with a long name]",),
    "ADM-30": (f"{PATHS}[empty]",),
    "ADM-31": (f"{PATHS}[a bad host]", f"{PATHS}[a bad path]"),
    "ADM-32": (
        f"{NEW}[as many pods as an int32 counts]",
        f"{NEW}[as many Jobs of one pod",
        f"{NEW}[more pods than that]",
    ),
    "ADM-33": (f"{NEW}[an empty group]", f"{NEW}[a long group]"),
    "ADM-34": (
        f"{NEW}[a Job name of 64]",
        f"{NEW}[a Job name of 63]",
        f"{NEW}[the last Job has the longest name]",
    ),
    "ADM-35": (f"{NEW}[a pod name of 64]", f"{NEW}[a pod name of 63]"),
    "ADM-36": (
        f"{NEW}[pod names of Jobs without indexes do not count]",
        f"{NEW}[pod names of Jobs without completions do not count]",
    ),
    "ADM-37": (
        f"{NEW}[a JobSet whose name is no label]",
        f"{NEW}[a JobSet whose name is too long and no label]",
    ),
    "ADM-38": (
        f"{VALIDATION}test_names_are_judged_as_they_will_be[a long prefix is cut]",
        f"{CONTRACT}test_a_generated_name_is_judged_as_it_came_out",
    ),
    "ADM-39": (f"{NEW}[a role waits for no later or unknown one]",),
    "ADM-40": (f"{NEW}[a role may wait for any earlier one]",),
    "ADM-41": (f"{NEW}[a role may wait for itself]",),
    "ADM-42": (
        f"{NEW}[in-place restarts want a Job that never gives up]",
        f"{NEW}[in-place restarts of the right Job]",
    ),
    "ADM-43": (
        f"{NEW}[in-place restarts want a Job that never gives up]",
        f"{NEW}[in-place restarts of the right Job]",
    ),
    "ADM-44": (
        f"{NEW}[in-place restarts want a Job that never gives up]",
        f"{NEW}[in-place restarts want equal sizes]",
        f"{NEW}[in-place restarts of the right Job]",
    ),
    "ADM-45": (f"{NEW}[a success target of nobody]",),
    "ADM-46": (f"{NEW}[restarts of single Jobs are gated, and hide the rest]",),
    "ADM-47": (f"{NEW}[restarts of single Jobs want few of them]", f"{NEW}[restarts of 1024 Jobs]"),
    "ADM-48": (
        f"{NEW}[a rule without a name]",
        f"{NEW}[a rule with a long name]",
        f"{NEW}[rules with good names]",
    ),
    "ADM-49": (
        f"{NEW}[a rule with a bad name]",
        f"{NEW}[a rule whose name begins badly]",
        f"{NEW}[a rule whose name has a dash]",
        f"{NEW}[rules with good names]",
    ),
    "ADM-50": (f"{NEW}[a rule with unknown targets and reasons]",),
    "ADM-51": (
        f"{NEW}[a rule with unknown targets and reasons]",
        f"{NEW}[a rule with every reason there is]",
    ),
    "ADM-52": (f"{NEW}[rules with one name]",),
    "ADM-53": (f"{NEW}[a pattern that is none is accepted]",),
    "ADM-54": (
        f"{NEW}[a coordinator of nobody]",
        f"{NEW}[a coordinator in no Job]",
        f"{NEW}[a coordinator before the first Job]",
        f"{NEW}[a coordinator without completions]",
        f"{NEW}[a coordinator without indexes]",
        f"{NEW}[a coordinator in no pod]",
        f"{NEW}[a coordinator]",
    ),
    "ADM-55": (
        f"{NEW}[a coordinator with a long address]",
        f"{NEW}[a coordinator of nobody with a long address]",
    ),
    "ADM-56": (f"{CLAIM}[a claim twice]", f"{CLAIM}[a claim twice, in two policies]"),
    "ADM-57": (f"{CLAIM}[a claim with a bad name]",),
    "ADM-58": (f"{CLAIM}[a claim with a long name]",),
    "ADM-59": (f"{CLAIM}[a claim and a volume of one name]",),
    "ADM-60": (
        f"{CLAIM}[a claim that nobody mounts]",
        f"{CLAIM}[a claim in a JobSet without roles]",
        f"{CLAIM}[a claim for an init container]",
    ),
    "ADM-61": (f"{CLAIM}[another claim of that name]", f"{CLAIM}[a claim that is there already]"),
    "ADM-62": (f"{CLAIM}[a claim that is there and would go]",),
    "ADM-63": (f"{VALIDATION}test_errors_come_in_the_order_of_the_rules",),
    "ADM-64": (f"{NEW}[no roles]", f"{CONTRACT}test_a_jobset_may_say_very_little[no roles]"),
    "ADM-65": (
        f"{CHANGE}[free fields]",
        f"{CONTRACT}test_a_jobset_may_be",
        f"{CONTRACT}test_a_jobset_is_labelled",
    ),
    "ADM-66": (
        f"{CHANGE}[placement of a suspended JobSet]",
        f"{CHANGE}[placement while it resumes]",
        f"{CHANGE}[placement while it is suspended]",
    ),
    "ADM-67": (f"{CHANGE}[placement of a running JobSet]", f"{UPDATES}test_the_message_tells_the_whole_list"),
    "ADM-68": (
        f"{CHANGE}[the image of a suspended JobSet]",
        f"{CHANGE}[the resources of a suspended JobSet]",
        f"{CHANGE}[the environment of a suspended JobSet]",
        f"{CHANGE}[other pod fields of a suspended JobSet]",
    ),
    "ADM-69": (f"{CHANGE}[labels of the Job of a suspended JobSet]",),
    "ADM-70": (
        f"{CHANGE}[one role more]",
        f"{CHANGE}[no roles any more]",
        f"{CHANGE}[another name]",
        f"{CHANGE}[another order",
    ),
    "ADM-71": (
        f"{CHANGE}[another manager]",
        f"{CHANGE}[no manager any more]",
        f"{CHANGE}[a manager that comes]",
        f"{UPDATES}test_the_message_tells_the_new_manager",
    ),
    "ADM-72": (f"{CHANGE}[sizes without the gate]",),
    "ADM-73": (f"{CHANGE}[sizes]",),
    "ADM-74": (f"{CHANGE}[unequal sizes]",),
    "ADM-75": (f"{CHANGE}[sizes of nothing]",),
    "ADM-76": (f"{CHANGE}[sizes after the end]", f"{CHANGE}[sizes after success]"),
    "ADM-77": (
        f"{CHANGE}[sizes of Jobs without indexes]",
        f"{CHANGE}[sizes of Jobs that lose their indexes]",
    ),
    "ADM-78": (f"{CHANGE}[sizes and something else]",),
    "ADM-79": (
        f"{CHANGE}[sizes by name]",
        f"{UPDATES}test_an_immutable_list_is_shown_without_what_may_change",
    ),
    "ADM-80": (
        f"{CHANGE}[free fields]",
        f"{MAY_BE}[given a coordinator that is not there]",
        f"{MAY_BE}[given a claim",
    ),
    "ADM-81": (f"{UNTOUCHED}[a pod of nobody]",),
    "ADM-82": (f"{UNTOUCHED}[a pod with the node selector strategy]",),
    "ADM-83": (
        f"{PODS}test_a_pod_with_priority_is_labelled",
        f"{UNTOUCHED}[a pod without priority or topology]",
    ),
    "ADM-84": (
        f"{PODS}test_a_leader_keeps_other_jobs_of_its_priority_away",
        f"{PODS}test_a_leader_without_priority_keeps_other_jobs_without_one_away",
    ),
    "ADM-85": (f"{PODS}test_a_follower_goes_where_its_leader_is", FOLLOWED),
    "ADM-86": (f"{PODS}test_a_follower_without_a_placed_leader_is_left_to_validation",),
    "ADM-87": (
        f"{PODS}test_a_follower_needs_the_node_of_its_leader_and_its_label",
        f"{CONTRACT}test_a_follower_whose_leader_is_on_a_node_that_is_gone_is_not_found",
    ),
    "ADM-88": (f"{PODS}test_a_follower_needs_the_node_of_its_leader_and_its_label",),
    "ADM-89": (
        f"{REFUSED}[no node selector]",
        f"{REFUSED}[an empty node selector]",
        f"{REFUSED}[another node selector]",
        FOLLOWED,
    ),
    "ADM-90": (f"{REFUSED}[a leader without a node]",),
    "ADM-91": (
        f"{LEADERS}[a leader that is going]",
        f"{LEADERS}[a leader that failed]",
        f"{LEADERS}[a leader that is done]",
    ),
    "ADM-92": (f"{REFUSED}[no leader]", f"{LEADERS}[two leaders]"),
    "ADM-93": (f"{LEADERS}[a leader of an older Job]",),
    "ADM-94": (f"{LEADERS}[no JobSet label]", f"{LEADERS}[no role label]", f"{LEADERS}[no index label]"),
    "ADM-95": (
        FOLLOWED,
        f"{SERVED}test_what_a_refusal_says[no answer of the API]",
        f"{REVIEWED}test_a_node_without_a_domain_refuses_followers",
    ),
    "ADM-96": (
        f"{CEL_CHANGE}[a policy that comes]",
        f"{CEL_CHANGE}[a policy that goes]",
        f"{MAY_BE}[given a failure policy",
        f"{CHANGE}[a failure policy that comes or goes]",
    ),
    "ADM-97": (f"{CLAIM}[a claim twice]", f"{CLAIM}[another claim of that name]"),
    "ADM-98": ("tests/installation/test_walk.py::test_an_unchanged_manifest_can_be_applied_again",),
}

NOT_YET: dict[str, str] = {}
