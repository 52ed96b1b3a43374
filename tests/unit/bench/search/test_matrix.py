from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bench_builders import a_plan, a_row, without_ask_times

from deploytune.bench.search.keeping import kept_problem
from deploytune.bench.search.matrix import Matrix, run_matrix
from deploytune.bench.search.results import append_rows, read_rows
from deploytune.bench.search.runs import Row
from deploytune.contract.errors import DeploytuneError


def a_matrix(*strategies: str, seeds: range = range(2), budgets: tuple[int, ...] = (5,)) -> Matrix:
    return Matrix(strategies or ("random", "oracle"), ("branin",), seeds, (1, 4), budgets)


def silent(_done: int, _of: int) -> None:
    """Show no progress."""


def rows_of(matrix: Matrix, file: Path, processes: int = 1) -> list[Row]:
    run_matrix(matrix, file, processes, silent)
    return [without_ask_times(row) for row in read_rows(file)]


def test_rows_are_the_same_on_one_process_and_on_two(tmp_path: Path) -> None:
    one = rows_of(a_matrix(), tmp_path / "one.jsonl")
    assert one == rows_of(a_matrix(), tmp_path / "two.jsonl", processes=2)
    assert 8 == len(one)


def test_a_kept_problem_is_the_one_that_was_made(tmp_path: Path) -> None:
    made = kept_problem(tmp_path, "branin", 0)
    kept_problem.cache_clear()
    read = kept_problem(tmp_path, "branin", 0)
    assert 1 == len(list(tmp_path.iterdir()))
    assert made is not read
    assert (made.problem, made.answer) == (read.problem, read.answer)


def test_a_kept_problem_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    made = kept_problem(tmp_path, "branin", 0)
    kept_problem.cache_clear()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert made.answer == kept_problem(tmp_path, "branin", 0).answer


def test_an_interrupted_matrix_goes_on_without_repeating_a_row(tmp_path: Path) -> None:
    whole = rows_of(a_matrix(), tmp_path / "whole.jsonl")
    file = tmp_path / "interrupted.jsonl"
    run_matrix(a_matrix(seeds=range(1)), file, 1, silent)
    with file.open("a", encoding="utf-8") as stream:
        stream.write('{"problem_class":"branin","se')  # killed while writing
    assert 4 == run_matrix(a_matrix(), file, 1, silent)
    assert whole == [without_ask_times(row) for row in read_rows(file)]
    assert 0 == run_matrix(a_matrix(), file, 1, silent)


def test_only_a_strategy_that_looks_at_the_budget_is_run_for_each() -> None:
    plans = a_matrix("random", "tba-paper", seeds=range(1), budgets=(10, 25)).plans()
    budgets = {(plan.strategy, plan.budget) for plan in plans}
    assert {("random", 25), ("tba-paper", 10), ("tba-paper", 25)} == budgets


def test_a_row_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = [a_row(), a_row(a_plan(seed=1), first=3)]
    append_rows(tmp_path / "folder" / "rows.jsonl", rows)
    assert rows == read_rows(tmp_path / "folder" / "rows.jsonl")


def test_ranks_stand_only_in_rows_that_have_them(tmp_path: Path) -> None:
    rows = [a_row(), replace(a_row(a_plan("digits")), rank=(1.0, 0.5, 0.0))]
    append_rows(tmp_path / "rows.jsonl", rows)
    assert rows == read_rows(tmp_path / "rows.jsonl")
    written = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert [False, True] == ["rank" in line for line in written]


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert [] == read_rows(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"problem_class":"pairs"}\n', "line 1: is not a row of results"),
        (b"\n", "line 1: is not a row of results"),
        (b"\xff\xfe\n", "cannot be read"),
    ],
    ids=["a row with fields missing", "an empty line", "not text"],
)
def test_a_broken_results_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_bytes(content)
    with pytest.raises(DeploytuneError, match=f"broken.jsonl.*{message}"):
        read_rows(file)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"strategies": ("rondom",)}, "strategies: must be among random, .* got 'rondom'"),
        ({"classes": ("pears",)}, "classes: must be among values, .* got 'pears'"),
        ({"seeds": range(990, 1003)}, "seeds: must lie within 0-999 .* got '990-1002'"),
        ({"seeds": range(2000, 2001)}, "seeds: must lie within .* got '2000-2000'"),
        ({"seeds": range(0)}, "seeds: must lie within"),
        ({"budgets": (61,)}, "budgets: must be 1 to 60, got 61"),
        ({"in_flight": (0,)}, "in-flight: must be 1 to 60, got 0"),
    ],
)
def test_a_matrix_that_cannot_be_run_is_refused(changed: dict[str, object], message: str) -> None:
    fields = {
        "strategies": ("random",),
        "classes": ("pairs",),
        "seeds": range(1),
        "in_flight": (1,),
        "budgets": (5,),
    }
    with pytest.raises(DeploytuneError, match=message):
        Matrix(**{**fields, **changed})  # type: ignore[arg-type]
