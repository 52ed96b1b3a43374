from __future__ import annotations

from itertools import combinations
from math import prod

import numpy as np
import pytest
from search_builders import a_mixed_space

from deploytune.contract.models import Scalar
from deploytune.search.thermal.arrays import Floats
from deploytune.search.thermal.columns import Columns
from deploytune.search.thermal.kernel import CONSTANT, Likeness, prior_variance


def some_rows(count: int) -> tuple[Columns, Floats]:
    columns = Columns.of(a_mixed_space())
    return columns, columns.draw(count, np.random.default_rng(3))


def some_weights(columns: Columns) -> Floats:
    return np.linspace(0.05, 0.4, len(columns.parameters))


def test_the_covariance_is_the_sum_over_values_pairs_and_triples() -> None:
    columns, rows = some_rows(6)
    weights = some_weights(columns)
    likeness = Likeness.between(rows, rows[:2], columns.are_numeric)

    terms = weights[:, None, None] * likeness.by_column
    expected = CONSTANT + sum(
        prod(terms[list(which)])
        for size in (1, 2, 3)
        for which in combinations(range(len(weights)), size)
    )

    assert pytest.approx(expected) == likeness.covariance(weights)


def test_the_gradient_is_that_of_the_covariance() -> None:
    columns, rows = some_rows(5)
    weights = some_weights(columns)
    likeness = Likeness.between(rows, rows, columns.are_numeric)
    outer = np.random.default_rng(5).normal(size=(5, 5))

    step = 1e-6
    slopes = []
    for place in range(len(weights)):
        more, less = weights.copy(), weights.copy()
        more[place] += step
        less[place] -= step
        change = likeness.covariance(more) - likeness.covariance(less)
        slopes.append(float((outer * change).sum()) / (2 * step))

    assert pytest.approx(slopes, rel=1e-5) == likeness.gradient_against(weights, outer)


def test_it_is_a_covariance_of_any_rows() -> None:
    columns, rows = some_rows(80)
    likeness = Likeness.between(rows, rows, columns.are_numeric)
    covariance = likeness.covariance(some_weights(columns))
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    assert pytest.approx(prior_variance(some_weights(columns))) == covariance.diagonal()


def test_rows_that_share_a_pair_are_more_alike_than_rows_that_share_one_value() -> None:
    columns = Columns.of(a_mixed_space())
    base: dict[str, Scalar] = {"backend": "onnxruntime", "precision": "fp32", "threads": 1}
    rest: dict[str, Scalar] = {"batch": 1, "delay": 0.001, "pinned": False}
    one = columns.encode([{**base, **rest}])
    others = columns.encode(
        [
            {**base, **rest, "batch": 8},
            {**base, **rest, "batch": 8, "precision": "fp16"},
        ]
    )
    pair, value = Likeness.between(one, others, columns.are_numeric).covariance(
        some_weights(columns)
    )[0]
    assert pair > value


def test_a_resting_value_is_like_a_resting_one_and_unlike_any_other() -> None:
    columns = Columns.of(a_mixed_space())
    rest: dict[str, Scalar] = {"batch": 1, "delay": 0.001, "pinned": False, "precision": "fp32"}
    rows = columns.encode(
        [
            {**rest, "backend": "pytorch"},
            {**rest, "backend": "pytorch", "batch": 8},
            {**rest, "backend": "onnxruntime", "threads": 1},
        ]
    )
    threads = columns.place_of("threads")
    assert threads is not None
    alike = Likeness.between(rows, rows, columns.are_numeric).by_column[threads]
    assert [[1, 1, 0], [1, 1, 0], [0, 0, 1]] == alike.tolist()
