"""The two processes: of numbers, and of yes and no."""

from __future__ import annotations

import numpy as np
import pytest
from search_builders import a_choice, a_float

from deploytune.search.space import Space
from deploytune.search.thermal.arrays import Floats
from deploytune.search.thermal.classification import (
    chance_of_yes,
    classify,
    learn_label_weights,
)
from deploytune.search.thermal.columns import Columns
from deploytune.search.thermal.kernel import Likeness
from deploytune.search.thermal.regression import (
    Expected,
    Regression,
    condition,
    learn_scaling,
    spread_evenly,
)

COLUMNS = Columns.of(
    Space((a_choice("family", "a", "b", "c"), a_choice("other", 1, 2, 3), a_float("x", 0, 1)))
)
EQUAL = np.ones(3)
WIDE = Expected(spread=1.0, mean=0.0)


def rows_of(*configurations: tuple[str, int, float]) -> Floats:
    names = ("family", "other", "x")
    return COLUMNS.encode([dict(zip(names, each, strict=True)) for each in configurations])


def between(rows: Floats, others: Floats) -> Likeness:
    return Likeness.between(rows, others, COLUMNS.are_numeric)


def predicted(model: Regression, rows: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of others, while nothing is in flight."""
    found = model.predict(between(rows, others), between(others[:0], others))
    return found.mean, np.sqrt(found.variance)


def fitted(rows: Floats, targets: Floats, expected: Expected = WIDE) -> Regression:
    likeness = between(rows, rows)
    return condition(learn_scaling(likeness, targets, EQUAL, expected), likeness, targets)


def test_a_number_is_predicted_near_what_was_seen_and_surely() -> None:
    rows = COLUMNS.draw(40, np.random.default_rng(1))
    targets = rows[:, 0] + np.sin(3 * rows[:, 2])
    mean, deviation = predicted(fitted(rows, targets), rows, rows)
    assert np.abs(mean - targets).max() < 0.3
    assert deviation.max() < 0.5


def test_what_nobody_has_seen_is_predicted_from_what_shares_its_values() -> None:
    rng = np.random.default_rng(2)
    rows, others = COLUMNS.draw(40, rng), COLUMNS.draw(40, rng)
    model = fitted(rows, rows[:, 0] + rows[:, 2])
    mean, _ = predicted(model, rows, others)
    assert np.corrcoef(mean, others[:, 0] + others[:, 2])[0, 1] > 0.95


def test_a_parameter_that_matters_gets_the_weight() -> None:
    rows = COLUMNS.draw(60, np.random.default_rng(3))
    likeness = between(rows, rows)
    weights = learn_scaling(likeness, 3.0 * (rows[:, 1] == 1), EQUAL, WIDE).weights
    assert 1 == weights.argmax()


def test_one_measurement_does_not_say_that_all_are_alike() -> None:
    rows = rows_of(("a", 1, 0.5))
    model = fitted(rows, np.array([2.0]))
    [near], [unsure] = predicted(model, rows, rows_of(("b", 2, 0.0)))
    assert 0 < near < 2.0
    assert unsure > 0.5


def test_what_is_expected_counts_for_less_the_more_is_known() -> None:
    few, many = WIDE.updated(np.full(2, 4.0)), WIDE.updated(np.full(200, 4.0))
    assert 2.0 == few[0]
    assert pytest.approx(4.0, abs=0.05) == many[0]
    assert few[1] > many[1]


@pytest.mark.parametrize(
    "targets",
    [np.zeros(6), np.full(6, 1e9), np.array([0, 0, 0, 0, 0, 1e6])],
    ids=["all zero", "all large", "one far off"],
)
def test_any_targets_can_be_learnt_from(targets: Floats) -> None:
    rows = COLUMNS.draw(6, np.random.default_rng(4))
    mean, deviation = predicted(fitted(rows, targets), rows, rows)
    assert np.isfinite(mean).all()
    assert np.isfinite(deviation).all()


def chances(rows: Floats, labels: list[float], others: Floats) -> list[float]:
    likeness = between(rows, rows)
    known = np.array(labels)
    weights = learn_label_weights(likeness, known, EQUAL)
    model = classify(weights, likeness, known)
    found = model.predict(between(rows, others), between(others[:0], others))
    return list(chance_of_yes(found.mean, found.variance))


def test_a_pair_that_always_failed_is_less_likely_than_either_of_its_values_elsewhere() -> None:
    rows = rows_of(
        *(("a", 1, x) for x in (0.1, 0.4, 0.9)),
        *(("a", other, x) for other in (2, 3) for x in (0.2, 0.8)),
        *((family, 1, x) for family in "bc" for x in (0.3, 0.7)),
    )
    pair, one, other = chances(
        rows, [0.0] * 3 + [1.0] * 8, rows_of(("a", 1, 0.6), ("a", 2, 0.6), ("b", 1, 0.6))
    )
    assert pair < 0.4
    assert min(one, other) > 0.7


def test_a_value_never_seen_is_neither_hopeless_nor_certain() -> None:
    rows = rows_of(("a", 1, 0.1), ("a", 2, 0.5), ("b", 1, 0.9))
    [unseen] = chances(rows, [0.0, 0.0, 1.0], rows_of(("c", 3, 0.5)))
    assert 0.2 < unseen < 0.9


def test_rows_that_stand_for_all_are_spread_and_hold_the_last() -> None:
    assert [0, 1, 2] == list(spread_evenly(3, 10))
    some = list(spread_evenly(100, 10))
    assert 10 == len(some)
    assert (0, 99) == (some[0], some[-1])
