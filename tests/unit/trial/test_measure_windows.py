from __future__ import annotations

import math

import pytest
from trial_builders import requests_with

from deploytune_trial.measure.windows import Requests, Sample, summarise


def test_latency_counts_from_the_intended_send_time() -> None:
    late = Sample(intended=1.0, sent=1.5, ended=2.0, answered=True)

    assert late.latency_ms == pytest.approx(1000.0)


def test_a_request_without_an_answer_has_an_infinite_latency() -> None:
    assert math.isinf(Sample(0.0, 0.0, 1.0, answered=False).latency_ms)


def test_latencies_come_in_the_order_in_which_requests_were_to_be_sent() -> None:
    requests = Requests(0.0)
    requests.add(Sample(2.0, 2.5, 3.0, answered=True))
    requests.add(Sample(1.0, 1.0, 4.0, answered=True))

    assert requests.latencies_ms().tolist() == [3000.0, 1000.0]
    assert requests.lags_ms().tolist() == [0.0, 500.0]


def test_the_latest_requests_can_be_looked_at_alone() -> None:
    requests = requests_with([1.0, 2.0, 3.0])

    assert requests.latencies_ms(since=1).tolist() == pytest.approx([2.0, 3.0])


def test_the_figures_are_of_all_requests_together() -> None:
    figures = summarise(requests_with([5.0] * 95 + [9.0] * 5), request_batch=1)

    assert figures["latency_p50_ms"].value == pytest.approx(5.0)
    assert figures["latency_p99_ms"].value == pytest.approx(9.0)
    assert figures["latency_mean_ms"].value == pytest.approx(5.2)


def test_throughput_counts_the_samples_of_a_request() -> None:
    figures = summarise(requests_with([1.0] * 100, seconds=2.0), request_batch=8)

    assert figures["throughput"].value == pytest.approx(400.0)


def test_a_request_without_an_answer_does_not_count_as_throughput() -> None:
    figures = summarise(requests_with([None, 1.0], seconds=1.0), request_batch=1)

    assert figures["throughput"].value == pytest.approx(1.0)


def test_the_time_after_the_last_answer_counts_in_the_throughput() -> None:
    figures = summarise(requests_with([1.0] * 50 + [None] * 50, seconds=10.0), request_batch=1)

    assert figures["throughput"].value == pytest.approx(5.0)


def test_a_percentile_is_infinite_when_too_many_requests_have_no_answer() -> None:
    figures = summarise(requests_with(([1.0] * 9 + [None]) * 30), request_batch=1)

    assert figures["latency_p50_ms"].value == pytest.approx(1.0)
    assert math.isinf(figures["latency_p95_ms"].value)
    assert figures["latency_p95_ms"].half_width is None


def test_drift_widens_the_interval() -> None:
    steady = [10.0, 11.0, 12.0, 13.0] * 100

    still = summarise(requests_with(steady), request_batch=1)
    drifting = summarise(requests_with(sorted(steady)), request_batch=1)

    assert still["latency_p50_ms"].half_width is not None
    width = drifting["latency_p50_ms"].half_width
    assert width is None or width > still["latency_p50_ms"].half_width


def test_of_no_requests_nothing_has_an_end() -> None:
    figures = summarise(Requests(0.0), request_batch=1)

    assert math.isinf(figures["latency_p95_ms"].value)
    assert figures["throughput"].value == 0.0
