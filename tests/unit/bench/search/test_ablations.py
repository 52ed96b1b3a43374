from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from itertools import islice
from random import Random

import numpy as np
import pytest
from bench_builders import a_bench_problem

from deploytune.bench.search.catalogue import problem_of
from deploytune.bench.search.landscapes.landscape import LATENCY, THROUGHPUT, Landscape
from deploytune.bench.search.landscapes.spaces import FAMILY
from deploytune.bench.search.peers import ABLATIONS, PEERS, peer_named
from deploytune.bench.search.peers.ablations import policy_of
from deploytune.bench.search.peers.paper_parts import VARIANTS
from deploytune.bench.search.peers.substitution import SubstitutedSession, substituted
from deploytune.bench.search.peers.tba_parts import CHANGES
from deploytune.bench.search.problems import BenchProblem, Ending
from deploytune.bench.search.runs import Plan, played
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.limits import Limit
from deploytune.search.history import FinishedTrial, Knowledge, Parameters
from deploytune.search.problem import Algorithm
from deploytune.search.proposals import Proposal
from deploytune.search.seeds import Draw
from deploytune.search.strategies import strategy_for
from deploytune.search.strategies.tba_paper import PUBLISHED
from deploytune.search.thermal import choosing
from deploytune.search.thermal.kernel import Likeness

CURIOSITY = "deploytune.search.thermal.choosing:CURIOSITY"
NOWHERE = "deploytune.search.thermal.choosing:NO_SUCH"


def trials_of(strategy: str, problem_class: str = "values", count: int = 12) -> list[FinishedTrial]:
    peer = peer_named(strategy)
    bench = peer.meets(problem_of(problem_class, 0))
    plan = Plan(problem_class, 0, strategy, 1, count)
    return list(played(bench, peer.start(bench, count, 0), plan, lambda _seconds: None))


def tried(strategy: str, problem_class: str = "values", count: int = 12) -> list[Parameters]:
    return [trial.parameters for trial in trials_of(strategy, problem_class, count)]


def an_impatient_problem() -> BenchProblem:
    """One whose limit of latency is so low that most configurations are far beyond it."""
    bench = problem_of("values", 0)
    assert isinstance(bench.system, Landscape)
    low = Limit(metric=LATENCY, max=bench.system.patience_ms / 20)
    return replace(bench, system=replace(bench.system, limits=(low,)))


def endings_of(bench: BenchProblem) -> list[Ending]:
    """How forty drawn configurations end that are measured when nothing is aborted."""
    rng, system = Random(1), bench.system
    drawn = [bench.problem.space.completed({}, rng) for _ in range(40)]
    return [system.outcome(one, Random(3)) for one in drawn if system.truth(one).loss is not None]


def test_a_value_stands_in_its_place_for_a_while_only() -> None:
    before = choosing.CURIOSITY
    with substituted({CURIOSITY: 7.0}):
        assert 7.0 == choosing.CURIOSITY
    assert before == choosing.CURIOSITY


def test_the_old_value_comes_back_after_an_error() -> None:
    before = choosing.CURIOSITY
    with pytest.raises(AttributeError, match="NO_SUCH"), substituted({CURIOSITY: 7.0, NOWHERE: 1}):
        pass
    assert before == choosing.CURIOSITY


def test_a_session_is_asked_with_the_changes_and_told_without() -> None:
    class Watching:
        def __init__(self) -> None:
            self.seen: list[float] = []

        def ask(self, _index: int) -> Parameters | None:
            self.seen.append(choosing.CURIOSITY)
            return None

        def tell(self, _trial: FinishedTrial) -> None:
            self.seen.append(choosing.CURIOSITY)

    watching = Watching()
    session = SubstitutedSession(watching, {CURIOSITY: 7.0})
    session.ask(0)
    session.tell(trials_of("random", count=1)[0])
    assert [7.0, choosing.CURIOSITY] == watching.seen


def test_every_ablation_of_the_default_has_its_changes() -> None:
    named = {name.removeprefix("tba:") for name in ABLATIONS if name.startswith("tba:")}
    assert named - {"no-timeouts", "early-timeouts"} == CHANGES.keys()


@pytest.mark.parametrize("name", CHANGES)
def test_every_place_is_there_and_holds_something_else(name: str) -> None:
    for place, value in CHANGES[name].items():
        module, path = place.split(":")
        found: object = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        assert found != value


def recommended(*finished: FinishedTrial) -> list[Proposal]:
    """What the default recommends after these trials, best first."""
    problem = replace(problem_of("values", 0).problem, max_trials=40)
    proposals = strategy_for(Algorithm()).propose(problem, Knowledge(finished), Draw(0, 40))
    return list(islice(proposals, 40))


@pytest.fixture(scope="module")
def histories() -> list[list[FinishedTrial]]:
    """Random trials, those that are not feasible, and those of all families but one."""
    trials = trials_of("random", count=25)
    family = trials[0].parameters[FAMILY]
    return [
        trials,
        [trial for trial in trials if not trial.is_feasible],
        [trial for trial in trials if trial.parameters[FAMILY] != family],
    ]


@pytest.mark.parametrize("name", CHANGES)
def test_a_part_of_the_default_that_is_off_leads_elsewhere(
    name: str, histories: list[list[FinishedTrial]]
) -> None:
    whole = [recommended(*history) for history in histories]
    with substituted(CHANGES[name]):
        assert whole != [recommended(*history) for history in histories]


def test_without_quotas_no_family_is_sought_out(histories: list[list[FinishedTrial]]) -> None:
    assert "quota" == recommended(*histories[2])[0].why["rule"]
    with substituted(CHANGES["no-quota"]):
        assert "model" == recommended(*histories[2])[0].why["rule"]


@pytest.mark.parametrize("name", ["no-triples", "no-pairs"])
def test_the_gradient_is_that_of_the_covariance_in_place(name: str) -> None:
    rng = np.random.default_rng(1)
    likeness = Likeness(rng.random((4, 3, 3)))
    weights, outer = rng.random(4), rng.random((3, 3))
    whole = likeness.covariance(weights)
    with substituted(CHANGES[name]):
        assert np.all(likeness.covariance(weights) < whole)
        for place, slope in enumerate(likeness.gradient_against(weights, outer)):
            step = np.zeros(4)
            step[place] = 1e-6
            change = likeness.covariance(weights + step) - likeness.covariance(weights - step)
            assert slope == pytest.approx((outer * change).sum() / 2e-6, rel=1e-5)


def test_the_published_method_without_its_mapping_stage_is_the_products_tpe() -> None:
    assert tried("tpe") == tried("tba-paper:exploitation")


@pytest.mark.parametrize("name", ["mapping", "random-map", "close-infeasible", "as-coded"])
def test_a_variant_of_the_published_method_leads_elsewhere(name: str) -> None:
    assert tried("tba-paper", "scarce", 20) != tried(f"tba-paper:{name}", "scarce", 20)


def test_every_variant_changes_the_published_policy() -> None:
    assert all(variant.policy != PUBLISHED for variant in VARIANTS.values())


def test_without_timeouts_every_measured_trial_runs_to_its_end() -> None:
    bench = an_impatient_problem()
    early, late = (endings_of(one) for one in (bench, peer_named("tba:no-timeouts").meets(bench)))
    assert all(THROUGHPUT in one.metrics for one in late)
    aborted = [pair for pair in zip(early, late, strict=True) if pair[0] != pair[1]]
    assert aborted
    for cut, whole in aborted:
        assert cut.metrics.items() <= whole.metrics.items()
        assert 2 * cut.seconds == pytest.approx(whole.seconds)


def test_earlier_timeouts_cut_more_trials_short() -> None:
    def cut_short(bench: BenchProblem) -> int:
        return sum(THROUGHPUT not in one.metrics for one in endings_of(bench))

    bench = an_impatient_problem()
    assert cut_short(bench) < cut_short(peer_named("tba-paper:early-timeouts").meets(bench))


def test_a_problem_without_timeouts_is_left_as_it_is() -> None:
    bench = a_bench_problem()
    assert bench is peer_named("tba-paper:no-timeouts").meets(bench)


@pytest.mark.parametrize("name", ["tpe", "tba", "tba:no-quota", "tba-paper:no-such-part"])
def test_only_the_published_method_has_a_policy(name: str) -> None:
    with pytest.raises(InvalidTuningError, match=rf"must be among tba-paper, .* got '{name}'"):
        policy_of(name)


def test_an_ablation_is_no_peer_to_compare_with() -> None:
    assert not ABLATIONS.keys() & PEERS.keys()
    assert ABLATIONS["tba:no-quota"] is peer_named("tba:no-quota")
