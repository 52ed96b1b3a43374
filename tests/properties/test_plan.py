"""Whatever happens to attempts: slots, indices, budget and attempt numbers keep their rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from builders import a_report, a_tuning, a_world, an_ending
from hypothesis import given, settings
from hypothesis import strategies as st

from deploytune.api.trial import Purpose, TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.decide import Decision, decide
from deploytune.state.world import Attempt, EndedBy, Ending, World

_WAYS_TO_END: dict[str, Callable[[Attempt], Ending]] = {
    "feasible": lambda a: an_ending(_report(a)),
    "infeasible": lambda a: an_ending(_report(a, OutcomeKind.INFEASIBLE, memory=300.0)),
    "crashed": lambda _: an_ending(exit_code=-11),
    "out of memory": lambda _: an_ending(exit_code=0, out_of_memory=True),
    "interrupted": lambda _: an_ending(exit_code=-9, ended_by=EndedBy.LOST_OWNER),
    "disrupted": lambda _: an_ending(exit_code=-15),
    "broken": lambda _: an_ending(b"{"),
}
_SUSPENDED = "suspended or resumed"
_STOPPED = "stopped"
_EVENTS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([*sorted(_WAYS_TO_END), _SUSPENDED, _STOPPED])),
    max_size=30,
)
_POOLS: list[dict[str, Any]] = [{"name": "local"}, {"name": "small", "maxParallelTrials": 1}]


def _report(attempt: Attempt, outcome: OutcomeKind = OutcomeKind.FEASIBLE, **more: float) -> bytes:
    return a_report(outcome, index=attempt.trial_index, attempt=attempt.attempt, **more)


def _after(world: World, decision: Decision) -> World:
    """The world once the decision was carried out, a while later."""
    started = tuple(
        Attempt(request.index, request.attempt, world.now) for request in decision.starts
    )
    return replace(
        world,
        tuning=world.tuning.model_copy(update={"status": decision.status}),
        trials=decision.trials,
        attempts=(*world.attempts, *started),
        now=world.now + timedelta(seconds=400),
    )


def _happens(world: World, which: int, event: str) -> World:
    spec = world.tuning.spec
    if event == _SUSPENDED:
        changed = spec.replace(suspend=not spec.suspend)
    elif event == _STOPPED:
        changed = spec.replace(stop=True)
    else:
        return _end_one(world, which, event)
    return replace(world, tuning=world.tuning.model_copy(update={"spec": changed}))


def _end_one(world: World, which: int, way: str) -> World:
    live = [attempt for attempt in world.attempts if attempt.ending is None]
    if not live:
        return world
    chosen = live[which % len(live)]
    ended = replace(chosen, ending=_WAYS_TO_END[way](chosen))
    return replace(world, attempts=tuple(ended if a is chosen else a for a in world.attempts))


@settings(max_examples=60, deadline=None)
@given(parallel=st.integers(1, 4), pools=st.integers(1, 2), events=_EVENTS)
def test_a_tuning_keeps_its_rules_whatever_its_attempts_do(
    parallel: int, pools: int, events: list[tuple[int, str]]
) -> None:
    tuning = a_tuning(max_trials=6, confirmations=2, parallel_trials=parallel, pools=_POOLS[:pools])
    world = a_world(tuning)
    for which, way in events:
        decision = decide(world)
        _check(world, decision, parallel)
        world = _happens(_after(world, decision), which, way)
    assert decide(world) == decide(world)


def _check(world: World, decision: Decision, parallel: int) -> None:
    live = [attempt for attempt in world.attempts if attempt.ending is None]
    assert len(live) + len(decision.starts) <= parallel
    assert _are_unique([trial.spec.index for trial in decision.trials])
    assert _in_pool(decision, "small", live) <= 1
    assert not (world.tuning.spec.suspend and (decision.starts or decision.creations))
    if world.tuning.spec.stop:
        assert {Purpose.CONFIRM} >= {trial.spec.purpose for trial in decision.creations}
    assert _are_unique([(a.trial_index, a.attempt) for a in world.attempts])
    known = {(attempt.trial_index, attempt.attempt) for attempt in world.attempts}
    assert not known & {(request.index, request.attempt) for request in decision.starts}
    assert {r.index for r in decision.starts} <= {trial.spec.index for trial in decision.trials}
    charged = [t for t in decision.trials if _is_charged(t)]
    assert len(charged) <= world.tuning.spec.budget.max_trials
    places = [
        t.status.completion_index for t in decision.trials if t.status.completion_index is not None
    ]
    assert list(range(len(places))) == sorted(places)
    if decision.is_finished:
        assert not live


def _in_pool(decision: Decision, pool: str, live: Sequence[Attempt]) -> int:
    pools = {trial.spec.index: trial.spec.pool for trial in decision.trials}
    running = [attempt.trial_index for attempt in live]
    return [pools[i] for i in (*running, *(r.index for r in decision.starts))].count(pool)


def _is_charged(trial: TuningTrial) -> bool:
    outcome = trial.status.outcome
    return trial.spec.purpose is not Purpose.CONFIRM and (outcome is None or outcome.policy.charged)


def _are_unique(items: Sequence[object]) -> bool:
    return len(items) == len(set(items))
