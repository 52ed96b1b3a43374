"""The examples of node pools, each as a tuning of its pools."""

from __future__ import annotations

from pathlib import Path

import yaml
from api_builders import Document, a_cluster_document, edited

FOLDER = Path(__file__).parents[1] / "operator" / "examples" / "pools"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def a_tuning_on(example: str) -> Document:
    """A tuning whose pools are those of an example."""
    pools = yaml.safe_load((FOLDER / f"{example}.yaml").read_text())
    assert ["nodePools"] == list(pools)
    return edited("spec.nodePools", pools["nodePools"], a_cluster_document())
