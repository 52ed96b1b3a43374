from __future__ import annotations

from typing import Any

import pytest
from trial_builders import a_request

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.serving import Serving, WarmUpShapes

IMAGE = Tensor("image", "float32", (1, 8, 8))
BATCHED = ModelInterface((IMAGE,), (IMAGE,), batched=True)
FIXED = ModelInterface((IMAGE,), (IMAGE,), batched=False)


def test_what_is_not_said_has_a_default() -> None:
    serving = Serving.choose(a_request(workload={"requestBatch": 4}), BATCHED, cpus=2.5)

    assert serving == Serving(
        instances=1,
        max_batch_size=4,
        queue_delay_microseconds=0,
        intra_op_threads=2,
        allow_spinning=False,
    )


def test_parameters_are_used() -> None:
    parameters = {
        "instances": 3,
        "maxBatchSize": 16,
        "maxQueueDelayMicroseconds": 200,
        "intraOpThreads": 5,
    }

    serving = Serving.choose(a_request(parameters=parameters), BATCHED, cpus=8)

    assert serving == Serving(3, 16, 200, 5, allow_spinning=True)


def test_the_trials_own_cpus_bound_its_threads() -> None:
    request = a_request(resources={"cpus": 1.5})

    assert Serving.choose(request, BATCHED, cpus=16).intra_op_threads == 1


def test_less_than_one_cpu_is_one_thread() -> None:
    assert Serving.choose(a_request(), BATCHED, cpus=0.5).intra_op_threads == 1


def test_a_batch_too_small_for_a_request_is_refused() -> None:
    request = a_request(parameters={"maxBatchSize": 2}, workload={"requestBatch": 4})

    with pytest.raises(TrialFailure, match="maxBatchSize: must hold") as failed:
        Serving.choose(request, BATCHED, cpus=1)

    assert failed.value.outcome is OutcomeKind.MISCONFIGURED
    assert failed.value.cause is Cause.BAD_PARAMETER


def test_a_model_with_a_fixed_batch_is_served_without_a_batch_axis() -> None:
    request = a_request(workload={"requestBatch": 4})

    assert Serving.choose(request, FIXED, cpus=1).max_batch_size == 0


def test_a_model_with_a_fixed_batch_serves_no_larger_one() -> None:
    with pytest.raises(TrialFailure, match="fixes its batch axis at 1") as failed:
        Serving.choose(a_request(parameters={"maxBatchSize": 8}), FIXED, cpus=1)

    assert failed.value.cause is Cause.UNSUPPORTED


def test_a_queue_may_reject_and_shapes_may_be_warmed_up() -> None:
    parameters = {
        "queueTimeoutMicroseconds": 5000,
        "maxQueueSize": 8,
        "warmUpShapes": "Every",
        "cudaGraphs": "On",
    }

    serving = Serving.choose(a_request(parameters=parameters), BATCHED, cpus=1)

    assert serving.queue_timeout_microseconds == 5000
    assert serving.max_queue_size == 8
    assert serving.warm_up_shapes is WarmUpShapes.EVERY
    assert serving.cuda_graphs


@pytest.mark.parametrize(
    "parameters",
    [
        {"maxQueueDelayMicroseconds": 1000},
        {"queueTimeoutMicroseconds": 5000},
        {"maxQueueSize": 8},
        {"warmUpShapes": "Every"},
    ],
    ids=str,
)
def test_a_model_without_a_batcher_refuses_what_only_that_does(parameters: dict[str, Any]) -> None:
    with pytest.raises(TrialFailure, match="needs Triton's batcher") as failed:
        Serving.choose(a_request(parameters=parameters), FIXED, cpus=1)

    assert failed.value.cause is Cause.UNSUPPORTED


@pytest.mark.parametrize(
    "parameters",
    [{"maxQueueDelayMicroseconds": 0, "maxQueueSize": 0}, {"warmUpShapes": "None"}],
    ids=str,
)
def test_a_model_without_a_batcher_takes_what_asks_nothing_of_it(
    parameters: dict[str, Any],
) -> None:
    assert Serving.choose(a_request(parameters=parameters), FIXED, cpus=1).max_batch_size == 0
