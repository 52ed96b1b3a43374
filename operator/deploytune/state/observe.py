"""Trials and attempts, sorted once into exclusive buckets; nobody looks at raw attempts later.

finished    the trial's outcome is on record, in the order of completion
running     an attempt runs
waiting     no attempt runs, and every ended one is on record
ended       attempts that ended and are not on record yet, in the order of their ends
stray       attempts that run although no unfinished trial wants them
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploytune.api.trial import TuningTrial
from deploytune.state.world import Attempt, World


@dataclass(frozen=True)
class Observation:
    """The buckets; trials that ended wait in `waiting` too, until a verdict finishes them."""

    finished: tuple[TuningTrial, ...]
    running: tuple[tuple[TuningTrial, Attempt], ...]
    waiting: tuple[TuningTrial, ...]
    ended: tuple[Attempt, ...]
    stray: tuple[Attempt, ...]


def observe(world: World) -> Observation:
    """Return the world's trials and attempts in buckets."""
    unfinished = {t.spec.index: t for t in world.trials if not t.is_finished}
    live = [attempt for attempt in world.attempts if attempt.ending is None]
    running = {a.trial_index: a for a in live if a.trial_index in unfinished}
    return Observation(
        finished=in_order_of_completion(world.trials),
        running=tuple((unfinished[index], running[index]) for index in sorted(running)),
        waiting=tuple(unfinished[index] for index in sorted(unfinished.keys() - running.keys())),
        ended=tuple(sorted(_unrecorded(unfinished, world.attempts), key=_by_end)),
        stray=tuple(attempt for attempt in live if attempt.trial_index not in unfinished),
    )


def next_place(trials: Iterable[TuningTrial]) -> int:
    """Return the place of the next trial in the order of completion; none is given twice."""
    places = (trial.status.completion_index for trial in trials)
    return max((place for place in places if place is not None), default=-1) + 1


def in_order_of_completion(trials: tuple[TuningTrial, ...]) -> tuple[TuningTrial, ...]:
    """Return the finished trials in the order in which their outcomes became known."""
    finished = [trial for trial in trials if trial.is_finished]
    return tuple(sorted(finished, key=_completion_index))


def _completion_index(trial: TuningTrial) -> int:
    assert trial.status.completion_index is not None, "finished trials have one"
    return trial.status.completion_index


def _unrecorded(unfinished: dict[int, TuningTrial], attempts: tuple[Attempt, ...]) -> list[Attempt]:
    return [
        attempt
        for attempt in attempts
        if attempt.ending is not None
        and attempt.trial_index in unfinished
        and unfinished[attempt.trial_index].record_of(attempt.attempt) is None
    ]


def _by_end(attempt: Attempt) -> tuple[float, int, int]:
    assert attempt.ended_at is not None, "only ended attempts are sorted"
    return attempt.ended_at.timestamp(), attempt.trial_index, attempt.attempt
