from __future__ import annotations

import subprocess
import sys
from random import Random
from statistics import mean

import pytest

from deploytune.bench.search.catalogue import SUMMARIES, problem_of
from deploytune.bench.search.landscapes.classes import LANDSCAPE_CLASSES
from deploytune.bench.search.landscapes.failures import FailureShape, Rule
from deploytune.bench.search.landscapes.landscape import LATENCY, Landscape
from deploytune.bench.search.landscapes.limits import draw_limits, feasible_count
from deploytune.bench.search.landscapes.surfaces import Point
from deploytune.bench.search.problems import BenchProblem
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import Parameters
from deploytune.search.neighbours import neighbour

_PRINT_SOME = """
from random import Random
from deploytune.bench.search.catalogue import problem_of
problem = problem_of("unstructured", 1)
rng, noise = Random(1), Random(2)
drawn = [problem.problem.space.completed({}, rng) for _ in range(20)]
print([problem.system.outcome(one, noise) for one in drawn], problem.answer.best)
"""


def a_sample(problem: BenchProblem, size: int = 300) -> tuple[Parameters, ...]:
    rng = Random("a sample of its own")
    return tuple(problem.problem.space.completed({}, rng) for _ in range(size))


def landscape_of(problem: BenchProblem) -> Landscape:
    assert isinstance(problem.system, Landscape)
    return problem.system


def test_a_landscape_is_the_same_in_another_process() -> None:
    printed = subprocess.run(
        [sys.executable, "-c", _PRINT_SOME],
        env={"PYTHONPATH": "operator", "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    problem = problem_of("unstructured", 1)
    rng, noise = Random(1), Random(2)
    drawn = [problem.problem.space.completed({}, rng) for _ in range(20)]
    assert problem.answer is not None
    ours = [problem.system.outcome(one, noise) for one in drawn], problem.answer.best
    assert printed == f"{ours[0]} {ours[1]}\n"


def test_another_seed_is_another_landscape() -> None:
    assert problem_of("pairs", 1).answer != problem_of("pairs", 2).answer


@pytest.mark.parametrize("name", sorted(SUMMARIES.keys() - {"scarce", "nothing", "branin"}))
def test_the_feasible_share_is_what_the_class_says(name: str) -> None:
    problem = problem_of(name, 1)
    share = mean(problem.system.truth(one).feasible for one in a_sample(problem))
    assert share == pytest.approx(problem.feasible_share, abs=0.08)
    if name in LANDSCAPE_CLASSES:
        low, high = LANDSCAPE_CLASSES[name].feasible
        assert low - 0.005 <= problem.feasible_share <= high + 0.005


def test_a_scarce_landscape_is_feasible_in_two_of_a_hundred() -> None:
    assert problem_of("scarce", 1).feasible_share == pytest.approx(0.02, abs=0.001)


def test_where_nothing_is_feasible_there_is_no_answer() -> None:
    problem = problem_of("nothing", 0)
    assert problem.answer is None
    assert not any(problem.system.truth(one).feasible for one in a_sample(problem))
    assert any(landscape_of(problem).true_metrics(one) for one in a_sample(problem))


def test_a_trial_agrees_with_the_truth_up_to_noise() -> None:
    problem = problem_of("pairs", 1)
    landscape, ratios = landscape_of(problem), []
    for place, one in enumerate(a_sample(problem)):
        ending, true = problem.system.outcome(one, Random(place)), landscape.true_metrics(one)
        assert bool(ending.metrics) == (true is not None)
        if true is not None:
            ratios.append(ending.metrics[LATENCY] / true[LATENCY])
    assert mean(ratios) == pytest.approx(1.0, abs=0.01)
    assert mean(abs(ratio - 1) for ratio in ratios) == pytest.approx(0.03 * 0.8, abs=0.008)


def test_noise_decides_at_the_limit_in_the_noisy_class_only() -> None:
    def disagreeing(name: str) -> float:
        problem = problem_of(name, 1)
        kinds = [problem.system.outcome(one, Random(7)).kind for one in a_sample(problem)]
        truths = [problem.system.truth(one).feasible for one in a_sample(problem)]
        pairs = zip(kinds, truths, strict=True)
        return mean((kind is OutcomeKind.FEASIBLE) != truth for kind, truth in pairs)

    assert disagreeing("noisy") > 2 * disagreeing("pairs")


def test_no_sampled_configuration_is_better_than_the_answer() -> None:
    problem = problem_of("twelve", 0)
    assert problem.answer is not None
    assert problem.system.truth(problem.answer.best).feasible
    truths = [problem.system.truth(one) for one in a_sample(problem)]
    best = min(truth.loss for truth in truths if truth.feasible and truth.loss is not None)
    assert problem.answer.best_loss <= best


def test_no_change_of_one_value_improves_the_answer() -> None:
    problem, rng = problem_of("twelve", 0), Random(4)
    answer, space = problem.answer, problem.problem.space
    assert answer is not None
    changed = [neighbour(space, answer.best, rng, 1.0) for _ in range(200)]
    truths = [problem.system.truth(one) for one in changed]
    assert all(t.loss >= answer.best_loss for t in truths if t.feasible and t.loss is not None)


def test_the_best_family_of_a_deceptive_landscape_is_the_hard_one() -> None:
    problem = problem_of("deceptive", 0)
    assert problem.answer is not None
    families: list[object] = [one["family"] for one in problem.answer.feasible]
    count = problem.problem.space["family"].count or 1
    assert families.count(problem.answer.best_family) < len(families) / count / 2


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("values", (1, 0)),
        ("pairs", (2, 0)),
        ("triples", (3, 0)),
        ("thresholds", (1, 1)),
    ],
)
def test_failures_have_the_shape_of_their_class(name: str, shape: tuple[int, int]) -> None:
    rules = landscape_of(problem_of(name, 1)).rules
    assert {shape} == {(len(rule.values), len(rule.above) + len(rule.below)) for rule in rules}


def test_a_rule_holds_where_all_of_it_does() -> None:
    rule = Rule(values={"backend": "tensorrt"}, above={"batch": 0.5})
    large = {"batch": 0.7}
    assert rule.holds(Point({"backend": "tensorrt", "batch": 32}, large))
    assert not rule.holds(Point({"backend": "tensorrt", "batch": 2}, {"batch": 0.2}))
    assert not rule.holds(Point({"backend": "pytorch", "batch": 32}, large))
    assert not rule.holds(Point({"backend": "tensorrt"}, {}))


def test_limits_leave_the_wanted_share() -> None:
    rng = Random(5)
    runs = [{"latency": rng.random(), "accuracy": rng.random()} for _ in range(1000)]
    limits = draw_limits(runs, 2000, 0.1, {"latency": False, "accuracy": True})
    assert feasible_count(runs, limits) == pytest.approx(200, abs=2)
    assert [limit.max is not None for limit in limits] == [True, False]


def test_crashes_show_no_metrics_and_cost_less_than_time_outs() -> None:
    problem = problem_of("costs", 1)
    endings = [problem.system.outcome(one, Random(3)) for one in a_sample(problem)]
    crashed = [one for one in endings if one.kind is OutcomeKind.CRASHED]
    timed_out = [one for one in endings if one.kind is OutcomeKind.TIMED_OUT]
    assert all(not one.metrics for one in (*crashed, *timed_out))
    assert 10 * mean(o.seconds for o in crashed) < mean(o.seconds for o in timed_out)
    seconds = sorted(one.seconds for one in endings)
    assert seconds[-5] > 50 * seconds[5]


def test_every_shape_of_failure_belongs_to_a_class() -> None:
    assert set(FailureShape) == {one.failures for one in LANDSCAPE_CLASSES.values()}
