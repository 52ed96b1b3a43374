"""Clients of the server over gRPC: one that loads it, one that asks it single batches.

A request that the server's queue rejects, or that is not answered in time, is an answer of a kind:
an infinite latency. Any other error of transport or backend is the end of the trial. A request that
is late is left alone and never cancelled: Triton 2.51 dies of cancelled requests now and then.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from deploytune.contract.outcomes import Cause
from deploytune_trial.failures import TrialFailure, crashed, failure_in_words, first_line
from deploytune_trial.models.interface import Array, Arrays, ModelInterface

_REJECTIONS = ("exceeds maximum queue size", "request timeout expired")
_LONELY_ATTEMPTS = 20


class LoadClient:
    """Sends prepared batches, one after the other, from one event loop."""

    def __init__(
        self, address: str, model: str, batches: Sequence[list[Any]], timeout_seconds: float
    ) -> None:
        """Open a channel; `batches` are what `prepare_batch` returns."""
        self._client = triton_aio.InferenceServerClient(address)
        self._model = model
        self._batches: Iterator[list[Any]] = itertools.cycle(batches)
        self._timeout = timeout_seconds
        self._late: set[asyncio.Future[Any]] = set()

    async def send(self) -> bool:
        """Send the next batch; return False if it was rejected or is late.

        Raises:
            TrialFailure: a transport or backend error.
        """
        call = asyncio.ensure_future(self._client.infer(self._model, next(self._batches)))
        await asyncio.wait((call,), timeout=self._timeout)
        if not call.done():
            self._leave_alone(call)
            return False
        return _is_answered(call)

    async def close(self) -> None:
        """Close the channel; requests that are late end with it."""
        await self._client.close()

    def _leave_alone(self, call: asyncio.Future[Any]) -> None:
        self._late.add(call)
        call.add_done_callback(self._late.discard)
        call.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


class InferenceClient:
    """Asks the server one batch at a time."""

    def __init__(
        self, address: str, model: str, interface: ModelInterface, timeout_seconds: float
    ) -> None:
        """Open a channel."""
        self._client = triton_grpc.InferenceServerClient(address)
        self._model = model
        self._interface = interface
        self._timeout = timeout_seconds

    def infer(self, inputs: Arrays) -> dict[str, Array]:
        """Return the outputs for one batch, in the shapes of the model itself.

        Raises:
            TrialFailure: any error; Crashed/Unsupported if the queue rejects it again and again,
                though nothing else waits.
        """
        prepared = prepare_batch(inputs, self._interface)
        for _ in range(_LONELY_ATTEMPTS):
            result = self._ask(prepared)
            if result is not None:
                return {
                    tensor.name: _as_the_model_says(result.as_numpy(tensor.name), tensor.shape)
                    for tensor in self._interface.outputs
                }
        raise crashed(Cause.UNSUPPORTED, "the queue rejects requests though nothing waits in it")

    def _ask(self, prepared: list[Any]) -> Any:
        """Return the answer to a request, None if it was rejected."""
        try:
            return self._client.infer(self._model, prepared, client_timeout=self._timeout)
        except InferenceServerException as error:
            if _is_rejection(error):
                return None
            raise _failure(error) from error

    def close(self) -> None:
        """Close the channel."""
        self._client.close()


def prepare_batch(inputs: Arrays, interface: ModelInterface) -> list[Any]:
    """Return the inputs of one request, ready to be sent any number of times."""
    prepared = []
    for name, values in inputs.items():
        has_no_axis = interface.batched and values.ndim == 1
        served = values.reshape(-1, 1) if has_no_axis else values
        tensor = triton_grpc.InferInput(name, served.shape, np_to_triton_dtype(served.dtype))
        tensor.set_data_from_numpy(np.ascontiguousarray(served))
        prepared.append(tensor)
    return prepared


def _as_the_model_says(values: Array, shape: tuple[int, ...]) -> Array:
    return values if shape else values.reshape(-1)


def _is_answered(call: asyncio.Future[Any]) -> bool:
    error = call.exception()
    if error is None:
        return True
    if not isinstance(error, InferenceServerException):
        raise error
    if _is_rejection(error):
        return False
    raise _failure(error) from error


def _is_rejection(error: InferenceServerException) -> bool:
    return any(rejection in error.message().lower() for rejection in _REJECTIONS)


def _failure(error: InferenceServerException) -> TrialFailure:
    message = f"request failed: {first_line(error)}"
    return failure_in_words(Cause.SERVER_FAILED, message, str(error))
