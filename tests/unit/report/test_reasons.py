"""The reasons of a proposal, in words."""

from __future__ import annotations

import pytest
from search_builders import EVERY_STRATEGY, a_problem, play

from deploytune.contract.models import Scalar
from deploytune.report.reasons import describe_reasons
from deploytune.search.problem import Algorithm


@pytest.mark.parametrize(
    ("expected", "name", "value"),
    [
        ("A quota chose it: every family and every pool gets its minimum", "rule", "quota"),
        ("The models chose it: of all candidates", "rule", "model"),
        ("It was chosen to find what keeps the limits", "rule", "feasibility"),
        ("It was chosen to spread the trials", "rule", "spread"),
        ("The quota was that of small-cnn.", "family", "small-cnn"),
        ("The chance that it keeps every limit was put at 83 %.", "feasible", 0.83),
        ("The chance that it keeps every limit was put at 0 %.", "feasible", 0),
        ("The chance that it runs at all was put at 97.25 %.", "runs", 0.9725),
        ("The improvement expected of it was 4.2 % of the best objective so far.", "gain", 0.042),
        ("Optuna's TPESampler proposed it.", "sampler", "TPESampler"),
        ("Feasible trials it knew: 7.", "feasibleTrials", 7),
        ("It was drawn at random.", "move", "Random"),
        ("It is a neighbour of a configuration that was tried.", "move", "Neighbour"),
        ("The temperature was 0.8464.", "temperature", 0.8464),
        ("It is searchSpace.initial[1] of the tuning.", "initial", 1),
        (
            "TPE had nothing that was untried, so it was drawn at random.",
            "insteadOf",
            "TPE",
        ),
    ],
)
def test_a_known_reason_is_a_sentence(expected: str, name: str, value: Scalar) -> None:
    (sentence,) = describe_reasons({name: value})
    assert sentence.startswith(expected)
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("charm", 3, id="a name that nobody knows"),
        pytest.param("rule", "whim", id="a rule that nobody knows"),
        pytest.param("rule", 3, id="a rule that is a number"),
        pytest.param("feasible", "likely", id="a probability in words"),
        pytest.param("feasible", 1.5, id="a probability above 1"),
        pytest.param("runs", -0.1, id="a probability below 0"),
        pytest.param("gain", True, id="a gain that is a yes"),
        pytest.param("feasibleTrials", 2.5, id="half a trial"),
        pytest.param("family", 7, id="a family that is a number"),
    ],
)
def test_what_has_no_sentence_is_shown_as_it_is(name: str, value: Scalar) -> None:
    assert (f"{name}: {value}",) == describe_reasons({name: value})


def test_reasons_keep_their_order() -> None:
    sentences = describe_reasons({"gain": 0.1, "charm": 3, "runs": 1})
    assert ["The improvement", "charm: 3", "The chance"] == [
        " ".join(sentence.split()[:2]) for sentence in sentences
    ]


@pytest.mark.parametrize("algorithm", EVERY_STRATEGY.values(), ids=list(EVERY_STRATEGY))
def test_every_reason_of_the_built_in_strategies_has_a_sentence(algorithm: Algorithm) -> None:
    for proposal in play(a_problem(algorithm=algorithm), 25):
        for sentence in describe_reasons(proposal.why):
            assert sentence.endswith("."), sentence
