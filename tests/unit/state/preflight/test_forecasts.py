"""What the operator foresees, and until when it says so."""

from __future__ import annotations

from typing import Any

import pytest
from builders import a_finished_trial, a_place, a_trial, a_world, an_attempt
from preflight_builders import GPU, a_node, a_tuning_on_pools, the_facts

from deploytune.state.decide import decide
from deploytune.state.preflight.facts import ClusterFacts, Kind, ObjectKey, Presence, Unread
from deploytune.state.preflight.findings import Finding, Severity
from deploytune.state.preflight.forecasts import forecast, foreseen_text, is_at_its_beginning

VOLUME = {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}
CLAIM = ObjectKey(Kind.CLAIM, "models")

NO_NODE = Finding(Severity.FAILS, "spec.nodePools[0].nodeSelector", "no node has a=b", "pool-1")
NO_CLAIM = Finding(Severity.FAILS, "spec.trial", "there is no PersistentVolumeClaim models")


def foreseen_in(**changes: Any) -> list[str]:
    tuning = a_tuning_on_pools("spec.trial.podTemplate.volumes", [VOLUME])
    return [str(finding) for finding in forecast(tuning, the_facts(tuning, **changes))]


def test_nothing_is_foreseen_where_nothing_is_wrong() -> None:
    assert [] == foreseen_in()


def test_pools_that_no_node_fits_and_missing_claims_are_foreseen() -> None:
    assert [
        "fails: spec.nodePools[0].nodeSelector: no node has example.com/gpu-pool=a100",
        (
            "fails: spec.trial.podTemplate.volumes[0].persistentVolumeClaim.claimName: there is no "
            "PersistentVolumeClaim models: the Pod waits for it"
        ),
    ] == foreseen_in(a100=(), objects={CLAIM: Presence.MISSING})


def test_what_only_warns_is_not_foreseen() -> None:
    assert [] == foreseen_in(a100=(a_node(labels={f"{GPU}.product": "A100-MIG-1g.5gb"}),))


def test_what_may_not_be_read_is_not_foreseen() -> None:
    unread = Unread("forbidden")
    tuning = a_tuning_on_pools("spec.trial.podTemplate.volumes", [VOLUME])
    facts = ClusterFacts({"a100": unread, "l4": unread}, objects={CLAIM: unread})
    assert () == forecast(tuning, facts)


@pytest.mark.parametrize(
    ("trials", "attempts", "expected"),
    [
        ((), (), True),
        ((a_trial(0),), (), True),
        ((a_trial(0),), (an_attempt(0, place=a_place(node=None)),), True),
        ((a_trial(0),), (an_attempt(0, place=a_place()),), False),
        ((a_finished_trial(0),), (), False),
    ],
    ids=["no trial", "no Pod", "a Pod without a node", "a Pod with a node", "an ended Pod"],
)
def test_a_tuning_begins_when_a_pod_has_a_node(
    trials: Any,
    attempts: Any,
    expected: bool,  # noqa: FBT001 - a row of the table
) -> None:
    assert expected is is_at_its_beginning(trials, attempts)


def test_what_is_foreseen_is_one_line() -> None:
    world = a_world(foreseen=(NO_NODE, NO_CLAIM))
    assert (
        "pool pool-1: no node has a=b (spec.nodePools[0].nodeSelector); "
        "there is no PersistentVolumeClaim models (spec.trial)"
    ) == foreseen_text(world)


def test_a_pod_of_the_pool_that_has_a_node_ends_what_was_foreseen_of_it() -> None:
    trials = (a_trial(0, pool="pool-1"),)
    waiting = an_attempt(0, place=a_place(node=None))
    assert "no node" in foreseen_text(a_world(None, trials, (waiting,), foreseen=(NO_NODE,)))
    bound = an_attempt(0, place=a_place())
    assert "" == foreseen_text(a_world(None, trials, (bound,), foreseen=(NO_NODE, NO_CLAIM)))


def test_a_pod_of_another_pool_ends_what_was_foreseen_of_all_alone() -> None:
    world = a_world(
        None,
        (a_trial(0, pool="pool-2"),),
        (an_attempt(0, place=a_place()),),
        foreseen=(NO_NODE, NO_CLAIM),
    )
    assert foreseen_text(world).startswith("pool pool-1: no node has a=b")
    assert "PersistentVolumeClaim" not in foreseen_text(world)


def test_what_is_foreseen_stands_in_a_condition_and_stops_nothing() -> None:
    with_it, without_it = decide(a_world(foreseen=(NO_NODE,))), decide(a_world())
    assert with_it.starts == without_it.starts
    assert len(with_it.starts) == 1
    shown = {one.type: one for one in with_it.status.conditions}
    progressing, degraded = shown["Progressing"], shown["Degraded"]
    assert ("True", "PreflightWarns") == (progressing.status.value, progressing.reason)
    assert "pool pool-1: no node has a=b" in progressing.message
    assert ("False", "AsExpected") == (degraded.status.value, degraded.reason)
