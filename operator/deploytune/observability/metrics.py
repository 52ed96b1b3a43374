"""The metrics of the operator, in a registry of its own.

Counters, from 0 at the start of the process:

    deploytune_trials_total{namespace,outcome,cause,pool}  trials whose outcome is on record
    deploytune_attempts_total{namespace,outcome,cause,pool}  attempts of trials that ended
    deploytune_attempt_seconds_total{namespace,outcome,cause,pool}  seconds of ended attempts
    deploytune_accelerator_seconds_total{namespace,outcome,cause,pool}  accelerator seconds spent
    deploytune_tunings_ended_total{namespace,reason,answered}  tunings that ended
    deploytune_reconcile_errors_total{kind}  passes that failed
    deploytune_api_requests_total{verb,code}  requests to the API server

Histograms, of seconds:

    deploytune_trial_duration_seconds{stage}  seconds of a trial in a stage
    deploytune_time_to_first_feasible_seconds  seconds from a tuning's start to something feasible
    deploytune_proposal_duration_seconds{strategy,stage}  seconds to propose a trial
    deploytune_reconcile_duration_seconds{result}  seconds of a pass over one tuning
    deploytune_queue_wait_seconds  seconds that a tuning waited for a worker

Gauges, computed at a scrape:

    deploytune_tunings{namespace,state}  tunings there are
    deploytune_trials_active{namespace,pool}  trials on record without an outcome
    deploytune_queue_depth  tunings that wait for a worker
    deploytune_leading  1 while this process holds the Lease
    deploytune_build_info{version,python}  1, always

No object is a label, so that the number of series is bounded by namespaces and pools. `cause` is
empty where the outcome says it all. What is on record is counted once, after the write that puts it
there; a write whose answer was lost is not counted.
"""

from __future__ import annotations

import platform
from collections import Counter as Counted
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deploytune import __version__
from deploytune.api.conditions import ConditionStatus, ConditionType
from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.api.tuning_status import TuningStatus
from deploytune.contract.stages import Stage
from deploytune.state.decide import Decision
from deploytune.state.timestamps import from_timestamp

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TRIAL_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
TUNING_BUCKETS = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400)

RESULTS = ("done", "failed")
ERROR_KINDS = ("conflict", "unavailable", "not_leading", "refused", "invalid", "internal")

_ENDED = ("namespace", "outcome", "cause", "pool")


@dataclass(frozen=True)
class TuningCount:
    """How one tuning stands: its state, and its unfinished trials by pool."""

    namespace: str
    state: str
    active_by_pool: Mapping[str, int]


class Census(Protocol):
    """What gauges are computed from at a scrape."""

    def tunings(self) -> Iterable[TuningCount]:
        """Return how the tunings stand."""
        ...

    def queue_depth(self) -> int:
        """Return how many tunings wait for a worker."""
        ...

    def is_leading(self) -> bool:
        """Tell whether this process holds the Lease."""
        ...


class OperatorMetrics:
    """Counts what happens; `registry` holds it all for a scrape."""

    def __init__(self) -> None:
        """Count from 0."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._trials = self._counter("trials", "trials whose outcome is on record", _ENDED)
        self._attempts = self._counter("attempts", "attempts of trials that ended", _ENDED)
        self._attempt_seconds = self._counter(
            "attempt_seconds", "seconds of ended attempts", _ENDED
        )
        self._accelerator_seconds = self._counter(
            "accelerator_seconds", "accelerator seconds spent", _ENDED
        )
        self._stages = self._histogram(
            "trial_duration_seconds", "seconds of a trial in a stage", TRIAL_BUCKETS, ("stage",)
        )
        self._first_feasible = self._histogram(
            "time_to_first_feasible_seconds",
            "seconds from a tuning's start to something feasible",
            TUNING_BUCKETS,
        )
        self._tunings_ended = self._counter(
            "tunings_ended", "tunings that ended", ("namespace", "reason", "answered")
        )
        self._proposals = self._histogram(
            "proposal_duration_seconds",
            "seconds to propose a trial",
            REQUEST_BUCKETS,
            ("strategy", "stage"),
        )
        self._passes = self._histogram(
            "reconcile_duration_seconds",
            "seconds of a pass over one tuning",
            REQUEST_BUCKETS,
            ("result",),
        )
        self._errors = self._counter("reconcile_errors", "passes that failed", ("kind",))
        self._requests = self._counter(
            "api_requests", "requests to the API server", ("verb", "code")
        )
        self._waits = self._histogram(
            "queue_wait_seconds", "seconds that a tuning waited for a worker", REQUEST_BUCKETS
        )
        self._begin_at_zero()

    def watch(self, census: Census) -> None:
        """Compute the gauges from a census at every scrape from now on."""
        self.registry.register(_Gauges(census))

    def trial_written(self, before: TuningTrial | None, after: TuningTrial) -> None:
        """Count a trial whose status was written, and its attempts that are new on record."""
        namespace, pool = after.metadata.namespace or "", after.spec.pool
        known = () if before is None else before.status.attempts
        self._attempts_ended(namespace, pool, known, after.status.attempts)
        was_finished = before is not None and before.is_finished
        if was_finished or after.status.outcome is None:
            return
        status = after.status
        self._trials.labels(namespace, after.status.outcome, status.cause or "", pool).inc()
        for stage, seconds in status.stage_seconds.items():
            self._stages.labels(stage).observe(seconds)

    def tuning_written(
        self, namespace: str, before: TuningStatus | None, after: TuningStatus
    ) -> None:
        """Count what the status of a tuning says for the first time."""
        found = _moment_of_first_answer(before, after)
        if found is not None:
            self._first_feasible.observe(found)
        end = _end_of(after)
        if end is not None and (before is None or _end_of(before) is None):
            answered = "true" if _holds(after, ConditionType.SUCCEEDED) else "false"
            self._tunings_ended.labels(namespace, end, answered).inc()

    def decided(self, decision: Decision, seconds: float) -> None:
        """Note how long a decision took, for each trial that it proposed."""
        for trial in decision.creations:
            proposal = trial.spec.proposal
            each = seconds / len(decision.creations)
            self._proposals.labels(proposal.strategy, proposal.search_stage).observe(each)

    def passed(self, result: str, seconds: float) -> None:
        """Note a pass and how long it took; `result` is one of `RESULTS`."""
        self._passes.labels(result).observe(seconds)

    def failed(self, kind: str) -> None:
        """Count a pass that failed; `kind` is one of `ERROR_KINDS`."""
        self._errors.labels(kind).inc()

    def requested(self, verb: str, code: int | None) -> None:
        """Count a request to the API server, and the code of its answer if there was one."""
        self._requests.labels(verb, "none" if code is None else str(code)).inc()

    def waited(self, seconds: float) -> None:
        """Note how long a tuning waited for a worker."""
        self._waits.observe(seconds)

    def _attempts_ended(
        self,
        namespace: str,
        pool: str,
        known: Sequence[AttemptRecord],
        recorded: Sequence[AttemptRecord],
    ) -> None:
        """Count the attempts that are new on record, by their numbers.

        A record may take in the one before it, of the same kind, with its seconds: what is new of
        those shows in the sum of a kind alone.
        """
        last = max((one.attempt for one in known), default=-1)
        new = Counted((one.outcome, one.cause) for one in recorded if one.attempt > last)
        for (outcome, cause), count in new.items():
            labels = (namespace, outcome, cause or "", pool)
            before, after = (
                [one for one in each if (one.outcome, one.cause) == (outcome, cause)]
                for each in (known, recorded)
            )
            seconds = sum(one.seconds for one in after) - sum(one.seconds for one in before)
            held = sum(one.accelerator_seconds for one in after)
            held -= sum(one.accelerator_seconds for one in before)
            self._attempts.labels(*labels).inc(count)
            self._attempt_seconds.labels(*labels).inc(max(0.0, seconds))
            self._accelerator_seconds.labels(*labels).inc(max(0.0, held))

    def _begin_at_zero(self) -> None:
        """Make the series whose labels are known, so that their first increase shows."""
        for stage in Stage:
            self._stages.labels(stage)
        for result in RESULTS:
            self._passes.labels(result)
        for kind in ERROR_KINDS:
            self._errors.labels(kind)

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"deploytune_{name}", meaning, labels, registry=self.registry)

    def _histogram(
        self, name: str, meaning: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()
    ) -> Histogram:
        return Histogram(
            f"deploytune_{name}", meaning, labels, registry=self.registry, buckets=buckets
        )


class _Gauges(Collector):
    """Everything that is read off at a scrape."""

    def __init__(self, census: Census) -> None:
        self._census = census

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges as they are now."""
        yield from _counted(tuple(self._census.tunings()))
        yield GaugeMetricFamily(
            "deploytune_queue_depth", "tunings that wait for a worker", self._census.queue_depth()
        )
        yield GaugeMetricFamily(
            "deploytune_leading",
            "1 while this process holds the Lease",
            float(self._census.is_leading()),
        )
        info = GaugeMetricFamily("deploytune_build_info", "1, always", labels=("version", "python"))
        info.add_metric((__version__, platform.python_version()), 1.0)
        yield info


def _counted(tunings: tuple[TuningCount, ...]) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "deploytune_tunings", "tunings there are", labels=("namespace", "state")
    )
    active = GaugeMetricFamily(
        "deploytune_trials_active",
        "trials on record without an outcome",
        labels=("namespace", "pool"),
    )
    for labels, count in _summed(((one.namespace, one.state), 1) for one in tunings):
        states.add_metric(labels, count)
    trials = (
        ((one.namespace, pool), count)
        for one in tunings
        for pool, count in one.active_by_pool.items()
    )
    for labels, count in _summed(trials):
        active.add_metric(labels, count)
    yield states
    yield active


def _summed(
    counts: Iterable[tuple[tuple[str, str], int]],
) -> Iterable[tuple[tuple[str, str], float]]:
    sums: dict[tuple[str, str], float] = {}
    for labels, count in counts:
        sums[labels] = sums.get(labels, 0.0) + count
    return sorted(sums.items())


def _moment_of_first_answer(before: TuningStatus | None, after: TuningStatus) -> float | None:
    """Return after how many seconds a tuning found its first answer, if it has just done so."""
    if after.best is None or after.start_time is None:
        return None
    if before is not None and _holds(before, ConditionType.FEASIBLE_FOUND):
        return None
    since = next(c for c in after.conditions if c.type == ConditionType.FEASIBLE_FOUND)
    found = from_timestamp(since.last_transition_time)
    return max(0.0, (found - from_timestamp(after.start_time)).total_seconds())


def _end_of(status: TuningStatus) -> str | None:
    """Return the reason for which a tuning has ended."""
    return next(
        (
            one.reason
            for one in status.conditions
            if one.type == ConditionType.FINISHED and one.status is ConditionStatus.TRUE
        ),
        None,
    )


def _holds(status: TuningStatus, kind: ConditionType) -> bool:
    return any(one.type == kind and one.status is ConditionStatus.TRUE for one in status.conditions)
