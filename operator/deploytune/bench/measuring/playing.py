"""Rows of figures from the trial's benchmarks, which run as a process: none is imported here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from deploytune.contract.errors import MachineError

Row = Mapping[str, Any]

_COMMAND = (sys.executable, "-m", "deploytune_trial.bench")


def play(*arguments: str) -> Iterator[Row]:
    """Yield the rows as they come.

    Raises:
        MachineError: the process ended badly.
    """
    with subprocess.Popen([*_COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode != 0:
        raise MachineError(f"the trial's benchmark ended with code {process.returncode}")
