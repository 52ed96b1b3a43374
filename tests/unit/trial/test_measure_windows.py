from __future__ import annotations

import math

import pytest
from trial_builders import a_window

from deploytune_trial.measure.windows import (
    Sample,
    WindowBuilder,
    summarise,
    windows_agree,
)


def test_latency_counts_from_the_intended_send_time() -> None:
    late = Sample(intended=1.0, sent=1.5, ended=2.0, answered=True)

    assert late.latency_ms == pytest.approx(1000.0)
    assert late.lag_ms == pytest.approx(500.0)


def test_a_request_without_an_answer_has_an_infinite_latency() -> None:
    assert math.isinf(Sample(0.0, 0.0, 1.0, answered=False).latency_ms)


def test_a_window_ends_with_the_completion_that_fills_it() -> None:
    builder = WindowBuilder(2, started=10.0)
    builder.note_due()
    builder.note_due()

    assert builder.add(Sample(10.0, 10.0, 11.0, answered=True)) is None
    window = builder.add(Sample(10.0, 10.0, 14.0, answered=True))

    assert window is not None
    assert (window.seconds, window.due, window.answers_per_second) == (4.0, 2, 0.5)


def test_the_next_window_begins_where_the_last_one_ended() -> None:
    builder = WindowBuilder(1, started=0.0)
    builder.add(Sample(0.0, 0.0, 3.0, answered=True))

    window = builder.add(Sample(0.0, 0.0, 4.0, answered=True))

    assert window is not None
    assert window.seconds == 1.0


def test_two_windows_are_too_few_to_agree() -> None:
    assert not windows_agree([a_window([1.0])] * 2, [], at_rate=False)


def test_windows_within_ten_percent_agree() -> None:
    windows = [a_window([10.0] * 5, seconds) for seconds in (1.0, 1.05, 1.1)]

    assert windows_agree(windows, ["latency_p95_ms"], at_rate=False)


def test_only_the_last_three_windows_must_agree() -> None:
    windows = [a_window([99.0] * 5, 9.0), *[a_window([10.0] * 5)] * 3]

    assert windows_agree(windows, ["latency_p95_ms"], at_rate=False)


def test_windows_whose_pace_differs_do_not_agree() -> None:
    windows = [a_window([10.0] * 5, seconds) for seconds in (1.0, 1.0, 1.2)]

    assert not windows_agree(windows, [], at_rate=False)


def test_at_a_rate_of_its_own_the_pace_of_a_load_may_vary() -> None:
    windows = [a_window([10.0] * 5, seconds) for seconds in (1.0, 1.0, 1.2)]

    assert windows_agree(windows, ["latency_p95_ms"], at_rate=True)


def test_windows_whose_needed_latency_differs_do_not_agree() -> None:
    windows = [a_window([latency] * 5) for latency in (10.0, 10.0, 12.0)]

    assert windows_agree(windows, [], at_rate=False)
    assert not windows_agree(windows, ["latency_p50_ms"], at_rate=False)


def test_the_figures_are_of_the_last_three_windows_together() -> None:
    windows = [a_window([500.0] * 100), *(a_window([5.0] * 95 + [9.0] * 5) for _ in range(3))]

    figures = summarise(windows, request_batch=1)

    assert figures["latency_p50_ms"].value == pytest.approx(5.0)
    assert figures["latency_p99_ms"].value == pytest.approx(9.0)
    assert figures["latency_mean_ms"].value == pytest.approx(5.2)


def test_throughput_counts_the_samples_of_a_request() -> None:
    figures = summarise([a_window([1.0] * 100, seconds=2.0)] * 3, request_batch=8)

    assert figures["throughput"].value == pytest.approx(400.0)


def test_a_request_without_an_answer_does_not_count_as_throughput() -> None:
    figures = summarise([a_window([1.0, None], seconds=1.0)] * 3, request_batch=1)

    assert figures["throughput"].value == pytest.approx(1.0)


def test_a_percentile_is_infinite_when_too_many_requests_have_no_answer() -> None:
    figures = summarise([a_window([1.0] * 90 + [None] * 10)] * 3, request_batch=1)

    assert figures["latency_p50_ms"].value == pytest.approx(1.0)
    assert math.isinf(figures["latency_p95_ms"].value)
    assert figures["latency_p95_ms"].half_width is None


def test_the_width_is_at_least_half_the_spread_between_the_windows() -> None:
    windows = [a_window([latency] * 100) for latency in (10.0, 11.0, 14.0)]

    width = summarise(windows, request_batch=1)["latency_p50_ms"].half_width

    assert width is not None
    assert width >= 2.0
