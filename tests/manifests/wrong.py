"""Manifests that are wrong in one way each: what, on which line, what is said, what is advised."""

from typing import NamedTuple

GOOD = """\
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: train
spec:
  replicatedJobs:
  - name: leader
    template:
      spec:
        parallelism: 1
        completions: 1
        template:
          spec:
            containers:
            - name: main
              image: tool:1
              command: ["true"]
  - name: workers
    replicas: 2
    template:
      spec:
        template:
          spec:
            containers:
            - name: main
              image: tool:1
              command: ["true"]
"""


class Wrong(NamedTuple):
    """A manifest, the line of its first problem, and parts of what is said and advised about it."""

    text: str | bytes
    line: int
    says: str
    advises: str


def but(old: str, new: str) -> str:
    """The good manifest with one part replaced, at its first place."""
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def with_spec(lines: str) -> str:
    """The good manifest with more under `spec`."""
    return but("spec:\n", f"spec:\n{lines}\n")


def with_container(lines: str) -> str:
    """The good manifest with more in its first container, on line 18."""
    return but('["true"]\n', f'["true"]\n              {lines}\n')


def with_pod(line: str) -> str:
    """The good manifest with more in its first pod spec, on line 14."""
    return but("            containers", f"            {line}\n            containers")


def config_map(lines: str) -> str:
    """A ConfigMap with `lines`, from line 3 on."""
    return f"apiVersion: v1\nkind: ConfigMap\n{lines}\n"


_LAUGHS = ["a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha]"] + [
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
]

THREE = but(
    "  - name: leader",
    "  - name: first\n"
    "    template: {spec: {template: {spec: {containers: [{name: c, image: i, command: [a]}]}}}}\n"
    "  - name: leader\n"
    "    dependsOn: [{name: workers, status: Ready}]",
)

WRONG: dict[str, Wrong] = {
    # Syntax
    "an open bracket": Wrong("a: [1, 2\nb: 3\n", 2, "not YAML", "close the bracket"),
    "an open quote": Wrong('a: "text\n', 2, "end of stream", "close the quote"),
    "a tab as indentation": Wrong("a:\n\tb: 1\n", 2, "'\\t'", "indent with spaces"),
    "a tab before a key": Wrong(
        but("    replicas: 2", "\treplicas: 2"), 19, "tab character", "indent with spaces"
    ),
    "two colons": Wrong("a: b: c\n", 1, "mapping values", "in quotes"),
    "wrong indentation": Wrong("a:\n  b: 1\n c: 2\n", 3, "not YAML", "indentation"),
    "an item that hangs": Wrong("a:\n- b\nc\n", 4, "not YAML", "key: value"),
    "an unknown alias": Wrong("a: *nobody\n", 1, "undefined alias", "&name"),
    "an alias of itself": Wrong("a: &a [*a]\n", 1, "contains itself", "remove the alias"),
    "a value that starts with @": Wrong("a: @b\n", 1, "cannot start", "in quotes"),
    "a template that was not filled in": Wrong("a: {{ name }}\n", 1, "a key must be a string", "{{ name }}"),
    "a key twice": Wrong(but("    replicas: 2", "    replicas: 2\n    replicas: 3"), 20, "line 19", "remove"),
    "a tag of a program": Wrong("a: !!python/object:os.system ls\n", 1, "!!python/object", "remove the tag"),
    "a number that is none": Wrong("a: .nan\n", 1, "JSON", "in quotes"),
    "a number without digits": Wrong("a: !!int 0x_\n", 1, "JSON", "in quotes"),
    "a number beyond all numbers": Wrong(but("replicas: 2", "replicas: 1e400"), 19, "JSON", "in quotes"),
    "a number with very many digits": Wrong(
        but("replicas: 2", f"replicas: {'9' * 5000}"), 19, "JSON", "quotes"
    ),
    "a hexadecimal number with very many digits": Wrong(f"a: 0x{'f' * 5000}\n", 1, "JSON", "in quotes"),
    "JSON with a number beyond all numbers": Wrong('{"a":\n1e400}', 2, "JSON", "in quotes"),
    "JSON with a number of very many digits": Wrong('{"a":\n' + "9" * 5000 + "}", 2, "JSON", "in quotes"),
    "a merge of no mapping": Wrong("<<: 1\n", 1, "<< needs a mapping", "<<: *name"),
    "a control character": Wrong("a: 1\nb: \x07\n", 2, "control characters", "remove"),
    "an anchor twice": Wrong("a: &x 1\nb: &x 2\n", 2, "anchor", "another name"),
    "half a surrogate pair": Wrong('a: "\\ud800"\n', 1, "escape code", "the character itself"),
    "a line that starts with %": Wrong("%FOO bar\n---\na: 1\n", 1, "directive", "%YAML"),
    "another YAML": Wrong("%YAML 9.9\n---\na: 1\n", 1, "incompatible", "%YAML 1.1"),
    "two objects in one JSON text": Wrong('{"a": 1}\n{"a": 2}\n', 2, "document start", "---"),
    "broken JSON": Wrong('{"kind": "JobSet",, }', 1, "not YAML", ""),
    "a null key": Wrong("~: 1\n", 1, "a key must be a string", "quotes"),
    # Files that are no manifests
    "nothing": Wrong("", 1, "nothing in it", "apiVersion"),
    "only separators": Wrong("---\n---\n", 1, "nothing in it", "apiVersion"),
    "a word": Wrong("hello\n", 1, "of type string", "apiVersion"),
    "a list": Wrong("- a\n- b\n", 1, "of type array", "apiVersion"),
    "a binary": Wrong(b"\x7fELF\x02\x00\x00", 1, "binary", "unpack"),
    "a picture": Wrong(b"\x89PNG\r\n\x1a\n\x00", 1, "binary", "unpack"),
    "Latin-1": Wrong("a: 1\nb: é\n".encode("latin-1"), 2, "0xe9 is not UTF-8", "UTF-8"),
    "UTF-16": Wrong("a: 1\n".encode("utf-16"), 1, "UTF-16", "UTF-8"),
    "a huge file": Wrong(b"#" * ((16 << 20) + 1), 0, "more than 16 MiB", "split"),
    # Made to harm
    "a million laughs": Wrong("\n".join(_LAUGHS), 5, "aliases", "fewer aliases"),
    "deep brackets": Wrong("[" * 100_000, 1, "levels deep", "brackets"),
    "deep lists": Wrong("- " * 100_000 + "a", 1, "levels deep", "flatten"),
    "deep mappings": Wrong("".join(" " * n + "a:\n" for n in range(150)), 102, "levels deep", "indentation"),
    "deep JSON": Wrong('{"a":' * 5000 + "1" + "}" * 5000, 1, "levels deep", "flatten"),
    "a huge object": Wrong(
        config_map("metadata: {name: big}\ndata: {a: " + "x" * (3 << 20) + "}"), 1, "larger than", "volume"
    ),
    # Kinds
    "no apiVersion": Wrong(
        but("apiVersion: jobset.x-k8s.io/v1alpha2\n", ""), 1, "apiVersion", "add apiVersion"
    ),
    "no kind": Wrong(but("kind: JobSet\n", ""), 1, "kind is missing", "add kind"),
    "the same mistake in two objects": Wrong("a: 1\n---\na: 1\n", 3, "apiVersion", "add apiVersion"),
    "a list of nothing": Wrong(
        "apiVersion: v1\nkind: List\nitems:\n", 1, "nothing in it", "at least one object"
    ),
    "a list of no list": Wrong("apiVersion: v1\nkind: List\nitems: {a: b}\n", 3, "must be a list", "'- '"),
    "a list in a list": Wrong(
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: List, items: [{kind: Zebra, apiVersion: v1}]}\n",
        4,
        "unknown kind Zebra",
        "use JobSet",
    ),
    "a list of one kind": Wrong(
        "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSetList\nitems: []\n", 2, "JobSetList", "kind: List"
    ),
    "a kind that is a number": Wrong(but("kind: JobSet", "kind: 5"), 2, "kind is missing", "add kind"),
    "a misspelled kind": Wrong(but("JobSet", "Jobset"), 2, "unknown kind", "did you mean JobSet"),
    "another version": Wrong(but("v1alpha2", "v1"), 1, "no kind JobSet", "jobset.x-k8s.io/v1alpha2"),
    "another group": Wrong("apiVersion: v1\nkind: Job\n", 1, "no kind Job", "batch/v1"),
    "an unknown kind": Wrong("apiVersion: v1\nkind: Zebra\n", 2, "unknown kind", "use JobSet"),
    "metadata that is a word": Wrong(but("metadata:\n  name: train", "metadata: train"), 3, "object", "name"),
    # Unknown fields
    "a misspelled field": Wrong(
        but("replicas: 2", "replcas: 2"), 19, "'replcas'", "replicatedJobs[1].replicas"
    ),
    "a field of the Job in the role": Wrong(
        but("replicas: 2", "backoffLimit: 2"), 19, "'backoffLimit'", "[1].template.spec.backoffLimit"
    ),
    "a field of the pod in its container": Wrong(
        with_container("volumes: []"), 18, "'volumes'", "template.spec.template.spec.volumes"
    ),
    "a field in the wrong case": Wrong(with_container("workingdir: /"), 18, "'workingdir'", ".workingDir"),
    "a field of nobody": Wrong(with_spec("  zebra: 1"), 6, "'zebra'", "known here: coordinator"),
    "an unknown field of metadata": Wrong(
        but("  name: train", "  name: train\n  lables: {}"), 5, "'lables'", "labels"
    ),
    "an unknown field of a ConfigMap": Wrong(config_map("metadata: {name: a}\ndat: {}"), 4, "'dat'", "data"),
    # Types
    "a word for a number": Wrong(but("replicas: 2", "replicas: two"), 19, "type integer", "whole number"),
    "half a replica": Wrong(but("replicas: 2", "replicas: 1.5"), 19, "type int32", "whole number"),
    "a number for a word": Wrong(
        with_container("env: [{name: A, value: 1}]"), 18, "type string", "in quotes"
    ),
    "yes for a word": Wrong(with_container("env: [{name: A, value: yes}]"), 18, "type string", "in quotes"),
    "a word for a list": Wrong(but('["true"]', '"true"'), 17, "type array", "starting with '- '"),
    "a word for an object": Wrong(with_container("resources: all"), 18, "type object", "name: value"),
    "a word for a truth value": Wrong(with_spec("  suspend: 'yes'"), 6, "type boolean", "true or false"),
    "a number as a label": Wrong(
        but("  name: train", "  name: train\n  labels: {a: 1}"), 5, "type string", "quotes"
    ),
    "an empty item": Wrong(
        with_container("args: [a, ]\n              env: [~]"), 19, "type object", "below it"
    ),
    "a wrong quantity": Wrong(with_container("resources: {limits: {cpu: 2x}}"), 18, "should match", "500m"),
    "a number in a ConfigMap": Wrong(
        config_map("metadata: {name: a}\ndata: {a: 1}"), 4, "type string", "quotes"
    ),
    "an image that is a number, and a rule behind it": Wrong(
        but("image: tool:1", "image: 1").replace("name: workers", "name: work.ers"),
        18,
        "DNS-1035",
        "lower-case",
    ),
    "replicas in words, and a bad pod of another role": Wrong(
        with_pod("restartPolicy: Always").replace("replicas: 2", "replicas: two"),
        14,
        "Required value",
        "OnFailure",
    ),
    "a label that is a number, and a rule of the spec": Wrong(
        with_spec("  coordinator: {replicatedJob: boss}").replace(
            "  name: train", "  name: train\n  labels: {a: 1}"
        ),
        7,
        "boss does not exist",
        "name one",
    ),
    "a name that is a number, and a rule of the spec": Wrong(
        with_spec("  coordinator: {replicatedJob: boss}").replace("name: train", "name: 1"),
        6,
        "boss does not",
        "name",
    ),
    "a date that is none": Wrong(
        but("  name: train", "  name: train\n  deletionTimestamp: soon"),
        5,
        "date-time",
        "2030-01-02T03:04:05Z",
    ),
    "a Secret that is not base64": Wrong(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  a: aGk=\n  b: no base64!\n",
        6,
        "base64",
        "stringData",
    ),
    "a ConfigMap with bytes that are not base64": Wrong(
        config_map("metadata: {name: a}\nbinaryData: {a: '###'}"), 4, "base64", "base64"
    ),
    # Pods
    "a port in quotes": Wrong(
        with_container("readinessProbe: {httpGet: {port: '80'}}"), 18, "at least one letter", "without quotes"
    ),
    "a port named in capitals": Wrong(
        with_container("ports: [{containerPort: 80, name: UPPER}]"), 18, "alpha-numeric", "lower-case"
    ),
    "more than the limit": Wrong(
        with_container("resources: {requests: {cpu: 2}, limits: {cpu: 1}}"),
        18,
        "less than or equal",
        "raise the limit",
    ),
    "a resource without a domain": Wrong(
        with_container("resources: {limits: {gpus: 1}}"), 18, "standard resource", "nvidia.com/gpu"
    ),
    "a path that goes up": Wrong(
        with_pod("volumes: [{name: v, hostPath: {path: ../x}}]"), 14, "must not contain '..'", "without '..'"
    ),
    "a variable from nowhere": Wrong(
        with_container("env: [{name: A, valueFrom: {}}]"), 18, "must specify one of", "one of those"
    ),
    "a variable with = in its name": Wrong(
        with_container("env: [{name: a=b, value: c}]"), 18, "environment variable", "without '='"
    ),
    "a field of the pod that cannot be had": Wrong(
        with_container("env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.nam}}}]"),
        18,
        "field label not supported",
        "metadata.name",
    ),
    "a rule about exit codes of pods that restart": Wrong(
        but(
            "parallelism: 1",
            "podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [1]}}]}",
        ),
        14,
        'only "Never"',
        "restartPolicy: Never",
    ),
    "a selector of one's own": Wrong(
        but("parallelism: 1", "selector: {matchLabels: {a: b}}"), 10, "not auto-generated", "leave selector"
    ),
    "a mode in decimal": Wrong(
        with_pod("volumes: [{name: v, configMap: {name: x, defaultMode: 999}}]"), 14, "0777", "such as 0644"
    ),
    "an address that is none": Wrong(
        with_pod("hostAliases: [{ip: 999.1.1.1, hostnames: [a]}]"), 14, "valid IP", "10.9.8.7"
    ),
    "a probe that must succeed twice": Wrong(
        with_container("livenessProbe: {exec: {command: [a]}, successThreshold: 2}"),
        18,
        "must be 1",
        "write 1",
    ),
    "a probe without an action": Wrong(
        with_container("readinessProbe: {periodSeconds: 1}"), 18, "handler", "exec, httpGet"
    ),
    "a Secret without what its type needs": Wrong(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: kubernetes.io/tls\n",
        1,
        "Required",
        "add tls.crt",
    ),
    "a ConfigMap that is too big": Wrong(
        config_map("metadata: {name: a}\ndata: {a: " + "x" * 1_100_000 + "}"), 1, "Too long", "volume"
    ),
    # Limits and enums
    "a number below zero": Wrong(
        but("replicas: 2", "replicas: -1"), 19, "greater than or equal", "allowed range"
    ),
    "a number that is too big": Wrong(but("replicas: 2", "replicas: 3000000000"), 19, "int32", "2147483647"),
    "a time below zero": Wrong(with_spec("  ttlSecondsAfterFinished: -1"), 6, "greater than", "range"),
    "an unknown operator": Wrong(
        with_spec("  successPolicy: {operator: Most}"), 6, "supported values", "All"
    ),
    "a misspelled action": Wrong(
        with_spec("  failurePolicy: {rules: [{action: RestartJobset}]}"), 6, "Unsupported", "RestartJobSet?"
    ),
    "a missing operator": Wrong(with_spec("  successPolicy: {}"), 6, "Required value", "add operator"),
    "no containers": Wrong(
        but('\n            - name: main\n              image: tool:1\n              command: ["true"]', " ~"),
        14,
        "Required value",
        "add containers",
    ),
    "too many dependencies": Wrong(
        but("replicas: 2", f"dependsOn: [{', '.join(f'{{name: a{n}, status: Ready}}' for n in range(6))}]"),
        19,
        "Too many",
        "remove the items",
    ),
    "a role twice": Wrong(but("name: workers", "name: leader"), 18, "Duplicate value", "rename"),
    "in order, and with dependencies": Wrong(
        but("spec:\n", "spec:\n  startupPolicy: {startupPolicyOrder: InOrder}\n").replace(
            "replicas: 2", "dependsOn: [{name: leader, status: Ready}]"
        ),
        6,
        "mutually exclusive",
        "dependsOn alone",
    ),
    "too many pods": Wrong(
        but("parallelism: 1", "parallelism: 2147483647").replace(
            "- name: leader", "- name: leader\n    replicas: 2"
        ),
        8,
        "product of replicas",
        "lower",
    ),
    "a gated strategy": Wrong(
        with_spec("  failurePolicy: {restartStrategy: InPlaceRestart}"), 6, "feature gate", "another value"
    ),
    # Names
    "a name in capitals": Wrong(but("name: train", "name: Train"), 4, "RFC 1123", "lower-case"),
    "a name that makes long Job names": Wrong(
        but("train", "t" * 60), 7, "job names generated", "characters in all"
    ),
    "a prefix that makes long Job names": Wrong(
        but("name: train", f"generateName: {'t' * 60}-"), 7, "job names generated", "metadata.generateName"
    ),
    "a name that makes long pod names": Wrong(but("train", "t" * 52), 7, "pod names generated", "shorten"),
    "no name": Wrong(but("  name: train", "  labels: {}"), 4, "name or generateName is required", "add name"),
    "a role with dots": Wrong(but("name: workers", "name: work.ers"), 18, "DNS-1035", "lower-case"),
    "a bad subdomain": Wrong(with_spec("  network: {subdomain: a_b}"), 6, "RFC 1123", "lower-case"),
    "a bad label": Wrong(
        but("  name: train", "  name: train\n  labels: {a b: c}"), 5, "name part", "letters"
    ),
    "a bad manager": Wrong(with_spec("  managedBy: me"), 6, "domain-prefixed", "example.com/"),
    "a bad key of a ConfigMap": Wrong(
        config_map("metadata: {name: a}\ndata: {a b: c}"), 4, "config key", "letters"
    ),
    # References
    "a dependency on a later role": Wrong(
        THREE,
        10,
        "cannot depend on",
        "move workers before leader",
    ),
    "a cycle of dependencies": Wrong(
        THREE.replace("replicas: 2", "dependsOn: [{name: leader, status: Ready}]"),
        10,
        "cannot depend on",
        "wait for each other",
    ),
    "a dependency of the first role": Wrong(
        but("- name: leader", "- name: leader\n    dependsOn: [{name: workers, status: Ready}]"),
        8,
        "first ReplicatedJob",
        "behind",
    ),
    "a misspelled dependency": Wrong(
        but("replicas: 2", "dependsOn: [{name: leder, status: Ready}]"),
        19,
        "cannot depend on",
        "did you mean leader",
    ),
    "a role that waits for itself": Wrong(
        but("replicas: 2", "dependsOn: [{name: workers, status: Ready}]"), 19, "waits for itself", "earlier"
    ),
    "a success target that is not there": Wrong(
        with_spec("  successPolicy: {operator: All, targetReplicatedJobs: [boss]}"), 6, "'boss'", "name one"
    ),
    "a coordinator that is not there": Wrong(
        with_spec("  coordinator: {replicatedJob: boss}"), 6, "boss does not exist", "name one"
    ),
    "an unknown failure reason": Wrong(
        with_spec("  failurePolicy: {rules: [{action: FailJobSet, onJobFailureReasons: [Bad]}]}"),
        6,
        "not a recognized",
        "BackoffLimitExceeded",
    ),
    "a claim that nobody mounts": Wrong(
        with_spec("  volumeClaimPolicies: [{templates: [{metadata: {name: data}, spec: {}}]}]"),
        7,
        "matching volumeMount",
        "mount the volume",
    ),
    "a claim with a namespace": Wrong(
        with_spec(
            "  volumeClaimPolicies:\n"
            "  - templates:\n"
            "    - metadata: {name: data}\n"
            "    - metadata: {name: logs, namespace: x}"
        ),
        9,
        "namespace cannot be set",
        "remove the namespace",
    ),
    "an object twice": Wrong(GOOD + "---\n" + GOOD, 32, "there twice", "rename"),
}
