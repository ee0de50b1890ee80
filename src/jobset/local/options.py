"""What the query of a write asks for."""

from collections.abc import Mapping

from jobset.admission.field_errors import FieldError, not_supported
from jobset.local import statuses
from jobset.local.writes import Options

_VALIDATIONS = ("Ignore", "Strict", "Warn")


def read_options(query: Mapping[str, str], kind: str) -> Options:
    """The options of a create, update or patch; `kind` is how a refusal calls them.

    Raises:
        Invalid: an option has a value that is not known.
    """
    errors: list[FieldError] = []
    dry_run, validation = query.get("dryRun", ""), query.get("fieldValidation", "")
    if dry_run and dry_run != "All":
        errors.append(not_supported("dryRun", [dry_run], ["All"]))
    if validation and validation not in _VALIDATIONS:
        errors.append(not_supported("fieldValidation", validation, list(_VALIDATIONS)))
    if errors:
        raise statuses.invalid_options(kind, errors)
    return Options(dry_run=bool(dry_run), field_validation=validation or "Warn")
