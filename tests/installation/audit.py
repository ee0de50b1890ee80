"""What an account asked of a control plane that writes every request down, and what was refused."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.control_plane.processes import ControlPlane
from tests.installation.test_permissions import Right


def used(plane: ControlPlane, account: str) -> set[Right]:
    """The rights that an account made use of."""
    return {_right_of(request) for request in requests(plane, account)}


def refused(plane: ControlPlane, account: str) -> list[str]:
    """What an account may not do, and tried."""
    found = requests(plane, account)
    return [it["requestURI"] for it in found if it["responseStatus"]["code"] in (401, 403)]


def roles(plane: ControlPlane, account: str, resource: str = "") -> set[str]:
    """The roles by which an account was let in, or by which it was to a kind of resources."""
    reasons = [
        it["annotations"]["authorization.k8s.io/reason"]
        for it in requests(plane, account)
        if resource in ("", it["objectRef"]["resource"])
    ]
    return {name for reason in reasons for name in re.findall(r'Role "(.*?)"', reason)}


def requests(plane: ControlPlane, account: str) -> list[dict[str, Any]]:
    """What an account asked about resources so far."""
    lines = (plane.folder / "audit.log").read_text().rpartition("\n")[0].splitlines()
    return [it for it in map(json.loads, lines) if it["user"]["username"] == account and "objectRef" in it]


def _right_of(request: Mapping[str, Any]) -> Right:
    about = request["objectRef"]
    resource = "/".join(about[part] for part in ("resource", "subresource") if part in about)
    return about.get("apiGroup", ""), resource, request["verb"]
