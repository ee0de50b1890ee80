"""`jobset version`: what this is, and what the machine allows."""

import platform

import click

from jobset.cli.options import output_option
from jobset.cli.streams import tell, tell_data

_EPILOG = """\b
Examples:
  jobset version
  jobset version --verbose
  jobset version --output json
"""
KUBERNETES = "1.36"
API = "jobset.x-k8s.io/v1alpha2"


@click.command(epilog=_EPILOG)
@click.option(
    "--verbose", "-v", is_flag=True, help="Also tell which ways this machine has, and why not better ones."
)
@output_option("Form of the answer.")
def version(verbose: bool, output: str) -> None:
    """Tell the version of jobset, of Python, and of the Kubernetes API that it speaks."""
    from jobset._version import __version__

    facts: dict[str, object] = {
        "jobset": __version__,
        "python": platform.python_version(),
        "kubernetes": KUBERNETES,
        "api": API,
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    if verbose:
        from jobset.cli.machine import find_ways

        facts["ways"] = find_ways()
    if output == "json":
        tell_data(facts)
    else:
        tell(render_version(facts))


def render_version(facts: dict[str, object]) -> str:
    """The facts as aligned lines; each way of the machine with its reason."""
    lines = [f"{name + ':':<12} {value}" for name, value in facts.items() if name != "ways"]
    ways = facts.get("ways")
    if isinstance(ways, list):
        lines += ["", "On this machine:"]
        lines += [_way(way) for way in ways]
    return "\n".join(lines)


def _way(way: dict[str, object]) -> str:
    mark = "yes" if way["available"] else "no "
    return f"  {mark}  {way['name']}" + (f": {way['detail']}" if way["detail"] else "")
