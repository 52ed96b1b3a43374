"""How many requests a second generator processes send, beside the client library and perf_analyzer.

A real Triton serves a model that returns its input, on the same machine, and all take turns at a
closed loop over gRPC, so that all meet the same neighbours.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from deploytune_trial.bench.echo_model import ECHO, configuration
from deploytune_trial.bench.perf_analyzer import has_perf_analyzer, perf_analyzer_figures
from deploytune_trial.children import Children
from deploytune_trial.measure.generator_messages import Equipment
from deploytune_trial.measure.generators import After, LoadGenerator
from deploytune_trial.measure.percentiles import percentile_of
from deploytune_trial.measure.spread_load import SpreadLoad, open_processes
from deploytune_trial.measure.windows import Requests, Sample
from deploytune_trial.triton.installation import find_triton
from deploytune_trial.triton.server import ServerSettings, TritonServer, start_server
from deploytune_trial.triton.shared_memory import unlink_shared_memory

MODEL = "echo"
_TIMEOUT_SECONDS = 10.0
_OUTSTANDING = (1, 4, 16, 64, 256)
_CORES = len(os.sched_getaffinity(0))


def generator_rows(seconds: float, turns: int) -> Iterator[dict[str, object]]:
    """Yield requests a second by requests outstanding: of ours, the library alone, and several.

    Several are 2, 4 and so on, up to the cores, a quarter of which answer. What sees latencies has
    their median and 99th percentile beside it: `ours_p50_ms` and so on.
    """
    with serving_an_echo(max(1, _CORES // 4)) as (server, children):
        address = server.grpc_address
        for outstanding in _OUTSTANDING:
            seen: dict[str, list[float]] = {}
            for _ in range(turns):
                for way, sending in _ways(address, children, outstanding, seconds).items():
                    for name, value in asyncio.run(sending).items():
                        seen.setdefault(way if name == "rate" else f"{way}_{name}", []).append(
                            value
                        )
            medians = {name: float(np.median(values)) for name, values in seen.items()}
            yield {"outstanding": outstanding, **medians}


def _ways(
    address: str, children: Children, outstanding: int, seconds: float
) -> dict[str, Coroutine[None, None, dict[str, float]]]:
    numbers = [2**power for power in range(1, _CORES.bit_length()) if 2**power <= _CORES]
    ways = {
        "ours": _ours(address, outstanding, seconds),
        "alone": _alone(address, outstanding, seconds),
        **{
            str(number): _spread(number, address, children, outstanding, seconds)
            for number in numbers
            if number <= outstanding
        },
    }
    if has_perf_analyzer():
        ways["perf_analyzer"] = perf_analyzer_figures(address, MODEL, outstanding, seconds)
    return ways


@contextmanager
def serving_an_echo(instances: int = 1) -> Iterator[tuple[TritonServer, Children]]:
    """Serve a model that returns its input; yield the server, and who ends what is started."""
    prefix, children = f"echo{os.getpid()}_", Children()
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        version = repository / MODEL / "1"
        version.mkdir(parents=True)
        (version / "model.py").write_text(ECHO, encoding="utf-8")
        (repository / MODEL / "config.pbtxt").write_text(configuration(instances), encoding="utf-8")
        settings = ServerSettings(find_triton(), repository, MODEL, Path(folder), None, prefix)
        try:
            yield start_server(settings, children), children
        finally:
            children.end_all()
            unlink_shared_memory(prefix)


async def _ours(address: str, outstanding: int, seconds: float) -> dict[str, float]:
    from deploytune_trial.triton.client import LoadClient

    client = LoadClient(address, MODEL, [an_input()], _TIMEOUT_SECONDS)
    counter = _Counter(seconds)
    await LoadGenerator(client.send, counter.take).run_closed_loop(outstanding)
    await client.close()
    return counter.figures()


async def _spread(
    number: int, address: str, children: Children, outstanding: int, seconds: float
) -> dict[str, float]:
    equipment = Equipment(address, MODEL, [an_input()], _TIMEOUT_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        processes = await open_processes(number, equipment, children, Path(folder))
        counter = _Counter(seconds)
        await SpreadLoad(processes, counter.take).run_closed_loop(outstanding)
        for process in processes:
            await process.close()
    return counter.figures()


class _Counter:
    """Takes samples for some seconds."""

    def __init__(self, seconds: float) -> None:
        started = asyncio.get_running_loop().time()
        self._until = started + seconds
        self._requests = Requests(started)

    def take(self, sample: Sample) -> After:
        self._requests.add(sample)
        return After.STOP if sample.ended >= self._until else After.GO_ON

    def figures(self) -> dict[str, float]:
        latencies_ms = sorted(self._requests.latencies_ms())
        return {
            "rate": len(self._requests) / self._requests.seconds,
            "p50_ms": percentile_of(latencies_ms, 50),
            "p99_ms": percentile_of(latencies_ms, 99),
        }


async def _alone(address: str, outstanding: int, seconds: float) -> dict[str, float]:
    import tritonclient.grpc.aio as triton_aio

    client = triton_aio.InferenceServerClient(address)
    inputs, began = an_input(), time.perf_counter()
    ended = 0

    async def send() -> None:
        nonlocal ended
        while time.perf_counter() < began + seconds:
            await client.infer(MODEL, inputs)
            ended += 1

    await asyncio.gather(*(send() for _ in range(outstanding)))
    elapsed = time.perf_counter() - began
    await client.close()
    return {"rate": ended / elapsed}


def an_input() -> list[object]:
    """Return what a request to the echo holds."""
    import tritonclient.grpc as triton_grpc

    tensor = triton_grpc.InferInput("x", (1, 4), "FP32")
    tensor.set_data_from_numpy(np.ones((1, 4), np.float32))
    return [tensor]
