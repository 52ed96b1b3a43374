"""A tuning of an image that holds one Go program: the contract is all that it shares with us."""

from __future__ import annotations

from pathlib import Path

import yaml
from clusters.images import Image
from clusters.node_clusters import NodeCluster
from node.operating import an_operated_cluster, until_finished
from project_images import image_settings

EXAMPLE = Path(__file__).parents[2] / "operator/examples/foreign-trial/tuning.yaml"


def test_a_tuning_of_a_foreign_image_finds_its_answer(
    node_cluster: NodeCluster, foreign_image: Image, tmp_path: Path
) -> None:
    tuning = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    tuning["spec"]["trial"]["image"] = foreign_image.reference

    with an_operated_cluster(node_cluster, foreign_image, tmp_path) as operated:
        operated.kubectl.apply(tuning)
        status = until_finished(operated.kubectl, "foreign")

    assert {"Feasible": 3, "Infeasible": 1} == status["outcomes"]
    assert 1 == status["best"]["confirmations"]
    assert status["best"]["parameters"]["blockKib"] < 65536


def test_the_foreign_image_runs_as_a_numbered_user(foreign_image: Image) -> None:
    assert "65532:65532" == image_settings(foreign_image.archive)["User"]
