"""What a tuning may cost in accelerator hours before it has ended.

A Pod holds its accelerators from its node to its end, the pull of its image included, and not
longer than its deadline and its grace. So many trials and confirmations of the largest pool are the
bound; a budget of time or of accelerator seconds may be a lower one: what is in flight when it is
spent goes on, and confirmations follow. Failures of infrastructure come on top, and their number
has a bound for each trial alone (`infraRetries`).

Nobody knows what trials will take before some have run. The expectation is the mean of those of
this tuning on record, and where there are none there is no expectation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import TuningSpec
from deploytune.state.confirm import MAX_CANDIDATES
from deploytune.state.pods.manifest import longest_seconds

_HOUR = 3600.0


@dataclass(frozen=True)
class Cost:
    """Accelerator hours: at most so many and why, and what is expected from how many trials."""

    most_hours: float
    bounded_by: str
    retries: int
    expected_hours: float | None = None
    known_trials: int = 0

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        if not self.most_hours:
            yield "accelerator hours: none, no pool asks for an accelerator"
            return
        retried = f"; retries after failures of infrastructure, up to {self.retries} for each trial"
        on_top = f"{retried}, come on top" if self.retries else ""
        yield f"accelerator hours: at most {self.most_hours:.1f}, by {self.bounded_by}{on_top}"
        if self.expected_hours is None:
            yield "accelerator hours expected: unknown, no trial of it is on record here"
        else:
            trials = "trial" if self.known_trials == 1 else f"{self.known_trials} trials"
            known = f"by the mean of the {trials} on record"
            yield f"accelerator hours expected: {self.expected_hours:.1f}, {known}"


def cost_of(spec: TuningSpec, recorded: Sequence[TuningTrial] = ()) -> Cost:
    """Return what a tuning may cost; `recorded` are the trials that it has already."""
    most_seconds, bounded_by = min(_bounds(spec))
    known = [
        sum(attempt.accelerator_seconds for attempt in trial.status.attempts)
        for trial in recorded
        if trial.status.outcome is not None and trial.status.outcome.policy.charged
    ]
    expected = None
    if known:
        runs = spec.budget.max_trials + spec.budget.confirmations
        expected = min(most_seconds, runs * sum(known) / len(known)) / _HOUR
    retries = spec.trial.infra_retries
    return Cost(most_seconds / _HOUR, bounded_by, retries, expected, len(known))


def _bounds(spec: TuningSpec) -> Iterator[tuple[float, str]]:
    """Yield every bound in accelerator seconds, and what it comes from."""
    budget, devices = spec.budget, max(pool.resources.devices for pool in spec.node_pools)
    per_trial = devices * longest_seconds(spec.trial)
    confirmations = budget.confirmations * MAX_CANDIDATES
    all_trials = (budget.max_trials + confirmations) * per_trial
    hours = f"{longest_seconds(spec.trial) / _HOUR:.2f} h on {devices}"
    yield (
        all_trials,
        f"{budget.max_trials} trials and up to {confirmations} confirmations of at most {hours}",
    )
    parallel = min(spec.parallel_trials, budget.max_trials)
    later = (parallel + confirmations) * per_trial
    tail = f"and what runs then, and up to {confirmations} confirmations"
    if budget.max_accelerator_seconds is not None:
        yield budget.max_accelerator_seconds + later, f"maxAcceleratorSeconds, {tail}"
    if budget.max_duration_seconds is not None:
        spent = budget.max_duration_seconds * parallel * devices
        yield spent + later, f"maxDurationSeconds of {parallel} at a time, {tail}"
