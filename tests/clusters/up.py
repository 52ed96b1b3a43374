"""A cluster to work with by hand: python -m clusters.up [--nodes N] [--pretend] STATE_DIR.

It stays until `clusters.down`. Without nodes there is the control plane alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from clusters.binaries import binaries
from clusters.control_plane import ControlPlane, Ports
from clusters.kwok import start_pretended_nodes
from clusters.node_clusters import start_nodes
from clusters.removal import mark
from clusters.requirements import CONTROL_PLANE, NODES, why_not


def main(arguments: Sequence[str]) -> int:
    """Bring a cluster up and say how to reach it."""
    options = _options(arguments)
    lack = why_not(NODES if options.nodes else CONTROL_PLANE)
    if options.state.exists():
        lack = f"{options.state} exists already"
    if lack:
        sys.stderr.write(f"{lack}\n")
        return 1
    options.state.mkdir(parents=True)
    state = options.state.resolve()
    mark(state)
    control_plane = ControlPlane(state, binaries(), options.ports)
    control_plane.start()
    if options.nodes:
        start_nodes(control_plane, options.nodes)
    if options.pretend:
        start_pretended_nodes(control_plane)
    sys.stdout.write(f"export KUBECONFIG={control_plane.access.kubeconfig}\n")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m clusters.up", description=__doc__)
    parser.add_argument("--nodes", type=int, default=0, help="real nodes, each in a pool: root")
    parser.add_argument("--pretend", action="store_true", help="nodes that only pretend, by kwok")
    parser.add_argument("--port", type=int, help="of the API server; a free one by default")
    parser.add_argument("state", type=Path, help="a folder that does not exist yet")
    options = parser.parse_args(arguments)
    options.ports = Ports() if options.port is None else Ports(api_server=options.port)
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
