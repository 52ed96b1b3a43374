"""What Triton's perf_analyzer sends and sees of the same server, where it is on PATH.

Its binary comes with NVIDIA's SDK image and with the Linux wheels of tritonclient 2.25 to 2.60.
"""

from __future__ import annotations

import asyncio
import csv
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

_PROGRAM = "perf_analyzer"
_WINDOWS = 3  # what it wants at least; the percentage lets any three be stable


def has_perf_analyzer() -> bool:
    """Tell whether it is installed."""
    return shutil.which(_PROGRAM) is not None


async def perf_analyzer_figures(
    address: str, model: str, outstanding: int, seconds: float
) -> dict[str, float]:
    """Return its requests a second and latencies in a closed loop over gRPC.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        process = await asyncio.create_subprocess_exec(
            _PROGRAM,
            *("-m", model, "-u", address, "-i", "grpc"),
            *("--concurrency-range", str(outstanding)),
            *("--measurement-interval", str(round(1000 * seconds / _WINDOWS))),
            *("--max-trials", str(_WINDOWS), "--stability-percentage", "999"),
            *("-f", str(table)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode != 0 or not table.exists():
            raise RuntimeError(f"{_PROGRAM}: {said.decode(errors='replace')[-500:]}")
        with table.open(encoding="utf-8", newline="") as file:
            return figures_of_row(next(csv.DictReader(file)))


def figures_of_row(row: Mapping[str, str]) -> dict[str, float]:
    """Return requests a second and latencies in ms of a row of its table, which has µs."""
    return {
        "rate": float(row["Inferences/Second"]),
        "p50_ms": float(row["p50 latency"]) / 1000,
        "p99_ms": float(row["p99 latency"]) / 1000,
    }
