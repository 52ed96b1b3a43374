"""Every first write meets a conflict, or its answer is lost: it goes on all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from builders import the_parameters
from clusters.access import Access
from clusters.namespaces import Namespace
from disturbed_clients import Ask, Disturbance, LostAnswers, disturbed, is_odd_write, undisturbed
from operator_processes import a_document
from reconciling import Sight, reconcile_until_over, sight_of
from tuning_courses import check_whole

from deploytune.handlers.keys import TuningKey
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.resources import PODS, TRIALS, TUNINGS

pytestmark = pytest.mark.usefixtures("pretended_pools")

BY_PLURAL = {each.plural: each for each in (PODS, TRIALS, TUNINGS)}
CONFLICT = 409


@dataclass
class Meddling:
    """Changes each object right before every other patch of it, the first one too."""

    api: ApiServer
    writes: dict[tuple[str, str], int] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)

    async def __call__(self, method: str, url: str, ask: Ask) -> Any:
        if method == "PATCH" and is_odd_write(self.writes, method, url):
            await self._change(urlsplit(url).path)
        answer = await ask()
        if answer.status == CONFLICT:
            self.conflicts.append(urlsplit(url).path)
        return answer

    async def _change(self, path: str) -> None:
        namespace, plural, name = path.partition("/namespaces/")[2].split("/")[:3]
        value = {"test.deploytune.dev/changed": str(sum(self.writes.values()))}
        change = {"op": "add", "path": "/metadata/annotations", "value": value}
        await self.api.json_patch(BY_PLURAL[plural], namespace, name, [change])


@pytest.fixture
async def api(cluster: Access) -> AsyncIterator[ApiServer]:
    async with disturbed(cluster, undisturbed) as opened:
        yield opened


@pytest.fixture
async def sight(api: ApiServer, namespace: Namespace) -> AsyncIterator[Sight]:
    async with sight_of(api, namespace.name) as seen:
        yield seen


async def run_disturbed(
    cluster: Access, api: ApiServer, sight: Sight, disturbance: Disturbance
) -> None:
    """Run a tuning with three trials in flight to its end, and check it."""
    document = a_document(
        parameters=the_parameters(("measure", "flaky")),
        max_trials=9,
        confirmations=2,
        parallel_trials=3,
    )
    await api.create(TUNINGS, sight.namespace, document)
    async with disturbed(cluster, disturbance) as disturbed_api:
        await reconcile_until_over(disturbed_api, sight, TuningKey(sight.namespace, "tune"))
    tuning, trials = await sight.records_of("tune")
    check_whole(tuning, trials, 11)


async def test_a_conflict_at_the_first_write_of_every_status_doubles_nothing(
    cluster: Access, api: ApiServer, sight: Sight
) -> None:
    meddling = Meddling(api)
    await run_disturbed(cluster, api, sight, meddling)
    met = {path.split("/")[6] for path in meddling.conflicts if path.endswith("/status")}
    assert {"deploymenttunings", "tuningtrials"} == met
    assert 11 <= sum("tuningtrials" in path for path in meddling.conflicts)


async def test_the_answer_to_every_first_write_is_lost_and_nothing_is_doubled(
    cluster: Access, api: ApiServer, sight: Sight
) -> None:
    losing = LostAnswers()
    await run_disturbed(cluster, api, sight, losing)
    assert {"POST", "PATCH", "DELETE"} == {method for method, _ in losing.writes}
