"""A pass: gather, decide, perform; and passes until the tuning has ended.

The order makes dying between any two calls harmless. A verdict is on record before anything is done
because of it; a trial is on record before its attempt starts; the status, which derives from the
trials, comes last. Every call may be repeated, and the next pass starts from what is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from deploytune.api.tuning import TuningStatus
from deploytune.runtime.port import Runtime
from deploytune.state.decide import Decision, decide
from deploytune.state.world import World

Observer = Callable[[World, Decision], None]
"""Told of every pass after it was performed; it may show, and changes nothing."""

Timer = Callable[[Decision, float], None]
"""Told of every decision and of the seconds it took, before it is performed."""

HEARTBEAT_SECONDS = 10.0


async def run_pass(
    runtime: Runtime, observer: Observer | None = None, timer: Timer | None = None
) -> Decision:
    """Make one pass and return what was decided and done."""
    world = await runtime.gather()
    decision, seconds = await asyncio.to_thread(_decide, world)  # a proposal may fit a model
    if timer is not None:
        timer(decision, seconds)
    await _perform(runtime, decision)
    if observer is not None:
        observer(world, decision)
    return decision


async def run_until_finished(
    runtime: Runtime,
    observer: Observer | None = None,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> TuningStatus:
    """Make passes until the tuning has ended, one at every change and at every heartbeat."""
    while True:
        decision = await run_pass(runtime, observer)
        if decision.is_finished:
            return decision.status
        wake_after = decision.wake_after_seconds
        pause = heartbeat_seconds if wake_after is None else min(heartbeat_seconds, wake_after)
        await runtime.wait_for_change(pause)


def _decide(world: World) -> tuple[Decision, float]:
    """Return the decision and the seconds that it took."""
    began = perf_counter()
    try:
        decision = decide(world)
    except StopIteration as error:  # a future does not take it: the pass would never end
        raise RuntimeError("a decision ran out of an iterator") from error
    return decision, perf_counter() - began


async def _perform(runtime: Runtime, decision: Decision) -> None:
    for trial in decision.trial_writes:
        await runtime.write_trial_status(trial)
    for end in decision.ends:
        await runtime.end_attempt(end.trial_index, end.attempt)
    for trial in decision.creations:
        await runtime.create_trial(trial)
    for request in decision.starts:
        await runtime.start_attempt(request)
    if decision.status_changed:
        await runtime.write_tuning_status(decision.status)
