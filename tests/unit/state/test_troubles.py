"""What is to be mended: shown, closing its pool, and gone by itself."""

from __future__ import annotations

from typing import Any

import pytest
from builders import (
    a_finished_trial,
    a_place,
    a_report,
    a_trial,
    a_tuning,
    a_wait,
    a_world,
    an_attempt,
    an_ending,
    at,
)

from deploytune.api.trial import AttemptRecord, TrialStatusRecord, TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.decide import Decision, decide
from deploytune.state.pods.template import template_digest
from deploytune.state.timestamps import to_timestamp
from deploytune.state.world import Refusal, WaitKind

POOLS = [{"name": "a"}, {"name": "b"}]
NOT_MENDED = "0" * 16


def _in_cluster(tuning: DeploymentTuning | None = None, *args: Any, **fields: Any) -> Decision:
    return decide(a_world(tuning, *args, waits_for_mending=True, **fields))


def _degraded(decision: Decision) -> tuple[str, str, str]:
    condition = next(c for c in decision.status.conditions if c.type == "Degraded")
    return condition.status.value, condition.reason, condition.message


def a_misconfigured_trial(template: str = NOT_MENDED, times: int = 1) -> TuningTrial:
    records = tuple(
        AttemptRecord(
            attempt=number,
            outcome=OutcomeKind.MISCONFIGURED,
            cause=Cause.BAD_WORKLOAD,
            message="no such file",
            end_time=to_timestamp(at(number)),
            template=template,
        )
        for number in range(times)
    )
    return a_trial().model_copy(update={"status": TrialStatusRecord(attempts=records)})


@pytest.mark.parametrize(
    ("kind", "patience_seconds", "reason"),
    [
        (WaitKind.UNSCHEDULABLE, 1800, "PodUnschedulable"),
        (WaitKind.IMAGE, 20, "ImageUnavailable"),
        (WaitKind.CONTAINER_CONFIG, 20, "ContainerNotCreated"),
        (WaitKind.VOLUME, 20, "VolumeNotMounted"),
    ],
)
def test_a_wait_degrades_once_its_patience_has_run_out(
    kind: WaitKind, patience_seconds: int, reason: str
) -> None:
    attempts = [an_attempt(wait=a_wait(kind, "why"), place=a_place())]
    early = _in_cluster(None, [a_trial()], attempts, now=patience_seconds - 1)
    late = _in_cluster(None, [a_trial()], attempts, now=patience_seconds)
    assert ("False", "AsExpected", "") == _degraded(early)
    assert 1.0 == early.wake_after_seconds
    assert ("True", reason, "Pod tune-0-0 of pool local: why") == _degraded(late)


def test_a_gated_pod_is_replaced_when_its_template_was_mended() -> None:
    place = a_place(node=None, template=NOT_MENDED)
    attempts = [an_attempt(wait=a_wait(WaitKind.GATED), place=place)]
    assert 1 == len(_in_cluster(None, [a_trial()], attempts, now=1.0).ends)


@pytest.mark.parametrize("kind", [WaitKind.GATED, WaitKind.STARTING])
def test_a_gate_and_a_start_never_degrade(kind: WaitKind) -> None:
    attempts = [an_attempt(wait=a_wait(kind), place=a_place())]
    assert ("False", "AsExpected", "") == _degraded(
        _in_cluster(None, [a_trial()], attempts, now=1e6)
    )


def test_a_waiting_pod_is_never_recreated_because_it_waits() -> None:
    attempts = [an_attempt(wait=a_wait(), place=a_place(node=None))]
    decision = _in_cluster(None, [a_trial()], attempts, now=1e6)
    assert ((), (), ()) == (decision.ends, decision.starts, decision.creations)


def test_a_pool_in_trouble_is_given_no_more_trials_and_others_are() -> None:
    tuning = a_tuning(pools=POOLS, parallel_trials=4, max_trials=8)
    attempts = [an_attempt(wait=a_wait(WaitKind.IMAGE), place=a_place())]
    decision = _in_cluster(tuning, [a_trial(pool="a")], attempts, now=100.0)
    assert {"b"} == {trial.spec.pool for trial in decision.creations}
    assert 3 == len(decision.creations)


def test_a_trial_that_cannot_start_does_not_keep_other_pools_from_theirs() -> None:
    tuning = a_tuning(pools=POOLS, parallel_trials=1, max_trials=8)
    waiting = [an_attempt(wait=a_wait(WaitKind.IMAGE), place=a_place(node=None))]
    decision = _in_cluster(tuning, [a_trial(pool="b")], waiting, now=100.0)
    assert ["a"] == [trial.spec.pool for trial in decision.creations]
    assert [1] == [request.index for request in decision.starts]


def test_a_pod_on_a_node_keeps_its_place_whatever_it_waits_for() -> None:
    tuning = a_tuning(pools=POOLS, parallel_trials=1, max_trials=8)
    waiting = [an_attempt(wait=a_wait(WaitKind.IMAGE), place=a_place())]
    assert () == _in_cluster(tuning, [a_trial(pool="b")], waiting, now=100.0).creations


def test_a_wait_that_ends_clears_the_condition() -> None:
    attempt = an_attempt(wait=a_wait(WaitKind.IMAGE), place=a_place())
    degraded = _in_cluster(None, [a_trial()], [attempt], now=100.0)
    tuning = a_tuning().model_copy(update={"status": degraded.status})
    running = [an_attempt(place=a_place())]
    assert "False" == _degraded(_in_cluster(tuning, [a_trial()], running, now=101.0))[0]


def test_a_refusal_degrades_and_is_tried_again_after_a_pause() -> None:
    refusal = Refusal("local", "exceeded quota", at(100))
    early = _in_cluster(None, [a_trial()], refusals=(refusal,), now=104.0)
    late = _in_cluster(None, [a_trial()], refusals=(refusal,), now=105.0)
    expected = ("True", "PodRefused", "Pods of pool local are refused: exceeded quota")
    assert expected == _degraded(early) == _degraded(late)
    assert ((), 1.0) == (early.starts, early.wake_after_seconds)
    assert [0] == [request.index for request in late.starts]


def test_a_refusal_that_lasts_for_days_is_still_tried_every_two_minutes() -> None:
    refusal = Refusal("local", "exceeded quota", at(0), times=10_000)
    assert 20.0 == _in_cluster(None, [a_trial()], refusals=(refusal,), now=100.0).wake_after_seconds


def test_a_misconfigured_trial_waits_for_its_user_and_is_charged_nothing() -> None:
    same = template_digest(a_tuning(), "local")
    decision = _in_cluster(None, [a_misconfigured_trial(same)], now=10.0)
    assert ("True", "TrialsMisconfigured", "tune-0: no such file") == _degraded(decision)
    assert ((), (), False) == (decision.starts, decision.creations, decision.is_finished)


def test_a_misconfigured_trial_is_tried_again_ever_more_rarely() -> None:
    tuning = a_tuning()
    same = template_digest(tuning, "local")
    once, twice = a_misconfigured_trial(same), a_misconfigured_trial(same, times=2)
    assert 50.0 == _in_cluster(tuning, [once], now=10.0).wake_after_seconds
    assert 111.0 == _in_cluster(tuning, [twice], now=10.0).wake_after_seconds
    assert [1] == [r.attempt for r in _in_cluster(tuning, [once], now=60.0).starts]


def test_a_mended_tuning_tries_a_misconfigured_trial_at_once() -> None:
    decision = _in_cluster(None, [a_misconfigured_trial(NOT_MENDED)], now=1.0)
    assert [1] == [request.attempt for request in decision.starts]


def test_a_waiting_pod_is_replaced_when_its_template_was_mended() -> None:
    tuning = a_tuning()
    current = template_digest(tuning, "local")
    for template, ends in ((current, 0), (NOT_MENDED, 1)):
        place = a_place(node=None, template=template)
        attempts = [an_attempt(wait=a_wait(), place=place)]
        decision = _in_cluster(tuning, [a_trial()], attempts, now=1.0)
        assert ends == len(decision.ends)
        requests = [trial.status.end_requested for trial in decision.trial_writes]
        assert ends == len([request for request in requests if request is not None])


def test_tolerations_that_an_older_crd_wrote_are_no_edit() -> None:
    def digest(*tolerations: dict[str, str]) -> str:
        pool = {"name": "local", **({"tolerations": tolerations} if tolerations else {})}
        return template_digest(a_tuning(pools=[pool]), "local")

    assert digest() == digest({"key": "nvidia.com/gpu", "operator": "Exists"})
    assert digest() != digest({"key": "example.com/gpu", "operator": "Exists"})


def test_a_running_pod_survives_an_edit() -> None:
    attempts = [an_attempt(place=a_place(template=NOT_MENDED))]
    assert () == _in_cluster(None, [a_trial()], attempts).ends


def test_another_image_behind_the_same_name_degrades() -> None:
    first = a_finished_trial(0)
    record = first.status.attempts[0].replace(image_id="image@sha256:1")
    first = first.model_copy(update={"status": first.status.replace(attempts=(record,))})
    for image, reason in (("mirror/image@sha256:1", "AsExpected"), ("i@sha256:2", "ImageChanged")):
        attempts = [an_attempt(1, place=a_place("tune-1-0", image_id=image))]
        decision = _in_cluster(None, [first, a_trial(1)], attempts)
        assert reason == _degraded(decision)[1]
        assert "image@sha256:1" == decision.status.trial_image_id


def test_a_local_run_ends_where_a_cluster_waits() -> None:
    attempts = [an_attempt(ending=an_ending(a_report(OutcomeKind.MISCONFIGURED)))]
    assert decide(a_world(None, [a_trial()], attempts)).is_finished
    assert not _in_cluster(None, [a_trial()], attempts).is_finished
