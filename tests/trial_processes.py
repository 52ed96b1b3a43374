"""A trial as a process: started with a request, watched through its termination log."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_builders
from trial_builders import a_closed_loop, a_request

from deploytune.contract.codec import decode_message, encode_request
from deploytune.contract.errors import TrialContractError
from deploytune.contract.report import Breadcrumb, TrialReport
from deploytune.contract.stages import Stage
from deploytune_trial.process_tree import process_tree

PATIENCE_SECONDS = 60.0


class TrialProcess:
    """One trial, its folders and its process; `end` leaves nothing behind in a failing test."""

    def __init__(self, folder: Path, source: str, evaluation_data: str) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.termination_log = folder / "termination-log"
        self.prefix = f"deploytune-test-{secrets.token_hex(4)}-"
        self.workload: dict[str, Any] = {
            "models": [{"name": "net", "source": source}],
            "evaluationData": evaluation_data,
            "loads": [a_closed_loop(window_requests=30, max_windows=3)],
        }
        self.request: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        self.launcher: list[str] = []
        self.patience_seconds = PATIENCE_SECONDS
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process, which has been started."""
        assert self._process is not None
        return self._process

    def start(self, **request: Any) -> None:
        """Start it with a request."""
        asked = a_request(workload=self.workload, **{**self.request, **request})
        self._process = subprocess.Popen(
            [*self.launcher, sys.executable, "-m", "deploytune_trial"],
            env={
                **os.environ,
                "DEPLOYTUNE_TRIAL": encode_request(asked),
                "DEPLOYTUNE_TERMINATION_LOG": str(self.termination_log),
                "DEPLOYTUNE_SCRATCH": str(self.scratch),
                "DEPLOYTUNE_SHM_PREFIX": self.prefix,
                **self.variables,
            },
            cwd=self.folder,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **request: Any) -> TrialReport:
        """Start it, wait for its end, and return its report."""
        self.start(**request)
        return self.report()

    def report(self) -> TrialReport:
        """Wait for its end and return its report."""
        _, errors = self.process.communicate(timeout=self.patience_seconds)
        assert self.process.returncode == 0, errors
        message = decode_message(self.termination_log.read_bytes())
        assert isinstance(message, TrialReport)
        return message

    def message(self) -> TrialReport | Breadcrumb | None:
        """What it has said last."""
        try:
            return decode_message(self.termination_log.read_bytes())
        except (FileNotFoundError, TrialContractError):
            return None

    def wait_for_stage(self, stage: Stage) -> None:
        """Wait until it has begun a stage."""
        eventually(lambda: isinstance(said := self.message(), Breadcrumb) and said.stage is stage)

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def descendants(self) -> list[int]:
        """All processes it has started that live."""
        return process_tree(self.process.pid)[1:]

    def shared_memory(self) -> list[Path]:
        """The shared memory that its Triton has."""
        return list(Path("/dev/shm").glob(f"{self.prefix}*"))

    def settings(self) -> dict[str, Any]:
        """What the served model reads."""
        path = self.scratch / "repository" / "net" / "1" / "settings.json"
        settings: dict[str, Any] = json.loads(path.read_text())
        return settings


def a_trial_of_an_mlp(folder: Path) -> TrialProcess:
    """A trial of a small network, with evaluation data, that a test changes and starts."""
    generator = np.random.default_rng(1)
    inputs = generator.standard_normal((64, onnx_builders.FEATURES)).astype(np.float32)
    labels = generator.integers(0, onnx_builders.CLASSES, 64)
    return TrialProcess(
        folder=folder,
        source=onnx_builders.saved(onnx_builders.an_mlp(), folder),
        evaluation_data=onnx_builders.samples_file(folder, x=inputs, label=labels),
    )


def eventually(what: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds; fail when it does not in time."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)
