"""What `TBA` tries next, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from search_builders import a_choice, a_finished, a_float, a_problem, play

from deploytune.contract.limits import Limit
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, InFlight, Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposals import Proposal
from deploytune.search.proposing import next_proposal
from deploytune.search.space import Space
from deploytune.search.strategies.tba import build_tba
from deploytune.search.thermal.families import MOST_TRIES

FAMILIES = ("a", "b", "c", "d")
TBA = Algorithm("TBA", seed=5)


def a_tuning(max_trials: int = 40) -> Problem:
    """Four families, a choice whose value 3 crashes with family a, and a number."""
    space = Space(
        (a_choice("family", *FAMILIES), a_choice("kind", 1, 2, 3, 4), a_float("x", 0.0, 1.0))
    )
    limits = (Limit(metric="latency_ms", max=10),)
    return a_problem(space, algorithm=TBA, limits=limits, max_trials=max_trials)


def tried(index: int, parameters: dict[str, Scalar]) -> FinishedTrial:
    """Family d is the best and feasible only with x above 0.7."""
    family, kind, x = parameters["family"], parameters["kind"], parameters["x"]
    assert isinstance(family, str)
    assert isinstance(x, float)
    if family == "a" and kind == 3:
        return FinishedTrial(index, parameters, OutcomeKind.CRASHED)
    good = {"a": 10.0, "b": 12.0, "c": 14.0, "d": 40.0}[family]
    latency = (30.0 - 28.0 * x) if family == "d" else 8.0 + 4.0 * x
    feasible = OutcomeKind.FEASIBLE if latency <= 10 else OutcomeKind.INFEASIBLE
    return FinishedTrial(
        index, parameters, feasible, {"latency_ms": latency, "throughput": good * (2 - x)}
    )


def played(problem: Problem, trials: int) -> tuple[list[Proposal], Knowledge]:
    knowledge, proposals = Knowledge(), []
    for index in range(trials):
        proposal = next_proposal(problem, knowledge, index)
        assert proposal is not None
        proposals.append(proposal)
        ended = tried(index, dict(proposal.parameters))
        knowledge = replace(knowledge, finished=(*knowledge.finished, ended))
    return proposals, knowledge


def test_every_family_is_seen_soon_after_the_first_feasible_trial() -> None:
    proposals, knowledge = played(a_tuning(), 12)
    first = next(place for place, trial in enumerate(knowledge.finished) if trial.is_feasible)
    soon = proposals[: first + 1 + len(FAMILIES)]
    assert set(FAMILIES) == {proposal.parameters["family"] for proposal in soon}


def test_the_best_family_is_found_although_it_is_hard() -> None:
    _, knowledge = played(a_tuning(), 20)
    best = max(
        (trial for trial in knowledge.finished if trial.is_feasible),
        key=lambda trial: trial.metrics["throughput"],
    )
    assert "d" == best.parameters["family"]


def test_a_pair_that_crashes_is_left_alone_once_it_is_known() -> None:
    _, knowledge = played(a_tuning(), 30)
    assert sum(trial.outcome is OutcomeKind.CRASHED for trial in knowledge.finished) <= 3


def test_a_family_that_fails_gets_its_quota_and_no_more() -> None:
    problem = a_tuning()
    knowledge = Knowledge()
    quota = 0
    for index in range(24):
        proposal = next_proposal(problem, knowledge, index)
        assert proposal is not None
        ended = tried(index, dict(proposal.parameters))
        if proposal.parameters["family"] == "b":
            ended = FinishedTrial(index, proposal.parameters, OutcomeKind.CRASHED)
        quota += proposal.why.get("family") == "b"
        knowledge = replace(knowledge, finished=(*knowledge.finished, ended))
    assert 1 <= quota <= MOST_TRIES


def test_every_proposal_says_by_which_rule_it_was_chosen() -> None:
    proposals, _ = played(a_tuning(), 20)
    rules = [proposal.why.get("rule") for proposal in proposals]
    assert "start" == rules[0]
    assert {"quota", "model"} <= set(rules[1:]) <= {"feasibility", "quota", "model"}
    for proposal in proposals[1:]:
        assert 0 <= float(proposal.why["feasible"]) <= float(proposal.why["runs"]) <= 1
        assert ("family" in proposal.why) == (proposal.why["rule"] == "quota")


def test_nothing_feasible_yet_is_searched_for_by_probability_alone() -> None:
    problem = replace(a_tuning(), constraints=())
    crashed = tuple(
        a_finished(index, {"family": family, "kind": kind, "x": 0.5}, OutcomeKind.CRASHED)
        for index, (family, kind) in enumerate((f, k) for f in FAMILIES for k in (1, 2))
    )
    proposal = next_proposal(problem, Knowledge(crashed), len(crashed))
    assert proposal is not None
    assert "feasibility" == proposal.why["rule"]
    assert proposal.parameters["kind"] in {3, 4}


def test_the_temperature_falls_with_the_budget_from_one_to_nothing() -> None:
    proposals, _ = played(a_tuning(max_trials=20), 20)
    temperatures = [float(proposal.why["temperature"]) for proposal in proposals[1:]]
    assert sorted(temperatures, reverse=True) == temperatures
    assert (0.95, 0.05) == (temperatures[0], temperatures[-1])


def test_trials_that_start_together_are_of_different_families() -> None:
    proposals = play(replace(a_tuning(), algorithm=TBA), len(FAMILIES), in_flight=len(FAMILIES))
    assert set(FAMILIES) == {proposal.parameters["family"] for proposal in proposals}
    assert ["start", "spread"] == [proposal.why["rule"] for proposal in proposals[:2]]


def test_what_is_much_like_a_trial_in_flight_waits_for_its_end() -> None:
    problem = replace(a_tuning(), constraints=())
    crashed = [("a", 1, 0.5), ("b", 2, 0.5), ("c", 3, 0.5), ("a", 2, 0.1), ("b", 1, 0.9)]
    known = Knowledge(
        tuple(
            a_finished(index, {"family": family, "kind": kind, "x": x}, OutcomeKind.CRASHED)
            for index, (family, kind, x) in enumerate(crashed)
        )
    )
    first = next_proposal(problem, known, 5)
    assert first is not None
    flying = replace(known, in_flight=(InFlight(5, first.parameters),))
    gone = replace(known, abandoned=(first.parameters,))
    beside, instead = (next_proposal(problem, each, 6) for each in (flying, gone))
    assert beside is not None
    assert instead is not None
    assert shared(first, beside) < shared(first, instead)


def shared(one: Proposal, other: Proposal) -> int:
    """Return how many choices two proposals have in common."""
    return sum(one.parameters[name] == other.parameters[name] for name in ("family", "kind"))


def test_a_number_is_refined_around_the_best_when_it_is_cold() -> None:
    space = Space((a_float("x", 0.0, 1.0), a_float("y", 0.0, 1.0)))
    problem = a_problem(space, algorithm=TBA, limits=(), max_trials=30)
    knowledge = Knowledge()
    for index in range(30):
        proposal = next_proposal(problem, knowledge, index)
        assert proposal is not None
        x, y = (float(proposal.parameters[name]) for name in ("x", "y"))
        reached = 100.0 * (2.0 - (x - 0.31) ** 2 - (y - 0.62) ** 2)
        ended = a_finished(index, proposal.parameters, throughput=reached)
        knowledge = replace(knowledge, finished=(*knowledge.finished, ended))
    assert max(t.metrics["throughput"] for t in knowledge.finished) > 199.5


def test_the_pool_is_a_choice_of_families_too() -> None:
    space = Space((a_choice("pool", "large", "small"), a_choice("model", "a", "b", "c")))
    proposals = play(a_problem(space, algorithm=TBA, max_trials=6), 4)
    assert {"large", "small"} == {proposal.parameters["pool"] for proposal in proposals}
    assert {"a", "b", "c"} == {proposal.parameters["model"] for proposal in proposals}


def test_a_history_beyond_memory_is_searched_too() -> None:
    problem = a_tuning(max_trials=400)
    finished = tuple(
        tried(index, {"family": FAMILIES[index % 4], "kind": 1, "x": index / 300})
        for index in range(300)
    )
    assert next_proposal(problem, Knowledge(finished), 300) is not None


@pytest.mark.parametrize("preset", [None, "Paper"])
def test_the_default_and_the_published_method_are_one_algorithm(preset: str | None) -> None:
    strategy = build_tba(Algorithm("TBA", preset=preset))
    assert (preset is None) == (type(strategy).__name__ == "ModelledAnnealing")
