"""JobSets as a resource of a real API server, installed as its administrator would."""

from pathlib import Path

from jobset.kube.resources import JOBSETS
from tests.control_plane.processes import ControlPlane

FILE = Path(__file__).parents[2] / "config" / "crd" / "bases" / "jobset.x-k8s.io_jobsets.yaml"


def install_jobset_crd(plane: ControlPlane) -> None:
    """Returns when the API server takes JobSets, from kubectl too."""
    plane.kubectl("apply", "--server-side", "-f", str(FILE))
    plane.until_served(JOBSETS.path())
    # It tells kubectl which kinds there are a moment after it takes them.
    kinds = ("api-resources", f"--api-group={JOBSETS.group}", "-o", "name")
    plane.until(lambda: JOBSETS.plural in plane.kubectl(*kinds, check=False))
