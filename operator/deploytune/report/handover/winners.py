"""The winner: the best trial of a tuning, which is final only once the tuning has answered."""

from __future__ import annotations

from dataclasses import dataclass

from deploytune.api.conditions import ConditionStatus, ConditionType
from deploytune.api.recorded import RecordedTuning
from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import Answer, DeploymentTuning, NodePoolSpec, TuningStatus
from deploytune.contract.errors import InvalidTuningError

_FIELD = "TUNING"


@dataclass(frozen=True)
class Winner:
    """The best trial with the figures of its answer, and the tuning that it answers."""

    tuning: DeploymentTuning
    trial: TuningTrial
    answer: Answer

    @property
    def pool(self) -> NodePoolSpec:
        """The node pool that it was measured on."""
        return pool_of(self.tuning, self.trial)


def winner_of(recorded: RecordedTuning, *, provisional: bool) -> Winner:
    """Return the winner of a tuning; `provisional` takes the best so far of one without an answer.

    Raises:
        InvalidTuningError: it has none, or none yet.
    """
    tuning = recorded.tuning
    status = tuning.status or TuningStatus()
    name = tuning.metadata.name
    if not provisional and not _is_true(status, ConditionType.FINISHED):
        rule = "must have ended (--provisional takes the best so far)"
        raise InvalidTuningError(_FIELD, rule, name)
    if status.best is None:
        raise InvalidTuningError(_FIELD, f"must have a winner{_why_none(status)}", name)
    if not provisional and not _is_true(status, ConditionType.SUCCEEDED):
        rule = f"must have an answer{_why_none(status)} (--provisional takes the best so far)"
        raise InvalidTuningError(_FIELD, rule, name)
    return Winner(tuning, recorded.trial(status.best.trial), status.best)


def pool_of(tuning: DeploymentTuning, trial: TuningTrial) -> NodePoolSpec:
    """Return the node pool of a trial.

    Raises:
        InvalidTuningError: the tuning has no such pool.
    """
    pools = tuning.spec.node_pools
    found = next((pool for pool in pools if pool.name == trial.spec.pool), None)
    if found is None:
        known = ", ".join(pool.name for pool in pools)
        rule = f"must be a pool of the tuning ({known})"
        raise InvalidTuningError(f"{trial.metadata.name}.spec.pool", rule, trial.spec.pool)
    return found


def _is_true(status: TuningStatus, kind: ConditionType) -> bool:
    found = status.condition(kind)
    return found is not None and found.status is ConditionStatus.TRUE


def _why_none(status: TuningStatus) -> str:
    succeeded = status.condition(ConditionType.SUCCEEDED)
    if succeeded is None:
        return ""
    return f", this one is {succeeded.reason}"
