"""What the query of a write asks for."""

from collections.abc import Mapping

from jobset.admission.field_errors import FieldError, forbidden, invalid, not_supported, too_long
from jobset.local import statuses
from jobset.local.kinds.checks import Problems
from jobset.local.writes import Options

_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_LONGEST_MANAGER = 128


def read_options(query: Mapping[str, str], kind: str) -> Options:
    """The options of a create, update or patch; `kind` is how a refusal calls them.

    Raises:
        Invalid: an option has a value that is not known.
    """
    errors: list[FieldError] = []
    dry_run, validation = query.get("dryRun", ""), query.get("fieldValidation", "")
    if dry_run and dry_run != "All":
        errors.append(not_supported("dryRun", [dry_run], ["All"]))
    if kind == "PatchOptions" and "force" in query:
        errors.append(forbidden("force", "may not be specified for non-apply patch"))
    errors += _manager(query.get("fieldManager", ""))
    if validation not in _VALIDATIONS:
        errors.append(not_supported("fieldValidation", validation, _VALIDATIONS))
    if errors:
        raise statuses.invalid_options(kind, errors)
    return Options(dry_run=bool(dry_run), field_validation=validation or "Warn")


def _manager(name: str) -> Problems:
    if len(name.encode()) > _LONGEST_MANAGER:
        yield too_long("fieldManager", _LONGEST_MANAGER)
    for position, letter in enumerate(name):
        if not letter.isprintable():
            words = f"invalid character U+{ord(letter):04X} (at position {position})"
            yield invalid("fieldManager", name, words)
