"""The live display of a running tuning: a panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import Answer, DeploymentTuning
from deploytune.contract.outcomes import OutcomeKind
from deploytune.report.progress import Progress, RunningTrial, is_feasible
from deploytune.report.wording import (
    describe_parameters,
    describe_seconds,
    describe_value,
    printable,
)

_STYLES = {
    OutcomeKind.FEASIBLE: "green",
    OutcomeKind.INFEASIBLE: "yellow",
    OutcomeKind.INFRASTRUCTURE: "magenta",
    OutcomeKind.MISCONFIGURED: "bold red",
}
_REFRESHES_PER_SECOND = 4


class Display:
    """Prints a line for every trial that ends, and keeps a live panel below on a terminal."""

    def __init__(self, tuning: DeploymentTuning, console: Console) -> None:
        """Show the trials of `tuning` on `console`."""
        self._tuning = tuning
        self._console = console
        self._shown: set[str] = set()
        self._live = (
            Live(console=console, refresh_per_second=_REFRESHES_PER_SECOND, transient=True)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        """Start the live panel."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the live panel away; the lines stay."""
        if self._live is not None:
            self._live.stop()

    def update(self, trials: Sequence[TuningTrial], progress: Progress) -> None:
        """Show what is new."""
        ended = [t for t in trials if t.is_finished and t.metadata.name not in self._shown]
        for trial in sorted(ended, key=_completion):
            self._shown.add(trial.metadata.name)
            self._console.print(
                trial_line(self._tuning, trial, len(self._shown), progress.expected),
                soft_wrap=True,
            )
        if self._live is not None:
            self._live.update(_panel(self._tuning, progress))


def trial_line(tuning: DeploymentTuning, trial: TuningTrial, number: int, expected: int) -> Text:
    """Return the line of a trial that ended: number, purpose, outcome, figures, configuration."""
    outcome = trial.status.outcome
    assert outcome is not None
    what = outcome.value if is_feasible(trial) else _failure(trial)
    line = Text(f"{number:>3}/{expected} {trial.spec.purpose.value:<8} ")
    line.append(f"{what:<28}", style=_STYLES.get(outcome, "red"))
    line.append(f" {describe_seconds(trial.status.trial_seconds):>9}  ")
    line.append("  ".join(_figures(tuning, trial)))
    line.append(f"  {describe_parameters(trial.spec.parameters)}", style="dim")
    if outcome is OutcomeKind.MISCONFIGURED:
        line.append(f"  {printable(trial.status.message)}")
    return line


def _completion(trial: TuningTrial) -> int:
    return trial.status.completion_index or 0


def _failure(trial: TuningTrial) -> str:
    outcome, cause, stage = trial.status.outcome, trial.status.cause, trial.status.reached_stage
    assert outcome is not None
    place = f" in {stage}" if stage is not None and outcome is not OutcomeKind.INFEASIBLE else ""
    return f"{outcome}{f'/{cause}' if cause is not None else ''}{place}"


def _figures(tuning: DeploymentTuning, trial: TuningTrial) -> list[str]:
    wanted = [reference.key for reference in (*tuning.spec.objectives, *tuning.spec.constraints)]
    return [
        f"{key} {describe_value(key, trial.status.metrics[key].value)}"
        for key in dict.fromkeys(wanted)
        if key in trial.status.metrics
    ]


def _panel(tuning: DeploymentTuning, progress: Progress) -> Group:
    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(justify="right")
    left = "" if progress.seconds_left is None else f", {describe_seconds(progress.seconds_left)}"
    bar.add_row(
        ProgressBar(total=progress.expected, completed=progress.finished),
        f"{progress.finished} of {progress.expected}{left and left + ' left'}",
    )
    counts = ", ".join(f"{count} {outcome}" for outcome, count in progress.outcomes.items())
    summary = Text(f"{counts or 'no outcome yet'}; {progress.wasted_share:.0%} of the time wasted")
    return Group(
        bar, *map(_running_line, progress.running), _best_line(tuning, progress.best), summary
    )


def _running_line(trial: RunningTrial) -> Text:
    line = Text(f"{trial.name} {trial.purpose.value} ", style="cyan")
    line.append(f"{trial.doing or 'Start'} {describe_seconds(trial.seconds)} ", style="bold")
    line.append(describe_parameters(trial.parameters), style="dim")
    return line


def _best_line(tuning: DeploymentTuning, best: Answer | None) -> Text:
    if best is None:
        return Text("best: nothing feasible yet")
    objective = tuning.spec.objectives[0].key
    figures = [f"{objective} {describe_value(objective, best.metrics[objective])}"]
    figures += [
        f"{margin.metric} {describe_value(margin.metric, margin.margin)} inside its limit"
        for margin in best.margins
        if margin.margin is not None
    ]
    return Text(f"best: {best.trial}  {'  '.join(figures)}", style="green")
