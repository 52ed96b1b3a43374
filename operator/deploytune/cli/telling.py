"""Tells the end of a tuning: its status, one sentence, the winner beside the baseline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.errors import MachineError

if TYPE_CHECKING:
    from rich.console import Console

    from deploytune.api.tuning import DeploymentTuning, TuningStatus

_PLAIN_WIDTH = 160


def plain_console() -> Console:
    """Return the standard output: as wide as the terminal, or wide enough for whole lines."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)


def tell_answer(
    tuning: DeploymentTuning,
    status: TuningStatus,
    console: Console,
    handed_over: Path | None = None,
    report: str = "",
) -> ExitCode:
    """Print the end of a tuning, and return the exit code that says the same.

    `report` is a line that says where its report is, or why there is none.

    Raises:
        MachineError: it ended before it could answer; says why.
    """
    import yaml

    from deploytune.report.answer import answer_sentence, answer_table, why_stopped

    console.print()
    console.print("status:")
    plain = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    console.print(yaml.safe_dump(plain, sort_keys=False), markup=False, soft_wrap=True)
    stopped = why_stopped(status)
    if stopped is not None:
        raise MachineError(stopped)
    console.print(answer_sentence(tuning, status), style="bold", markup=False, soft_wrap=True)
    if status.best is not None:
        console.print(answer_table(tuning, status))
    if handed_over is not None:
        ready = f"ready to serve: {handed_over / 'model_repository'}"
        console.print(ready, markup=False, soft_wrap=True)
    if report:
        console.print(report, markup=False, soft_wrap=True)
    return ExitCode.NOTHING_FEASIBLE if status.best is None else ExitCode.ANSWER
