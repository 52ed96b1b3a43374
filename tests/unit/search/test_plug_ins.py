"""Strategies of installed packages: how they are found, and what is said of broken ones."""

from __future__ import annotations

import pytest
from plug_in_builders import Packages, packages
from search_builders import a_float, a_problem, play

from deploytune.contract.errors import DeploytuneError, InvalidTuningError, MachineError
from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm
from deploytune.search.proposing import next_proposal
from deploytune.search.space import Space
from deploytune.search.strategies import strategy_for

__all__ = ["packages"]

EMPTY = """
class Empty:
    def propose(self, problem, knowledge, draw):
        return iter(())

def build(algorithm):
    return Empty()
"""


def proposing(statement: str) -> str:
    """A package whose strategy does this where it should propose."""
    return f"""
from deploytune.search import Proposal

class Broken:
    def propose(self, problem, knowledge, draw):
        {statement}

def build(algorithm):
    return Broken()
"""


def said_of(algorithm: Algorithm) -> DeploytuneError:
    """Return the one line with which an algorithm fails, when it is looked up or in proposing."""
    with pytest.raises(DeploytuneError) as raised:
        next_proposal(a_problem(algorithm=algorithm), Knowledge(), 0)
    assert "\n" not in str(raised.value)
    return raised.value


def test_the_documented_strategy_proposes_under_its_name(packages: Packages) -> None:
    packages.add_the_documented_one()
    proposals = play(a_problem(algorithm=Algorithm("Mutation", {"keep": 0.9}, seed=3)), 20)
    assert {"Mutation"} == {proposal.strategy for proposal in proposals}
    assert {"Exploring", "Exploiting"} == {proposal.search_stage for proposal in proposals}


def test_settings_are_for_the_package_to_refuse(packages: Packages) -> None:
    packages.add_the_documented_one()
    error = said_of(Algorithm("Mutation", {"keep": 2.0}))
    assert isinstance(error, InvalidTuningError)
    assert "algorithm.settings: may only be keep, from 0.0 to 1.0" == str(error)


@pytest.mark.parametrize("field", ["preset", "sampler"])
def test_fields_of_other_strategies_are_refused(packages: Packages, field: str) -> None:
    packages.add("Empty", EMPTY)
    error = said_of(Algorithm("Empty", **{field: "Paper"}))  # type: ignore[arg-type]  # as named
    assert f"algorithm.{field}: may not be set when name is Empty, got 'Paper'" == str(error)


def test_a_built_in_name_cannot_be_replaced(packages: Packages) -> None:
    packages.add("Random", "raise AssertionError('imported')", package="my-random")
    (proposal,) = play(a_problem(algorithm=Algorithm("Random")), 1)
    assert "Random" == proposal.strategy
    assert not packages.is_imported()


def test_nothing_is_imported_until_its_name_is_asked_for(packages: Packages) -> None:
    packages.add("Empty", EMPTY)
    packages.add("Other", "raise AssertionError('imported')")
    strategy_for(Algorithm("Grid"))
    said_of(Algorithm("Unheard"))
    assert not packages.is_imported()
    strategy_for(Algorithm("Empty"))


def test_an_unknown_name_is_told_the_known_ones(packages: Packages) -> None:
    packages.add("Empty", EMPTY)
    error = said_of(Algorithm("Vizier"))
    assert isinstance(error, InvalidTuningError)
    known = "TBA, TPE, Random, Grid, Optuna, Empty"
    assert f"algorithm.name: must be one of {known}, got 'Vizier'" == str(error)


def test_a_strategy_that_proposes_nothing_is_helped_out(packages: Packages) -> None:
    packages.add("Empty", EMPTY)
    proposals = play(a_problem(algorithm=Algorithm("Empty")), 3)
    assert ["Untried"] * 3 == [proposal.strategy for proposal in proposals]


def test_values_are_put_on_record_as_the_space_writes_them(packages: Packages) -> None:
    packages.add("Whole", proposing("yield Proposal({'x': 1}, 'Whole', 'Exploring')"))
    problem = a_problem(Space((a_float("x", 0, 2),)), algorithm=Algorithm("Whole"))
    (proposal,) = play(problem, 1)
    assert "1.0" == repr(proposal.parameters["x"])


ORIGIN = "the strategy Broken of the package broken_strategy"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param(
            "import not_there",
            "fails: ModuleNotFoundError: No module named 'not_there'",
            id="an import that fails",
        ),
        pytest.param(
            "x = 1", "fails: AttributeError: module 'broken_strategy' has no", id="no such function"
        ),
        pytest.param("build = 3", "gives int instead of a function", id="no function"),
        pytest.param("def build(a): return 3", "gives int instead of a Strategy", id="no strategy"),
        pytest.param(
            "def build(a): raise ValueError('two\\nlines')",
            "fails: ValueError: two lines",
            id="a failure in building, of two lines",
        ),
        pytest.param(
            proposing("return 1 / 0"), "fails: ZeroDivisionError", id="a failure at first"
        ),
        pytest.param(proposing("yield 1 / 0"), "fails: ZeroDivisionError", id="a failure later"),
        pytest.param(proposing("return None"), "fails: TypeError", id="nothing to go through"),
        pytest.param(
            proposing("yield {'x': 1}"), "proposes dict instead of a Proposal", id="no proposal"
        ),
        pytest.param(proposing("yield None"), "proposes NoneType instead of", id="None"),
        pytest.param(
            proposing("yield Proposal([1], 'a', 'b')"),
            "proposes parameters that are list instead of a mapping",
            id="parameters that are a list",
        ),
        pytest.param(
            proposing("yield Proposal({}, None, 'b')"),
            "proposes without the names of strategy and search stage",
            id="no name",
        ),
        pytest.param(
            proposing("import numpy; yield Proposal({'batch': numpy.int64(8)}, 'a', 'b')"),
            "proposes parameters whose batch is of type int64, not a plain bool, int, float or str",
            id="a number of numpy",
        ),
        pytest.param(
            proposing("yield Proposal({}, 'a', 'b', {'gain': float('nan')})"),
            "proposes why whose gain is nan",
            id="a reason that is not a number",
        ),
        pytest.param(
            proposing("yield Proposal({}, 'a', 'b', {'text': 1025 * 'x'})"),
            "proposes why whose text has more than 1024 characters",
            id="a reason that is a book",
        ),
        pytest.param(
            proposing("yield Proposal({}, 'a', 'b', {1: 2})"),
            "proposes why whose 1 is no name",
            id="a reason without a name",
        ),
        pytest.param(
            proposing("yield Proposal({}, 'a', 'b', {str(n): n for n in range(33)})"),
            "proposes with 33 reasons, 32 are the most",
            id="too many reasons",
        ),
    ],
)
def test_a_broken_package_is_named_in_one_line(packages: Packages, source: str, words: str) -> None:
    packages.add("Broken", source)
    error = said_of(Algorithm("Broken"))
    assert isinstance(error, MachineError)
    assert str(error).startswith(f"{ORIGIN} {words}")


def test_two_packages_with_one_name_are_both_named(packages: Packages) -> None:
    packages.add("Twin", EMPTY, package="one-twin")
    packages.add("Twin", EMPTY, package="other-twin")
    error = said_of(Algorithm("Twin"))
    twins = "the package one-twin and the package other-twin"
    assert f"the strategy Twin is brought by {twins}: keep one of them" == str(error)


def test_broken_metadata_of_any_package_is_one_line(packages: Packages) -> None:
    packages.add_metadata("torn", "no equals sign")
    assert "reading the entry points of the installed packages fails" in str(
        said_of(Algorithm("Vizier"))
    )
