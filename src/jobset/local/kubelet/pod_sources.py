"""Where one pod's variables and files come from: its own fields, the node, and the objects it refers to."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobset.kube.resources import CONFIG_MAPS, SECRETS
from jobset.local.kubelet.environment import pod_field, resource_field
from jobset.local.kubelet.facts import Object
from jobset.local.kubelet.objects import Objects
from jobset.local.kubelet.pods import all_containers
from jobset.local.kubelet.volumes import local_token, secret_texts

_ENV_FILE_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


@dataclass(slots=True, kw_only=True)
class PodSources:
    """Values for one pod, as they are now."""

    pod: Object
    objects: Objects
    address: str
    host_address: str
    allocatable: Mapping[str, Any]
    volume_paths: Mapping[str, str]
    now: Callable[[], float]

    def config_map(self, name: str) -> Object | None:
        """A ConfigMap of the pod's namespace."""
        return self.objects.get(CONFIG_MAPS, self._namespace, name)

    def secret(self, name: str) -> Object | None:
        """A Secret of the pod's namespace."""
        return self.objects.get(SECRETS, self._namespace, name)

    def secret_data(self, name: str) -> Mapping[str, str] | None:
        """The values of a Secret as text."""
        found = self.secret(name)
        return None if found is None else secret_texts(found)

    def field(self, path: str) -> str:
        """A field of the pod."""
        return pod_field(self.pod, path, self.address, self.host_address)

    def resource(self, container: str, resource: str, divisor: str) -> str:
        """A request or limit of one of the pod's containers."""
        found = next(item for item in all_containers(self.pod) if item["name"] == container)
        return resource_field(found, resource, divisor, self.allocatable)

    def token(self, audience: str, seconds: int) -> str:
        """A token of the pod's service account that means something only in this run."""
        # Rounded, so that a look at the volume does not rewrite it each time.
        expires_at = (int(self.now()) // seconds + 2) * seconds
        return local_token(self.pod, audience, expires_at)

    def file_key(self, volume: str, path: str, key: str) -> str | None:
        """The value of `key` in a file of `KEY=value` lines that an init container wrote."""
        root = self.volume_paths.get(volume)
        if root is None:
            return None
        try:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                matches = [match for line in file if (match := _ENV_FILE_LINE.match(line.rstrip("\n")))]
        except OSError:
            return None
        return next((_unquoted(match[2].strip()) for match in reversed(matches) if match[1] == key), None)

    @property
    def _namespace(self) -> str:
        return str(self.pod["metadata"].get("namespace", ""))


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text
