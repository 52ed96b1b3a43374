"""Trials that are given up: the search is stopped, or its seconds are spent.

When the budget of seconds, or of accelerator seconds, is spent, a trial that runs may end; one that
holds nothing yet, because it waits for a node, for its user or for a retry, would keep the tuning
from ending for as long as it waits. When the search is stopped, those that run are ended too
(`decide.py`), and given up here once they have ended without a report.

What is given up is told to nobody and charged to nothing. Confirmations are reserved on top of
every budget, and are what stopping is for: they stay.
"""

from __future__ import annotations

from deploytune.api.trial import Purpose, TuningTrial
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.observe import next_place
from deploytune.state.stopping import is_time_or_money_spent
from deploytune.state.timestamps import to_timestamp
from deploytune.state.world import World

_STOPPED = "withdrawn: the search was stopped before it had a result"
_SPENT = "withdrawn: the budget was spent before it could run"


def withdraw(world: World, trials: tuple[TuningTrial, ...]) -> tuple[TuningTrial, ...]:
    """Return the trials that are given up now, finished; `trials` carry this pass's verdicts."""
    why = _why(world, trials)
    if why is None:
        return ()
    holding = {a.trial_index for a in world.attempts if a.ending is None and a.is_bound}
    given_up = [
        trial
        for trial in trials
        if not trial.is_finished
        and trial.spec.purpose is not Purpose.CONFIRM
        and trial.spec.index not in holding
    ]
    first = next_place(trials)
    return tuple(
        _given_up(world, trial, why, first + place) for place, trial in enumerate(given_up)
    )


def _why(world: World, trials: tuple[TuningTrial, ...]) -> str | None:
    if world.tuning.spec.suspend:
        return None
    if world.tuning.spec.stop:
        return _STOPPED
    return _SPENT if is_time_or_money_spent(world, trials) else None


def _given_up(world: World, trial: TuningTrial, why: str, place: int) -> TuningTrial:
    status = trial.status.replace(
        outcome=OutcomeKind.INFRASTRUCTURE,
        cause=Cause.INTERRUPTED,
        message=why,
        completion_index=place,
        completion_time=to_timestamp(world.now),
    )
    return trial.model_copy(update={"status": status})
