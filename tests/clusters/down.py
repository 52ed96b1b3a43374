"""Removes the cluster of `clusters.up`: python -m clusters.down STATE_DIR."""

from __future__ import annotations

import sys
from pathlib import Path

from clusters.programs import ClusterSetUpError
from clusters.removal import remove_cluster


def main(arguments: list[str]) -> int:
    """Remove the cluster in the named folder."""
    [folder] = arguments
    try:
        remove_cluster(Path(folder).resolve())
    except ClusterSetUpError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
