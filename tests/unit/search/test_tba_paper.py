from __future__ import annotations

from dataclasses import replace

import pytest
from search_builders import a_choice, a_finished, a_flag, a_problem, an_integer, play

from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, Knowledge
from deploytune.search.problem import Algorithm
from deploytune.search.proposing import next_proposal
from deploytune.search.space import Space
from deploytune.search.strategies.tba_paper import (
    PUBLISHED,
    AnnealingState,
    Policy,
    ThermalBudgetAnnealing,
    build_paper,
    fold,
    structural_probability,
)

PAPER = Algorithm("TBA", preset="Paper", seed=1)
SPACE = Space((a_choice("backend", "a", "b", "c"), a_flag("pinned"), an_integer("x", 0, 1000)))
PROBLEM = a_problem(SPACE, algorithm=PAPER, max_trials=40)


def after(*trials: FinishedTrial) -> AnnealingState:
    return fold(PROBLEM, trials)


def at(index: int, backend: Scalar = "a", **changes: Scalar) -> dict[str, Scalar]:
    return {"backend": backend, "pinned": False, "x": index, **changes}


def crashed(index: int, backend: str = "a") -> FinishedTrial:
    return a_finished(index, at(index, backend), OutcomeKind.CRASHED)


def infeasible(index: int, latency: float) -> FinishedTrial:
    return a_finished(
        index, at(index), OutcomeKind.INFEASIBLE, latency_ms=latency, throughput=1e6 + index
    )


def feasible(index: int, throughput: float = 1.0) -> FinishedTrial:
    return a_finished(index, at(index), latency_ms=5, throughput=throughput)


def test_a_crash_never_becomes_the_current_point() -> None:
    assert after(crashed(0), crashed(1)).current is None


def test_the_first_measured_trial_becomes_the_current_point() -> None:
    trial = infeasible(1, 900)
    assert after(crashed(0), trial).current is trial


def test_a_smaller_violation_is_always_accepted() -> None:
    trial = infeasible(1, 12)
    assert after(infeasible(0, 13), trial).current is trial


def test_a_larger_violation_is_accepted_at_times() -> None:
    accepted = sum(
        after(infeasible(0, 13), trial).current is trial
        for trial in (infeasible(index, 40) for index in range(1, 200))
    )
    assert 60 < accepted < 160


def test_the_first_feasible_trial_is_accepted_whatever_its_objective() -> None:
    trial = feasible(1, throughput=-50)
    assert after(infeasible(0, 10.1), trial).current is trial


def test_nothing_infeasible_is_accepted_after_a_feasible_trial() -> None:
    first = feasible(0)
    for index in range(1, 50):
        assert after(first, infeasible(index, 10.0001)).current is first


def test_a_worse_objective_is_accepted_by_its_relative_loss() -> None:
    def accepted(worse: float) -> int:
        trials = (feasible(index, worse) for index in range(1, 200))
        return sum(after(feasible(0, 100), trial).current is trial for trial in trials)

    assert accepted(101) == 199
    assert accepted(99) > 190
    assert accepted(1) < 110


def test_a_feasible_trial_without_an_objective_is_left_for_one_that_has_it() -> None:
    without = a_finished(0, at(0), latency_ms=5)
    better = feasible(1)
    assert after(without, better).current is better


def test_temperature_cools_on_improvement_faster_before_anything_is_feasible() -> None:
    assert after(infeasible(0, 30)).temperature == pytest.approx(0.92)
    assert after(infeasible(0, 30), infeasible(1, 20)).temperature == pytest.approx(0.92**2)
    cooled = after(infeasible(0, 30), feasible(1), feasible(2, 2.0)).temperature
    assert cooled == pytest.approx(0.92 * 0.95**2)


def test_temperature_is_reheated_after_four_trials_without_improvement() -> None:
    improving = [infeasible(index, 100 - index) for index in range(20)]
    stale = [infeasible(20 + index, 100) for index in range(4)]
    cold = after(*improving).temperature
    assert after(*improving, *stale[:3]).temperature == cold
    assert after(*improving, *stale).temperature == pytest.approx(2.5 * cold)
    assert after(*(crashed(index) for index in range(4))).temperature == pytest.approx(0.8)


def test_a_value_is_closed_after_three_failures_in_a_row_for_eight_trials() -> None:
    failures = [crashed(index) for index in range(3)]
    value = ("backend", "string", "a")
    assert not after(*failures[:2]).is_closed(value)
    assert after(*failures).is_closed(value)
    others = [crashed(3 + index, "bc"[index % 2]) for index in range(8)]
    assert after(*failures, *others[:7]).is_closed(value)
    assert not after(*failures, *others).is_closed(value)


def test_a_success_opens_a_closed_value_and_ends_the_row_of_failures() -> None:
    failures = [crashed(index) for index in range(3)]
    value = ("backend", "string", "a")
    assert not after(*failures, infeasible(3, 50)).is_closed(value)
    assert not after(*failures[:2], infeasible(3, 50), crashed(4)).is_closed(value)


def test_the_last_open_value_is_never_closed() -> None:
    state = after(*(crashed(index, "abc"[index % 3]) for index in range(9)))
    closed = [state.is_closed(("backend", "string", backend)) for backend in "abc"]
    assert closed == [True, True, False]


def test_no_closed_value_is_proposed() -> None:
    knowledge = Knowledge(tuple(crashed(index) for index in range(3)))
    for index in range(3, 40):
        proposal = next_proposal(PROBLEM, knowledge, index)
        assert proposal is not None
        assert proposal.parameters["backend"] != "a"


def test_elites_are_the_best_three_measured_trials() -> None:
    trials = [infeasible(0, 30), feasible(1, 3), feasible(2, 9), crashed(3), feasible(4, 5)]
    assert [elite.index for elite in after(*trials).elites] == [2, 4, 1]


def test_every_twelfth_trial_restarts_at_an_elite() -> None:
    trials = [feasible(index, 100 + index) for index in range(3)]
    others = [infeasible(index, 50) for index in range(3, 11)]
    state = fold(PROBLEM, (*trials, *others, crashed(11)))
    assert state.current in state.elites
    restarted_at = {
        after(*trials, *others, crashed(index)).current is trials[2] for index in range(11, 60)
    }
    assert restarted_at == {True, False}


def test_nothing_restarts_in_the_last_part_of_the_budget() -> None:
    trials = (*(feasible(index, 100 + index) for index in range(3)), *map(crashed, range(3, 12)))
    short = a_problem(SPACE, algorithm=PAPER, max_trials=15)
    assert fold(short, trials).current is trials[2]


@pytest.mark.parametrize(
    ("trials", "probability"),
    [(0, 0.5), (5, 0.5), (22.5, 0.325), (40, 0.15), (99, 0.15)],
)
def test_structural_moves_become_rarer(trials: int, probability: float) -> None:
    assert structural_probability(trials, 40) == pytest.approx(probability)


def test_a_tiny_budget_still_has_a_structural_probability() -> None:
    assert structural_probability(3, 2) == 0.5


@pytest.mark.parametrize(
    ("trials", "feasible", "expected"),
    [
        (8, 5, True),
        (7, 5, False),
        (9, 4, False),
        (5, 5, False),
        (14, 0, False),
        (14, 14, False),
        (15, 0, True),
        (15, 15, True),
    ],
)
def test_the_hand_off_comes_with_enough_of_both_or_at_fifteen(
    trials: int,
    feasible: int,
    expected: bool,  # noqa: FBT001 - a row of the table
) -> None:
    assert AnnealingState(trials=trials, feasible=feasible).has_handed_off is expected


def under(policy: Policy, *trials: FinishedTrial) -> AnnealingState:
    return fold(PROBLEM, trials, policy)


def test_the_product_runs_the_published_policy() -> None:
    assert build_paper().policy == PUBLISHED == Policy(5, 15, 5, 5, 3, 4, 12, 0.4, 3, 8)


def test_a_policy_without_a_hand_off_maps_until_the_end() -> None:
    mapping = replace(PUBLISHED, map_at_most=None, hand_off_trials=None)
    assert not under(mapping, *map(crashed, range(7)), *map(feasible, range(7, 30))).has_handed_off
    strategy = ThermalBudgetAnnealing(build_paper().successor, mapping)
    knowledge = Knowledge((feasible(0), *map(crashed, range(1, 30))))
    proposal = next_proposal(PROBLEM, knowledge, 30, strategy=strategy)
    assert proposal is not None
    assert "Neighbour" == proposal.why["move"]


def test_a_policy_without_a_mapping_stage_hands_off_at_once() -> None:
    assert under(replace(PUBLISHED, map_at_most=0)).has_handed_off


def test_a_policy_may_close_nothing() -> None:
    state = under(replace(PUBLISHED, close_after=None), *map(crashed, range(5)))
    assert not state.is_closed(("backend", "string", "a"))


def test_a_policy_may_close_for_good() -> None:
    for_good = replace(PUBLISHED, closed_for=None)
    others = [crashed(3 + index, "bc"[index % 2]) for index in range(12)]
    state = under(for_good, *map(crashed, range(3)), *others)
    assert state.is_closed(("backend", "string", "a"))


def test_a_policy_may_hold_infeasible_trials_against_their_values() -> None:
    trials = [infeasible(index, 50) for index in range(3)]
    value = ("backend", "string", "a")
    assert not after(*trials).is_closed(value)
    strict = replace(PUBLISHED, infeasible_is_failure=True)
    assert under(strict, *trials).is_closed(value)
    assert not under(strict, *trials[:2], feasible(2), infeasible(3, 50)).is_closed(value)


def test_a_policy_may_anneal_without_reheating_and_restarts() -> None:
    plain = replace(PUBLISHED, reheat_after=None, restart_every=None)
    best, others = feasible(0, 100), [infeasible(index, 50) for index in range(1, 12)]
    assert under(plain, best, *others).temperature == pytest.approx(0.95)
    elites = [feasible(index, 100 + index) for index in range(3)]
    currents = {
        under(plain, *elites, *others[2:], crashed(index)).current is elites[2]
        for index in range(11, 60)
    }
    assert {True} == currents


def test_the_first_five_are_random_then_neighbours_then_tpe() -> None:
    moves = [dict(proposal.why).get("move") for proposal in play(PROBLEM_OF_PLAY, 25)]
    assert moves[:5] == ["Random"] * 5
    assert "Neighbour" in moves[5:15]
    assert moves[15:] == [None] * 10


def test_the_stage_turns_to_exploiting_at_the_hand_off() -> None:
    proposals = play(PROBLEM_OF_PLAY, 20)
    assert {proposal.strategy for proposal in proposals} == {"TBA"}
    assert proposals[0].search_stage == "Exploring"
    assert proposals[-1].search_stage == "Exploiting"


PROBLEM_OF_PLAY = a_problem(algorithm=PAPER, max_trials=40)
