"""A kubeconfig: clusters, users and contexts, merged from several files as kubectl does."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from jobset.kube.errors import AccessError

T = TypeVar("T")


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """Something that only the program of that name understands."""

    name: str = ""
    extension: Any = None


class Cluster(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """Where an API server is, and how it proves that it is the one."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""
    extensions: tuple[Extension, ...] = ()


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """An environment variable of a plugin."""

    name: str = ""
    value: str = ""


class Exec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A program that prints a credential."""

    api_version: str = ""
    command: str = ""
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class User(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """How we prove who we are, and whom we act for."""

    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    exec: Exec | None = None
    auth_provider: Any = None
    as_user: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    as_user_extra: Mapping[str, tuple[str, ...]] = {}

    def __repr__(self) -> str:
        """Nothing of it: most fields are secret."""
        return "User(...)"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Which user speaks to which cluster, about which namespace."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A named part of a kubeconfig, and the file that it stands in."""

    value: T
    file: Path
    field: str

    def where(self, name: str = "") -> str:
        """The file and field path of one of its settings, to begin an error with."""
        return f"{self.file}: {self.field}{'.' if name else ''}{name}"

    def path(self, given: str) -> Path:
        """A path as the file means it: relative to its own folder."""
        return self.file.parent / given


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What a context stands for."""

    cluster: Entry[Cluster]
    user: Entry[User]
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconfig:
    """The entries of one or more files by their names."""

    files: tuple[Path, ...] = ()
    current_context: str = ""
    clusters: Mapping[str, Entry[Cluster]]
    users: Mapping[str, Entry[User]]
    contexts: Mapping[str, Entry[Context]]

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing at all."""
        return not (self.current_context or self.clusters or self.users or self.contexts)

    def select(self, context: str | None = None) -> Selected:
        """What the named context stands for, or the current one."""
        name = context or self.current_context
        files = ", ".join(str(file) for file in self.files)
        if not name:
            raise AccessError(
                f"{files}: current-context is not set: set it, or name a context{_known(self.contexts)}"
            )
        if name not in self.contexts:
            raise AccessError(f'{files}: there is no context "{name}"{_known(self.contexts)}')
        chosen = self.contexts[name]
        return Selected(
            cluster=_referred(chosen, "cluster", chosen.value.cluster, self.clusters),
            # A context without a user speaks as nobody.
            user=_referred(chosen, "user", chosen.value.user, self.users)
            if chosen.value.user
            else Entry(User(), chosen.file, f"{chosen.field}.user"),
            namespace=chosen.value.namespace or "default",
        )


def parse_kubeconfig(text: str, file: Path) -> Kubeconfig:
    """The kubeconfig that a text holds; what it does not know, it passes over."""
    raw = _without_null(_parse_yaml(text, file))
    try:
        content = msgspec.convert({} if raw is None else raw, _File)
    except msgspec.ValidationError as error:
        raise AccessError(f"{file}: {_type_problem(error)}") from None
    if content.kind not in ("", "Config") or content.api_version not in ("", "v1"):
        raise AccessError(
            f'{file}: apiVersion "{content.api_version}" and kind "{content.kind}": '
            "those of a kubeconfig are v1 and Config"
        )
    return Kubeconfig(
        files=(file,),
        current_context=content.current_context,
        clusters=_by_name(file, "clusters", "cluster", content.clusters),
        users=_by_name(file, "users", "user", content.users),
        contexts=_by_name(file, "contexts", "context", content.contexts),
    )


def merge(configs: Iterable[Kubeconfig]) -> Kubeconfig:
    """All entries; where two have one name, and for the current context, the first file wins."""
    last_first = tuple(configs)[::-1]
    return Kubeconfig(
        files=tuple(file for config in reversed(last_first) for file in config.files),
        current_context=next((it.current_context for it in reversed(last_first) if it.current_context), ""),
        clusters={name: entry for it in last_first for name, entry in it.clusters.items()},
        users={name: entry for it in last_first for name, entry in it.users.items()},
        contexts={name: entry for it in last_first for name, entry in it.contexts.items()},
    )


def read_kubeconfig(file: Path) -> Kubeconfig:
    """The kubeconfig in a file."""
    try:
        return parse_kubeconfig(file.read_text(encoding="utf-8"), file)
    except OSError as error:
        raise AccessError(f"cannot read the kubeconfig {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise AccessError(f"{file}: is not UTF-8 text, so it is no kubeconfig") from None


def read_kubeconfigs(files: Iterable[Path]) -> Kubeconfig:
    """The files merged; those that do not exist are passed over."""
    return merge(read_kubeconfig(file) for file in dict.fromkeys(files) if os.path.exists(file))


class _NamedCluster(msgspec.Struct, frozen=True):
    name: str = ""
    cluster: Cluster = Cluster()


class _NamedUser(msgspec.Struct, frozen=True):
    name: str = ""
    user: User = User()


class _NamedContext(msgspec.Struct, frozen=True):
    name: str = ""
    context: Context = Context()


class _File(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    api_version: str = msgspec.field(default="", name="apiVersion")
    kind: str = ""
    current_context: str = ""
    clusters: tuple[_NamedCluster, ...] = ()
    users: tuple[_NamedUser, ...] = ()
    contexts: tuple[_NamedContext, ...] = ()


def _by_name(file: Path, plural: str, single: str, named: Iterable[Any]) -> dict[str, Entry[Any]]:
    entries: dict[str, Entry[Any]] = {}
    for item in named:
        if item.name in entries:
            raise AccessError(f'{file}: {plural}: the name "{item.name}" occurs twice: keep one of them')
        entries[item.name] = Entry(getattr(item, single), file, f"{plural}[{item.name}].{single}")
    return entries


def _referred(context: Entry[Context], kind: str, name: str, entries: Mapping[str, Entry[T]]) -> Entry[T]:
    if name not in entries:
        raise AccessError(f'{context.where(kind)}: there is no {kind} "{name}"{_known(entries)}')
    return entries[name]


def _known(entries: Mapping[str, object]) -> str:
    return f" ({', '.join(sorted(entries))})" if entries else " (there are none)"


@cache
def _loader() -> type:
    import yaml  # here, because most commands read no kubeconfig

    class Loader(yaml.CSafeLoader):
        """Scalars as kubectl takes them: a date is text."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, shape) for tag, shape in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


def _parse_yaml(text: str, file: Path) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except yaml.MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise AccessError(f"{file}: {place}is not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise AccessError(f"{file}: is not YAML: {error}") from None


def _without_null(value: Any) -> Any:
    """Null is as good as absent; extensions stay as they are, for a plugin may get them."""
    match value:
        case dict():
            return {
                name: item if name == "extensions" else _without_null(item)
                for name, item in value.items()
                if item is not None
            }
        case list():
            return [_without_null(item) for item in value]
        case _:
            return value


_WORDS = {
    "`str`": "text",
    "`int`": "a number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`object`": "a mapping",
    "`array`": "a list",
}
_QUOTES = re.compile("expected text, got (a number|true or false)", re.IGNORECASE)


def _type_problem(error: msgspec.ValidationError) -> str:
    problem, _, path = str(error).partition(" - at `$")
    for word, plain in _WORDS.items():
        problem = problem.replace(word, plain)
    if _QUOTES.fullmatch(problem):
        problem += ": put it in quotes"
    path = path.strip("`.")
    return f"{path}: {problem[0].lower()}{problem[1:]}" if path else f"a kubeconfig is a mapping: {problem}"
