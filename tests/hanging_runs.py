"""A run in another process whose baseline measures and whose second trial never ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml
from builders import a_configuration, a_tuning, the_parameters
from clusters.waiting import eventually

from deploytune.runtime.local.state_directory import Records

PROGRAM = Path(__file__).parent / "trial_programs" / "deterministic.py"
STATE = Path(".deploytune", "tune")

Run = subprocess.Popen[str]


def start_run() -> Run:
    """Start it in the present folder, or go on with it."""
    hanging = {
        "parameters": the_parameters(("measure", "hang")),
        "initial": [a_configuration(kind="hang")],
    }
    tuning = a_tuning(confirmations=1, spec={"searchSpace": hanging}, run_deadline_seconds=500)
    document = tuning.model_dump(mode="json", by_alias=True, exclude_none=True)
    Path("tuning.yaml").write_text(yaml.safe_dump(document))
    trial = f"{sys.executable} {PROGRAM}"
    command = [sys.executable, "-m", "deploytune.cli", "run", "tuning.yaml"]
    return subprocess.Popen([*command, "--trial-command", trial], stdout=subprocess.PIPE, text=True)


def until_it_hangs() -> None:
    """Wait until the second trial is on record, and runs."""
    eventually(_is_hanging, "a trial that hangs")


def _is_hanging() -> bool:
    status = Records(STATE).status()
    return status is not None and status.trials > 1
