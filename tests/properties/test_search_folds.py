from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from search_builders import a_finished, a_mixed_space, a_problem

from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, Knowledge
from deploytune.search.problem import Algorithm, Constraint
from deploytune.search.proposing import next_proposal
from deploytune.search.ranking import rank_of
from deploytune.search.seeds import Draw
from deploytune.search.strategies.tba_paper import fold
from deploytune.search.violations import violation_of

PAPER = a_problem(algorithm=Algorithm("TBA", preset="Paper"), max_trials=60)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NEVER_MEASURED = st.sampled_from([OutcomeKind.CRASHED, OutcomeKind.TIMED_OUT, OutcomeKind.INVALID])


@st.composite
def histories(draw: st.DrawFn) -> tuple[FinishedTrial, ...]:
    trials = []
    for index in range(draw(st.integers(0, 14))):
        parameters = a_mixed_space().sample(Draw(draw(st.integers(0, 99)), index).rng("history"))
        outcome = draw(
            st.sampled_from([OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE, OutcomeKind.CRASHED])
        )
        latency = draw(st.floats(0, 10) if outcome is OutcomeKind.FEASIBLE else st.floats(10.1, 99))
        metrics = {"latency_ms": latency, "throughput": draw(st.floats(-10, 10))}
        measured = {} if outcome is OutcomeKind.CRASHED else metrics
        trials.append(a_finished(index, parameters, outcome, **measured))
    return tuple(trials)


@given(histories())
def test_a_replayed_history_gives_the_same_state_and_the_same_proposal(
    finished: tuple[FinishedTrial, ...],
) -> None:
    assert fold(PAPER, finished) == fold(PAPER, finished)
    index = len(finished)
    first, again = (next_proposal(PAPER, Knowledge(finished), index) for _ in range(2))
    assert first == again


@given(histories())
def test_the_state_keeps_its_promises(finished: tuple[FinishedTrial, ...]) -> None:
    state = fold(PAPER, finished)
    assert 0 < state.temperature <= 1
    assert state.current is None or state.current.was_measured
    if any(trial.is_feasible for trial in finished):
        assert state.current is not None
        assert state.current.is_feasible
        assert state.elites[0].is_feasible
    for parameter in PAPER.space.parameters:
        if not parameter.is_numeric:
            closed = [name for name, _, _ in state.closed if name == parameter.name]
            assert len(closed) <= (parameter.count or 0)


@given(histories(), st.integers(0, 14))
def test_a_fold_goes_on_where_it_stopped(finished: tuple[FinishedTrial, ...], cut: int) -> None:
    """The state after a part does not depend on what comes later."""
    part = fold(PAPER, finished[:cut])
    assert part.trials == len(finished[:cut])
    assert part.feasible == sum(trial.is_feasible for trial in finished[:cut])


@st.composite
def constraints(draw: st.DrawFn) -> tuple[Constraint, ...]:
    made = []
    for number in range(draw(st.integers(0, 5))):
        bound, name = draw(NUMBERS), f"m{number}"
        limit = (
            Limit(metric=name, max=bound) if draw(st.booleans()) else Limit(metric=name, min=bound)
        )
        made.append(Constraint(limit, draw(st.floats(1e-9, 1e9))))
    return tuple(made)


@given(constraints(), NEVER_MEASURED, st.dictionaries(st.sampled_from(["m0", "m1", "m2"]), NUMBERS))
def test_a_crash_ranks_below_any_violation(
    limits: tuple[Constraint, ...], outcome: OutcomeKind, metrics: dict[str, float]
) -> None:
    infeasible = violation_of(limits, OutcomeKind.INFEASIBLE, metrics)
    crash = violation_of(limits, outcome, metrics)
    feasible = violation_of(limits, OutcomeKind.FEASIBLE, metrics)
    assert 0 == feasible.total < infeasible.total < crash.total or not limits
    assert feasible.total < infeasible.total <= crash.total


@given(constraints(), st.dictionaries(st.sampled_from(["m0", "m1", "m2"]), NUMBERS))
def test_a_constraint_has_an_excess_above_zero_exactly_when_it_is_not_met(
    limits: tuple[Constraint, ...], metrics: dict[str, float]
) -> None:
    violation = violation_of(limits, OutcomeKind.INFEASIBLE, metrics)
    for constraint, excess in zip(limits, violation.excesses, strict=True):
        met = constraint.limit.is_met_by(metrics.get(constraint.limit.metric))
        assert met is (excess <= 0)
        assert -1 <= excess <= 1


@settings(max_examples=50)
@given(histories())
def test_no_feasible_trial_ranks_behind_one_that_is_not(
    finished: tuple[FinishedTrial, ...],
) -> None:
    ranked = sorted(finished, key=lambda trial: rank_of(PAPER, trial))
    flags = [trial.is_feasible for trial in ranked]
    assert flags == sorted(flags, reverse=True)
