"""What the operator foresees at the first pass of a tuning, and until when that counts.

It tells what would keep Pods off every node for as long as nobody changes anything: pools without
nodes that fit, and claims that are not there. All else a Pod's own wait tells within seconds. A
forecast stops nothing and degrades nothing: an autoscaler may make the node that is missing. It
counts until a Pod of its pool has a node, or a Pod of any pool where it is about all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.state.preflight.checks import object_findings
from deploytune.state.preflight.facts import ClusterFacts
from deploytune.state.preflight.findings import Finding, Severity
from deploytune.state.preflight.pools import pool_findings
from deploytune.state.world import Attempt, World


def forecast(tuning: DeploymentTuning, facts: ClusterFacts) -> tuple[Finding, ...]:
    """Return what will keep Pods waiting; what could not be read is no reason to say anything."""
    found = (*pool_findings(tuning, facts), *object_findings(tuning, facts))
    return tuple(finding for finding in found if finding.severity is Severity.FAILS)


def is_at_its_beginning(trials: Iterable[TuningTrial], attempts: Iterable[Attempt]) -> bool:
    """Tell whether no Pod of a tuning ever had a node: afterwards a forecast says little."""
    ended = any(trial.status.attempts for trial in trials)
    return not ended and not any(attempt.is_bound for attempt in attempts)


def foreseen_text(world: World) -> str:
    """Return what is still foreseen as one line, empty where nothing is."""
    return "; ".join(_foreseen(world))


def _foreseen(world: World) -> Iterator[str]:
    began = _pools_that_began(world)
    for finding in world.foreseen:
        over = bool(began) if finding.pool is None else finding.pool in began
        if not over:
            pool = "" if finding.pool is None else f"pool {finding.pool}: "
            yield f"{pool}{finding.message} ({finding.field})"


def _pools_that_began(world: World) -> set[str]:
    """Return the pools of which a Pod has, or had, a node."""
    pools = {trial.spec.index: trial.spec.pool for trial in world.trials}
    bound = (one.trial_index for one in world.attempts if one.is_bound)
    ended = {trial.spec.pool for trial in world.trials if trial.status.attempts}
    return ended | {pools[index] for index in bound if index in pools}
