"""What a report tells, sorted once: the tuning, its trials as they ended, what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from deploytune.api.recorded import RecordedTuning
from deploytune.api.translate import POOL_PARAMETER, problem_of
from deploytune.api.trial import AttemptRecord, Purpose, TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import Scalar
from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.state.history import knowledge_of
from deploytune.state.observe import in_order_of_completion


@dataclass(frozen=True)
class Story:
    """A tuning on record as the report tells it."""

    tuning: DeploymentTuning
    status: TuningStatus
    trials: tuple[TuningTrial, ...]
    place: str
    problem: Problem

    @classmethod
    def of(cls, recorded: RecordedTuning) -> Story:
        """Return the story of a record.

        Raises:
            InvalidTuningError: the tuning breaks a rule, or has no trial to tell of.
        """
        tuning = recorded.tuning
        problem = problem_of(tuning.spec)
        status = tuning.status or TuningStatus()
        if not recorded.trials:
            raise InvalidTuningError("TUNING", _nothing_to_tell(status, recorded.place))
        for trial in recorded.trials:
            if trial.is_finished and trial.status.completion_index is None:
                rule = "must say in which order its trials ended; completionIndex is missing in"
                raise InvalidTuningError("TUNING", f"{rule} {trial.metadata.name}")
        trials = tuple(sorted(recorded.trials, key=lambda trial: trial.spec.index))
        return cls(tuning, status, trials, recorded.place, problem)

    @cached_property
    def ended(self) -> tuple[TuningTrial, ...]:
        """All trials whose outcome is known, in the order in which it became known."""
        return in_order_of_completion(tuple(t for t in self.trials if t.is_finished))

    @cached_property
    def searched(self) -> tuple[TuningTrial, ...]:
        """Those of the search, the baseline included: all but confirmations."""
        return tuple(t for t in self.ended if t.spec.purpose is not Purpose.CONFIRM)

    @cached_property
    def knowledge(self) -> Knowledge:
        """What the search knows at the end of the record."""
        return knowledge_of(self.problem, self.trials)

    @property
    def objective(self) -> str:
        """Key of the metric to optimise."""
        return self.problem.objective.metric

    @cached_property
    def has_accelerators(self) -> bool:
        """Whether any attempt held accelerators; else costs are seconds of trials."""
        records = (record for trial in self.trials for record in trial.status.attempts)
        return any(record.accelerator_seconds > 0 for record in records)

    @property
    def cost_name(self) -> str:
        """What costs are counted in."""
        return "accelerator seconds" if self.has_accelerators else "seconds of trials"

    def cost_of(self, attempt: AttemptRecord) -> float:
        """Return what an attempt cost: accelerator seconds where any were held, else seconds."""
        return attempt.accelerator_seconds if self.has_accelerators else attempt.seconds

    def cost_of_trial(self, trial: TuningTrial) -> float:
        """Return what all ended attempts of a trial cost."""
        return sum(self.cost_of(record) for record in trial.status.attempts)

    def value_of(self, trial: TuningTrial, parameter: str) -> Scalar | None:
        """Return a trial's value of a parameter, the pool included; None where it is not active."""
        return self.configuration_of(trial).get(parameter)

    def configuration_of(self, trial: TuningTrial) -> Mapping[str, Scalar]:
        """Return a trial's configuration as the search has it: the pool too, of several."""
        if self.several_pools:
            return {POOL_PARAMETER: trial.spec.pool, **trial.spec.parameters}
        return trial.spec.parameters

    @property
    def several_pools(self) -> bool:
        """Whether the pool is a choice of the search."""
        return len(self.tuning.spec.node_pools) > 1


def measured_value(trial: TuningTrial, key: str) -> float | None:
    """Return what a trial measured of a metric, None if it did not."""
    found = trial.status.metrics.get(key)
    return None if found is None else found.value


def _nothing_to_tell(status: TuningStatus, place: str) -> str:
    troubles = [c for c in status.conditions if c.type == "Degraded" and c.status == "True"]
    why = "".join(f"; {c.reason}: {c.message}" for c in troubles)
    return f"must have a trial to report; in {place} it has none yet{why}"
