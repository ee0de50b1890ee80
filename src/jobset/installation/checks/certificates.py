"""Whether API servers believe the certificate that the manager shows."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from jobset.controller.certificates.authority import serving_problem, split_certificates
from jobset.controller.certificates.contents import read_contents
from jobset.controller.serving_certificate import KeyPair
from jobset.installation.checks.unread import told_unread
from jobset.installation.checks.webhooks import expected_hooks, registered_hooks
from jobset.installation.evidence import Evidence, Unread
from jobset.installation.findings import Finding, Verdict
from jobset.installation.objects import MUTATING, VALIDATING

_SOON = timedelta(days=30)


def check_certificates(evidence: Evidence, now: datetime) -> Iterator[Finding]:
    """The certificate in the Secret, as the CA bundle of each webhook sees it."""
    secret, name = evidence.secret, f"the Secret {evidence.namespace}/{evidence.names.secret}"
    if isinstance(secret, Unread):
        yield told_unread("certificates", name, secret)
        return
    server = read_contents(secret).server
    if not server.certificate:
        told = f"{name} holds no certificate yet"
        yield Finding("certificates", Verdict.ERROR, told, "the manager fills it when it runs: see its log")
        return
    dns_name = f"{evidence.names.service}.{evidence.namespace}.svc"
    bundles = _bundles(evidence)
    problems = {hook: _problem(server, bundle, dns_name, now) for hook, bundle in bundles.items()}
    if wrong := {hook: problem for hook, problem in problems.items() if problem}:
        for problem in dict.fromkeys(wrong.values()):
            hooks = ", ".join(hook for hook, found in wrong.items() if found == problem)
            told = f"API servers refuse the certificate in {name} for {hooks}: {problem}"
            yield Finding("certificates", Verdict.ERROR, told, _remedy(evidence))
    elif late := next(
        filter(None, (_problem(server, it, dns_name, now, _SOON) for it in bundles.values())), None
    ):
        yield Finding("certificates", Verdict.WARNING, f"{name}: {late}", _remedy(evidence))
    else:
        told = f"the certificate in {name} is believed by {len(bundles)} webhooks"
        yield Finding("certificates", Verdict.OK, told)


def _bundles(evidence: Evidence) -> Mapping[str, bytes]:
    """By the name of each webhook of ours, whom it believes."""
    found: dict[str, bytes] = {}
    for name, configurations in ((MUTATING, evidence.mutating), (VALIDATING, evidence.validating)):
        if isinstance(configurations, Unread):
            continue
        registered = registered_hooks(configurations, evidence)
        for purpose in expected_hooks(name):
            for _, hook in registered.get(purpose, ()):
                found[hook["name"]] = b64decode(hook["clientConfig"].get("caBundle") or "")
    return found


def _problem(
    server: KeyPair, bundle: bytes, dns_name: str, now: datetime, ahead: timedelta = timedelta()
) -> str | None:
    """Why nobody who has a bundle takes a certificate; the first reason if any of its authorities will do."""
    authorities = split_certificates(bundle)
    if not authorities:
        return "its caBundle holds no certificate"
    problems = [serving_problem(server, each, dns_name, now, ahead) for each in authorities]
    return None if None in problems else problems[0]


def _remedy(evidence: Evidence) -> str:
    configuration = evidence.configuration
    if not isinstance(configuration, Unread) and not configuration.internal_cert_management.enable:
        return "see who makes the certificates, such as cert-manager and its inject-ca-from annotations"
    empty = """--type=json -p='[{"op":"remove","path":"/data"}]'"""
    secret = f"kubectl -n {evidence.namespace} patch secret {evidence.names.secret}"
    return f"a manager that runs mends it in seconds: see its log; to begin anew: {secret} {empty}"
