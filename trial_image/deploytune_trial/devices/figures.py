"""From the readings of devices to figures; pure. What a device does not tell has no figure.

A figure of several devices is there only if every one tells it: memory, power and energy are sums,
shares are means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import fmean

from deploytune_trial.devices.readings import Reading

Series = Sequence[Reading]
"""The readings of one device, in the order of time."""

_BYTES_PER_MIB = 2**20
_FEWEST_READINGS = 2


def figures_under_load(devices: Sequence[Series], inferences: int) -> dict[str, float]:
    """Return the figures of one load's measurement, in which Triton counted `inferences`."""
    joules, seconds = _of_all(map(_energy_joules, devices)), _seconds(devices)
    found = {"gpu_utilisation": _mean_of_all(map(_mean_utilisation, devices))}
    if joules and seconds > 0:
        found["gpu_power_watts"] = sum(joules) / seconds
        if inferences > 0:
            found["gpu_energy_per_inference_joules"] = sum(joules) / inferences
    return {name: value for name, value in found.items() if value is not None}


def figures_of_clocks(
    devices: Sequence[Series], highest_clocks_mhz: Sequence[int | None]
) -> dict[str, float]:
    """Return how fast the devices ran, of all readings under load."""
    found = {
        "gpu_clock_share": _mean_of_all(map(_clock_share, devices, highest_clocks_mhz)),
        "gpu_throttled_share": _mean_of_all(map(_throttled_share, devices)),
    }
    return {name: value for name, value in found.items() if value is not None}


def peak_memory_mib(
    peaks_bytes: Sequence[int | None], idle_bytes: Sequence[int | None]
) -> float | None:
    """Return the peak of each device over what it held before, summed."""
    total = 0
    for peak, before in zip(peaks_bytes, idle_bytes, strict=True):
        if peak is None or before is None:
            return None
        total += max(0, peak - before)
    return total / _BYTES_PER_MIB if peaks_bytes else None


def _energy_joules(series: Series) -> float | None:
    """Return the counted energy, else the integral of the power."""
    if len(series) < _FEWEST_READINGS:
        return None
    first, last = series[0].energy_joules, series[-1].energy_joules
    if first is not None and last is not None and last >= first:
        return last - first
    joules = 0.0
    for one, other in pairwise(series):
        if one.power_watts is None or other.power_watts is None:
            return None
        joules += (one.power_watts + other.power_watts) / 2 * (other.at - one.at)
    return joules


def _seconds(devices: Sequence[Series]) -> float:
    return max((series[-1].at - series[0].at for series in devices if series), default=0.0)


def _mean_utilisation(series: Series) -> float | None:
    """Leave out the first reading, which tells of the time before it."""
    return _mean([reading.utilisation for reading in series[1:]])


def _clock_share(series: Series, highest_mhz: int | None) -> float | None:
    clock = _mean([reading.clock_mhz for reading in series])
    return None if clock is None or not highest_mhz else clock / highest_mhz


def _throttled_share(series: Series) -> float | None:
    return _mean([reading.is_throttled for reading in series])


def _mean(values: Sequence[float | None]) -> float | None:
    told = [float(value) for value in values if value is not None]
    return fmean(told) if told else None


def _mean_of_all(values: Iterable[float | None]) -> float | None:
    told = _of_all(values)
    return fmean(told) if told else None


def _of_all(values: Iterable[float | None]) -> list[float]:
    """Return the values of all devices, nothing if one does not tell its own."""
    found = list(values)
    told = [value for value in found if value is not None]
    return told if len(told) == len(found) else []
