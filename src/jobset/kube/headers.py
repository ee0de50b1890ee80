"""Headers that say who we are, and whom we act for."""

import base64
import re
from urllib.parse import quote

from jobset.kube.errors import AccessError
from jobset.kube.kubeconfig import Entry, User

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
# What a header name may have, percent signs apart: the rest of a key is escaped with them.
_NAME_CHARACTERS = "!#$&'*+-.^_`|~"


def bearer(token: str, where: str) -> str:
    """The Authorization header for a token."""
    token = token.strip()
    if not _PRINTABLE.fullmatch(token):
        raise AccessError(f"{where}: a token is one line of printable ASCII characters without blanks")
    return f"Bearer {token}"


def basic(username: str, password: str) -> str:
    """The Authorization header for a user name and a password."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def impersonation_headers(entry: Entry[User]) -> tuple[tuple[str, str], ...]:
    """The headers that make the server take us for somebody else, none when the user acts for nobody."""
    user = entry.value
    if not user.as_user:
        if user.as_uid or user.as_groups or user.as_user_extra:
            raise AccessError(
                f"{entry.where('as')}: as-uid, as-groups and as-user-extra need the user to act as"
            )
        return ()
    headers = [("Impersonate-User", user.as_user)]
    headers += [("Impersonate-Uid", user.as_uid)] if user.as_uid else []
    headers += [("Impersonate-Group", group) for group in user.as_groups]
    headers += [
        (f"Impersonate-Extra-{quote(key, safe=_NAME_CHARACTERS)}", value)
        for key, values in sorted(user.as_user_extra.items())
        for value in values
    ]
    for name, value in headers:
        if not value.isprintable():
            raise AccessError(f"{entry.where()}: the value for {name} has characters that no header may have")
    return tuple(headers)
