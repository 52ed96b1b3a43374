"""One figure from several measurements of the same configuration, each in a fresh process.

Processes differ by more than one of them can know, so the half-width comes from the spread between
them: Student's 95 % interval of their centre. It is never narrower than what one process says of
itself, since what all share (the evaluation data, say) shows in no spread. The measurement of the
search counts for the spread, though not for the value: it was chosen for its luck, which can only
widen the interval, and two or three values alone know little of their spread.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from deploytune.contract.report import Measurement

_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
)
"""Two-sided 95 % quantiles of Student's t by degrees of freedom, from 1."""

_MEDIAN_OVER_MEAN = math.sqrt(math.pi / 2)
"""How much wider the median of many values spreads than their mean."""

_SEVERAL = 3


def combine_repeated(confirmations: Sequence[Measurement], searched: Measurement) -> Measurement:
    """Return the median of the confirmations, with an interval that holds between processes."""
    values = [each.value for each in confirmations]
    within = [each.half_width for each in confirmations if each.half_width is not None]
    return Measurement(
        value=statistics.median(values),
        half_width=max(
            _half_width_between(values, searched.value),
            statistics.median(within) if within else 0.0,
        ),
    )


def _half_width_between(values: Sequence[float], searched: float) -> float:
    count = len(values)
    spread = statistics.stdev((searched, *values))
    of_median = _MEDIAN_OVER_MEAN if count >= _SEVERAL else 1.0
    degrees = min(count, len(_STUDENT))
    return _STUDENT[degrees - 1] * of_median * spread / math.sqrt(count)
