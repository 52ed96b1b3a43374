"""Several pools: one more dimension of the search, each with its own room."""

from __future__ import annotations

from typing import Any

from builders import a_finished_trial, a_place, a_trial, a_tuning, a_world, an_attempt

from deploytune.api.translate import problem_of
from deploytune.state.decide import decide
from deploytune.state.history import knowledge_of

POOLS: list[dict[str, Any]] = [{"name": "a", "maxParallelTrials": 1}, {"name": "b"}]


def test_the_baseline_runs_on_the_first_pool() -> None:
    (baseline,) = decide(a_world(a_tuning(pools=POOLS))).creations
    assert ("a", True) == (baseline.spec.pool, "pool" not in baseline.spec.parameters)


def test_a_pool_is_never_given_more_than_its_own_limit() -> None:
    tuning = a_tuning(pools=POOLS, parallel_trials=6)
    decision = decide(a_world(tuning))
    pools = [trial.spec.pool for trial in decision.creations]
    assert (6, 1) == (len(pools), pools.count("a"))
    assert 6 == len(decision.starts)


def test_the_search_knows_the_pool_of_every_trial() -> None:
    tuning = a_tuning(pools=POOLS)
    trials = (a_finished_trial(0, pool="b"), a_trial(1, pool="a"))
    knowledge = knowledge_of(problem_of(tuning.spec), trials)
    assert "b" == knowledge.finished[0].parameters["pool"]
    assert "a" == knowledge.in_flight[0].parameters["pool"]


def test_confirmations_stay_on_the_pool_of_the_winner() -> None:
    tuning = a_tuning(pools=POOLS, parallel_trials=3, max_trials=1, confirmations=3)
    decision = decide(a_world(tuning, [a_finished_trial(0, pool="a")]))
    assert ["a"] == [trial.spec.pool for trial in decision.creations]


def test_the_status_tells_the_best_of_each_pool() -> None:
    trials = [
        a_finished_trial(0, throughput=1.0, pool="a"),
        a_finished_trial(1, throughput=9.0, pool="b"),
        a_finished_trial(2, throughput=5.0, pool="b"),
    ]
    status = decide(a_world(a_tuning(pools=POOLS), trials)).status
    assert [("a", "tune-0"), ("b", "tune-1")] == [(b.name, b.trial) for b in status.best_per_pool]
    assert status.best is not None
    assert ("tune-1", "b") == (status.best.trial, status.best.pool)


def test_a_full_pool_holds_back_what_waits_for_it() -> None:
    tuning = a_tuning(pools=POOLS, parallel_trials=3)
    trials = [a_trial(0, pool="a"), a_trial(1, pool="a")]
    decision = decide(a_world(tuning, trials, [an_attempt(0, place=a_place())]))
    assert [2] == [request.index for request in decision.starts]


def test_a_tuning_may_exclude_a_pool_for_some_configurations() -> None:
    space: dict[str, Any] = {
        "parameters": [
            {"name": "size", "type": "Integer", "min": 1, "max": 2, "default": 1},
        ],
        "exclude": [{"pool": "b"}],
    }
    tuning = a_tuning(pools=POOLS, parallel_trials=8, spec={"searchSpace": space})
    first = decide(a_world(tuning)).creations
    assert [("a", 1)] == [(trial.spec.pool, trial.spec.parameters["size"]) for trial in first]
