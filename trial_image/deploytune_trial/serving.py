"""How a model is served: the parameters that the serve stage consumes, with their defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import Cause
from deploytune.contract.request import TrialRequest
from deploytune_trial.failures import bad_parameter, crashed
from deploytune_trial.models.interface import ModelInterface

_FEWEST_SPINNING_CPUS = 4


class WarmUpShapes(StrEnum):
    """Which batch sizes Triton runs once before it is ready."""

    NONE = "None"
    FEW = "Few"
    EVERY = "Every"


@dataclass(frozen=True)
class Serving:
    """Instances, batching, queue and threads of one model.

    `max_batch_size` 0 says that the model fixes its batch axis. Threads that spin while they wait
    slow each other down where there are few cores, so they spin from four cores on. A queue without
    a time-out or a size, which 0 stands for, rejects nothing.
    """

    instances: int
    max_batch_size: int
    queue_delay_microseconds: int
    intra_op_threads: int
    allow_spinning: bool
    queue_timeout_microseconds: int = 0
    max_queue_size: int = 0
    warm_up_shapes: WarmUpShapes = WarmUpShapes.FEW
    cuda_graphs: bool = False

    @classmethod
    def choose(cls, request: TrialRequest, interface: ModelInterface, cpus: float) -> Serving:
        """Read the parameters of a request for a model, on so many CPUs.

        Raises:
            TrialFailure: the batch sizes of workload, parameter and model do not fit.
        """
        if request.resources.cpus is not None:
            cpus = min(cpus, request.resources.cpus)
        if not interface.batched:
            _refuse_batching(request)
        return cls(
            instances=_integer(request, "instances", 1),
            max_batch_size=_max_batch_size(request, interface),
            queue_delay_microseconds=_integer(request, "maxQueueDelayMicroseconds", 0),
            intra_op_threads=_integer(request, "intraOpThreads", max(1, int(cpus))),
            allow_spinning=cpus >= _FEWEST_SPINNING_CPUS,
            queue_timeout_microseconds=_integer(request, "queueTimeoutMicroseconds", 0),
            max_queue_size=_integer(request, "maxQueueSize", 0),
            warm_up_shapes=WarmUpShapes(_word(request, "warmUpShapes", WarmUpShapes.FEW)),
            cuda_graphs=_word(request, "cudaGraphs", "Off") == "On",
        )

    def settings(self) -> dict[str, Any]:
        """Return what a served model reads of it, over what its build was proved with."""
        return {"intra_op_threads": self.intra_op_threads, "allow_spinning": self.allow_spinning}


def _max_batch_size(request: TrialRequest, interface: ModelInterface) -> int:
    request_batch = request.workload.request_batch
    max_batch_size = _integer(request, "maxBatchSize", request_batch)
    if max_batch_size < request_batch:
        rule = f"must hold workload.requestBatch, {request_batch}"
        raise bad_parameter("maxBatchSize", rule, max_batch_size)
    if interface.batched:
        return max_batch_size
    if max_batch_size > request_batch:
        raise crashed(
            Cause.UNSUPPORTED,
            f"the model fixes its batch axis at {request_batch} and cannot serve batches of "
            f"{max_batch_size}",
        )
    return 0


def _refuse_batching(request: TrialRequest) -> None:
    """Refuse what only Triton's batcher does: a model with a fixed batch is served without one."""
    for name, has_effect in _OF_BATCHER.items():
        value = request.parameters.get(name)
        if value is not None and has_effect(value):
            raise crashed(
                Cause.UNSUPPORTED,
                f"{name} {value} needs Triton's batcher, and the model fixes its batch axis at "
                f"{request.workload.request_batch}",
            )


def _is_set(value: Scalar) -> bool:
    return value != 0


def _is_every(value: Scalar) -> bool:
    return value == WarmUpShapes.EVERY


_OF_BATCHER: dict[str, Callable[[Scalar], bool]] = {
    "maxQueueDelayMicroseconds": _is_set,
    "queueTimeoutMicroseconds": _is_set,
    "maxQueueSize": _is_set,
    "warmUpShapes": _is_every,
}


def _word(request: TrialRequest, name: str, default: str) -> str:
    return str(request.parameters.get(name, default))


def _integer(request: TrialRequest, name: str, default: int) -> int:
    value = request.parameters.get(name, default)
    assert isinstance(value, int)
    return value
