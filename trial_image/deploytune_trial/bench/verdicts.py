"""How often and how fast limits are judged rightly: the sequential test, and windows of fixed size.

Configurations are spread evenly (log scale) from a third of the limit to three times it. A verdict
is wrong where the truth lies outside the zone of indifference and on the other side. The fixed
scheme measures three windows of five seconds and lets the value of all decide; to be compared at
the same error, its windows are made longer until it errs no more often than the test does.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deploytune.contract.limits import Limit
from deploytune.contract.metrics import METRICS
from deploytune.contract.workload import LoadProfile, LoadType
from deploytune_trial.bench.simulated_servers import Run, SimulatedServer
from deploytune_trial.measure.dependence import Series
from deploytune_trial.measure.goals import Goal, Inquiry
from deploytune_trial.measure.percentiles import nearest_rank
from deploytune_trial.measure.sequential import ZONE
from deploytune_trial.measure.windows import Requests

RATE_PER_SECOND = 100.0
FIXED_SECONDS = 15.0
WIDEST = 3.0

_LONGER = (1, 1.5, 2, 3, 4, 6, 8)
_MOST_SECONDS = 60.0
_MOST_WINDOWS = 100


@dataclass(frozen=True)
class Judged:
    """One configuration judged: its true latency over the limit, the verdict, the seconds."""

    ratio: float
    met: bool
    seconds: float
    undecided: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether the truth is outside the zone and the verdict is not the truth's."""
        return abs(self.ratio - 1) > ZONE and self.met != (self.ratio <= 1)


def verdict_row(server: SimulatedServer, metric: str, repeats: int, seed: int) -> dict[str, object]:
    """Return the figures of the sequential test and of the fixed scheme on one server."""
    sequential, fixed = [], {longer: list[Judged]() for longer in _LONGER}
    for ratio, run in _configurations(server, metric, repeats, seed):
        limit = server.true_latency(METRICS[metric].percentile) / ratio
        sequential.append(_judge_sequentially(ratio, run, metric, limit))
        for longer, judged in fixed.items():
            judged.append(_judge_fixed(ratio, run, metric, limit, FIXED_SECONDS * longer))
    wrong = _share_wrong(sequential)
    as_good = [longer for longer in _LONGER if _share_wrong(fixed[longer]) <= wrong]
    seconds = statistics.median(judged.seconds for judged in sequential)
    return {
        "server": server.name,
        "metric": metric,
        "wrong": wrong,
        "wrong_fixed": _share_wrong(fixed[1]),
        "undecided": statistics.fmean(judged.undecided for judged in sequential),
        "seconds": seconds,
        "seconds_mean": statistics.fmean(judged.seconds for judged in sequential),
        "seconds_fixed": FIXED_SECONDS,
        "seconds_fixed_same_error": FIXED_SECONDS * min(as_good) if as_good else None,
    }


def _configurations(
    server: SimulatedServer, metric: str, repeats: int, seed: int
) -> Iterator[tuple[float, Run]]:
    generator = np.random.default_rng([seed, *metric.encode(), *server.name.encode()])
    longest = math.ceil(RATE_PER_SECOND * FIXED_SECONDS * max(_LONGER) * 1.2)
    for _ in range(repeats):
        ratio = math.exp(generator.uniform(-math.log(WIDEST), math.log(WIDEST)))
        yield ratio, server.run(generator, longest, RATE_PER_SECOND)


def _judge_sequentially(ratio: float, run: Run, metric: str, limit: float) -> Judged:
    window = round(_MOST_SECONDS * RATE_PER_SECOND / _MOST_WINDOWS)
    profile = LoadProfile(
        name="simulated",
        type=LoadType.POISSON,
        rate_per_second=RATE_PER_SECOND,
        window_requests=window,
        max_windows=_MOST_WINDOWS,
    )
    goal = Goal(limits=(Limit(metric=metric, max=limit),))
    inquiry, requests = Inquiry(profile, goal), Requests(0.0)
    for sample in run.samples():
        requests.add(sample)
        windows, rest = divmod(len(requests), window)
        if rest == 0 and (windows >= profile.max_windows or inquiry.is_over(windows, requests)):
            break
    value = _value(requests.latencies_ms(), METRICS[metric].percentile)
    undecided = bool(inquiry.decisions.undecided)
    return Judged(ratio, value <= limit, requests.seconds, undecided)


def _judge_fixed(ratio: float, run: Run, metric: str, limit: float, seconds: float) -> Judged:
    value = _value(run.until(seconds), METRICS[metric].percentile)
    return Judged(ratio, value <= limit, seconds)


def _value(latencies: Series, percentile: float | None) -> float:
    if percentile is None:
        return float(latencies.mean())
    return float(np.sort(latencies)[nearest_rank(percentile, len(latencies)) - 1])


def _share_wrong(judged: Sequence[Judged]) -> float:
    return statistics.fmean(one.is_wrong for one in judged)
