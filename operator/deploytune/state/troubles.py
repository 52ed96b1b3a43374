"""What keeps trials from running and is for somebody to mend: said as Degraded, gone by itself.

    refused          the cluster refuses to create Pods of a pool: quota, admission, a bad name
    waiting          a Pod waits longer than its kind of wait is given; it goes on waiting
    misconfigured    a trial said so; it is tried again after a pause, or once the tuning is mended
    image changed    the image's name stands for another image than at the first charged trial

All but the last close their pool: it is given no more trials until the trouble is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploytune.api.conditions import Reason
from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.back_off import doubled_seconds
from deploytune.state.observe import in_order_of_completion
from deploytune.state.world import Attempt, Refusal, Wait, WaitKind, World

_FIRST_RETRY_SECONDS = 5.0
_LONGEST_RETRY_SECONDS = 120.0

_PATIENCE_SECONDS = {WaitKind.IMAGE: 20.0, WaitKind.CONTAINER_CONFIG: 20.0, WaitKind.VOLUME: 20.0}
"""A Secret or an image that is applied together with the tuning may come a little later."""

_REASONS = {
    WaitKind.UNSCHEDULABLE: Reason.POD_UNSCHEDULABLE,
    WaitKind.IMAGE: Reason.IMAGE_UNAVAILABLE,
    WaitKind.CONTAINER_CONFIG: Reason.CONTAINER_NOT_CREATED,
    WaitKind.VOLUME: Reason.VOLUME_NOT_MOUNTED,
}
"""The waits that somebody can end; a gate and a container that starts are none."""


@dataclass(frozen=True)
class Trouble:
    """One thing to mend; `closes` is the pool that is given no more trials meanwhile."""

    reason: Reason
    message: str
    closes: str | None = None


def troubles_of(world: World, trials: tuple[TuningTrial, ...]) -> tuple[Trouble, ...]:
    """Return what is to be mended, the most specific first; `trials` carry this pass's verdicts."""
    return tuple(trouble for rule in _RULES for trouble in rule(world, trials))


def closed_pools(troubles: Iterable[Trouble]) -> frozenset[str]:
    """Return the pools that are given no new trials, those whose refusal is to be retried too."""
    return frozenset(trouble.closes for trouble in troubles if trouble.closes is not None)


def retry_at(refusal: Refusal) -> datetime:
    """Return when the next Pod of a pool that was refused may be tried."""
    seconds = doubled_seconds(_FIRST_RETRY_SECONDS, refusal.times, _LONGEST_RETRY_SECONDS)
    return refusal.refused_at + timedelta(seconds=seconds)


def can_be_mended(wait: Wait) -> bool:
    """Tell whether a change of the tuning may end the wait, so that its Pod is worth replacing."""
    return wait.kind is not WaitKind.STARTING


def patience_ends(world: World, attempt: Attempt) -> datetime | None:
    """Return when an attempt's wait becomes a trouble, None if it never does."""
    wait = attempt.wait
    if wait is None or wait.kind not in _REASONS:
        return None
    start_deadline = world.tuning.spec.trial.start_deadline_seconds
    seconds = _PATIENCE_SECONDS.get(wait.kind, start_deadline)
    return wait.since + timedelta(seconds=seconds)


def is_misconfigured(trial: TuningTrial) -> bool:
    """Tell whether a trial waits for its user."""
    records = trial.status.attempts
    return (
        not trial.is_finished and bool(records) and records[-1].outcome is OutcomeKind.MISCONFIGURED
    )


def first_image(trials: tuple[TuningTrial, ...]) -> str | None:
    """Return what the image's name stood for at the first charged trial, None before it."""
    for trial in in_order_of_completion(trials):
        assert trial.status.outcome is not None, "finished trials have an outcome"
        if trial.status.outcome.policy.charged and trial.status.attempts:
            return trial.status.attempts[-1].image_id
    return None


def _refused(world: World, _trials: tuple[TuningTrial, ...]) -> Iterator[Trouble]:
    for refusal in world.refusals:
        message = f"Pods of pool {refusal.pool} are refused: {refusal.message}"
        yield Trouble(Reason.POD_REFUSED, message, refusal.pool)


def _waiting(world: World, trials: tuple[TuningTrial, ...]) -> Iterator[Trouble]:
    pools = {trial.spec.index: trial.spec.pool for trial in trials}
    for attempt in world.attempts:
        ends = patience_ends(world, attempt)
        if ends is None or ends > world.now or attempt.wait is None:
            continue
        pod = attempt.place.pod if attempt.place is not None else str(attempt.trial_index)
        pool = pools.get(attempt.trial_index)
        message = f"Pod {pod} of pool {pool}: {attempt.wait.message}"
        yield Trouble(_REASONS[attempt.wait.kind], message, pool)


def _misconfigured(world: World, trials: tuple[TuningTrial, ...]) -> Iterator[Trouble]:
    if not world.waits_for_mending:
        return
    for trial in filter(is_misconfigured, trials):
        message = f"{trial.metadata.name}: {trial.status.attempts[-1].message}"
        yield Trouble(Reason.TRIALS_MISCONFIGURED, message, trial.spec.pool)


def _image_changed(world: World, trials: tuple[TuningTrial, ...]) -> Iterator[Trouble]:
    first = first_image(trials)
    if first is None:
        return
    running = (a.place.image_id for a in world.attempts if a.place is not None)
    recorded = (record.image_id for record in _last_records(trials))
    known = (one for one in (*running, *recorded) if one is not None)
    other = next((one for one in known if _digest_of(one) != _digest_of(first)), None)
    if other is not None:
        message = f"trial.image was {first} at the first trial and is {other} now"
        yield Trouble(Reason.IMAGE_CHANGED, message)


def _digest_of(image_id: str) -> str:
    """Return what an image is, wherever it was pulled from."""
    return image_id.rpartition("@")[2]


def _last_records(trials: tuple[TuningTrial, ...]) -> Iterator[AttemptRecord]:
    latest = in_order_of_completion(trials)[-1:]
    return (record for trial in latest for record in trial.status.attempts[-1:])


_Rule = Callable[[World, tuple[TuningTrial, ...]], Iterator[Trouble]]
_RULES: tuple[_Rule, ...] = (_refused, _waiting, _misconfigured, _image_changed)
