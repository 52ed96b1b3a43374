"""`deploytune watch` of a cluster whose answers are played."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from builders import a_finished_trial, a_tuning, at
from clusters.access import write_kubeconfig
from played_api_server import Answer as Reply
from played_api_server import play_by_path

from deploytune.api.conditions import Condition, ConditionStatus, ConditionType, Reason
from deploytune.api.tuning import Answer, TuningStatus
from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.models import ContractModel
from deploytune.runtime.kube.resources import PODS, TRIALS, TUNINGS

ENDED = Condition(
    type=ConditionType.FINISHED,
    status=ConditionStatus.TRUE,
    reason=Reason.CONVERGED,
    last_transition_time=at(0).isoformat(),
)
BEST = Answer(trial="tune-0", parameters={"size": 1}, metrics={})
GONE = Reply(404, '{"message": "not found"}')


def an_object(model: ContractModel, version: int, **metadata: Any) -> dict[str, Any]:
    document = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    document["metadata"] |= {"resourceVersion": str(version), **metadata}
    return document


def a_tuning_object(version: int, status: TuningStatus, **metadata: Any) -> dict[str, Any]:
    tuning = a_tuning(max_trials=1, confirmations=0).model_copy(update={"status": status})
    return an_object(tuning, version, uid="u", **metadata)


def a_trial_object(version: int) -> dict[str, Any]:
    return an_object(
        a_finished_trial(0), version, uid="t", ownerReferences=[{"uid": "u", "controller": True}]
    )


def a_list(*items: dict[str, Any]) -> Reply:
    return Reply(body=json.dumps({"items": items, "metadata": {"resourceVersion": "1"}}))


def told(*events: tuple[str, dict[str, Any]]) -> Reply:
    lines = [json.dumps({"type": kind, "object": about}) for kind, about in events]
    return Reply(body="".join(f"{line}\n" for line in lines))


async def watched(folder: Path, tunings: list[Reply], trials: list[Reply]) -> int:
    """Look on until there is nothing more to see; the tuning is gone in the end."""
    answers = {
        TUNINGS.path("ns"): tunings,
        TRIALS.path("ns"): trials,
        PODS.path("ns"): [Reply(403, '{"message": "pods is forbidden"}')] * 2,
        TUNINGS.path("ns", "tune"): [GONE],
    }
    async with play_by_path(answers) as server:
        write_kubeconfig(folder / "kubeconfig", {"server": server}, {"token": "t"})
        place = ["--kubeconfig", str(folder / "kubeconfig"), "--namespace", "ns"]
        return await asyncio.to_thread(main, ["watch", "tune", *place])


async def test_a_tuning_that_is_deleted_as_it_ends_is_told_with_its_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `ttlSecondsAfterFinished: 0` has it."""
    before, after = TuningStatus(), TuningStatus(conditions=(ENDED,), best=BEST)
    ended, trial = a_tuning_object(3, after), a_trial_object(2)
    code = await watched(
        tmp_path,
        [
            a_list(a_tuning_object(1, before)),
            told(("MODIFIED", ended), ("DELETED", a_tuning_object(4, after))),
        ],
        [a_list(), told(("ADDED", trial), ("DELETED", trial))],
    )
    printed = capsys.readouterr().out
    assert ExitCode.ANSWER == code
    assert "1/1 Search   Feasible" in printed
    assert "Run tune-0: size=1" in printed


async def test_a_tuning_that_is_gone_when_its_end_is_looked_at_is_told_as_it_was_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = a_tuning_object(1, TuningStatus(conditions=(ENDED,), best=BEST))
    assert ExitCode.ANSWER == await watched(tmp_path, [a_list(ended)], [a_list(a_trial_object(1))])
    assert "Run tune-0: size=1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "conditions", [pytest.param((), id="while it runs"), pytest.param((ENDED,), id="cancelled")]
)
async def test_a_tuning_that_is_deleted_by_its_user_has_no_answer(
    tmp_path: Path, conditions: tuple[Condition, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    last = a_tuning_object(
        2, TuningStatus(conditions=conditions), deletionTimestamp=at(0).isoformat()
    )
    code = await watched(
        tmp_path,
        [a_list(a_tuning_object(1, TuningStatus())), told(("DELETED", last))],
        [a_list()],
    )
    assert ExitCode.BAD_INPUT == code
    assert "deploytune: the tuning tune was deleted\n" == capsys.readouterr().err
