from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from bench_builders import (
    CRASHING,
    LUCKY,
    SOUND,
    Scripted,
    a_bench_problem,
    a_plan,
    without_ask_times,
)

from deploytune.bench.search import runs
from deploytune.bench.search.catalogue import problem_of
from deploytune.bench.search.peers import PEERS, peer_named
from deploytune.bench.search.runs import Plan, Row, played, run, scored
from deploytune.search.history import FinishedTrial


def _no_time(_seconds: float) -> None:
    """Ask times are of no interest."""


def play(*script: dict[str, str], in_flight: int = 1) -> tuple[list[FinishedTrial], Scripted]:
    session = Scripted(*script)
    plan = Plan("three", 0, "scripted", in_flight, len(script))
    return list(played(a_bench_problem(), session, plan, _no_time)), session


def score(*script: dict[str, str]) -> Row:
    trials, _ = play(*script)
    return scored(a_bench_problem(), a_plan(), trials, (0.0, 0.0))


def test_one_at_a_time_ends_in_the_order_of_asking() -> None:
    trials, session = play(LUCKY, SOUND, CRASHING)
    assert [0, 1, 2] == [trial.index for trial in trials]
    assert trials == session.told


def test_results_arrive_out_of_order_with_several_in_flight() -> None:
    """Seconds 5, 3, 1, 3, 1: the fifth is asked for when the third has ended, after 1 second."""
    trials, session = play(LUCKY, SOUND, CRASHING, SOUND, CRASHING, in_flight=4)
    assert [2, 4, 1, 3, 0] == [trial.index for trial in trials]
    assert trials == session.told


def test_a_session_that_has_nothing_more_ends_the_run() -> None:
    session = Scripted(SOUND)
    trials = list(played(a_bench_problem(), session, Plan("three", 0, "x", 2, 10), _no_time))
    assert 1 == len(trials)


def test_a_lucky_configuration_is_not_discovered() -> None:
    row = score(CRASHING, LUCKY, SOUND)
    assert (False, False, True) == row.discovered
    assert (1.0, 1.0, 0.0) == row.regret
    assert (False, False, True) == row.feasible


def test_what_is_not_truly_feasible_is_wasted_however_it_looked() -> None:
    row = score(LUCKY, SOUND, CRASHING)
    assert (True, False, True) == row.wasted
    assert (5.0, 3.0, 1.0) == row.seconds


def test_a_rank_is_that_of_the_best_found_so_far() -> None:
    """`sound` has a loss of -0.8; two of the four that are truly feasible are better."""
    trials, _ = play(CRASHING, LUCKY, SOUND)
    bench = a_bench_problem()
    assert bench.answer is not None
    known = replace(bench, answer=replace(bench.answer, losses=(-0.95, -0.9, -0.8, -0.4)))
    assert (1.0, 1.0, 0.5) == scored(known, a_plan(), trials, (0.0, 0.0)).rank


def test_there_is_no_rank_where_not_everything_feasible_is_known() -> None:
    assert () == score(SOUND).rank


@pytest.mark.parametrize("strategy", ["random", "tpe", "tba-paper", "oracle"])
def test_a_run_is_the_same_when_played_again(strategy: str) -> None:
    plan = Plan("costs", 1, strategy, 4, 12)
    once, again = run(plan), run(plan)
    assert without_ask_times(once) == without_ask_times(again)
    assert 12 == len(once.regret)


def test_the_oracle_proposes_only_what_is_truly_feasible() -> None:
    assert not any(run(Plan("pairs", 1, "oracle", 4, 20)).wasted)


def test_the_oracle_proposes_nothing_where_nothing_is_feasible() -> None:
    assert () == run(Plan("nothing", 0, "oracle", 1, 5)).regret


def test_the_oracle_is_far_ahead_of_chance() -> None:
    def regret(strategy: str) -> float:
        return sum(run(Plan("pairs", seed, strategy, 1, 20)).regret[-1] for seed in (1, 2))

    assert regret("oracle") < regret("random") / 2


def test_a_strategy_sees_the_budget_of_its_run() -> None:
    session = peer_named("random").start(problem_of("easy", 0), 2, 0)
    assert [True, True, False] == [session.ask(index) is not None for index in range(3)]


def test_every_peer_has_a_summary() -> None:
    assert all(peer.summary and peer.name == name for name, peer in PEERS.items())


def test_ask_times_are_the_50th_and_95th_percentile_in_milliseconds() -> None:
    quantiles: Callable[[list[float]], tuple[float, float]] = runs.quantiles
    assert (50.0, 95.0) == quantiles([place / 1000 for place in range(101)])
