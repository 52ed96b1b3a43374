"""What a failed test's cluster looks like: said beside the failure, since it is gone afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.places import clusters_of_test_runs

ACCESS: pytest.StashKey[Access] = pytest.StashKey()
"""The cluster that was brought up last: the one of the tests that run now."""

LATEST = 25
SECONDS = 20.0

_POD_COLUMNS = (
    "NAMESPACE:.metadata.namespace,NAME:.metadata.name,NODE:.spec.nodeName,PHASE:.status.phase,"
    "REASON:.status.reason,WAITING:.status.containerStatuses[*].state.waiting.reason,"
    "ENDED:.status.containerStatuses[*].state.terminated.reason"
)
_EVENT_COLUMNS = (
    "LAST:.lastTimestamp,NAMESPACE:.metadata.namespace,ABOUT:.involvedObject.name,"
    "REASON:.reason,MESSAGE:.message"
)


def describe(access: Access) -> str:
    """Return what keeps Pods from running: the disk, the nodes, the Pods, the latest warnings."""
    parts: tuple[Callable[[Kubectl], Iterator[str]], ...] = (_disk, _nodes, _pods, _warnings)
    lines: list[str] = []
    for part in parts:
        try:
            lines.extend(part(access.kubectl))
        except Exception as error:  # noqa: BLE001 - a cluster that is down must not hide the failure
            lines.append(f"{part.__name__.lstrip('_')}: {error}")
    return "\n".join(lines)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the cluster's state to the report of a test that failed."""
    report = yield
    access = item.session.stash.get(ACCESS, None)
    if report.failed and access is not None:
        report.sections.append(("the cluster", describe(access)))
    return report


def _disk(_kubectl: Kubectl) -> Iterator[str]:
    free = shutil.disk_usage(clusters_of_test_runs()).free
    yield f"disk: {free / 2**30:.1f} GiB free"


def _nodes(kubectl: Kubectl) -> Iterator[str]:
    for node in kubectl.items("nodes", f"--request-timeout={SECONDS:g}s"):
        turned = [c for c in node["status"].get("conditions", []) if _is_amiss(c)]
        amiss = "; ".join(f"{c['type']}={c['status']} {c.get('message', '')}" for c in turned)
        taints = ", ".join(taint["key"] for taint in node["spec"].get("taints", []))
        yield f"node {node['metadata']['name']}: {amiss or 'well'}; taints: {taints or 'none'}"


def _is_amiss(condition: dict[str, Any]) -> bool:
    return bool((condition["type"] == "Ready") != (condition["status"] == "True"))


def _pods(kubectl: Kubectl) -> Iterator[str]:
    columns = f"--output=custom-columns={_POD_COLUMNS}"
    yield from kubectl.run("get", "pods", "--all-namespaces", columns).splitlines()[-LATEST:]


def _warnings(kubectl: Kubectl) -> Iterator[str]:
    which = ("--all-namespaces", "--field-selector=type=Warning", "--sort-by=.lastTimestamp")
    columns = f"--output=custom-columns={_EVENT_COLUMNS}"
    yield from kubectl.run("get", "events", *which, columns).splitlines()[-LATEST:]
