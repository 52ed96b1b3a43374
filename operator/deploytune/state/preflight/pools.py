"""Whether a pool has nodes that its trials can run on, and what is to be said of those.

The questions follow each other, and the first that leaves no node is told: who carries the labels,
whose taints are tolerated, who does not share its devices, who has enough of everything. What other
Pods hold at the moment is not looked at: it will be free some day.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploytune.api.quantities import amount_of
from deploytune.api.tuning import DeploymentTuning, NodePoolSpec, Placement
from deploytune.state.pods.manifest import amounts_of
from deploytune.state.pods.nodes import devices_of, why_not_exclusive
from deploytune.state.pods.placement import placement_of
from deploytune.state.preflight.facts import ClusterFacts, Node, Taint, Unread
from deploytune.state.preflight.findings import Finding, Severity

_KEEPS_OFF = ("NoSchedule", "NoExecute")
_MOST_SHOWN = 3
_PODS = "pods"


@dataclass(frozen=True)
class PoolOnNodes:
    """A pool, its place in the tuning, what one of its Pods asks for, and the nodes it may use."""

    pool: NodePoolSpec
    place: str
    amounts: Mapping[str, str]
    tolerations: Sequence[Mapping[str, Any]]
    nodes: tuple[Node, ...]
    adds_nodes: str | None

    def nothing(self, field: str, why: str) -> Finding:
        """Return the finding that no node will do, which somebody may add one to."""
        if self.adds_nodes is None:
            return self.finding(Severity.FAILS, field, why)
        return self.finding(Severity.WARNING, field, f"{why}; {self.adds_nodes} may add one")

    def finding(self, severity: Severity, field: str, message: str) -> Finding:
        """Return a finding about a field of the pool."""
        return Finding(severity, f"{self.place}.{field}", message, self.pool.name)


def pool_findings(tuning: DeploymentTuning, facts: ClusterFacts) -> Iterator[Finding]:
    """Yield what is to be said of each pool."""
    for number, pool in enumerate(tuning.spec.node_pools):
        nodes, place = facts.nodes[pool.name], f"spec.nodePools[{number}]"
        if isinstance(nodes, Unread):
            message = f"whether a node fits cannot be known: {nodes.why}"
            yield Finding(Severity.UNKNOWN, place, message, pool.name)
            continue
        tolerations = placement_of(pool)["tolerations"]
        amounts = amounts_of(pool.resources)
        on_nodes = PoolOnNodes(pool, place, amounts, tolerations, nodes, facts.adds_nodes)
        yield from _of_pool(on_nodes, tuning.spec.parallel_trials)


def _of_pool(pool: PoolOnNodes, parallel_trials: int) -> Iterator[Finding]:
    nodes: Sequence[Node] = pool.nodes
    for question in _QUESTIONS:
        left = [node for node in nodes if question.passes(pool, node)]
        if not left:
            yield question.told(pool, nodes)
            return
        nodes = left
    yield from _shared(pool)
    yield from _slices(pool, nodes)
    yield from _unlike(pool, nodes)
    yield from _too_few(pool, nodes, parallel_trials)


@dataclass(frozen=True)
class _Question:
    """What a node must pass, and what is told when none of those asked does."""

    passes: Callable[[PoolOnNodes, Node], bool]
    told: Callable[[PoolOnNodes, Sequence[Node]], Finding]


def _no_labels(pool: PoolOnNodes, _nodes: Sequence[Node]) -> Finding:
    labels = ", ".join(f"{key}={value}" for key, value in pool.pool.node_selector.items())
    return pool.nothing("nodeSelector", f"no node has {labels}" if labels else "there is no node")


def _is_tolerated(pool: PoolOnNodes, node: Node) -> bool:
    return not _untolerated(pool, node)


def _all_tainted(pool: PoolOnNodes, nodes: Sequence[Node]) -> Finding:
    taints = {str(taint) for node in nodes for taint in _untolerated(pool, node)}
    why = f"each of its nodes ({len(nodes)}) has a taint not tolerated: {_some(taints)}"
    return pool.nothing("tolerations", why)


def _untolerated(pool: PoolOnNodes, node: Node) -> list[Taint]:
    return [
        taint
        for taint in node.taints
        if taint.effect in _KEEPS_OFF
        and not any(tolerates(toleration, taint) for toleration in pool.tolerations)
    ]


def tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    """Tell whether a toleration is one of a taint, as the scheduler does.

    One that lasts for some seconds only is none of a node that has its taint already.
    """
    if toleration.get("tolerationSeconds") is not None and taint.effect == "NoExecute":
        return False
    if toleration.get("effect") not in (None, taint.effect):
        return False
    if toleration.get("key") not in (None, taint.key):
        return False
    exists = toleration.get("operator") == "Exists"
    return exists or toleration.get("value", "") == taint.value


def _is_exclusive(pool: PoolOnNodes, node: Node) -> bool:
    return _why_shared(pool, node) is None


def _why_shared(pool: PoolOnNodes, node: Node) -> str | None:
    return why_not_exclusive(devices_of(node.labels, pool.pool), pool.pool, node.name)


def _all_shared(pool: PoolOnNodes, nodes: Sequence[Node]) -> Finding:
    why = f"each of its nodes ({len(nodes)}) shares its devices: {_shared_by(pool, nodes)}"
    return pool.nothing("allowSharedDevices", f"{why}; refused unless allowSharedDevices is true")


def _shared_by(pool: PoolOnNodes, nodes: Iterable[Node]) -> str:
    found = (devices_of(node.labels, pool.pool) for node in nodes)
    return _some({one.shared_by for one in found if one is not None and one.shared_by is not None})


def _has_enough(pool: PoolOnNodes, node: Node) -> bool:
    return all(
        _allocatable(node, name) >= amount_of(amount) for name, amount in pool.amounts.items()
    )


def _none_has_enough(pool: PoolOnNodes, nodes: Sequence[Node]) -> Finding:
    """Tell the resource that no node has enough of, or that none has enough of all."""
    for name, amount in pool.amounts.items():
        most = max(nodes, key=lambda node: _allocatable(node, name))
        if _allocatable(most, name) < amount_of(amount):
            has = most.allocatable.get(name, "0")
            why = f"no node has {name} {amount} for a Pod: the most is {has}, on {most.name}"
            return pool.nothing("resources", why)
    asked = ", ".join(f"{name} {amount}" for name, amount in pool.amounts.items())
    return pool.nothing("resources", f"no node has {asked} for a Pod at the same time")


def _allocatable(node: Node, name: str) -> float:
    return amount_of(node.allocatable.get(name, "0"))


_QUESTIONS = (
    _Question(lambda _pool, _node: True, _no_labels),
    _Question(_is_tolerated, _all_tainted),
    _Question(_is_exclusive, _all_shared),
    _Question(_has_enough, _none_has_enough),
)


def _shared(pool: PoolOnNodes) -> Iterator[Finding]:
    """Say of nodes that share their devices what becomes of them."""
    shared = [node for node in pool.nodes if _shared_by(pool, [node])]
    if not shared:
        return
    what = f"{len(shared)} of its {_counted(pool.nodes)} share devices: {_shared_by(pool, shared)}"
    allowed = pool.pool.allow_shared_devices
    then = "latencies measured there mean little" if allowed else "no trial runs there"
    yield pool.finding(Severity.WARNING, "allowSharedDevices", f"{what}; {then}")


def _slices(pool: PoolOnNodes, nodes: Sequence[Node]) -> Iterator[Finding]:
    found = (devices_of(node.labels, pool.pool) for node in nodes)
    profiles = {one.mig for one in found if one is not None and one.mig is not None}
    if profiles:
        what = f"trials run on slices of devices (MIG {_some(profiles)})"
        message = f"{what}: what they measure holds for such a slice alone"
        yield pool.finding(Severity.WARNING, "resources.accelerators", message)


def _unlike(pool: PoolOnNodes, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Say that what is measured depends on the node; results hold for one product only."""
    found = (devices_of(node.labels, pool.pool) for node in nodes)
    products = {one.product for one in found if one is not None and one.product is not None}
    if len(products) > 1:
        message = f"its nodes have different devices ({_some(products)}): make a pool for each"
        yield pool.finding(Severity.WARNING, "nodeSelector", message)


def _too_few(pool: PoolOnNodes, nodes: Sequence[Node], parallel_trials: int) -> Iterator[Finding]:
    most = pool.pool.max_parallel_trials
    wanted = parallel_trials if most is None else min(parallel_trials, most)
    if pool.pool.placement is Placement.ONE_PER_NODE:
        fit = len(nodes)
    else:
        fit = sum(_places_on(pool, node) for node in nodes)
    if fit < wanted and pool.adds_nodes is None:
        message = f"{fit} of {wanted} parallel trials fit on its {_counted(nodes)}"
        yield pool.finding(Severity.WARNING, "resources", message)


def _places_on(pool: PoolOnNodes, node: Node) -> int:
    amounts = {name: amount_of(amount) for name, amount in pool.amounts.items()}
    if _PODS in node.allocatable:
        amounts[_PODS] = 1.0
    shares = (_allocatable(node, name) / amount for name, amount in amounts.items() if amount)
    return math.floor(min(shares, default=1.0) + 1e-9)  # 0.3 / 0.1 is less than 3


def _counted(nodes: Sequence[Node]) -> str:
    return f"{len(nodes)} node{'s' if len(nodes) != 1 else ''}"


def _some(words: Iterable[str]) -> str:
    found = sorted(words)
    more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return ", ".join(found[:_MOST_SHOWN]) + more
