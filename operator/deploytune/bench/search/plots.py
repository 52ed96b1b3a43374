"""Regret and discovery over trials, with 95 % bootstrap bands: one file each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deploytune.bench.search.catalogue import RECORDED
from deploytune.bench.search.measures import DISCOVERY, REGRET, Measure, at_budget
from deploytune.bench.search.runs import Row
from deploytune.bench.search.statistics import Estimate, estimate
from deploytune.bench.search.tables import NOTHING, groups_of, strategies_of
from deploytune.contract.errors import MachineError

_BAND = 0.15  # opacity


def draw_plots(rows: Sequence[Row], folder: Path, file_type: str) -> list[Path]:
    """Draw regret and discovery for each number in flight, and return the files.

    Raises:
        MachineError: matplotlib is not installed, or the folder cannot be written.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MachineError(
            "plots need the package matplotlib: pip install 'deploytune[bench]'"
        ) from error
    mpl.use("Agg")
    files = []
    possible = [row for row in rows if row.plan.problem_class not in (NOTHING, *RECORDED)]
    for in_flight in sorted({row.plan.in_flight for row in possible}):
        flying = [row for row in possible if row.plan.in_flight == in_flight]
        for measure in (REGRET, DISCOVERY):
            file = folder / f"{measure.name}-{in_flight}-in-flight.{file_type}"
            _draw(flying, measure, f"{measure.name}, {in_flight} in flight", file)
            files.append(file)
    return files


def _draw(rows: Sequence[Row], measure: Measure, title: str, file: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for strategy in strategies_of(rows):
        trials, course = _course(rows, strategy, measure)
        lows, highs = [one.low for one in course], [one.high for one in course]
        (line,) = axes.plot(trials, [one.mean for one in course], label=strategy)
        axes.fill_between(trials, lows, highs, alpha=_BAND, color=line.get_color())
    axes.set(title=title, xlabel="trials", ylabel=measure.meaning, ylim=(0, 1))
    axes.legend()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=150)
    except OSError as error:
        raise MachineError(f"{file}: cannot be written: {error}") from error
    finally:
        plt.close(figure)


def _course(
    rows: Sequence[Row], strategy: str, measure: Measure
) -> tuple[list[int], list[Estimate]]:
    """Return the numbers of trials of which there are rows, and the estimate at each."""
    own = [row for row in rows if row.plan.strategy == strategy]
    last = max(row.plan.budget for row in own)
    trials = list(range(1, last + 1))
    read = [at_budget(own, count) for count in trials]
    groups = [
        groups_of(some, strategy, count, measure) for some, count in zip(read, trials, strict=True)
    ]
    return trials, [estimate(one) for one in groups]
