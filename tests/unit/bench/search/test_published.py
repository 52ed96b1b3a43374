from __future__ import annotations

import math
from random import Random

import pytest

from deploytune.bench.search.catalogue import problem_of
from deploytune.bench.search.published import BRANIN_OPTIMUM, branin_metrics, rosenbrock_metrics
from deploytune.contract.models import Scalar

_AT_THE_OPTIMUM: dict[str, Scalar] = {"mode": "A", "x1": math.pi, "x2": 2.275, "resolution": 1}


def test_branin_has_its_known_minimum_and_a_tenth_for_each_unit_of_resolution() -> None:
    metrics = branin_metrics(_AT_THE_OPTIMUM)
    assert metrics is not None
    assert metrics["value"] == pytest.approx(-BRANIN_OPTIMUM)
    finer = branin_metrics({**_AT_THE_OPTIMUM, "resolution": 5})
    assert finer is not None
    assert finer["value"] == pytest.approx(-BRANIN_OPTIMUM - 0.4)


def test_the_modes_of_branin_shift_it() -> None:
    shifted = branin_metrics({**_AT_THE_OPTIMUM, "mode": "B", "x1": math.pi - 2})
    assert shifted is not None
    assert shifted["value"] == pytest.approx(-BRANIN_OPTIMUM)


@pytest.mark.parametrize(
    "changed", [{"mode": "C", "x1": 8.1}, {"resolution": 8, "x2": 12.1}], ids=["mode", "resolution"]
)
def test_branin_crashes_in_its_zones(changed: dict[str, Scalar]) -> None:
    assert branin_metrics({**_AT_THE_OPTIMUM, **changed}) is None


def test_the_limits_of_branin_are_sixteen_and_ten() -> None:
    problem = problem_of("branin", 0)
    assert problem.system.truth({**_AT_THE_OPTIMUM, "x1": 12.0, "x2": 4.0}).feasible
    assert not problem.system.truth({**_AT_THE_OPTIMUM, "x1": 12.1, "x2": 4.0}).feasible
    assert not problem.system.truth({**_AT_THE_OPTIMUM, "x1": 1.0, "x2": 5.6}).feasible


def test_rosenbrock_is_zero_at_ones_in_every_mode() -> None:
    for mode, count in (("simple", 2), ("extended", 4), ("full", 5)):
        ones: dict[str, Scalar] = {f"x{place + 1}": 1.0 for place in range(count)}
        metrics = rosenbrock_metrics({"mode": mode, **ones, "iterations": 3})
        assert metrics == {"value": 0.0, "sum": count - 5.0}


def test_rosenbrock_crashes_at_the_far_end_of_its_full_mode() -> None:
    middle: dict[str, Scalar] = {"mode": "full", "x2": 0.0, "x3": 0.0, "x4": 0.0, "iterations": 1}
    far = {**middle, "x1": 3.1, "x5": 3.1}
    assert rosenbrock_metrics(far) is None
    assert rosenbrock_metrics({**far, "x5": 2.9}) is not None


def test_the_noise_of_rosenbrock_shrinks_with_iterations_and_is_not_in_its_truth() -> None:
    problem = problem_of("rosenbrock", 0)
    ones: dict[str, Scalar] = {"mode": "simple", "x1": 1.0, "x2": 1.0}
    noise = [
        -problem.system.outcome({**ones, "iterations": 20}, Random(seed)).metrics["value"]
        for seed in range(50)
    ]
    assert 0 < max(noise) <= 1 / 20
    assert problem.system.truth({**ones, "iterations": 1}).loss == 0


def test_regret_of_a_published_problem_is_zero_at_its_optimum() -> None:
    answer = problem_of("branin", 0).answer
    assert answer is not None
    assert (0.0, 1.0) == (answer.regret(0.0), answer.regret(1e9))
