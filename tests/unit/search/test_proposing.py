from __future__ import annotations

import pytest
from search_builders import a_choice, a_finished, a_flag, a_float, a_problem, an_integer

from deploytune.contract.errors import InvalidTuningError
from deploytune.search.history import InFlight, Knowledge
from deploytune.search.problem import Algorithm
from deploytune.search.proposing import next_proposal
from deploytune.search.seeds import Draw, stable_seed
from deploytune.search.space import Space
from deploytune.search.strategies import strategy_for

SPACE = Space((an_integer("threads", 1, 8, default=4), a_flag("pinned", default=False)))
DEFAULTS = {"threads": 4, "pinned": False}
FIRST, SECOND = {"threads": 8, "pinned": True}, {"pinned": False, "threads": 1}


def test_the_defaults_come_first_as_the_baseline() -> None:
    proposal = next_proposal(a_problem(SPACE, initial=(FIRST,)), Knowledge(), 0)
    assert proposal is not None
    assert (proposal.parameters, proposal.is_baseline) == (DEFAULTS, True)


def test_the_initial_configurations_follow_in_order() -> None:
    problem = a_problem(SPACE, initial=(DEFAULTS, FIRST, SECOND))
    knowledge = Knowledge((a_finished(0, DEFAULTS),), (InFlight(1, FIRST),))
    proposal = next_proposal(problem, knowledge, 2)
    assert proposal is not None
    assert (proposal.parameters, proposal.strategy) == (SECOND, "Initial")
    assert list(proposal.parameters) == ["threads", "pinned"]
    assert not proposal.is_baseline


def test_an_abandoned_baseline_is_not_tried_again() -> None:
    proposal = next_proposal(a_problem(SPACE), Knowledge(abandoned=(DEFAULTS,)), 1)
    assert proposal is not None
    assert proposal.strategy == "Random"


def test_without_defaults_the_strategy_proposes_the_first_trial() -> None:
    proposal = next_proposal(a_problem(Space((a_choice("x", 1, 2),))), Knowledge(), 0)
    assert proposal is not None
    assert (proposal.strategy, proposal.is_baseline) == ("Random", False)


def test_nothing_is_proposed_beyond_the_budget() -> None:
    problem = a_problem(SPACE, max_trials=2)
    knowledge = Knowledge((a_finished(0, DEFAULTS),), (InFlight(1, FIRST),))
    assert next_proposal(problem, knowledge, 2) is None


def test_when_a_strategy_repeats_itself_an_untried_configuration_is_drawn() -> None:
    space = Space((an_integer("x", 1, 500),))
    finished = tuple(a_finished(place, {"x": place + 1}) for place in range(499))
    proposal = next_proposal(a_problem(space), Knowledge(finished), 499)
    assert proposal is not None
    assert proposal.parameters == {"x": 500}
    assert (proposal.strategy, dict(proposal.why)) == ("Untried", {"insteadOf": "Random"})


def test_a_continuum_of_a_single_point_is_left_when_it_was_tried() -> None:
    near = 1.0 + 2**-52
    space = Space((a_float("x", 1.0, near),))
    finished = (a_finished(0, {"x": 1.0}), a_finished(1, {"x": near}))
    assert next_proposal(a_problem(space), Knowledge(finished), 2) is None


def test_a_finer_grid_follows_when_the_grid_of_a_continuum_is_used_up() -> None:
    problem = a_problem(
        Space((a_float("x", 0, 1),)), algorithm=Algorithm("Grid", {"continuousLevels": 2})
    )
    knowledge, grid = Knowledge(), []
    for index in range(5):
        proposal = next_proposal(problem, knowledge, index)
        assert proposal is not None
        grid.append(proposal.parameters["x"])
        knowledge = Knowledge((*knowledge.finished, a_finished(index, proposal.parameters)))
    assert grid == [0.0, 1.0, 0.5, 0.25, 0.75]


@pytest.mark.parametrize(
    ("algorithm", "message"),
    [
        (Algorithm("Magic"), "algorithm.name: must be one of TBA, TPE, Random, Grid, Optuna, got"),
        (Algorithm("Random", {"x": 1}), "algorithm.settings.x: may not be set when name is Random"),
        (Algorithm("Random", preset="Paper"), "algorithm.preset: may not be set when name is Rand"),
        (Algorithm("Grid", sampler="X"), "algorithm.sampler: may not be set when name is Grid"),
        (Algorithm("Grid", {"x": 1}), "algorithm.settings.x: must be continuousLevels when name"),
        (
            Algorithm("Grid", {"continuousLevels": "5"}),
            "algorithm.settings.continuousLevels: must be an integer, got '5'",
        ),
        (
            Algorithm("Grid", {"continuousLevels": 1}),
            "algorithm.settings.continuousLevels: must be from 2 to 1000, got 1",
        ),
        (
            Algorithm("TBA", preset="X"),
            "algorithm.preset: must be Paper or absent when name is TBA,",
        ),
        (
            Algorithm("TBA", {"x": 1}, preset="Paper"),
            "algorithm.settings.x: may not be set when name is TBA, got 1",
        ),
        (
            Algorithm("TBA", {"x": 1}),
            "algorithm.settings.x: must be a setting of TBA (convergedBelow, hopelessBelow), got",
        ),
        (
            Algorithm("TBA", {"convergedBelow": 1}),
            "algorithm.settings.convergedBelow: must be a number greater than 0 and less than 1,",
        ),
        (
            Algorithm("TBA", {"convergedBelow": True}),
            "algorithm.settings.convergedBelow: must be a number greater than 0 and less than 1,",
        ),
        (
            Algorithm("TBA", {"hopelessBelow": 0.0005}),
            "algorithm.settings.hopelessBelow: must be 0, or greater than 0.001 and less than 1,",
        ),
        (
            Algorithm("TBA", {"hopelessBelow": "never"}),
            "algorithm.settings.hopelessBelow: must be 0, or greater than 0.001 and less than 1,",
        ),
        (
            Algorithm("TBA", preset="Paper", sampler="X"),
            "algorithm.sampler: may not be set when name is TBA, got 'X'",
        ),
        (
            Algorithm("TPE", {"gamma": 1}),
            "algorithm.settings.gamma: must be a setting of TPESampler (",
        ),
        (
            Algorithm("TPE", {"n_startup_trials": 1.5}),
            "algorithm.settings.n_startup_trials: must be of type int, got 1.5",
        ),
        (
            Algorithm("TPE", {"n_startup_trials": True}),
            "algorithm.settings.n_startup_trials: must be of type int, got True",
        ),
        (
            Algorithm("TPE", {"multivariate": False, "group": True}),
            "algorithm.settings: must suit TPESampler: ``group`` option can only be enabled",
        ),
        (
            Algorithm("Optuna"),
            "algorithm.sampler: must be one of BruteForceSampler, CmaEsSampler, GPSampler,",
        ),
        (
            Algorithm("Optuna", sampler="RandomSampler", preset="Paper"),
            "algorithm.preset: may not be set when name is Optuna, got 'Paper'",
        ),
        (
            Algorithm("Optuna", {"x": 1}, sampler="RandomSampler"),
            "algorithm.settings.x: must be a setting of RandomSampler (none), got 1",
        ),
    ],
)
def test_a_wrong_algorithm_is_refused_in_one_line(algorithm: Algorithm, message: str) -> None:
    with pytest.raises(InvalidTuningError) as refused:
        strategy_for(algorithm)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_seeds_are_stable_over_releases() -> None:
    assert stable_seed(0, 1, "sampler") == 3_874_430_845


def test_seeds_differ_by_seed_index_and_purpose() -> None:
    seeds = {
        Draw(seed, index).seed_for(purpose)
        for seed in (0, 1)
        for index in (0, 1, 11)
        for purpose in ("a", "b")
    }
    assert len(seeds) == 12
