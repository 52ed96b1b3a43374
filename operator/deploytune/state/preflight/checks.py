"""Everything that a preflight looks at, in the order in which it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from deploytune.api.quantities import amount_of
from deploytune.api.tuning import DeploymentTuning
from deploytune.state.pods.manifest import amounts_of
from deploytune.state.preflight.facts import ClusterFacts, Kind, Presence, Quota, Refused, Unread
from deploytune.state.preflight.findings import Finding, Severity
from deploytune.state.preflight.images import image_findings
from deploytune.state.preflight.named_objects import REFUSED, Named, objects_named
from deploytune.state.preflight.pools import pool_findings

_REQUESTS, _LIMITS = "requests.", "limits."
_PODS = ("pods", "count/pods")

Check = Callable[[DeploymentTuning, ClusterFacts], Iterator[Finding]]


def preflight(tuning: DeploymentTuning, facts: ClusterFacts) -> tuple[Finding, ...]:
    """Return what was found, the worst first."""
    found = [finding for check in _CHECKS for finding in check(tuning, facts)]
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def object_findings(tuning: DeploymentTuning, facts: ClusterFacts) -> Iterator[Finding]:
    """Yield the objects that are missing, of those that were asked for."""
    for named in objects_named(tuning.spec):
        presence = facts.objects.get(named.key)
        if presence is not None and presence is not Presence.THERE:
            yield _about(named, presence)


def _about(named: Named, presence: Presence | Unread) -> Finding:
    what = f"{named.key.kind} {named.key.name}"
    if isinstance(presence, Unread):
        message = f"whether {what} is there cannot be known: {presence.why}"
        return Finding(Severity.UNKNOWN, named.field, message)
    if presence is Presence.NOT_SERVED and named.key.kind is Kind.LOCAL_QUEUE:
        message = "the cluster has no Kueue: the label does nothing"
        return Finding(Severity.WARNING, named.field, message)
    return Finding(named.missing, named.field, f"there is no {what}: {named.consequence}")


def admission_findings(tuning: DeploymentTuning, facts: ClusterFacts) -> Iterator[Finding]:
    """Yield what the API server said of a Pod of each pool that it was only asked about.

    That it refuses Pods for an object that is missing is told with the field that names it.
    """
    if any(
        named.consequence == REFUSED and facts.objects.get(named.key) is Presence.MISSING
        for named in objects_named(tuning.spec)
    ):
        return
    for number, pool in enumerate(tuning.spec.node_pools):
        said, place = facts.admissions.get(pool.name), f"spec.nodePools[{number}]"
        if isinstance(said, Refused):
            message = f"its Pods are refused: {said.message}"
            yield Finding(Severity.FAILS, place, message, pool.name)
        elif isinstance(said, Unread):
            message = f"whether its Pods are taken cannot be known: {said.why}"
            yield Finding(Severity.UNKNOWN, place, message, pool.name)


def quota_findings(tuning: DeploymentTuning, facts: ClusterFacts) -> Iterator[Finding]:
    """Yield the quotas that leave room for fewer trials at a time than are asked for.

    That a quota leaves no room for one is said by the refusal of its Pod.
    """
    if isinstance(facts.quotas, Unread):
        message = f"how many trials a quota leaves room for cannot be known: {facts.quotas.why}"
        yield Finding(Severity.UNKNOWN, "spec.parallelTrials", message)
        return
    wanted = tuning.spec.parallel_trials
    for pool in tuning.spec.node_pools:
        for quota in facts.quotas:
            room, name = room_in(quota, amounts_of(pool.resources))
            if 0 < room < wanted:
                message = (
                    f"quota {quota.name} leaves room for {room} of {wanted} trials of pool "
                    f"{pool.name} at a time ({name}: {quota.used.get(name, '0')} of "
                    f"{quota.hard[name]} used)"
                )
                yield Finding(Severity.WARNING, "spec.parallelTrials", message, pool.name)


def room_in(quota: Quota, amounts: dict[str, str]) -> tuple[int, str]:
    """Return how many Pods of such amounts fit into a quota, and the resource that says so."""
    asked = {name: amount_of(amount) for name, amount in amounts.items()}
    asked |= {f"{side}{name}": amount for name, amount in asked.items() for side in _SIDES}
    asked |= dict.fromkeys(_PODS, 1.0)
    fit = [
        (int((amount_of(hard) - amount_of(quota.used.get(name, "0"))) / asked[name] + 1e-9), name)
        for name, hard in quota.hard.items()
        if asked.get(name)
    ]
    return min(fit, default=(_NO_BOUND, ""))


_SIDES = (_REQUESTS, _LIMITS)
_NO_BOUND = 1_000_000

_CHECKS: tuple[Check, ...] = (
    pool_findings,
    image_findings,
    object_findings,
    admission_findings,
    quota_findings,
)
