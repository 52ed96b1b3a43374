"""Whatever a Pod holds, reading it is no exception, and says the same twice."""

from __future__ import annotations

from typing import Any

from builders import NAME, at
from hypothesis import given
from hypothesis import strategies as st
from pod_state_builders import a_pod, ended, moment

from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.classify import AttemptIdentity, classify
from deploytune.state.pods.attempts import attempt_of, needs_warnings

NOW = at(1000.0)
IDENTITY = AttemptIdentity(trial=f"{NAME}-0", index=0, attempt=0)

_WORDS = st.sampled_from(
    [
        *("Failed", "Succeeded", "Pending", "Evicted", "DeadlineExceeded", "OutOfcpu", "True"),
        *("StartError", "OOMKilled", "Unknown", "DisruptionTarget", "PodScheduled", "trial"),
        *("SchedulingGated", "ErrImagePull", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"),
        *(moment(10), moment(10_000), "2026-01-01T00:00:00", ""),
    ]
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _WORDS
_KEYS = st.sampled_from(
    [
        *("phase", "reason", "message", "conditions", "containerStatuses", "startTime"),
        *("name", "state", "terminated", "waiting", "running", "exitCode", "finishedAt"),
        *("type", "status", "lastTransitionTime", "startedAt", "initContainerStatuses"),
    ]
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=30,
)
_STATUSES = st.dictionaries(_KEYS, _JSON, max_size=6)
_END = ("exitCode", "reason", "message", "finishedAt")
_TERMINATED = st.fixed_dictionaries({}, optional=dict.fromkeys(_END, _LEAVES))
_OF_METADATA = (
    *("deletionTimestamp", "deletionGracePeriodSeconds", "creationTimestamp"),
    *("managedFields", "ownerReferences", "name"),
)
_METADATA = st.fixed_dictionaries({}, optional=dict.fromkeys(_OF_METADATA, _LEAVES))


def _is_read(pod: dict[str, Any]) -> None:
    needs_warnings(pod, NOW)
    attempt = attempt_of(pod, NOW, ("FailedMount", ""))
    assert attempt is not None
    assert attempt == attempt_of(pod, NOW, ("FailedMount", ""))
    assert (attempt.ending is None) or (attempt.wait is None)
    if attempt.ending is not None:
        assert attempt.ending.seconds >= 0
        classify(IDENTITY, attempt.ending)


@given(_STATUSES, _METADATA, _LEAVES)
def test_any_status_is_read(status: dict[str, Any], metadata: dict[str, Any], node: Any) -> None:
    pod = a_pod()
    pod["status"] = status
    pod["metadata"].update(metadata)
    pod["spec"] = {"nodeName": node, "activeDeadlineSeconds": node}
    _is_read(pod)


@given(_TERMINATED, _WORDS)
def test_any_end_of_a_container_is_read(terminated: dict[str, Any], reason: str) -> None:
    status = {"name": "trial", "state": {"terminated": terminated}}
    _is_read(a_pod("Failed", status, reason=reason))


@given(_JSON)
def test_what_is_no_pod_is_no_attempt(anything: Any) -> None:
    for pod in ({"metadata": anything}, {"status": anything}, {"metadata": {"labels": anything}}):
        assert attempt_of(pod, NOW) is None


@given(
    st.binary(max_size=5000)
    | st.text(max_size=500).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_message_is_a_verdict_and_none_is_feasible_by_chance(message: bytes) -> None:
    pod = a_pod("Succeeded", ended(0, "Completed", message=message.decode(errors="replace")))
    attempt = attempt_of(pod, NOW)
    assert attempt is not None
    assert attempt.ending is not None
    assert OutcomeKind.INVALID is classify(IDENTITY, attempt.ending).outcome
