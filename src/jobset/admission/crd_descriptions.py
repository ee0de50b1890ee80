"""What JobSet's own fields mean, for those who ask the API server: `kubectl explain jobset.spec`.

Keyed by the path of the field; lists add nothing to a path. Fields below a template are Kubernetes' own.
"""

from collections.abc import Mapping

JOBSET = "A set of Jobs that are created, restarted, suspended and finished together."

DESCRIPTIONS: Mapping[str, str] = {
    "spec": "What the Jobs are and when they start, restart and are done.",
    "spec.coordinator": (
        "The pod that coordinates all others. Every Job and pod carries its stable address as the label and "
        "the annotation jobset.sigs.k8s.io/coordinator."
    ),
    "spec.coordinator.jobIndex": "Index of the Job in that replicated job; 0 if not given.",
    "spec.coordinator.podIndex": "Completion index of the pod in that Job; 0 if not given.",
    "spec.coordinator.replicatedJob": "Name of the replicated job that the pod belongs to.",
    "spec.failurePolicy": (
        "What happens when a Job fails. Without a policy the JobSet fails with the first Job that does. "
        "Cannot be changed."
    ),
    "spec.failurePolicy.maxRestarts": (
        "How many restarts are counted before the next one fails the JobSet; 0 if not given."
    ),
    "spec.failurePolicy.restartStrategy": (
        "How the Jobs of a restart come back. Recreate: each as soon as its predecessor is gone. "
        "BlockingRecreate: none before all predecessors are gone. InPlaceRestart: healthy pods stay where "
        "they are and start their containers anew; needs a feature gate."
    ),
    "spec.failurePolicy.rules": (
        "Tried in order when a Job fails: the first that matches decides. If none does, the JobSet is "
        "restarted and the restart is counted."
    ),
    "spec.failurePolicy.rules.action": (
        "FailJobSet: the JobSet fails at once. RestartJobSet: all Jobs are restarted, and it counts towards "
        "maxRestarts. RestartJobSetAndIgnoreMaxRestarts: the same, uncounted. RestartJob and "
        "RestartJobAndIgnoreMaxRestarts: only the failed Job is restarted; they need a feature gate."
    ),
    "spec.failurePolicy.rules.name": (
        "Tells the rule from the others, also in events; failurePolicyRule and its index if not given."
    ),
    "spec.failurePolicy.rules.onJobFailureMessagePatterns": (
        "Regular expressions (RE2), one of which must be found in the message of the Job's failure. Empty: "
        "any message."
    ),
    "spec.failurePolicy.rules.onJobFailureReasons": (
        "Reasons, one of which must be that of the Job's failure: BackoffLimitExceeded, DeadlineExceeded, "
        "FailedIndexes, MaxFailedIndexesExceeded or PodFailurePolicy. Empty: any reason."
    ),
    "spec.failurePolicy.rules.targetReplicatedJobs": (
        "Names of the replicated jobs whose Jobs the rule is for. Empty: all."
    ),
    "spec.managedBy": (
        "Which controller takes care of the JobSet, as a path with a domain, such as acme.io/foo. Not given, "
        "or jobset.sigs.k8s.io/jobset-controller: the built-in one. Cannot be changed."
    ),
    "spec.network": "How pods find each other. Cannot be changed.",
    "spec.network.enableDNSHostnames": (
        "Whether pods have stable names, by a headless Service; true if the network is not given."
    ),
    "spec.network.publishNotReadyAddresses": (
        "Whether a name resolves before its pod is ready; true if not given."
    ),
    "spec.network.subdomain": (
        "Name of the headless Service and of the subdomain of all pods; the name of the JobSet if not given."
    ),
    "spec.replicatedJobs": "The roles of the JobSet, each a number of Jobs from one template.",
    "spec.replicatedJobs.dependsOn": (
        "What must be reached before the Jobs of this role are created; names roles further up in the list. "
        "Excludes the startup order InOrder. Cannot be changed."
    ),
    "spec.replicatedJobs.dependsOn.name": "Name of the replicated job to wait for.",
    "spec.replicatedJobs.dependsOn.status": (
        "What all its Jobs must be: Ready (their pods are ready or have succeeded) or Complete."
    ),
    "spec.replicatedJobs.groupName": (
        "Jobs of roles with the same group name are numbered together: see the labels "
        "jobset.sigs.k8s.io/job-group-index and group-replicas."
    ),
    "spec.replicatedJobs.name": "Name of the role; part of the names of its Jobs and pods.",
    "spec.replicatedJobs.replicas": "How many Jobs the role has.",
    "spec.replicatedJobs.template": (
        "The Job that each replica is made from. Indexed if it gives no completion mode; its pods restart "
        "OnFailure if they give no restart policy."
    ),
    "spec.startupPolicy": (
        "The order in which roles start; deprecated in favour of dependsOn. Cannot be changed."
    ),
    "spec.startupPolicy.startupPolicyOrder": (
        "AnyOrder: all at once. InOrder: each role when those before it in the list are ready."
    ),
    "spec.successPolicy": "When the JobSet is complete. Cannot be changed.",
    "spec.successPolicy.operator": "All: every Job has to succeed. Any: one is enough.",
    "spec.successPolicy.targetReplicatedJobs": (
        "Names of the replicated jobs whose Jobs are looked at. Empty: all."
    ),
    "spec.suspend": "Whether the Jobs are held back: they get no pods, and lose those they have.",
    "spec.ttlSecondsAfterFinished": (
        "How many seconds after its end the JobSet is deleted, with all that belongs to it. Not given: never."
    ),
    "spec.volumeClaimPolicies": (
        "Volumes that the pods of the JobSet share and that outlive restarts. Cannot be changed."
    ),
    "spec.volumeClaimPolicies.retentionPolicy": "What becomes of the claims in the end.",
    "spec.volumeClaimPolicies.retentionPolicy.whenDeleted": (
        "What happens to the claims when the JobSet is deleted: Delete or Retain."
    ),
    "spec.volumeClaimPolicies.templates": (
        "The claims, created as NAME-JOBSET. Pods whose containers mount a volume NAME get the claim as that "
        "volume."
    ),
    "status": "What has become of the JobSet; written by its controller.",
    "status.conditions": (
        "Completed, Failed, Suspended, StartupPolicyInProgress and StartupPolicyCompleted, each with its "
        "reason and a message."
    ),
    "status.currentInPlaceRestartAttempt": "The attempt that all pods have reached, with in-place restart.",
    "status.previousInPlaceRestartAttempt": (
        "The attempt that pods have to leave behind, with in-place restart."
    ),
    "status.replicatedJobsStatus": "The Jobs of each role, counted.",
    "status.replicatedJobsStatus.active": "Jobs with pods that are pending or running.",
    "status.replicatedJobsStatus.failed": "Jobs that have failed.",
    "status.replicatedJobsStatus.jobRestarts": "Restarts of single Jobs, by index.",
    "status.replicatedJobsStatus.jobRestartsCountTowardsMax": (
        "Restarts of single Jobs that count towards maxRestarts, by index."
    ),
    "status.replicatedJobsStatus.name": "Name of the replicated job.",
    "status.replicatedJobsStatus.ready": "Jobs whose pods are all ready or have succeeded.",
    "status.replicatedJobsStatus.succeeded": "Jobs that have succeeded.",
    "status.replicatedJobsStatus.suspended": "Jobs that are suspended.",
    "status.restarts": "How often all Jobs were restarted; the present attempt.",
    "status.restartsCountTowardsMax": "How many of the restarts count towards maxRestarts.",
    "status.terminalState": "Completed or Failed once the JobSet is over.",
}
