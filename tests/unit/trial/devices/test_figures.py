from __future__ import annotations

import pytest
from device_builders import MIB, a_reading

from deploytune_trial.devices.figures import (
    figures_of_clocks,
    figures_under_load,
    peak_memory_mib,
)


def test_counted_energy_is_shared_by_the_inferences_of_the_same_time() -> None:
    series = [
        a_reading(10.0, energy_joules=1000.0, power_watts=5.0),
        a_reading(14.0, energy_joules=2200.0, power_watts=5.0),
    ]
    figures = figures_under_load([series], inferences=600)

    assert 2.0 == figures["gpu_energy_per_inference_joules"]
    assert 300.0 == figures["gpu_power_watts"]


def test_without_a_counter_energy_is_the_integral_of_power() -> None:
    series = [a_reading(at, power_watts=watts) for at, watts in ((0, 100), (1, 300), (3, 300))]
    figures = figures_under_load([series], inferences=100)

    assert (200 + 600) / 100 == figures["gpu_energy_per_inference_joules"]


def test_a_counter_that_was_reset_is_not_believed() -> None:
    series = [
        a_reading(0.0, energy_joules=900.0, power_watts=10.0),
        a_reading(2.0, energy_joules=1.0, power_watts=10.0),
    ]
    assert 20.0 == figures_under_load([series], 1)["gpu_energy_per_inference_joules"]


def test_devices_add_their_energy_and_share_their_utilisation() -> None:
    def of(watts: float, share: float) -> list[object]:
        return [a_reading(at, power_watts=watts, utilisation=share) for at in (0.0, 1.0)]

    figures = figures_under_load([of(100, 0.2), of(300, 0.6)], inferences=4)  # type: ignore[list-item]

    assert 400.0 == figures["gpu_power_watts"]
    assert 100.0 == figures["gpu_energy_per_inference_joules"]
    assert 0.4 == pytest.approx(figures["gpu_utilisation"])


def test_utilisation_leaves_out_what_was_before_the_load() -> None:
    series = [a_reading(0.0, utilisation=0.0), a_reading(1.0, utilisation=0.9)]

    assert 0.9 == figures_under_load([series], 1)["gpu_utilisation"]


@pytest.mark.parametrize(
    "series",
    [
        pytest.param([a_reading(0.0), a_reading(1.0)], id="a slice, which tells its memory alone"),
        pytest.param([a_reading(0.0, power_watts=9.0)], id="a single reading"),
        pytest.param([], id="no reading"),
    ],
)
def test_what_is_not_told_has_no_figure(series: list[object]) -> None:
    assert {} == figures_under_load([series], 100)  # type: ignore[list-item]


def test_one_device_that_does_not_tell_leaves_the_sum_out() -> None:
    telling = [a_reading(at, power_watts=50.0) for at in (0.0, 1.0)]

    assert {} == figures_under_load([telling, [a_reading(0.0), a_reading(1.0)]], 10)


def test_no_inference_has_no_energy_but_power() -> None:
    series = [a_reading(at, power_watts=50.0) for at in (0.0, 1.0)]

    assert {"gpu_power_watts": 50.0} == figures_under_load([series], inferences=0)


def test_clocks_are_told_as_shares_of_the_highest_and_of_time() -> None:
    series = [
        a_reading(0.0, clock_mhz=1000, is_throttled=False),
        a_reading(1.0, clock_mhz=1500, is_throttled=True),
    ]
    assert {"gpu_clock_share": 0.625, "gpu_throttled_share": 0.5} == figures_of_clocks(
        [series], [2000]
    )


def test_clocks_without_a_highest_one_have_no_share() -> None:
    assert {} == figures_of_clocks([[a_reading(clock_mhz=1000)]], [None])


def test_without_devices_there_is_no_figure() -> None:
    assert {} == {**figures_under_load([], 10), **figures_of_clocks([], [])}
    assert peak_memory_mib([], []) is None


def test_memory_is_what_was_added_to_each_device() -> None:
    peaks, idle = [3000 * MIB, 500 * MIB], [600 * MIB, 700 * MIB]

    assert 2400.0 == peak_memory_mib(peaks, idle)


def test_memory_that_a_device_does_not_tell_has_no_peak() -> None:
    assert peak_memory_mib([None], [None]) is None
