"""What people see of a tuning who have kubectl alone: columns, and a story told by Events."""

from __future__ import annotations

import pytest
from builders import the_parameters
from clusters.kubectl import Kubectl
from clusters.stages import EXIT_CODE
from clusters.waiting import eventually
from operator_processes import FOR_EVER, a_document, until_finished, until_running

pytestmark = pytest.mark.usefixtures("pretended_pools", "operator")


def rows(kubectl: Kubectl, *what: str) -> list[list[str]]:
    return [line.split() for line in kubectl.run("get", *what).splitlines()]


def story(kubectl: Kubectl, name: str = "tune") -> list[list[str]]:
    """Return the Events that `kubectl describe` ends with, each type, reason and the rest."""
    _, _, events = kubectl.run("describe", "dtune", name).partition("\nEvents:\n")
    return [line.split(maxsplit=4) for line in events.splitlines()[2:]]


def test_the_row_of_a_tuning_and_those_of_its_trials_say_what_came_of_it(
    kubectl: Kubectl,
) -> None:
    kubectl.apply(a_document(max_trials=2, memory_max=None))
    best = until_finished(kubectl)["status"]["best"]["trial"]

    (row,) = rows(kubectl, "dtune")[1:]
    assert ["tune", "True", "True", "BudgetExhausted", "3", "3", best] == row[:-1]
    trials = rows(kubectl, "ttrial", "--field-selector=status.outcome=Feasible")[1:]
    assert ["Baseline", "Search", "Confirm"] == [trial[1] for trial in trials]


def test_the_reason_says_that_a_tuning_rests_and_the_events_how_it_went_on(
    kubectl: Kubectl,
) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    until_running(kubectl)
    assert "Running" == rows(kubectl, "dtune")[1][3]
    kubectl.merge("dtune", "tune", {"spec": {"suspend": True, "stop": True}})
    eventually(lambda: rows(kubectl, "dtune")[1][3] == "Suspended", "the reason")
    kubectl.merge("dtune", "tune", {"spec": {"suspend": False}})
    until_finished(kubectl)
    assert {"Suspended", "NoFeasibleConfiguration"} <= {event[1] for event in story(kubectl)}


def test_describe_tells_what_happened(kubectl: Kubectl) -> None:
    kubectl.apply(a_document(max_trials=4, memory_max=None))
    until_finished(kubectl)

    told = [event[1] for event in story(kubectl)]
    assert {"Started", "FeasibleFound", "Confirming", "BudgetExhausted"} <= set(told)
    assert len(told) <= 2 * 5, "no more than what changed"


def test_describe_tells_what_the_strategy_closes_and_why(kubectl: Kubectl) -> None:
    document = a_document(max_trials=6, parameters=the_parameters(("measure", "slow")))
    document["spec"]["algorithm"] = {"name": "TBA", "preset": "Paper", "seed": 1}
    document["spec"]["trial"]["podTemplate"]["annotations"][EXIT_CODE] = "7"
    kubectl.apply(document)
    until_finished(kubectl)

    closed = [event for event in story(kubectl) if event[1] == "SubspaceClosed"]
    assert closed
    assert "trials have ended: 3 trials in a row with it failed" in closed[0][-1]
    assert "kind=" in closed[0][-1]
