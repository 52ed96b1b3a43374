from __future__ import annotations

import json
from typing import Any

import pytest
from builders import a_finished_trial, a_trial, a_tuning, the_parameters

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning, Metadata, TuningStatus
from deploytune.contract.errors import ClusterError, InvalidTuningError
from deploytune.contract.stages import Stage
from deploytune.runtime.kube.objects import (
    build_status,
    build_trial,
    owner_uid,
    read_trial,
    read_tuning,
)

TUNING = a_tuning(metadata={"uid": "tuning-uid"})


def as_stored(model: TuningTrial | DeploymentTuning) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(model.to_json())
    return document


def test_a_trial_is_read_as_it_was_written() -> None:
    trial = a_finished_trial()
    assert trial == read_trial(as_stored(trial), TUNING)


def test_a_new_trial_is_owned_by_its_tuning_and_has_no_status() -> None:
    built = build_trial(a_finished_trial(), TUNING)
    assert "tuning-uid" == owner_uid(built)
    assert "status" not in built
    assert "0" == built["metadata"]["labels"]["deploytune.dev/trial-index"]


def test_an_object_without_a_controller_has_no_owner() -> None:
    references = [{"uid": "other", "kind": "ConfigMap"}]
    assert None is owner_uid({"metadata": {"ownerReferences": references}})
    assert None is owner_uid({"metadata": {}})


def test_a_float_that_the_api_server_keeps_as_an_integer_is_a_float_again() -> None:
    share = {"name": "share", "type": "Float", "min": 0, "max": 4, "default": 2.0}
    tuning = a_tuning(parameters=[*the_parameters(), share])
    trial = a_trial(parameters={"share": 2, "size": 3, "kind": "measure"})
    read = read_trial(as_stored(trial), tuning).spec.parameters
    assert '{"share": 2.0, "size": 3, "kind": "measure"}' == json.dumps(read)


def test_what_a_newer_version_put_into_a_status_is_left_out() -> None:
    document = as_stored(a_finished_trial())
    newer = {
        "cause": "SomethingNew",
        "newField": 1,
        "stageSeconds": {"Serve": 1.0, "SomethingNew": 2.0},
    }
    document["status"] |= newer
    status = read_trial(document, TUNING).status
    assert (None, {Stage.SERVE: 1.0}) == (status.cause, status.stage_seconds)
    assert a_finished_trial().status.outcome == status.outcome


def test_a_trial_whose_outcome_is_not_known_cannot_be_read() -> None:
    document = as_stored(a_finished_trial())
    document["status"]["outcome"] = "SomethingNew"
    with pytest.raises(ClusterError, match=r"TuningTrial tune-0 cannot be read: status\.outcome"):
        read_trial(document, TUNING)


def test_a_tuning_is_read_strictly_but_for_its_status() -> None:
    document = as_stored(a_tuning())
    document["status"] = {"trials": 3, "newField": {"a": 1}}
    assert TuningStatus(trials=3) == read_tuning(document).status
    document["spec"]["newField"] = 1
    with pytest.raises(InvalidTuningError, match=r"spec\.newField: is not a known field"):
        read_tuning(document)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("7", {"name": "tune", "resourceVersion": "7"}), (None, {"name": "tune"})],
)
def test_a_status_is_written_on_what_was_read(
    version: str | None, expected: dict[str, str]
) -> None:
    metadata = Metadata(name="tune", resource_version=version)
    body = build_status(metadata, TuningStatus(trials=1))
    assert expected == body["metadata"]
    assert 1 == body["status"]["trials"]
