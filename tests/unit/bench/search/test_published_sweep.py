from __future__ import annotations

from pathlib import Path

import pytest

from deploytune.bench.search.matrix import Matrix
from deploytune.bench.search.published_sweep import Reading, published_sweep, reading
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial


def ended(index: int, outcome: OutcomeKind, value: float | None = None) -> FinishedTrial:
    metrics = {} if value is None else {"value": value}
    return FinishedTrial(index, {"mode": "A"}, outcome, metrics, 1.0)


TRIALS = (
    ended(0, OutcomeKind.CRASHED),
    ended(1, OutcomeKind.INFEASIBLE, -1.0),
    ended(2, OutcomeKind.FEASIBLE, -4.0),
    ended(3, OutcomeKind.FEASIBLE, -2.0),
)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, Reading(None, 1.0)),
        (2, Reading(None, 1.0)),
        (3, Reading(-4.0, 2 / 3)),
        (4, Reading(-2.0, 0.5)),
        (9, Reading(-2.0, 0.5)),
    ],
)
def test_a_run_is_read_after_so_many_of_its_trials(count: int, expected: Reading) -> None:
    read = reading(TRIALS, "value", count)
    assert expected.objective == read.objective
    assert expected.waste == pytest.approx(read.waste)


def test_a_strategy_that_looks_at_the_budget_is_played_for_each(tmp_path: Path) -> None:
    matrix = Matrix(("random", "tba-paper"), ("branin",), range(2), (1,), (4, 8))
    played: list[tuple[int, int]] = []
    table = published_sweep(matrix, tmp_path, lambda done, of: played.append((done, of)))
    assert (6, 6) == played[-1]
    assert table.startswith("branin:\n\n| strategy | 4 | 8 |\n")
    assert ["random", "tba-paper"] == [line.split(" | ")[0][2:] for line in table.splitlines()[4:]]


def test_more_trials_of_one_run_never_make_its_best_worse(tmp_path: Path) -> None:
    matrix = Matrix(("random",), ("rosenbrock",), range(3), (1,), (5, 20))
    row = published_sweep(matrix, tmp_path, lambda *_: None).splitlines()[-1]
    few, many = (float(cell.split(" ")[0]) for cell in row.split(" | ")[1:])
    assert few <= many
