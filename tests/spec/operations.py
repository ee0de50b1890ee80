"""operations.md: the manager's process, its configuration, and what it takes to install it."""

PAGE = "operations.md"

FLAGS = "tests/decisions/test_controller_flags.py::"
FILE = "tests/decisions/test_configuration.py::"
TLS = "tests/decisions/test_server_tls.py::"
AGENT = "tests/decisions/test_user_agent.py::"
HEALTH = "tests/contract/test_health.py::"
LIMIT = "tests/contract/test_rate_limit.py::"
LEADER = "tests/properties/test_leader.py::"
PROCESS = "tests/e2e/test_controller_command.py::"
SERIES = "tests/decisions/test_metrics.py::"
SCRAPES = "tests/contract/test_metrics_server.py::"
MANAGER = "tests/contract/test_manager_metrics.py::"
COUNTS = "tests/scenarios/test_counting.py::"
CLUSTER = "tests/control_plane/test_controller_command.py::"

WEBHOOK = "tests/contract/test_manager_webhooks.py::"
KEEPS = "tests/scenarios/test_certificate_stories.py::"
MADE = "tests/decisions/test_certificate_authority.py::"
ROTATES = "tests/decisions/test_certificate_rotation.py::"
ELSEWHERE = "tests/contract/test_external_certificates.py::"
OUTAGES = "tests/installation/test_outages.py::"
BELIEVED = "tests/control_plane/test_webhook_certificates.py::"
KUSTOMIZE, CHART, RIGHTS, ASKED, IMAGE, RELEASE, INSTALLED, WALK = (
    f"tests/installation/test_{name}.py::test_"
    for name in (
        "kustomize",
        "chart",
        "permissions",
        "webhook_configurations",
        "image",
        "release_files",
        "on_a_cluster",
        "walk",
    )
)
EXACT = f"{RIGHTS}a_role_gives_exactly_these_rights"

PRECEDENCE = f"{FLAGS}test_a_flag_wins_over_the_file_and_the_file_over_the_default"
START = f"{FLAGS}test_a_manager_that_cannot_start_is_1_and_says_why"
REFUSED = f"{FILE}test_what_is_wrong_is_told_with_field_and_value"
SAID = f"{FILE}test_what_a_file_says"
DEFAULT = f"{FILE}test_what_is_absent_empty_or_zero_has_its_default"
GATES = f"{FILE}test_which_gates_are_on"
HANDSHAKE = f"{TLS}test_which_clients_a_server_takes"
ACCESS = f"{SCRAPES}test_who_may_not_read_hears_why"
KNOWN = f"{SERIES}test_known_series_have_their_type_and_labels"
ENDED = f"{COUNTS}test_a_jobset_that_ends_is_counted_once"
CERTIFICATE = f"{SCRAPES}test_where_the_certificate_comes_from"
ENDS = f"{PROCESS}test_a_signal_ends_it_with_0"

ITEMS: dict[str, tuple[str, ...]] = {
    "OPS-01": (
        f"{FLAGS}test_help_lists_every_flag",
        f"{FLAGS}test_a_flag_that_is_not_given_says_nothing_of_what_the_file_can_say",
        f"{FLAGS}test_flags_are_taken_as_by_a_program_in_go",
        f"{FLAGS}test_a_wrong_command_line_is_2_with_usage[an unknown flag]",
    ),
    "OPS-02": (
        f"{PRECEDENCE}[flags over the file]",
        f"{PRECEDENCE}[one flag leaves the rest to the file]",
        f"{PRECEDENCE}[the file]",
    ),
    "OPS-03": (f"{PRECEDENCE}[neither file nor flags]", f"{DEFAULT}[nothing]"),
    "OPS-04": (f"{PRECEDENCE}[neither file nor flags]",),
    "OPS-05": (
        f"{PRECEDENCE}[flags over the file]",
        f"{PROCESS}test_a_flag_keeps_it_from_waiting_for_a_lease_although_the_file_says_so",
    ),
    "OPS-06": (f"{FLAGS}test_a_missing_file_is_1",),
    "OPS-07": (
        f"{START}[an unknown field]",
        f"{REFUSED}[an unknown field of a section]",
        f"{FLAGS}test_a_file_is_read_strictly[a key twice]",
    ),
    "OPS-08": (f"{START}[a wrong version]", f"{REFUSED}[another version]", f"{REFUSED}[another kind]"),
    "OPS-09": (
        f"{SAID}[a webhook elsewhere]",
        f"{SAID}[metrics elsewhere]",
        f"{PROCESS}test_health_is_told_on_the_health_port",
    ),
    "OPS-10": (f"{SAID}[a limit]", f"{LIMIT}test_the_manager_keeps_the_limit_that_it_was_given"),
    "OPS-11": (f"{SAID}[certificates of somebody else]", f"{SAID}[wrong names that nobody uses]"),
    "OPS-12": (
        f"{REFUSED}[a service that is none]",
        f"{REFUSED}[a service with two faults]",
        f"{REFUSED}[a secret that is none]",
    ),
    "OPS-13": (
        f"{FILE}test_the_default_is_written_with_exactly_these_keys",
        f"{FILE}test_sections_of_addresses_are_written_even_when_nothing_is_in_them",
    ),
    "OPS-14": (
        f"{REFUSED}[TLS 1.0]",
        f"{REFUSED}[TLS 1.1]",
        f"{REFUSED}[an unknown TLS]",
        f"{REFUSED}[an unknown suite]",
        f"{REFUSED}[an unknown suite of an unknown TLS]",
    ),
    "OPS-15": (f"{REFUSED}[suites of TLS 1.3]",),
    "OPS-16": (
        f"{HANDSHAKE}[TLS 1.3 only]",
        f"{HANDSHAKE}[a suite that was asked for]",
        f"{HANDSHAKE}[another suite]",
        f"{SCRAPES}test_the_tls_settings_count",
        f"{ELSEWHERE}test_the_tls_settings_count",
    ),
    "OPS-17": (f"{HANDSHAKE}[by default not TLS 1.1]", f"{HANDSHAKE}[by default TLS 1.2]"),
    "OPS-18": (f"{START}[an unknown gate]", f"{REFUSED}[an unknown gate]"),
    "OPS-19": (f"{START}[the locked gate]", f"{REFUSED}[the locked gate]", f"{GATES}[the locked one]"),
    "OPS-20": (f"{GATES}[all alpha ones]", f"{GATES}[all alpha ones but one]"),
    "OPS-21": (f"{PROCESS}test_health_is_told_on_the_health_port",),
    "OPS-22": (
        f"{HEALTH}test_health[/readyz]",
        f"{WEBHOOK}test_readiness_waits_for_the_certificate_and_the_server",
        f"{ROTATES}test_who_is_ready",
        f"{WEBHOOK}test_a_server_that_is_not_there_is_not_reachable",
    ),
    "OPS-23": (
        f"{HEALTH}test_health[/healthz?verbose]",
        f"{HEALTH}test_health[/healthz?verbose&exclude=etcd]",
        f"{HEALTH}test_health[/readyz?exclude=readyz]",
    ),
    "OPS-24": (f"{PROCESS}test_health_is_told_under_the_configured_paths_and_no_other",),
    "OPS-25": (
        f"{ACCESS}[nobody]",
        f"{ACCESS}[an unknown token]",
        f"{ACCESS}[who may not]",
        f"{SCRAPES}test_a_reader_gets_the_metrics",
    ),
    "OPS-26": (
        f"{MANAGER}test_a_finished_jobset_is_counted_by_one[Completed]",
        f"{ENDED}[completed]",
        f"{ENDED}[still running]",
        f"{COUNTS}test_a_status_that_was_refused_is_not_counted_twice",
    ),
    "OPS-27": (
        f"{MANAGER}test_a_finished_jobset_is_counted_by_one[Failed]",
        f"{ENDED}[failed]",
        f"{ENDED}[failed after a restart]",
    ),
    "OPS-28": (
        f"{SERIES}test_values[errors are told for both controllers]",
        f"{KNOWN}[controller_runtime_reconcile_time_seconds]",
        f"{MANAGER}test_every_series_is_there_after_a_jobset_has_run",
    ),
    "OPS-29": (
        f"{SERIES}test_values[reviews are there from the beginning]",
        f"{WEBHOOK}test_reviews_are_answered_and_counted",
    ),
    "OPS-30": (f"{MANAGER}test_at_the_address_0_there_are_no_metrics",),
    "OPS-31": (
        f"{CERTIFICATE}[a folder that was given]",
        f"{CERTIFICATE}[certificates from elsewhere]",
        f"{CERTIFICATE}[certificates of our own]",
        f"{SCRAPES}test_the_certificate_comes_from_the_folder",
        f"{SCRAPES}test_without_files_the_certificate_signs_itself",
    ),
    "OPS-32": (f"{SCRAPES}test_http2_is_not_negotiated[h2 http/1.1]",),
    "OPS-33": (
        f"{KEEPS}test_an_empty_secret_is_filled_and_every_webhook_gets_the_authority",
        f"{BELIEVED}test_an_empty_secret_is_filled_and_the_api_server_believes_what_is_shown",
    ),
    "OPS-34": (f"{KEEPS}test_the_secret_is_waited_for_and_never_made",),
    "OPS-35": (
        f"{KEEPS}test_an_overwritten_bundle_is_restored_at_once",
        f"{BELIEVED}test_a_bundle_that_was_overwritten_and_a_secret_that_was_emptied_are_restored",
        f"{OUTAGES}test_a_restart_goes_on_without_its_certificates",
    ),
    "OPS-36": (
        f"{MADE}test_the_authority",
        f"{MADE}test_the_server",
    ),
    "OPS-37": (
        f"{KEEPS}test_a_certificate_is_renewed_in_time_and_its_authority_stays",
        f"{KEEPS}test_an_authority_is_renewed_in_time_and_both_are_believed_meanwhile",
        f"{MADE}test_the_server",
        f"{ROTATES}test_it_is_usual_to_look_twice_a_day_and_to_renew_90_days_ahead",
    ),
    "OPS-38": (
        f"{KEEPS}test_another_certificate_of_the_same_authority_is_shown_at_once",
        f"{BELIEVED}test_no_request_is_refused_while_a_certificate_follows_another",
    ),
    "OPS-39": (
        f"{ELSEWHERE}test_where_certificates_of_somebody_else_are",
        f"{ELSEWHERE}test_what_is_there_is_shown",
    ),
    "OPS-40": (
        f"{CLUSTER}test_a_second_manager_waits_for_the_lease_and_answers_meanwhile",
        f"{WEBHOOK}test_who_does_not_lead_answers_reviews_too",
        f"{OUTAGES}test_a_restart_is_finished_by_the_next_leader",
    ),
    "OPS-41": (
        f"{CLUSTER}test_a_manager_leads_works_tells_of_each_turn_and_ends",
        f"{FILE}test_the_default_is_written_with_exactly_these_keys",
    ),
    "OPS-42": (
        f"{CLUSTER}test_a_manager_whose_lease_is_taken_ends_with_1",
        f"{LEADER}test_a_leader_that_cannot_renew_gives_up_before_another_may_lead",
    ),
    "OPS-43": (
        f"{ENDS}[alone-15]",
        f"{ENDS}[waiting for the lease-15]",
        f"{CLUSTER}test_a_manager_leads_works_tells_of_each_turn_and_ends",
        f"{CLUSTER}test_a_second_signal_ends_a_manager_with_1_although_it_is_not_done",
    ),
    "OPS-44": (
        f"{EXACT}[the manager, by kustomize]",
        f"{EXACT}[the manager, by Helm]",
        f"{INSTALLED}the_manager_needs_no_other_rights_than_it_has_and_its_role_is_enough",
        f"{WALK}all_that_the_manager_asks_is_within_its_roles",
    ),
    "OPS-45": (
        f"{RIGHTS}secrets_are_read_in_the_namespace_of_the_manager_alone",
        f"{EXACT}[the Secret, by kustomize]",
        f"{EXACT}[the Secret, by Helm]",
    ),
    "OPS-46": (
        f"{KUSTOMIZE}the_default_has_exactly_these_objects",
        f"{KUSTOMIZE}every_object_has_the_common_labels",
        f"{KUSTOMIZE}the_labels_of_the_manager_are_on_it_its_pods_its_services_and_in_selectors",
        f"{KUSTOMIZE}the_account_of_the_manager_has",
        f"{RELEASE}a_release_file_is_what_config_renders_to[manifests.yaml]",
    ),
    "OPS-47": (
        f"{KUSTOMIZE}the_deployment",
        f"{KUSTOMIZE}the_manager_listens_where_the_deployment_says",
        f"{KUSTOMIZE}the_configuration_says_what_is_the_default",
    ),
    "OPS-48": (
        f"{CHART}a_value_has_its_default",
        f"{CHART}there_are_no_other_values",
        f"{CHART}a_value_is_found_in_the_deployment",
        f"{CHART}without_a_tag_the_image_is_that_of_the_appversion",
        f"{CHART}common_labels_are_on_every_object",
        f"{CHART}a_certificate_is_for_its_service",
        f"{CHART}prometheus_is_told_of_the_metrics",
        f"{CHART}with_cert_manager_prometheus_checks_the_certificate",
        f"{CHART}the_configuration_names_what_the_release_has",
    ),
    "OPS-49": (f"{CHART}objects_are_named_after_the_release",),
    "OPS-50": (f"{CHART}without_leader_election_there_is_no_role_for_it_and_the_configuration_says_so",),
    "OPS-51": (
        f"{CHART}cert_manager_makes_certificates_and_there_is_no_secret",
        f"{CHART}a_given_issuer_is_used_and_no_other_made",
        f"{CHART}cert_manager_vouches_for_the_webhooks",
        f"{CHART}a_certificate_is_for_its_service",
    ),
    "OPS-52": (f"{CHART}the_secret_has_no_data",),
    "OPS-53": (f"{CHART}a_budget",),
    "OPS-54": (f"{CHART}prometheus_without_its_definitions_is_refused",),
    "OPS-55": (f"{CHART}on_the_network_of_nodes_names_of_the_cluster_are_known",),
    "OPS-56": (f"{CHART}another_configuration_makes_other_pods",),
    "OPS-57": (
        f"{ASKED}configurations_have_the_names_that_the_manager_knows",
        f"{CHART}objects_are_named_after_the_release[another full name]",
    ),
    "OPS-58": (f"{RELEASE}the_definition_of_the_chart_is_that_of_the_code",),
    "OPS-59": (
        f"{AGENT}test_user_agent",
        f"{CLUSTER}test_the_api_server_sees_the_name_of_the_manager",
    ),
    "OPS-60": (
        f"{FILE}test_the_default_is_written_with_exactly_these_keys",
        f"{FILE}test_only_a_limit_that_was_asked_for_is_kept",
    ),
    "OPS-61": (
        f"{IMAGE}an_image_runs_as_an_unprivileged_user",
        f"{IMAGE}the_manager_writes_nothing_into_its_image_and_is_not_root",
    ),
    "OPS-62": (
        f"{IMAGE}an_image_has_its_entry_point[manager]",
        f"{IMAGE}the_launcher_of_the_manager_is_the_controller",
    ),
    "OPS-63": (f"{CLUSTER}test_a_restart_with_another_file_switches_a_gate",),
    "OPS-64": (f"{WALK}the_service_of_the_webhooks_lists_exactly_the_managers_that_are_ready",),
    "OPS-65": (f"{WALK}a_jobset_can_be_created_right_after_the_deployment_is_available",),
    "OPS-66": (f"{INSTALLED}uninstalling_removes_everything_and_every_jobset",),
    "OPS-67": (f"{KUSTOMIZE}prometheus_finds_the_metrics",),
    "OPS-68": (
        f"{FLAGS}test_a_manager_in_a_pod_keeps_its_lease_in_the_namespace_of_the_pod",
        f"{ELSEWHERE}test_the_namespace_is_that_of_the_pod",
    ),
    "OPS-69": (
        f"{EXACT}[an editor, by kustomize]",
        f"{EXACT}[an editor, by Helm]",
        f"{EXACT}[a viewer, by kustomize]",
        f"{EXACT}[a viewer, by Helm]",
    ),
    "OPS-70": (
        f"{PROCESS}test_the_loaded_configuration_is_told_once",
        f"{CLUSTER}test_a_manager_leads_works_tells_of_each_turn_and_ends",
    ),
    "OPS-71": (f"{DEFAULT}[values of zero]", f"{DEFAULT}[empty sections]"),
    "OPS-72": (
        KNOWN,
        f"{SERIES}test_known_histograms_have_their_buckets",
        f"{SERIES}test_nothing_tells_when_a_counter_was_created",
        f"{MANAGER}test_every_series_is_there_after_a_jobset_has_run",
    ),
    "OPS-73": (f"{HEALTH}test_health[/readyz/readyz]", f"{HEALTH}test_health[/readyz/healthz]"),
}

NOT_YET: dict[str, str] = {}
