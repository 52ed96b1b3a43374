"""What each case that ends must be taken for, recorded or live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from builders import MEMORY, NAME, OBJECTIVE

from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.state.classify import AttemptIdentity, Verdict, classify
from deploytune.state.pods.attempts import attempt_of

IDENTITY = AttemptIdentity(
    trial=f"{NAME}-0",
    index=0,
    attempt=0,
    limits=(Limit(metric=MEMORY, max=200.0),),
    objectives=(OBJECTIVE,),
)


@dataclass(frozen=True)
class Expected:
    """A verdict in words; `seconds_later` is how long after the recording it stands."""

    phrase: str
    outcome: OutcomeKind
    cause: Cause | None = None
    stage: Stage | None = None
    says: str = ""
    seconds_later: float = 0.0


def verdict_of(
    pod: Mapping[str, Any], now: datetime, warnings: Sequence[str] = ()
) -> Verdict | None:
    """Return what becomes of a Pod, None while it has not ended."""
    attempt = attempt_of(pod, now, warnings)
    assert attempt is not None, "a trial's Pod is an attempt"
    return None if attempt.ending is None else classify(IDENTITY, attempt.ending)


def _crashed(phrase: str, cause: Cause, stage: Stage | None = None, says: str = "") -> Expected:
    return Expected(phrase, OutcomeKind.CRASHED, cause, stage, says)


def _disrupted(phrase: str, says: str, stage: Stage | None = None, later: float = 0) -> Expected:
    infrastructure = OutcomeKind.INFRASTRUCTURE
    return Expected(phrase, infrastructure, Cause.DISRUPTED, stage, says, later)


def _misconfigured(phrase: str, cause: Cause | None, says: str) -> Expected:
    return Expected(phrase, OutcomeKind.MISCONFIGURED, cause, None, says)


_MEASURE = Stage.MEASURE
_TOO_LATE = Cause.RUN_DEADLINE
_BROKEN = Cause.BROKEN_REPORT

VERDICTS: Mapping[str, Expected] = {
    "succeeded-with-report": Expected("a report", OutcomeKind.FEASIBLE, None, Stage.REPORT),
    "oom-of-trial": _crashed("the trial over its memory", Cause.OUT_OF_MEMORY, Stage.BUILD),
    "oom-of-child-exit-7": _crashed(
        "a child over the memory, its parent exits 7", Cause.OUT_OF_MEMORY, Stage.SERVE
    ),
    "oom-of-child-exit-0": _crashed(
        "a child over the memory, its parent reports and exits 0",
        Cause.OUT_OF_MEMORY,
        Stage.REPORT,
    ),
    "oom-of-sidecar": Expected(
        "an injected container over its memory", OutcomeKind.FEASIBLE, None, Stage.REPORT
    ),
    "killed-from-outside": Expected(
        "SIGKILL from nobody known",
        OutcomeKind.INFRASTRUCTURE,
        Cause.UNKNOWN_KILL,
        Stage.WARM_UP,
    ),
    "exit-64": _misconfigured("exit code 64", Cause.BAD_WORKLOAD, "request"),
    "exit-1": _crashed("exit code 1", Cause.ERROR, Stage.LOAD, "exit code 1"),
    "exit-0-without-word": Expected("exit code 0 without a word", OutcomeKind.INVALID, _BROKEN),
    "exit-0-with-garbage": Expected("exit code 0 with garbage", OutcomeKind.INVALID, _BROKEN),
    "exit-0-with-endless-word": Expected(
        "exit code 0 with a word without end", OutcomeKind.INVALID, _BROKEN
    ),
    "abort": _crashed("an abort", Cause.ERROR, None, "SIGABRT"),
    "segfault": _crashed("a segmentation fault", Cause.ERROR, None, "SIGSEGV"),
    "command-missing": _misconfigured(
        "a command that is not there", Cause.MISSING_DEPENDENCY, "no such file or directory"
    ),
    "command-not-executable": _misconfigured(
        "a command that cannot be executed", Cause.MISSING_DEPENDENCY, "permission denied"
    ),
    "deadline": Expected("its deadline", OutcomeKind.TIMED_OUT, _TOO_LATE, _MEASURE),
    "deadline-with-report-of-interruption": Expected(
        "a report of its interruption at the deadline", OutcomeKind.TIMED_OUT, _TOO_LATE, _MEASURE
    ),
    "deadline-before-image": _misconfigured(
        "its deadline before its image was there", None, "absent:latest"
    ),
    "deadline-before-volume": _misconfigured(
        "its deadline before its volume was there", None, 'configmap "absent" not found'
    ),
    "own-disk": _crashed("more disk than its limit", Cause.DISK_FULL, Stage.BUILD, "ephemeral"),
    "own-folder": _crashed("more in a folder than its limit", Cause.DISK_FULL, Stage.BUILD, "data"),
    "injected-init-fails": _disrupted(
        "an injected container that fails first", "known to have run"
    ),
    "outlived-by-sidecar": Expected(
        "an injected container that runs on",
        OutcomeKind.FEASIBLE,
        None,
        Stage.REPORT,
        seconds_later=60.0,
    ),
    "evicted": _disrupted("an eviction", "EvictionByEvictionAPI", _MEASURE),
    "evicted-with-report-of-interruption": _disrupted(
        "a report of its interruption at an eviction", "EvictionByEvictionAPI", _MEASURE
    ),
    "tainted-away": _disrupted("a NoExecute taint", "DeletionByTaintManager", _MEASURE),
    "preempted": _disrupted("an urgent Pod", "PreemptionByScheduler", _MEASURE),
    "deleted": _disrupted("a deletion by somebody", "deleted by somebody else", _MEASURE),
    "deleted-before-a-node": _disrupted(
        "a deletion before it had a node", "deleted by somebody else"
    ),
    "deleted-while-image-missing": _disrupted(
        "a deletion while its image is missing", "deleted by somebody else"
    ),
    "deleted-after-its-end": _crashed("a deletion after its end", Cause.ERROR, None, "exit code 1"),
    "node-lost": _disrupted("a node that is lost", "DeletionByTaintManager", None, 60.0),
    "node-lost-and-deleted": _disrupted("a node that is deleted", "DeletionByPodGC"),
    "deleted-on-a-dead-node": _disrupted(
        "a deletion on a node that is lost", "deleted by somebody else", None, 120.0
    ),
    "refused-for-its-label": _disrupted("a node without its label", "NodeAffinity"),
    "refused-for-cpu": _disrupted("a node without enough CPU", "OutOfcpu"),
    "refused-for-accelerators": _disrupted(
        "a node without enough accelerators", "OutOfnvidia.com/gpu"
    ),
    "node-under-pressure": _disrupted("a node under pressure", "TerminationByKubelet", _MEASURE),
    "sandbox-died": _disrupted("a sandbox that died", "StartError"),
    "container-lost": _disrupted("a container lost in a reboot", "lost its container", _MEASURE),
    "container-forgotten": _disrupted("a container that its node forgot", "known to have run"),
}
