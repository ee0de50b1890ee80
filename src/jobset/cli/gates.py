"""Feature gates as people type them: `RestartJob=true,ElasticJobSet=true`."""

import click

from jobset.api.gates import FeatureGates

_FIELDS = {
    "InPlaceRestart": "in_place_restart",
    "RestartJob": "restart_job",
    "ElasticJobSet": "elastic_jobset",
}


def feature_gates(ctx: click.Context, param: click.Parameter, value: str) -> FeatureGates:
    """A click callback: the gates, or a refusal that names those there are."""
    gates = {}
    for part in filter(None, (word.strip() for word in value.split(","))):
        name, _, state = part.partition("=")
        if name not in _FIELDS or state.lower() not in ("true", "false"):
            known = ", ".join(_FIELDS)
            raise click.BadParameter(
                f"{part!r} is not GATE=true or GATE=false; gates are {known}", ctx, param
            )
        gates[_FIELDS[name]] = state.lower() == "true"
    return FeatureGates(**gates)
