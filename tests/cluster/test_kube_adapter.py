"""The adapter on a real control plane: the contract suite, and what is its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.stages import RUNS_FOR
from clusters.waiting import eventually
from kube_builders import (
    NOWHERE,
    OPTIONS,
    a_cluster_trial,
    a_cluster_tuning,
    created,
    read_back,
)
from memory_runtime import MemoryRuntime
from runtime_contract import RuntimeContract, RuntimePlace, attempts_of, finished, said

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.errors import ClusterError
from deploytune.contract.request import TrialRequest
from deploytune.runtime.kube.adapter import LOOKS_AGAIN_AFTER, KubeRuntime
from deploytune.runtime.kube.connection import connect
from deploytune.runtime.kube.errors import ConflictError, RefusedError
from deploytune.runtime.kube.memory import TuningMemory
from deploytune.runtime.kube.objects import build_trial
from deploytune.runtime.kube.resources import TRIALS
from deploytune.runtime.passes import run_until_finished
from deploytune.runtime.port import Runtime
from deploytune.state.pods.labels import RESULT_FINALIZER
from deploytune.state.pods.manifest import build_pod
from deploytune.state.requests import build_request

Opens = Callable[[DeploymentTuning], AbstractAsyncContextManager[KubeRuntime]]


@pytest.fixture
def opens(cluster: Access, kubectl: Kubectl) -> Opens:
    """Return what opens a runtime on a tuning as it is then."""

    @asynccontextmanager
    async def open_kube(tuning: DeploymentTuning) -> AsyncIterator[KubeRuntime]:
        async with connect(cluster.kubeconfig, cluster.context) as api:
            yield KubeRuntime(api, read_back(kubectl, tuning), TuningMemory(), OPTIONS)

    return open_kube


@pytest.fixture
def tuning(kubectl: Kubectl) -> DeploymentTuning:
    return created(kubectl, a_cluster_tuning())


@pytest_asyncio.fixture
async def runtime(opens: Opens, tuning: DeploymentTuning) -> AsyncIterator[KubeRuntime]:
    async with opens(tuning) as opened:
        yield opened


class TestRuntimeOnACluster(RuntimeContract):
    @pytest.fixture
    def place(
        self, opens: Opens, tuning: DeploymentTuning, pretended_pools: Sequence[str]
    ) -> RuntimePlace:
        assert pretended_pools

        @asynccontextmanager
        async def open_here() -> AsyncIterator[Runtime]:
            async with opens(tuning) as runtime:
                yield runtime

        return RuntimePlace(open_here, tuning, a_cluster_trial(), a_cluster_trial(pool=NOWHERE))

    async def test_an_attempt_outlives_the_run(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            await runtime.create_trial(place.endless)
            await runtime.start_attempt(place.request(place.endless))
            before = [attempt.place for attempt in await attempts_of(runtime)]
        async with place.opens() as runtime:
            (attempt,) = await attempts_of(runtime)
        assert None is attempt.ending
        assert before == [attempt.place]


async def test_the_cluster_is_looked_at_once_and_only_before_the_first_pod_has_a_node(
    cluster: Access, kubectl: Kubectl, tuning: DeploymentTuning, pretended_pools: Sequence[str]
) -> None:
    assert pretended_pools
    asked: Counter[str] = Counter()
    known = read_back(kubectl, tuning)
    async with connect(
        cluster.kubeconfig, cluster.context, observer=lambda verb, _code: asked.update([verb])
    ) as api:
        memory = TuningMemory()
        runtime = KubeRuntime(api, known, memory, OPTIONS)
        first, requests_of_first = await runtime.gather(), asked.total()
        second, requests_of_second = await runtime.gather(), asked.total() - requests_of_first
        assert memory.forecast is not None
        memory.forecast = replace(memory.forecast, looked_at=first.now - LOOKS_AGAIN_AFTER)
        asked.clear()
        await runtime.gather()
        requests_much_later = asked.total()
        restarted = KubeRuntime(api, known, TuningMemory(), OPTIONS)
        trial = a_cluster_trial()
        await restarted.create_trial(trial)
        await restarted.start_attempt(request_of(tuning, trial))
        await eventually_bound(restarted)
        third = await KubeRuntime(api, known, TuningMemory(), OPTIONS).gather()

    pools = tuning.spec.node_pools
    assert requests_of_first == requests_of_second + len(pools)
    assert requests_much_later == requests_of_first
    (finding,) = first.foreseen
    assert (NOWHERE, "no node has example.com/gpu-pool=nowhere") == (finding.pool, finding.message)
    assert first.foreseen == second.foreseen
    assert () == third.foreseen


async def eventually_bound(runtime: KubeRuntime) -> None:
    """Gather until the only attempt has a node."""
    while not all(attempt.is_bound for attempt in (await runtime.gather()).attempts):
        await runtime.wait_for_change(5.0)


def request_of(tuning: DeploymentTuning, trial: TuningTrial, attempt: int = 0) -> TrialRequest:
    return build_request(tuning, trial, attempt)


async def test_a_stale_trial_status_is_a_conflict(runtime: KubeRuntime, kubectl: Kubectl) -> None:
    await runtime.create_trial(a_cluster_trial())
    (trial,) = (await runtime.gather()).trials
    kubectl.merge_status(TRIALS.plural, trial.metadata.name, {"status": {"message": "changed"}})
    with pytest.raises(ConflictError):
        await runtime.write_trial_status(trial)


async def test_a_stale_tuning_status_is_a_conflict(runtime: KubeRuntime, kubectl: Kubectl) -> None:
    world = await runtime.gather()
    kubectl.merge("dtune", world.tuning.metadata.name, {"spec": {"suspend": True}})
    with pytest.raises(ConflictError):
        await runtime.write_tuning_status(TuningStatus(trials=len(world.trials)))


async def test_a_trial_of_an_earlier_tuning_is_in_the_way_and_not_seen(
    runtime: KubeRuntime, kubectl: Kubectl
) -> None:
    earlier = created(kubectl, a_cluster_tuning("earlier"))
    kubectl.create(build_trial(a_cluster_trial(), earlier))
    assert () == (await runtime.gather()).trials
    with pytest.raises(ClusterError, match="TuningTrial tune-0 belongs to an earlier tuning"):
        await runtime.create_trial(a_cluster_trial())


async def test_a_pod_of_an_earlier_tuning_is_in_the_way_and_not_seen(
    runtime: KubeRuntime, kubectl: Kubectl, tuning: DeploymentTuning
) -> None:
    earlier = created(kubectl, a_cluster_tuning("earlier"))
    document = kubectl.create(build_trial(a_cluster_trial(name="earlier"), earlier))
    kubectl.create(_pod_owned_by(document["metadata"]["uid"], tuning))
    await runtime.create_trial(a_cluster_trial())
    assert () == (await runtime.gather()).attempts
    assert ["tune-0-0"] == [pod["metadata"]["name"] for pod in runtime.listed_pods]
    with pytest.raises(ClusterError, match="Pod tune-0-0 belongs to an earlier tuning"):
        await runtime.start_attempt(request_of(tuning, a_cluster_trial()))


async def test_a_pod_that_only_carries_our_labels_is_no_attempt(
    runtime: KubeRuntime, kubectl: Kubectl, tuning: DeploymentTuning
) -> None:
    await runtime.create_trial(a_cluster_trial())
    pod = _pod_owned_by("nobody", tuning)
    kubectl.create({**pod, "metadata": {**pod["metadata"], "ownerReferences": []}})
    assert () == (await runtime.gather()).attempts


async def test_finished_trials_are_remembered_until_told_to_forget(
    cluster: Access, kubectl: Kubectl, tuning: DeploymentTuning
) -> None:
    memory = TuningMemory()
    async with connect(cluster.kubeconfig, cluster.context) as api:
        runtime = KubeRuntime(api, tuning, memory, OPTIONS)
        await runtime.gather()
        for trial in (a_cluster_trial(0), a_cluster_trial(1)):
            await runtime.create_trial(trial)
        first, second = (await runtime.gather()).trials
        await runtime.write_trial_status(finished(first))
        kubectl.run("delete", TRIALS.plural, first.metadata.name)
        remembered = (await runtime.gather()).trials
        memory.forget()
        listed = (await runtime.gather()).trials
    assert said(finished(first), second) == said(*remembered)
    assert said(second) == said(*listed)


async def test_a_pod_of_a_trial_that_is_not_known_has_all_trials_listed_again(
    cluster: Access, kubectl: Kubectl, tuning: DeploymentTuning
) -> None:
    memory = TuningMemory()
    async with connect(cluster.kubeconfig, cluster.context) as api:
        runtime = KubeRuntime(api, tuning, memory, OPTIONS)
        await runtime.create_trial(a_cluster_trial(0, pool=NOWHERE))
        await runtime.start_attempt(request_of(tuning, a_cluster_trial(0, pool=NOWHERE)))
        (trial,) = (await runtime.gather()).trials
        kubectl.merge_status(TRIALS.plural, "tune-0", _outcome_feasible())
        world = await runtime.gather()
    assert None is trial.status.outcome
    assert [True] == [each.is_finished for each in world.trials]
    assert 1 == len(world.attempts)


async def test_a_refusal_by_quota_is_remembered_until_a_pod_is_created(
    runtime: KubeRuntime, kubectl: Kubectl, tuning: DeploymentTuning
) -> None:
    await runtime.create_trial(a_cluster_trial(pool=NOWHERE))
    (trial,) = (await runtime.gather()).trials
    kubectl.run("create", "quota", "none", "--hard=pods=0")
    eventually(lambda: _is_refused(kubectl, tuning, trial), "the quota's effect")
    for times in (1, 2):
        for _ in range(3):  # one answer is enough for a pass
            await runtime.start_attempt(request_of(tuning, trial))
        (refusal,) = (await runtime.gather()).refusals
        assert (NOWHERE, times) == (refusal.pool, refusal.times)
        assert "exceeded quota" in refusal.message
    kubectl.run("delete", "quota", "none")
    eventually(lambda: not _is_refused(kubectl, tuning, trial), "the quota's end")
    await runtime.start_attempt(request_of(tuning, trial))
    world = await runtime.gather()
    assert () == world.refusals
    assert 1 == len(world.attempts)


async def test_in_a_namespace_that_is_ending_a_start_is_an_error(
    runtime: KubeRuntime, kubectl: Kubectl, tuning: DeploymentTuning
) -> None:
    await runtime.create_trial(a_cluster_trial(pool=NOWHERE))
    (trial,) = (await runtime.gather()).trials
    await runtime.start_attempt(request_of(tuning, trial))
    kubectl.run("delete", "namespace", kubectl.namespace, "--wait=false")
    eventually(lambda: _is_refused(kubectl, tuning, trial), "the namespace's end")
    with pytest.raises(RefusedError, match="being terminated") as refused:
        await runtime.start_attempt(request_of(tuning, trial, 1))
    assert refused.value.is_namespace_ending


async def test_a_whole_tuning_gives_the_same_trials_as_in_memory_with_few_writes(
    cluster: Access, kubectl: Kubectl, pretended_pools: Sequence[str]
) -> None:
    assert pretended_pools
    tuning = created(kubectl, _a_quick_tuning())
    codes: Counter[str] = Counter()
    async with connect(
        cluster.kubeconfig, cluster.context, observer=lambda verb, _code: codes.update([verb])
    ) as api:
        runtime = KubeRuntime(api, tuning, TuningMemory(), OPTIONS)
        status = await run_until_finished(runtime)
        trials = (await runtime.gather()).trials
    in_memory = MemoryRuntime(_a_quick_tuning())
    expected = await run_until_finished(in_memory)
    assert expected.best is not None
    assert status.best is not None
    assert expected.best.parameters == status.best.parameters
    assert _parameters([*in_memory.records.trials.values()]) == _parameters(trials)
    assert sum(codes[verb] for verb in ("create", "update", "patch")) <= 6 * len(trials)


def _a_quick_tuning() -> DeploymentTuning:
    """A tuning with a parameter of each type; 2.0 is kept as 2 by the API server."""
    parameters: list[dict[str, Any]] = [
        {"name": "kind", "type": "Categorical", "values": ["measure"], "default": "measure"},
        {"name": "size", "type": "Integer", "min": 1, "max": 6, "default": 1},
        {"name": "level", "type": "Integer", "min": 0, "max": 9, "default": 0},
        {"name": "share", "type": "Float", "min": 0, "max": 4, "step": 0.5, "default": 2.0},
        {"name": "flag", "type": "Boolean", "default": False},
    ]
    pool = a_cluster_tuning().spec.node_pools[0].model_dump(mode="json", by_alias=True)
    return a_cluster_tuning(
        parameters=parameters,
        pools=[{key: value for key, value in pool.items() if value is not None}],
        trial={"podTemplate": {"annotations": {RUNS_FOR: "50ms"}}},
        max_trials=6,
        confirmations=1,
    )


def _parameters(trials: Sequence[TuningTrial]) -> list[tuple[int, str]]:
    """Return parameters as text: 2 is not 2.0."""
    texts = (json.dumps(trial.spec.parameters, sort_keys=True) for trial in trials)
    return sorted(zip((trial.spec.index for trial in trials), texts, strict=True))


def _pod_owned_by(uid: str, tuning: DeploymentTuning) -> dict[str, Any]:
    """The Pod of attempt 0 of trial 0, made for a TuningTrial of another UID."""
    trial = a_cluster_trial(pool=NOWHERE)
    metadata = trial.metadata.model_copy(update={"uid": uid})
    owned = trial.model_copy(update={"metadata": metadata})
    return build_pod(tuning, owned, request_of(tuning, owned), OPTIONS.pods)


def _is_refused(kubectl: Kubectl, tuning: DeploymentTuning, trial: TuningTrial) -> bool:
    """Ask the API server, without consequences, whether it would refuse a Pod."""
    pod = build_pod(tuning, trial, request_of(tuning, trial, 9), OPTIONS.pods)
    pod["metadata"]["finalizers"].remove(RESULT_FINALIZER)
    asked = kubectl.attempt("create", "--dry-run=server", "--filename=-", document=json.dumps(pod))
    return asked.returncode != 0


def _outcome_feasible() -> dict[str, Any]:
    return {"status": {"outcome": "Feasible", "completionIndex": 0}}
