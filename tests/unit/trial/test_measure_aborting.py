from __future__ import annotations

from deploytune_trial.measure.aborting import AbortWatch, Ceiling

P95_BELOW_100 = Ceiling("latency_p95_ms@steady", 95.0, 100.0)
MEAN_BELOW_100 = Ceiling("latency_mean_ms@steady", None, 100.0)


def test_a_window_is_lost_once_its_percentile_cannot_come_below_the_ceiling() -> None:
    watch = AbortWatch([P95_BELOW_100], window_size=100)

    assert [watch.add(150.0) for _ in range(5)] == [None] * 5
    assert watch.add(150.0) == P95_BELOW_100.key


def test_fast_requests_never_lose_a_window() -> None:
    watch = AbortWatch([P95_BELOW_100], window_size=10)

    assert {watch.add(100.0) for _ in range(100)} == {None}


def test_the_slow_requests_of_an_earlier_window_are_forgotten() -> None:
    watch = AbortWatch([P95_BELOW_100], window_size=100)
    for _ in range(5):
        watch.add(150.0)

    watch.begin_window()

    assert watch.add(150.0) is None


def test_a_mean_is_lost_when_the_sum_is_spent() -> None:
    watch = AbortWatch([MEAN_BELOW_100], window_size=4)

    assert watch.add(350.0) is None
    assert watch.add(60.0) == MEAN_BELOW_100.key


def test_without_a_ceiling_nothing_is_lost() -> None:
    assert AbortWatch([], window_size=1).add(float("inf")) is None
