"""Maps of resource names to quantities: written canonically, rounded as a server rounds them."""

from collections.abc import Mapping
from typing import Any

from jobset.api.quantity import canonical, parse_quantity
from jobset.local.kinds.sharing import changed


def canonical_quantity(value: Any) -> Any:
    """A quantity as a server writes it back; what is no quantity stays for validation to refuse."""
    try:
        return value if (text := canonical(value)) == value else text
    except (ValueError, TypeError):
        return value


def rounded_quantity(value: Any) -> Any:
    """A quantity rounded up to thousandths, as pods' resources are kept."""
    try:
        text = str(parse_quantity(value).round_up_to_milli())
    except (ValueError, TypeError):
        return value
    return value if text == value else text


def rounded_list(resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """A resource list of a container or claim."""
    new = {name: rounded_quantity(value) for name, value in resources.items()}
    return resources if new == resources else new


def canonical_list(resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """A resource list that is not rounded, such as the capacity of a node."""
    new = {name: canonical_quantity(value) for name, value in resources.items()}
    return resources if new == resources else new


def rounded_requirements(requirements: Mapping[str, Any]) -> Mapping[str, Any]:
    """Limits and requests of a container, pod or claim."""
    return changed(requirements, {"limits": rounded_list, "requests": rounded_list})
