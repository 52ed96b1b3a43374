from __future__ import annotations

from dataclasses import replace

import pytest
from bench_builders import a_plan, a_row

from deploytune.bench.search.measures import MEASURES, RANKS, at_budget
from deploytune.bench.search.runs import Row
from deploytune.bench.search.statistics import Estimate, estimate, paired_differences
from deploytune.bench.search.tables import build_tables, strategies_of

BY_NAME = {measure.name: measure for measure in MEASURES}


def test_a_mean_is_of_the_means_of_classes() -> None:
    assert 3.0 == estimate({"large": [1.0, 1.0, 1.0, 1.0], "small": [5.0]}).mean


def test_an_interval_of_two_figures_is_the_range_of_their_resampled_means() -> None:
    """Means of two draws from 0 and 1 are 0, a half and 1, with chances 1/4, 1/2, 1/4."""
    one = estimate({"class": [0.0, 1.0]})
    assert (0.5, 0.0, 1.0) == (one.mean, one.low, one.high)


def test_an_interval_has_the_width_of_the_standard_error() -> None:
    """100 figures of mean 0.5 and deviation 0.5: the standard error is 0.05."""
    one = estimate({"class": [0.0, 1.0] * 50})
    assert one.low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.012)
    assert one.high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.012)


def test_figures_that_do_not_vary_have_an_interval_of_no_width() -> None:
    assert estimate({"class": [2.0, 2.0, 2.0]}) == Estimate(2.0, 2.0, 2.0)


def test_differences_are_paired_by_class_and_seed() -> None:
    ours = {("a", 0): 3.0, ("a", 1): 5.0, ("b", 0): 1.0, ("b", 7): 9.0}
    theirs = {("a", 1): 1.0, ("a", 0): 1.0, ("b", 0): 2.0}
    assert {"a": [2.0, 4.0], "b": [-1.0]} == paired_differences(ours, theirs)


@pytest.mark.parametrize(
    ("name", "at_1", "at_3"),
    [
        ("discovery", 0.0, 1.0),
        ("regret", 1.0, 0.25),
        ("waste", 1.0, 1 / 3),
        ("waste (s)", 1.0, 1 / 6),
        ("first", 1.0, 2.0),
        ("first (s)", 1.0, 3.0),
    ],
)
def test_a_measure_is_read_at_a_budget(name: str, at_1: float, at_3: float) -> None:
    """Trials of 1, 2 and 3 seconds, of which the last two are feasible."""
    read = BY_NAME[name].read
    assert (at_1, at_3) == (read(a_row(), 1), read(a_row(), 3))


def test_a_run_without_a_trial_has_found_nothing() -> None:
    empty = type(a_row())(a_plan(), (), (), (), (), (), (0.0, 0.0))
    assert (0.0, 1.0) == tuple(BY_NAME[name].read(empty, 25) for name in ("discovery", "regret"))


def test_a_budget_is_read_from_the_smallest_run_that_is_large_enough() -> None:
    rows = [a_row(a_plan(budget=budget)) for budget in (10, 60, 25)]
    assert [25] == [row.plan.budget for row in at_budget(rows, 15)]
    assert [] == at_budget(rows, 61)


def test_tables_show_means_pairs_and_classes() -> None:
    rows = [
        a_row(a_plan(seed=seed, strategy=strategy), first=first)
        for seed in (0, 1)
        for strategy, first in (("ours", 1), ("theirs", 3))
    ]
    tables = build_tables(rows, [3], "theirs")
    assert "### 3 trials, 1 in flight" in tables
    assert "| ours | 1.00 [1.00, 1.00] | 0.250 [0.250, 0.250] | 0.00 [0.00, 0.00] |" in tables
    assert "| ours | +0.00 [+0.00, +0.00] | +0.000 [+0.000, +0.000] | -0.67" in tables
    assert "| pairs | 0.00 [0.00, 0.00] | 0.67 [0.67, 0.67] |" in tables


def test_a_class_where_a_strategy_is_worse_is_seen_beside_the_others() -> None:
    rows = [
        a_row(a_plan(seed=seed, strategy=strategy), first=first)
        for seed in (0, 1)
        for strategy, first in (("ours", 4), ("theirs", 3))
    ]
    tables = build_tables(rows, [3], "theirs")
    by_class = tables.partition("Regret by class, paired against theirs:")[2]
    assert "| pairs | +0.750 [+0.750, +0.750] | +0.000 [+0.000, +0.000] |" in by_class


def test_tables_keep_the_order_of_the_catalogue_and_put_the_unknown_last() -> None:
    strategies = ("oracle", "mine", "random")
    assert ["random", "oracle", "mine"] == strategies_of(
        a_row(a_plan(strategy=name)) for name in strategies
    )


def test_a_class_where_nothing_is_feasible_has_no_part_in_means() -> None:
    rows = [a_row(), a_row(a_plan("nothing"), first=4)]
    tables = build_tables(rows, [3], None)
    assert "| random | 1.00 [1.00, 1.00] |" in tables
    assert "nothing feasible" in tables.lower()


def ranked(seed: int, *ranks: float) -> Row:
    return replace(a_row(a_plan("digits", seed=seed), first=1), rank=ranks)


def test_a_class_that_replays_a_table_stands_apart_with_its_ranks() -> None:
    rows = [a_row(first=4), ranked(0, 0.5, 0.009, 0.0), ranked(1, 1.0, 0.5, 0.02)]
    overall, digits = build_tables(rows, [3], None).split("Digits, 3 trials, 1 in flight:")
    assert "| random | 0.00 [0.00, 0.00] | 1.000 [1.000, 1.000] |" in overall
    assert "digits" not in overall
    assert "| strategy | top 1 % | rank | discovery |" in digits
    assert "| random | 0.50 [0.00, 1.00] | 0.010 [0.000, 0.020] | 1.00 [1.00, 1.00] |" in digits


def test_ranks_are_paired_too() -> None:
    ours = ranked(0, 0.0)
    theirs = replace(ranked(0, 0.25), plan=replace(ours.plan, strategy="tpe"))
    tables = build_tables([ours, theirs], [3], "random")
    assert "| tpe | -1.00 [-1.00, -1.00] | +0.250 [+0.250, +0.250] |" in tables


@pytest.mark.parametrize(
    ("trials", "top", "rank"), [(1, 0.0, 0.5), (2, 1.0, 0.009), (3, 1.0, 0.0), (9, 1.0, 0.0)]
)
def test_a_rank_is_read_at_a_budget(trials: int, top: float, rank: float) -> None:
    row = ranked(0, 0.5, 0.009, 0.0)
    assert [top, rank] == [measure.read(row, trials) for measure in RANKS]


def test_a_run_that_found_nothing_has_the_last_rank() -> None:
    assert [0.0, 1.0] == [measure.read(a_row(), 3) for measure in RANKS]
