"""The operator killed between any two calls, and at random: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import the_parameters
from clusters.access import Access
from clusters.control_plane import ControlPlane
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.waiting import eventually
from disturbed_clients import Death, Disturbance, Moment, ProcessDiedError, disturbed, undisturbed
from operator_processes import LEASE, OperatorProcess, a_document, an_operator, held_pods
from reconciling import Sight, reconcile_until_over, sight_of
from tuning_courses import check_whole, course_of, trials_of

from deploytune.handlers.keys import TuningKey
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.resources import TUNINGS

pytestmark = [pytest.mark.killing, pytest.mark.usefixtures("pretended_pools")]

AT_ONCE = 16
SEARCHED, CONFIRMED = 4, 1
KILLS = 50
SEED = 20260101
LONGEST_LIFE_SECONDS = 1.0


def a_small_tuning(name: str) -> dict[str, Any]:
    """Four trials, of which the device of one fails the first time, and a confirmation."""
    return a_document(
        name,
        runs_for="10ms",
        parameters=the_parameters(("measure", "flaky")),
        max_trials=SEARCHED,
        confirmations=CONFIRMED,
    )


class Killings:
    """Tunings of one namespace whose operators die at a call, and are followed by another."""

    def __init__(self, access: Access, api: ApiServer, sight: Sight) -> None:
        self._access = access
        self._api = api
        self._sight = sight
        self._room = asyncio.Semaphore(AT_ONCE)

    async def course(self, name: str, death: Death) -> list[dict[str, Any]]:
        """Run a tuning over the death of its operator to its end, check it, and return it."""
        async with self._room:
            await self._api.create(TUNINGS, self._sight.namespace, a_small_tuning(name))
            await self._run(name, death)
            await self._run(name, undisturbed)
            return await self._checked(name)

    async def _run(self, name: str, disturbance: Disturbance) -> None:
        key = TuningKey(self._sight.namespace, name)
        async with disturbed(self._access, disturbance) as api:
            try:
                await reconcile_until_over(api, self._sight, key)
            except ProcessDiedError:
                return

    async def _checked(self, name: str) -> list[dict[str, Any]]:
        tuning, trials = await self._sight.records_of(name)
        check_whole(tuning, trials, SEARCHED + CONFIRMED)
        uid = tuning["metadata"]["uid"]
        await self._api.delete(TUNINGS, self._sight.namespace, name, Deletion(uid=uid))
        return course_of(trials)


@pytest.mark.timeout(600, func_only=True)
async def test_an_operator_killed_between_any_two_calls_makes_the_same_trials(
    control_plane: ControlPlane, namespace: Namespace
) -> None:
    begun = control_plane.audit_log.now()
    access = control_plane.access
    async with disturbed(access, undisturbed) as api, sight_of(api, namespace.name) as sight:
        killings = Killings(access, api, sight)
        nobody = Death()
        as_usual = await killings.course("as-usual", nobody)
        deaths = {
            **{f"before-{at}": Death(at) for at in range(len(nobody.calls))},
            **{f"after-{at}": Death(at, Moment.BEFORE_ITS_ANSWER_IS_USED) for at in writes(nobody)},
        }
        courses = await asyncio.gather(*(killings.course(*item) for item in deaths.items()))

    assert ["Infrastructure", "Infeasible"] in [
        [outcome for _, outcome, _ in trial["attempts"]] for trial in as_usual
    ]
    others = [name for name, course in zip(deaths, courses, strict=True) if course != as_usual]
    assert [] == others
    late = [name for name, death in deaths.items() if not death.has_come]
    assert len(late) <= 0.1 * len(deaths), f"the run was over before the death of {late}"
    assert {} == doubled_pods(control_plane, begun, namespace)


@pytest.mark.timeout(600, func_only=True)
def test_an_operator_killed_at_50_random_moments_loses_and_doubles_nothing(
    control_plane: ControlPlane, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    begun = control_plane.audit_log.now()
    moments = random.Random(SEED)
    tunings = Tunings(kubectl)
    with an_operator(control_plane.access, tmp_path, namespace.name) as operator:
        for kill in range(KILLS):
            tunings.renew()
            until_leading(operator, kill + 1)
            time.sleep(moments.uniform(0.0, LONGEST_LIFE_SECONDS))  # the moment is what is random
            operator.end(signal.SIGKILL)
            kubectl.run("delete", "lease", LEASE)  # else the next would wait for it to run out
            operator.start()
        eventually(tunings.are_finished, "the end of all tunings", seconds=120)
        eventually(lambda: held_pods(kubectl) == [], "no finalizer of ours")

    for name in tunings.names:
        tuning = kubectl.get("deploymenttuning", name)
        assert tuning is not None
        check_whole(tuning, trials_of(kubectl, name), 14)
    assert {} == doubled_pods(control_plane, begun, namespace)


class Tunings:
    """Tunings with three trials in flight, so that there is always one that runs."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self.names: list[str] = []

    def renew(self) -> None:
        """Apply another tuning if the last has ended."""
        if self.names and not self._is_finished(self.names[-1]):
            return
        self.names.append(f"tune{len(self.names)}")
        self._kubectl.apply(
            a_document(
                self.names[-1],
                parameters=the_parameters(("measure", "flaky")),
                max_trials=12,
                confirmations=2,
                parallel_trials=3,
            )
        )

    def are_finished(self) -> bool:
        return all(self._is_finished(name) for name in self.names)

    def _is_finished(self, name: str) -> bool:
        status = (self._kubectl.get("deploymenttuning", name) or {}).get("status", {})
        return any(
            (one["type"], one["status"]) == ("Finished", "True")
            for one in status.get("conditions", ())
        )


def until_leading(operator: OperatorProcess, times: int) -> None:
    """Wait until an operator has held its Lease for the so manieth time."""

    def is_leading() -> bool:
        assert operator.is_running, operator.log.read_text()[-2000:]
        return operator.log.read_text().count("is held by") >= times

    eventually(is_leading, "an operator that holds its Lease")


def writes(death: Death) -> Sequence[int]:
    """Return which calls of a run were writes."""
    return [at for at, method in enumerate(death.calls) if method != "GET"]


def doubled_pods(
    control_plane: ControlPlane, begun: int, namespace: Namespace
) -> Mapping[str, int]:
    """Return the Pods that were created more than once, as the API server has counted."""
    created = Counter(
        request.name
        for request in control_plane.audit_log.since(begun)
        if (request.verb, request.resource, request.subresource) == ("create", "pods", "")
        and (request.namespace, request.code) == (namespace.name, 201)
    )
    assert created.total() > 0
    return {name: times for name, times in created.items() if times > 1}
