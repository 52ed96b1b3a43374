"""Watches that end, expire or keep silent: the operator goes on by looking for itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.waiting import eventually
from operator_processes import (
    FOR_EVER,
    OperatorProcess,
    a_document,
    an_account,
    an_operator_as,
    until_finished,
    until_running,
)
from tuning_courses import check_whole, trials_of
from watch_proxies import Ending, Event, Meddle, Refusal, meddled_with

from deploytune.api.rbac import Installation

pytestmark = pytest.mark.usefixtures("pretended_pools")

HEARTBEAT_SECONDS = 30.0


class Hiding:
    """Never tells of a Pod that goes or is gone."""

    def __init__(self) -> None:
        self.hidden = 0

    def __call__(self, plural: str, event: Event) -> Event | None:
        going = "deletionTimestamp" in event["object"].get("metadata", {})
        if plural == "pods" and (going or event["type"] == "DELETED"):
            self.hidden += 1
            return None
        return event


@contextmanager
def an_operator_told_by(
    meddle: Meddle, cluster: Access, namespace: Namespace, folder: Path
) -> Iterator[OperatorProcess]:
    """Run an operator that sees the cluster by way of a proxy that meddles."""
    home = namespace.name
    account = an_account(cluster, folder, Installation("operator", home, (home,)))
    log = folder / "operator.log"
    with (
        meddled_with(account, folder, meddle) as access,
        an_operator_as(access, log, home, home=home) as operator,
    ):
        yield operator


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Refusal(410, "Expired"), id="expired"),
        pytest.param(Refusal(500, "InternalError"), id="another error"),
    ],
)
def test_a_tuning_goes_on_although_its_watches_end_again_and_again(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path, refusal: Refusal
) -> None:
    ending = Ending(refusal)
    with an_operator_told_by(ending, cluster, namespace, tmp_path) as operator:
        kubectl.apply(a_document(max_trials=6, parallel_trials=2))
        tuning = until_finished(kubectl, seconds=110)
        assert operator.is_running

    check_whole(tuning, trials_of(kubectl), 7)
    assert ending.ended >= 3


def test_a_pod_that_goes_unseen_is_missed_at_the_next_heartbeat(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    hiding = Hiding()
    with an_operator_told_by(hiding, cluster, namespace, tmp_path):
        kubectl.apply(a_document(runs_for=FOR_EVER))
        lost = until_running(kubectl)["metadata"]
        kubectl.merge("pod", lost["name"], {"metadata": {"finalizers": None}})
        kubectl.run("delete", "pod", lost["name"], "--grace-period=0", "--force")

        def is_back() -> bool:
            return bool(until_running(kubectl)["metadata"]["uid"] != lost["uid"])

        eventually(is_back, "another Pod of the trial", seconds=2 * HEARTBEAT_SECONDS + 20)

    assert hiding.hidden >= 1
    assert [0] == [trial["spec"]["index"] for trial in trials_of(kubectl)]
