"""The configuration of the manager as it is written down: a file, or the ConfigMap behind it."""

from jobset.controller.configuration import Configuration, ConfigurationError
from jobset.controller.configuring.reading import read_configuration
from jobset.manifests.yaml import load_text


def read_configuration_text(text: str, name: str) -> Configuration:
    """The configuration in a text of YAML or JSON; one without a word in it has all defaults.

    Raises:
        ConfigurationError: it is wrong; `name` says what is.
    """
    if all(line.lstrip()[:1] in ("", "#") or line.rstrip() == "---" for line in text.splitlines()):
        return Configuration()
    read = load_text(text, name)
    if read.problems:
        raise ConfigurationError([f"{it.place}: {it.message} ({it.remedy})" for it in read.problems])
    values = [document.value for document in read.documents]
    if len(values) != 1 or not isinstance(values[0], dict):
        raise ConfigurationError([f"{name} must hold one mapping, the configuration"])
    return read_configuration(values[0])
