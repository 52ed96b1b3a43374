from __future__ import annotations

from deploytune_trial.measure.aborting import AbortWatch, Ceiling

P95_BELOW_100 = Ceiling("latency_p95_ms@steady", 95.0, 100.0)
MEAN_BELOW_100 = Ceiling("latency_mean_ms@steady", None, 100.0)


def test_a_measurement_is_lost_once_its_percentile_cannot_come_below_the_ceiling() -> None:
    watch = AbortWatch([P95_BELOW_100], most_requests=100)
    watch.add(1.0)

    assert [watch.add(150.0) for _ in range(5)] == [None] * 5
    assert watch.add(150.0) == P95_BELOW_100.key


def test_what_is_slow_without_exception_is_lost_after_ten_requests() -> None:
    watch = AbortWatch([P95_BELOW_100], most_requests=100_000)

    assert [watch.add(150.0) for _ in range(9)] == [None] * 9
    assert watch.add(150.0) == P95_BELOW_100.key


def test_a_few_slow_requests_do_not_lose_a_measurement_of_many() -> None:
    watch = AbortWatch([Ceiling("latency_p99_ms@steady", 99.0, 100.0)], most_requests=10_000)

    assert {watch.add(150.0 if number in (10, 90) else 1.0) for number in range(153)} == {None}


def test_fast_requests_never_lose_a_measurement() -> None:
    watch = AbortWatch([P95_BELOW_100], most_requests=10)

    assert {watch.add(100.0) for _ in range(100)} == {None}


def test_the_slow_requests_of_the_lead_in_are_forgotten() -> None:
    watch = AbortWatch([P95_BELOW_100], most_requests=100)
    for _ in range(5):
        watch.add(150.0)

    watch.begin()

    assert watch.add(150.0) is None


def test_a_mean_is_lost_when_the_sum_is_spent() -> None:
    watch = AbortWatch([MEAN_BELOW_100], most_requests=4)

    assert watch.add(350.0) is None
    assert watch.add(60.0) == MEAN_BELOW_100.key


def test_without_a_ceiling_nothing_is_lost() -> None:
    assert AbortWatch([], most_requests=1).add(float("inf")) is None
