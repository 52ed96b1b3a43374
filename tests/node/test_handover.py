"""A winner that is handed over as a Deployment builds itself on a real node, and answers."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_builders import edited, parsed
from builders import a_finished_trial
from clusters.images import Image
from clusters.kubectl import Kubectl
from handover_builders import an_answered
from pod_builders import digits_tuning

from deploytune.report.handover.deployments import deployment_of, job_of, service_of
from deploytune.report.handover.serving_pods import Served, served
from deploytune.report.handover.winners import winner_of

MLP = {"model": "mlp", "precision": "fp32", "instances": 1, "intraOpThreads": 1, "maxBatchSize": 1}
LONGEST_SECONDS = 240
ASK = textwrap.dedent(
    """
    import json, socket, urllib.request
    address = f"http://{socket.gethostbyname(socket.gethostname())}:8000/v2/models/mlp"
    with urllib.request.urlopen(address) as answer:
        (asked,) = json.load(answer)["inputs"]
    shape = [1, *asked["shape"][1:]]
    count = 1
    for size in shape:
        count *= size
    sample = {"name": asked["name"], "shape": shape, "datatype": "FP32", "data": [0.5] * count}
    body = json.dumps({"inputs": [sample]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{address}/infer", body)) as answer:
        print(answer.read().decode())
    """
)


@pytest.fixture
def claim(digits: Kubectl, tmp_path: Path) -> Iterator[str]:
    """A claim in the test's namespace on a volume that whoever runs there may write to."""
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o777)
    name = f"models-{digits.namespace}"
    size = {"storage": "1Gi"}
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    place = {"hostPath": {"path": str(volume)}, "capacity": size}
    digits.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {**common, **place},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models"},
            "spec": {**common, "volumeName": name, "resources": {"requests": size}},
        },
    )
    yield "models"
    digits.run("delete", "pv", name, "--wait=false")


def the_winner(kubectl: Kubectl, image: Image, claim: str | None = None) -> Served:
    """The digits example's tuning as if it had found a small network."""
    tuning = parsed(edited("metadata.namespace", kubectl.namespace, digits_tuning()))
    best = a_finished_trial(1, name="digits", pool="pool-1", parameters=MLP)
    winner = winner_of(an_answered(tuning, best), provisional=False)
    return served(winner, None, image.reference, claim)


@pytest.mark.timeout(LONGEST_SECONDS + 60, func_only=True)
def test_a_deployment_builds_its_repository_and_answers_a_request(
    trial_image: Image, digits: Kubectl
) -> None:
    winner = the_winner(digits, trial_image)
    digits.apply(deployment_of(winner, 1), service_of(winner))
    assert_it_answers(digits)
    slices = digits.items("endpointslices", "--selector=kubernetes.io/service-name=digits")
    assert [[True]] == [[each["conditions"]["ready"] for each in s["endpoints"]] for s in slices]


@pytest.mark.timeout(2 * LONGEST_SECONDS, func_only=True)
def test_a_job_builds_it_onto_a_volume_and_a_deployment_serves_it_from_there(
    trial_image: Image, digits: Kubectl, claim: str, tmp_path: Path
) -> None:
    winner = the_winner(digits, trial_image, claim)
    digits.apply(job_of(winner))
    digits.wait("job/digits-repository", "condition=Complete", LONGEST_SECONDS)
    assert (tmp_path / "volume" / "digits" / "mlp" / "config.pbtxt").exists()

    digits.apply(deployment_of(winner, 1))
    assert_it_answers(digits)


def assert_it_answers(kubectl: Kubectl) -> None:
    ready = kubectl.attempt(
        *("rollout", "status", "deployment/digits", f"--timeout={LONGEST_SECONDS}s"),
        seconds=LONGEST_SECONDS + 30,
    )
    told = kubectl.attempt("logs", "deployment/digits", "--all-containers", "--tail=30")
    assert 0 == ready.returncode, f"{ready.stderr}\n{told.stdout}"
    answer = json.loads(
        kubectl.run("exec", "deployment/digits", "-c", "triton", "--", "python", "-c", ASK)
    )
    (output, *_) = answer["outputs"]
    assert 1 == output["shape"][0]
    assert len(output["data"]) == output["shape"][-1]
