"""Kubeconfigs for tests, and what a process that reads them was started with."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jobset.kube.surroundings import Surroundings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def a_kubeconfig(
    cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """One context, "here", for user "alice" at cluster "lab"."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "lab", "cluster": {"server": "https://lab:6443", **(cluster or {})}}],
        "users": [{"name": "alice", "user": user or {}}],
        "contexts": [{"name": "here", "context": {"cluster": "lab", "user": "alice"}}],
        **changes,
    }


def named(name: str, server: str) -> dict[str, Any]:
    """A kubeconfig whose context, cluster and user all have that name."""
    return a_kubeconfig(
        clusters=[{"name": name, "cluster": {"server": server}}],
        users=[{"name": name, "user": {"token": f"token-of-{name}"}}],
        contexts=[{"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}],
        **{"current-context": name},
    )


def written(path: Path, content: dict[str, Any] | str) -> str:
    """The path of a file with that content; JSON is YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def surroundings(folder: Path, environ: dict[str, str] | None = None, **changes: Any) -> Surroundings:
    """A process in a world that is that folder: home and service account are below it."""
    given: dict[str, Any] = {
        "environ": {"PATH": "/usr/bin:/bin", **(environ or {})},
        "home": folder / "home",
        "service_account": folder / "serviceaccount",
        "clock": HandClock(),
    }
    return Surroundings(**(given | changes))


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
