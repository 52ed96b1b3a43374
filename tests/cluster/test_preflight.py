"""`deploytune validate --cluster` at a real API server: admission itself says what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_builders import edited
from builders import a_finished_trial
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.nodes import ACCELERATOR, POOL_LABEL
from clusters.waiting import eventually
from operator_processes import a_document

from deploytune.api.trial import AttemptRecord
from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.outcomes import OutcomeKind
from deploytune.runtime.kube.connection import connect
from deploytune.runtime.kube.objects import build_status, build_trial, read_tuning
from deploytune.runtime.kube.resources import TRIALS, TUNINGS

Document = Mapping[str, Any]
Validate = Callable[..., tuple[int, list[str]]]

TEMPLATE = "spec.trial.podTemplate"


def a_tuning(pool: str = "pool-1", **resources: str) -> dict[str, Any]:
    """A tuning on the pretended nodes of a pool, whose trials take a device."""
    return a_document(
        pools=[
            {
                "name": "gpus",
                "nodeSelector": {POOL_LABEL: pool},
                "resources": {
                    "cpu": "100m",
                    "memory": "64Mi",
                    "accelerators": {ACCELERATOR: 1},
                    **resources,
                },
            }
        ]
    )


@pytest.fixture
def validate(
    cluster: Access,
    namespace: Namespace,
    pretended_pools: Sequence[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Validate:
    """Validates a document for the test's namespace; returns the exit code and what was printed."""
    assert pretended_pools

    def run(document: Document, *options: str, access: Access = cluster) -> tuple[int, list[str]]:
        (tmp_path / "tuning.yaml").write_text(yaml.safe_dump(document))
        where = ("--kubeconfig", str(access.kubeconfig), "--context", access.context)
        named = "--namespace" in options or "namespace" in document["metadata"]
        place = () if named else ("--namespace", namespace.name)
        code = main(["validate", str(tmp_path / "tuning.yaml"), *where, *place, *options])
        printed = capsys.readouterr()
        return code, (printed.out + printed.err).splitlines()

    return run


def findings_in(lines: Sequence[str]) -> list[str]:
    """Return the findings; that the test's trial is not the stock one is none of the cluster's."""
    found = (line for line in lines if line.startswith(("fails: ", "warning: ", "unknown: ")))
    return [line for line in found if "the stock trial" not in line]


ON_NO_NODE = (
    "unknown: spec.trial.image: whether localhost/trial:1 can be pulled shows with the first Pod: "
    "no node of the pools says that it has it"
)

MODELS = "PersistentVolumeClaim models"
NO_KUEUE = "the cluster has no Kueue: the label does nothing"


def test_a_tuning_that_will_run_is_told_its_cost_and_its_nodes(
    validate: Validate, kubectl: Kubectl
) -> None:
    code, lines = validate(a_tuning())
    assert ExitCode.ANSWER == code
    assert [
        (
            "accelerator hours: at most 2.6, by 4 trials and up to 5 confirmations of at most "
            "0.29 h on 1; retries after failures of infrastructure, up to 1 for each trial, come "
            "on top"
        ),
        "accelerator hours expected: unknown, no trial of it is on record here",
        "pool gpus: nodes with its labels: 1",
        ON_NO_NODE,
    ] == lines[-4:]
    assert [] == kubectl.items("pods"), "a Pod was created"


def test_a_tuning_on_record_says_what_its_trials_took(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, validate: Validate
) -> None:
    kubectl.apply(a_tuning())
    asyncio.run(put_on_record(cluster, namespace.name, accelerator_hours=0.1))
    _, lines = validate(a_tuning())
    assert "accelerator hours expected: 0.5, by the mean of the trial on record" in lines


async def put_on_record(cluster: Access, namespace: str, accelerator_hours: float) -> None:
    """Put a feasible trial of the tuning on record that has taken so long."""
    seconds = accelerator_hours * 3600
    trial = a_finished_trial(0, memory=100.0, pool="gpus")
    record = AttemptRecord(
        attempt=0, outcome=OutcomeKind.FEASIBLE, seconds=seconds, accelerator_seconds=seconds
    )
    status = trial.status.replace(attempts=(record,))
    async with connect(cluster.kubeconfig, cluster.context) as api:
        tuning = read_tuning(await api.get(TUNINGS, namespace, "tune"))
        written = await api.create(TRIALS, namespace, build_trial(trial, tuning))
        version = written["metadata"]["resourceVersion"]
        metadata = trial.metadata.replace(resource_version=version)
        await api.apply(TRIALS, namespace, build_status(metadata, status), "status")


def test_everything_that_will_go_wrong_is_told_at_once(validate: Validate) -> None:
    document = edited(
        f"{TEMPLATE}.volumes",
        [
            {"name": "models", "persistentVolumeClaim": {"claimName": "models"}},
            {"name": "settings", "configMap": {"name": "settings"}},
        ],
        edited(f"{TEMPLATE}.priorityClassName", "low", a_tuning("nowhere")),
    )
    labelled = edited(f"{TEMPLATE}.labels", {"kueue.x-k8s.io/queue-name": "gpus"}, document)
    code, lines = validate(edited("spec.workload.credentials", {"secretName": "s3"}, labelled))
    assert ExitCode.BAD_INPUT == code
    volumes = f"fails: {TEMPLATE}.volumes"
    assert [
        f"fails: spec.nodePools[0].nodeSelector: no node has {POOL_LABEL}=nowhere",
        f"{volumes}[0].persistentVolumeClaim.claimName: there is no {MODELS}: the Pod waits for it",
        f"{volumes}[1].configMap.name: there is no ConfigMap settings: the Pod waits for it",
        f"fails: {TEMPLATE}.priorityClassName: there is no PriorityClass low: Pods are refused",
        "fails: spec.workload.credentials.secretName: there is no Secret s3: the Pod waits for it",
        f"warning: {TEMPLATE}.labels[kueue.x-k8s.io/queue-name]: {NO_KUEUE}",
        ON_NO_NODE,
    ] == findings_in(lines)


def test_what_is_there_is_not_told(validate: Validate, kubectl: Kubectl) -> None:
    kubectl.run("create", "secret", "generic", "s3", "--from-literal=KEY=hidden")
    kubectl.run("create", "configmap", "settings", "--from-literal=a=b")
    document = edited("spec.workload.credentials", {"secretName": "s3"}, a_tuning())
    settings = [{"name": "settings", "configMap": {"name": "settings"}}]
    code, lines = validate(edited(f"{TEMPLATE}.volumes", settings, document))
    assert (ExitCode.ANSWER, [ON_NO_NODE]) == (code, findings_in(lines))
    assert "hidden" not in "".join(lines)


def test_a_quota_without_room_is_told_in_the_words_of_admission(
    validate: Validate, kubectl: Kubectl
) -> None:
    kubectl.run("create", "quota", "team", f"--hard=requests.{ACCELERATOR}=0")
    eventually(
        lambda: (kubectl.get("resourcequota", "team") or {}).get("status", {}).get("hard"),
        "a quota that is counted",
    )
    code, lines = validate(a_tuning())
    assert ExitCode.BAD_INPUT == code
    (refused,) = (line for line in lines if line.startswith("fails: "))
    assert refused.startswith("fails: spec.nodePools[0]: its Pods are refused: pods ")
    assert f"exceeded quota: team, requested: requests.{ACCELERATOR}=1" in refused


def test_a_quota_with_room_for_some_is_a_warning(validate: Validate, kubectl: Kubectl) -> None:
    kubectl.run("create", "quota", "team", "--hard=pods=3")
    eventually(
        lambda: (kubectl.get("resourcequota", "team") or {}).get("status", {}).get("hard"),
        "a quota that is counted",
    )
    code, lines = validate(edited("spec.parallelTrials", 4, a_tuning()))
    assert ExitCode.ANSWER == code
    assert (
        "warning: spec.parallelTrials: quota team leaves room for 3 of 4 trials of pool gpus at a "
        "time (pods: 0 of 3 used)"
    ) in lines


def test_a_limit_range_that_is_exceeded_is_told(validate: Validate, kubectl: Kubectl) -> None:
    limits = [{"type": "Container", "max": {"memory": "32Mi"}}]
    kubectl.create(
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "small"},
            "spec": {"limits": limits},
        }
    )

    def refused() -> str | None:
        _, lines = validate(a_tuning())
        return next((line for line in lines if "maximum memory usage per Container" in line), None)

    assert str(eventually(refused, "a limit range that admission knows")).startswith("fails: ")


def test_trials_that_no_node_has_room_for_are_told(validate: Validate) -> None:
    code, lines = validate(a_tuning(cpu="2000"))
    assert ExitCode.BAD_INPUT == code
    assert (
        "fails: spec.nodePools[0].resources: no node has cpu 2000 for a Pod: the most is 1k, on "
        "pretended-pool-1"
    ) in lines


@pytest.mark.parametrize("by_file", [True, False], ids=["in the file", "by an option"])
def test_a_namespace_that_is_not_there_is_told(
    validate: Validate,
    by_file: bool,  # noqa: FBT001 - a row of the table
) -> None:
    elsewhere = edited("metadata.namespace", "nowhere", a_tuning())
    code, lines = validate(elsewhere) if by_file else validate(a_tuning(), "--namespace", "nowhere")
    assert ExitCode.BAD_INPUT == code
    said = 'fails: spec.nodePools[0]: its Pods are refused: namespaces "nowhere" not found'
    assert said in lines


def test_whoever_may_read_nothing_is_told_what_is_unknown(
    cluster: Access, namespace: Namespace, validate: Validate, tmp_path: Path
) -> None:
    nobody = cluster.as_service_account(namespace.name, "default", tmp_path)
    document = edited("spec.workload.credentials", {"secretName": "s3"}, a_tuning())
    code, lines = validate(document, access=nobody)
    assert ExitCode.ANSWER == code
    assert 5 == len(findings_in(lines))
    assert all(line.startswith("unknown: ") for line in findings_in(lines))


def test_an_image_that_a_node_has_is_known(
    cluster: Access, validate: Validate, pretended_pools: Sequence[str]
) -> None:
    image = {"names": ["localhost/trial:1"], "sizeBytes": 1}
    patch = ("patch", "node", pretended_pools[0], "--subresource=status", "--type=merge")
    cluster.kubectl.run(*patch, f"--patch={json.dumps({'status': {'images': [image]}})}")
    try:
        code, lines = validate(a_tuning())
    finally:
        cluster.kubectl.run(*patch, '--patch={"status": {"images": null}}')
    assert ExitCode.ANSWER == code
    assert lines[-1].startswith("nothing was found that would go wrong in namespace test-")
