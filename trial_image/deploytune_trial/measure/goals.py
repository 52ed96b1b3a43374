"""What a load is measured for: the limits and objectives of a request that name it."""

from __future__ import annotations

from dataclasses import dataclass

from deploytune.contract.limits import Limit
from deploytune.contract.metrics import METRICS, split_metric_key
from deploytune.contract.request import TrialRequest
from deploytune.contract.workload import COUNTED_WINDOWS, LoadProfile
from deploytune_trial.measure.aborting import Ceiling
from deploytune_trial.measure.sequential import Decisions, LimitTest, look_windows
from deploytune_trial.measure.windows import LATENCIES, THROUGHPUT, Requests, estimates_of

SEQUENTIAL = (*LATENCIES, THROUGHPUT)
"""The metrics of a load that the sequential test judges."""


@dataclass(frozen=True)
class Goal:
    """The limits and objectives on metrics of one load, under the metrics' own names."""

    limits: tuple[Limit, ...] = ()
    objectives: tuple[str, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    request_batch: int = 1


def goal_of(request: TrialRequest, load: str) -> Goal:
    """Return what a request wants to know of a load."""
    named = [(limit, *split_metric_key(limit.metric)) for limit in request.limits]
    limits = [
        limit.replace(metric=metric)
        for limit, metric, of in named
        if of == load and metric in SEQUENTIAL
    ]
    objectives = [split_metric_key(key) for key in request.objectives]
    return Goal(
        limits=tuple(limits),
        objectives=tuple(
            metric for metric, of in objectives if of == load and metric in SEQUENTIAL
        ),
        ceilings=tuple(_ceilings(request, load)),
        request_batch=request.workload.request_batch,
    )


class Inquiry:
    """Follows a measurement to its goal."""

    def __init__(self, profile: LoadProfile, goal: Goal) -> None:
        """Plan the looks of a profile's measurement."""
        self._goal = goal
        self._looks = look_windows(profile.max_windows)
        tests = [
            LimitTest.plan(
                limit,
                self._looks,
                percentile=METRICS[limit.metric].percentile,
                window_requests=profile.window_requests,
                limits=len(goal.limits),
            )
            for limit in goal.limits
        ]
        self.decisions = Decisions(tests, goal.objectives)

    def is_over(self, windows: int, requests: Requests) -> bool:
        """Tell, after so many windows, whether enough is known."""
        if windows not in self._looks:
            return False
        wanted = {*self._goal.objectives, *(limit.metric for limit in self._goal.limits)}
        estimates = estimates_of(requests, self._goal.request_batch, wanted)
        self.decisions.look(windows, estimates)
        wants_figures = self._goal.objectives or not self._goal.limits
        if self.decisions.is_missed or not wants_figures:
            return self.decisions.are_final
        return windows >= COUNTED_WINDOWS and self.decisions.are_final


def _ceilings(request: TrialRequest, load: str) -> list[Ceiling]:
    """Return the latencies above which a limit of a load is hopelessly missed."""
    found = []
    for limit in request.limits:
        metric, of = split_metric_key(limit.metric)
        if of == load and metric in LATENCIES and limit.max is not None:
            height = limit.max * request.latency_abort_factor
            found.append(Ceiling(limit.metric, METRICS[metric].percentile, height))
    return found
