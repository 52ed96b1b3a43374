"""Records how a real kubelet describes a Pod: `PYTHONPATH=tests python tests/node/record_pods.py`.

Arguments are names of cases, none for all. Each case is brought about on a cluster made for it, and
its Pod is written to tests/unit/state/recorded_pods, without what belongs to the machine.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clusters.binaries import KUBERNETES
from clusters.images import REGISTRY
from clusters.namespaces import new_namespace
from clusters.node_clusters import NodeCluster, own_node_cluster
from clusters.programs import ClusterSetUpError
from pod_cases.cases import CASES
from pod_cases.scene import PodCase, Scene

RECORDINGS = Path(__file__).parents[1] / "unit" / "state" / "recorded_pods"
COMMAND = "PYTHONPATH=tests python tests/node/record_pods.py"
OF_THE_MACHINE = frozenset(
    {"hostIP", "hostIPs", "podIP", "podIPs", "containerID", "resourceVersion", "fieldsV1"}
)


def main(names: list[str]) -> int:
    """Record the cases; return how many could not be."""
    failures = 0
    with own_node_cluster() as cluster:
        for name in names or CASES:
            try:
                recording = record(cluster, name, CASES[name])
            except (AssertionError, ClusterSetUpError):  # the other cases are worth having
                traceback.print_exc()
                failures += 1
                continue
            path = RECORDINGS / f"{name}.json"
            path.write_text(json.dumps(recording, indent=1, sort_keys=True) + "\n")
            sys.stdout.write(f"{path.name}\n")
            sys.stdout.flush()
    return failures


def record(cluster: NodeCluster, name: str, play: PodCase) -> dict[str, Any]:
    """Bring a case about and return its Pod as the API server shows it then."""
    with new_namespace(cluster.control_plane.access) as namespace:
        scene = Scene(cluster, namespace.kubectl)
        try:
            pod = play(scene)
            read_at = datetime.now(UTC).isoformat(timespec="seconds")
            warnings = scene.warnings()
        finally:
            scene.clear()
    recording = {
        "recorded_by": f"{COMMAND} {name}",
        "kubernetes": KUBERNETES,
        "read_at": read_at,
        "pod": _without(pod),
        "warnings": warnings,
    }
    text = json.dumps(recording)
    for ours, neutral in _names_of_the_machine(cluster, namespace.name).items():
        text = text.replace(ours, neutral)
    neutral_recording: dict[str, Any] = json.loads(text)
    return neutral_recording


def _without(value: Any) -> Any:
    """Leave out what belongs to the machine, and who wrote which field but for the scheduler."""
    if isinstance(value, Mapping):
        return {key: _without(each) for key, each in value.items() if key not in OF_THE_MACHINE}
    if isinstance(value, list):
        return [_without(each) for each in value if not _is_another_writer(each)]
    return value


def _is_another_writer(value: Any) -> bool:
    if not isinstance(value, Mapping) or "fieldsV1" not in value:
        return False
    return value.get("manager") != "kube-scheduler"


def _names_of_the_machine(cluster: NodeCluster, namespace: str) -> dict[str, str]:
    nodes = {node.name: f"node-{number}" for number, node in enumerate(cluster.nodes, 1)}
    state = str(cluster.control_plane.state)
    return {namespace: "tests", f"{REGISTRY}/": "", state: "/cluster", **nodes}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
