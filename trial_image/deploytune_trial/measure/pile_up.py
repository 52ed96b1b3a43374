"""Whether a server keeps up with requests that come at times of their own, or they pile up.

What piles up is the requests outstanding at the end beyond those at the start. Chance moves that
number too: by Little's law rate x latency requests are in flight, which vary by their root, and in
a run that is short for its load so do arrivals and answers themselves.
"""

from __future__ import annotations

import math

from deploytune_trial.measure.windows import Requests

_KEEPS_UP = 0.05
_DEVIATIONS = 4.0
_DEVIATIONS_OF_ARRIVALS = 3.0


def keeps_up(requests: Requests, due: int) -> bool:
    """Tell whether no more piled up, of so many due, than chance does to those in flight."""
    return _piled_up(requests, due) <= max(_KEEPS_UP * due, _by_chance_in_flight(requests))


def is_overrun(requests: Requests, due: int) -> bool:
    """Tell whether more piled up than chance does to any load that a server can bear.

    At the very edge of what it can bear requests outstanding wander like a sum of as many random
    steps as requests came and ended.
    """
    by_chance = _DEVIATIONS_OF_ARRIVALS * math.sqrt(2 * due)
    return not keeps_up(requests, due) and _piled_up(requests, due) > by_chance


def _piled_up(requests: Requests, due: int) -> int:
    return due - (len(requests) - requests.late)


def _by_chance_in_flight(requests: Requests) -> float:
    ended = len(requests) - requests.late
    in_flight = requests.mean_seconds() * ended / max(requests.seconds, 1e-9)
    return _DEVIATIONS * math.sqrt(2 * in_flight + 1)
