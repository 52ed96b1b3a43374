from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploytune.contract.limits import Limit
from deploytune_trial.bench.simulated_servers import SERVERS
from deploytune_trial.bench.verdicts import FIXED_SECONDS, Judged, verdict_row
from deploytune_trial.measure.intervals import Estimate, percentile_estimator
from deploytune_trial.measure.sequential import (
    ALPHA,
    MOST_LOOKS,
    Decisions,
    LimitTest,
    is_precise,
    look_windows,
    spent_alphas,
)

P95 = "latency_p95_ms"


def a_test(*, looks: int = 4, window_requests: int = 100, limits: int = 1) -> LimitTest:
    """A test of p95 <= 100 ms that looks after each window."""
    return LimitTest.plan(
        Limit(metric=P95, max=100.0),
        range(1, looks + 1),
        percentile=95.0,
        window_requests=window_requests,
        limits=limits,
    )


@given(st.integers(3, 100))
def test_there_are_at_most_eight_looks_and_the_last_is_at_the_cap(most_windows: int) -> None:
    looks = look_windows(most_windows)

    assert len(looks) <= MOST_LOOKS
    assert all(before < after for before, after in pairwise(looks))
    assert looks[-1] == most_windows


@given(st.integers(1, MOST_LOOKS))
def test_all_looks_together_spend_alpha(looks: int) -> None:
    assert math.fsum(spent_alphas(looks, ALPHA)) == pytest.approx(ALPHA)


def test_looks_that_can_prove_nothing_leave_their_share_to_the_others() -> None:
    test = a_test(looks=3, window_requests=60)

    assert set(test.alphas_met) == {2, 3}
    assert math.fsum(test.alphas_met.values()) == pytest.approx(ALPHA)
    assert set(test.alphas_missed) == {1, 2, 3}


def test_several_limits_share_the_error_of_calling_one_missed() -> None:
    alone, one_of_two = a_test(), a_test(limits=2)

    assert one_of_two.alphas_missed[1] == pytest.approx(alone.alphas_missed[1] / 2)
    assert one_of_two.alphas_met == alone.alphas_met


@pytest.mark.parametrize(
    ("estimate", "verdict"),
    [
        pytest.param(Estimate(50.0, 40.0, 60.0), True, id="surely met"),
        pytest.param(Estimate(98.0, 90.0, 104.0), True, id="met within the zone"),
        pytest.param(Estimate(98.0, 90.0, 106.0), None, id="met, but maybe beyond the zone"),
        pytest.param(Estimate(98.0, 90.0), None, id="met, without a bound"),
        pytest.param(Estimate(102.0, 96.0, 120.0), False, id="missed within the zone"),
        pytest.param(Estimate(102.0, 94.0, 120.0), None, id="missed, but maybe below the zone"),
        pytest.param(Estimate(math.inf, 300.0), False, id="infinite"),
    ],
)
def test_a_limit_is_decided_by_the_bound_towards_it(
    estimate: Estimate, *, verdict: bool | None
) -> None:
    assert a_test().decide(2, lambda _: estimate) is verdict


def test_a_limit_from_below_is_decided_by_the_other_bound() -> None:
    limit = Limit(metric="throughput", min=100.0)
    test = LimitTest.plan(limit, [1], percentile=None, window_requests=100)

    assert test.decide(1, lambda _: Estimate(120.0, 96.0, 150.0)) is True
    assert test.decide(1, lambda _: Estimate(80.0, 60.0, 104.0)) is False
    assert test.decide(1, lambda _: Estimate(80.0, 60.0, 120.0)) is None


def test_one_limit_missed_decides_for_all() -> None:
    other = LimitTest.plan(
        Limit(metric="throughput", min=1.0), [1], percentile=None, window_requests=100
    )
    decisions = Decisions([a_test(), other], [])

    decisions.look(
        1, {P95: lambda _: Estimate(500.0, 400.0, 600.0), "throughput": lambda _: Estimate(2.0)}
    )

    assert decisions.is_missed
    assert decisions.are_final
    assert decisions.undecided == {"throughput"}


def test_a_limit_met_leaves_the_objective_to_be_made_precise() -> None:
    decisions = Decisions([a_test()], [P95])

    decisions.look(2, {P95: lambda _: Estimate(50.0, 40.0, 60.0)})
    assert not decisions.are_final

    decisions.look(3, {P95: lambda _: Estimate(50.0, 49.0, 51.0)})
    assert decisions.are_final


def test_an_interval_without_a_bound_is_not_precise() -> None:
    assert not is_precise(lambda _: Estimate(50.0, 49.0))


def test_peeking_at_a_configuration_at_the_edge_of_the_zone_errs_within_alpha() -> None:
    """Eight looks, with the truth at the worst place outside the zone; AR(1) by 0.5."""
    server = SERVERS[0]
    limit = server.true_latency(95.0) / 1.05
    test = LimitTest.plan(
        Limit(metric=P95, max=limit), range(1, 9), percentile=95.0, window_requests=100
    )
    accepted = 0
    for seed in range(100):
        latencies = server.draw(np.random.default_rng(seed), 800)
        verdicts = [
            test.decide(look, percentile_estimator(latencies[: look * 100], 95.0))
            for look in range(1, 9)
        ]
        accepted += next((verdict for verdict in verdicts if verdict is not None), False)

    assert accepted / 100 <= 2 * ALPHA


def test_obvious_configurations_cost_a_third_of_fixed_windows_and_are_judged_rightly() -> None:
    row = verdict_row(SERVERS[3], P95, 40, seed=1)

    assert row["wrong"] == 0.0
    assert isinstance(row["seconds"], float)
    assert row["seconds"] <= FIXED_SECONDS / 3


def test_a_verdict_inside_the_zone_is_never_wrong() -> None:
    assert not Judged(ratio=1.04, met=True, seconds=1.0).is_wrong
    assert Judged(ratio=1.06, met=True, seconds=1.0).is_wrong
