from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest
from search_builders import a_choice, an_integer

from deploytune.bench.search.closing_tables import build_closing_tables
from deploytune.bench.search.closings import Closing, Course, Opening, course_of
from deploytune.bench.search.problems import Answer, BenchProblem, Ending, Truth
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, Parameters
from deploytune.search.problem import Algorithm, Constraint, Objective, Problem
from deploytune.search.space import Space
from deploytune.search.strategies.tba_paper import PUBLISHED, Policy

HARD, EASY, DEAD = (("family", "string", name) for name in ("hard", "easy", "dead"))
LOSSES = {"hard": -0.9, "easy": -0.5}


@dataclass(frozen=True)
class Families:
    """`hard` is the best from `size` 50 on and crashes below, `easy` always runs, `dead` never."""

    def outcome(self, parameters: Parameters, _rng: Random) -> Ending:
        truth = self.truth(parameters)
        if not truth.feasible:
            return Ending(OutcomeKind.CRASHED, {}, 1.0)
        return Ending(OutcomeKind.FEASIBLE, {"accuracy": -(truth.loss or 0), "size": 1.0}, 1.0)

    def truth(self, parameters: Parameters) -> Truth:
        family, size = str(parameters["family"]), int(parameters["size"])
        runs = family == "easy" or (family == "hard" and size >= 50)
        loss = LOSSES[family] - size / 10000 if runs else None
        return Truth(runs, loss)


def a_problem_of_families() -> BenchProblem:
    space = Space((a_choice("family", "hard", "easy", "dead"), an_integer("size", 0, 99)))
    limit = Constraint(Limit(metric="size", max=1.0))
    algorithm = Algorithm("TBA", preset="Paper")
    objective = Objective("accuracy", Direction.MAXIMIZE)
    problem = Problem(space, objective, (limit,), 25, algorithm)
    known = [at("easy", 99), at("hard", 60), at("hard", 99)]
    answer = Answer(known[-1], -0.9099, -0.5, "hard", tuple(known))
    return BenchProblem("families", 0, problem, "family", Families(), answer, 0.5)


def at(family: str, size: int) -> dict[str, Scalar]:
    return {"family": family, "size": size}


def a_history(*tried: dict[str, Scalar]) -> list[FinishedTrial]:
    rng, system = Random(0), Families()
    endings = [system.outcome(parameters, rng) for parameters in tried]
    return [
        FinishedTrial(index, parameters, ending.kind, ending.metrics)
        for index, (parameters, ending) in enumerate(zip(tried, endings, strict=True))
    ]


def course(history: Sequence[FinishedTrial], policy: Policy = PUBLISHED) -> Course:
    return course_of(a_problem_of_families(), history, policy)


CRASHES = [at("hard", size) for size in range(3)]
DEATHS = [at("dead", size) for size in range(3)]


def successes(count: int) -> list[dict[str, Scalar]]:
    return [at("easy", size) for size in range(count)]


def the_closing(*tried: dict[str, Scalar], policy: Policy = PUBLISHED) -> Closing:
    (closing,) = course(a_history(*tried), policy).closings
    return closing


def test_closing_what_holds_something_better_than_the_answer_is_wrong() -> None:
    closing = the_closing(*CRASHES, at("easy", 1))
    assert (HARD, 3) == (closing.value, closing.closed_after)
    assert closing.is_wrong
    assert closing.holds_best
    assert not closing.is_hopeless


def test_closing_what_holds_nothing_feasible_is_hopeless_and_not_wrong() -> None:
    closing = the_closing(*DEATHS, at("easy", 1))
    assert (DEAD, True, False) == (closing.value, closing.is_hopeless, closing.is_wrong)


def test_nothing_is_wrongly_closed_when_the_best_was_found() -> None:
    assert not the_closing(at("hard", 99), *CRASHES).is_wrong


def test_a_lucky_measurement_is_no_answer() -> None:
    honest = a_history(*CRASHES, at("easy", 1))
    lucky = FinishedTrial(4, at("dead", 9), OutcomeKind.FEASIBLE, {"accuracy": 0.99, "size": 1.0})
    (closing,) = course([*honest, lucky]).closings
    assert closing.is_wrong


def test_by_what_a_value_opened_again() -> None:
    mapping = replace(PUBLISHED, map_at_most=None, hand_off_trials=None)
    waiting = successes(8)
    scheduled = the_closing(*CRASHES, *waiting, at("hard", 99), policy=mapping)
    assert (Opening.SCHEDULE, 11) == (scheduled.by, scheduled.opened_after)
    assert (scheduled.came_back, scheduled.was_feasible, scheduled.bettered) == (True, True, True)
    early = the_closing(*CRASHES, at("hard", 99), *waiting, policy=mapping)
    assert (Opening.SUCCESS, 4) == (early.by, early.opened_after)
    still = the_closing(*CRASHES, *waiting[:7], policy=mapping)
    assert (Opening.NOTHING, False) == (still.by, still.came_back)
    handed = the_closing(*CRASHES, *waiting[:5], at("hard", 1))
    assert (Opening.HAND_OFF, 8) == (handed.by, handed.opened_after)
    assert (handed.came_back, handed.was_feasible, handed.bettered) == (True, False, False)


def test_a_policy_that_closes_nothing_has_no_closings() -> None:
    history = a_history(*CRASHES, *DEATHS)
    assert () == course(history, replace(PUBLISHED, close_after=None)).closings


def test_values_are_sorted_by_the_truth() -> None:
    found = course(a_history(*CRASHES, *successes(5)))
    assert frozenset({HARD, EASY, DEAD}) == found.values
    assert frozenset({HARD, EASY}) == found.better  # `easy` holds a size that was not tried
    assert frozenset({DEAD}) == found.hopeless
    assert frozenset({HARD}) == found.closed


def test_only_the_mapping_stage_counts_for_families() -> None:
    found = course(a_history(*CRASHES, *successes(5), *DEATHS))
    assert 8 == found.mapping_trials
    assert {"hard": 3, "easy": 5, "dead": 0} == found.by_family
    assert "hard" == found.best_family


def test_a_problem_without_families_has_none_to_count() -> None:
    bench = replace(a_problem_of_families(), family=None)
    assert {} == course_of(bench, a_history(*CRASHES), PUBLISHED).by_family


@pytest.fixture
def tables() -> list[str]:
    runs = [course(a_history(*tried)) for tried in ([*CRASHES, *successes(5)], successes(3))]
    return build_closing_tables({"tba-paper": {"families": runs}}).splitlines()


def cells_of(row: str, tables: list[str], nth: int = 0) -> list[str]:
    found = [line for line in tables if line.startswith(f"| {row} |")][nth]
    return [cell.strip().partition(" ")[0] for cell in found.split("|")[2:-1]]


def test_shares_are_of_the_runs_that_closed_something(tables: list[str]) -> None:
    assert ["0.50", "0.5", "1.00", "0.67"] == cells_of("tba-paper", tables)[:4]


def test_the_mapping_stage_is_shown_by_rank_of_family(tables: list[str]) -> None:
    trials, families, seen, every, first, *_ = cells_of("tba-paper", tables, 2)
    assert ["5.5", "3.0", "0.50", "0.00", "0.81"] == [trials, families, seen, every, first]


def test_a_figure_that_no_run_has_is_left_empty() -> None:
    runs = [course(a_history(*successes(3)))]
    tables = build_closing_tables({"tba-paper": {"families": runs}}).splitlines()
    assert ["0.00", "0.0", "", ""] == cells_of("tba-paper", tables)[:4]


def test_where_nothing_is_feasible_no_family_is_the_best() -> None:
    bench = replace(a_problem_of_families(), answer=None)
    runs = [course_of(bench, a_history(*CRASHES, *successes(5)), PUBLISHED)]
    tables = build_closing_tables({"tba-paper": {"nothing": runs}}).splitlines()
    assert ["8.0", "3.0"] == cells_of("tba-paper", tables, 2)[:2]
    assert ["", ""] == cells_of("tba-paper", tables, 2)[-2:]
