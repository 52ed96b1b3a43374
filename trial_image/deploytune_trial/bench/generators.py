"""How many requests a second one generator process sends, beside the client library alone.

A real Triton serves a model that returns its input, on the same machine, and both take turns at a
closed loop over gRPC, so that both meet the same neighbours.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from deploytune_trial.bench.echo_model import CONFIGURATION, ECHO
from deploytune_trial.children import Children
from deploytune_trial.measure.generators import After, LoadGenerator
from deploytune_trial.measure.windows import Requests, Sample
from deploytune_trial.triton.installation import find_triton
from deploytune_trial.triton.server import ServerSettings, start_server
from deploytune_trial.triton.shared_memory import unlink_shared_memory

_MODEL = "echo"
_TIMEOUT_SECONDS = 10.0


def generator_rows(seconds: float, turns: int) -> Iterator[dict[str, object]]:
    """Yield requests a second, of ours and of the library alone, by requests outstanding."""
    with _served() as address:
        for outstanding in (1, 4, 16, 64):
            ours, alone = [], []
            for _ in range(turns):
                ours.append(asyncio.run(_ours(address, outstanding, seconds)))
                alone.append(asyncio.run(_alone(address, outstanding, seconds)))
            yield {
                "outstanding": outstanding,
                "ours": float(np.median(ours)),
                "alone": float(np.median(alone)),
            }


@contextmanager
def _served() -> Iterator[str]:
    """Serve the echo; yield its address."""
    prefix, children = f"echo{os.getpid()}_", Children()
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        version = repository / _MODEL / "1"
        version.mkdir(parents=True)
        (version / "model.py").write_text(ECHO, encoding="utf-8")
        (repository / _MODEL / "config.pbtxt").write_text(CONFIGURATION, encoding="utf-8")
        settings = ServerSettings(find_triton(), repository, _MODEL, Path(folder), None, prefix)
        try:
            yield start_server(settings, children).grpc_address
        finally:
            children.end_all()
            unlink_shared_memory(prefix)


async def _ours(address: str, outstanding: int, seconds: float) -> float:
    from deploytune_trial.triton.client import LoadClient

    client = LoadClient(address, _MODEL, [_inputs()], _TIMEOUT_SECONDS)
    until = asyncio.get_running_loop().time() + seconds
    requests = Requests(until - seconds)

    def take(sample: Sample) -> After:
        requests.add(sample)
        return After.STOP if sample.ended >= until else After.GO_ON

    await LoadGenerator(client.send, take).run_closed_loop(outstanding)
    await client.close()
    return len(requests) / requests.seconds


async def _alone(address: str, outstanding: int, seconds: float) -> float:
    import tritonclient.grpc.aio as triton_aio

    client = triton_aio.InferenceServerClient(address)
    inputs, began = _inputs(), time.perf_counter()
    ended = 0

    async def send() -> None:
        nonlocal ended
        while time.perf_counter() < began + seconds:
            await client.infer(_MODEL, inputs)
            ended += 1

    await asyncio.gather(*(send() for _ in range(outstanding)))
    elapsed = time.perf_counter() - began
    await client.close()
    return ended / elapsed


def _inputs() -> list[object]:
    import tritonclient.grpc as triton_grpc

    tensor = triton_grpc.InferInput("x", (1, 4), "FP32")
    tensor.set_data_from_numpy(np.ones((1, 4), np.float32))
    return [tensor]
