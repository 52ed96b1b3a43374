"""The outcomes of a trial; each kind has one consequence.

    kind            whose fault         told to the search    charged to maxTrials    retried
    Feasible        nobody's            yes                   yes                     no
    Infeasible      the configuration   yes                   yes                     no
    Crashed         the configuration   yes                   yes                     no
    TimedOut        the configuration   yes                   yes                     no
    Invalid         the measurement     yes                   yes                     no
    Infrastructure  the cluster         no                    no                      yes
    Misconfigured   the user            no                    no                      yes

A crash is data; an infrastructure failure is not. `Invalid` is told as not feasible, with no
violation that could guide. A test holds this table against `OutcomeKind.policy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class OutcomePolicy:
    """The consequence of an outcome kind."""

    fault: str
    told: bool
    charged: bool
    retried: bool


class OutcomeKind(StrEnum):
    """How a trial ended."""

    FEASIBLE = "Feasible"
    INFEASIBLE = "Infeasible"
    CRASHED = "Crashed"
    TIMED_OUT = "TimedOut"
    INVALID = "Invalid"
    INFRASTRUCTURE = "Infrastructure"
    MISCONFIGURED = "Misconfigured"

    @property
    def policy(self) -> OutcomePolicy:
        """What follows from an outcome of this kind."""
        return _POLICIES[self]


_POLICIES = {
    OutcomeKind.FEASIBLE: OutcomePolicy("nobody's", told=True, charged=True, retried=False),
    OutcomeKind.INFEASIBLE: OutcomePolicy(
        "the configuration", told=True, charged=True, retried=False
    ),
    OutcomeKind.CRASHED: OutcomePolicy("the configuration", told=True, charged=True, retried=False),
    OutcomeKind.TIMED_OUT: OutcomePolicy(
        "the configuration", told=True, charged=True, retried=False
    ),
    OutcomeKind.INVALID: OutcomePolicy("the measurement", told=True, charged=True, retried=False),
    OutcomeKind.INFRASTRUCTURE: OutcomePolicy(
        "the cluster", told=False, charged=False, retried=True
    ),
    OutcomeKind.MISCONFIGURED: OutcomePolicy("the user", told=False, charged=False, retried=True),
}


class Cause(StrEnum):
    """Why an outcome came about, where its kind alone does not say it."""

    OUT_OF_MEMORY = "OutOfMemory"
    BUILD_FAILED = "BuildFailed"
    UNSUPPORTED = "Unsupported"
    SERVER_FAILED = "ServerFailed"
    WRONG_OUTPUT = "WrongOutput"
    DISK_FULL = "DiskFull"
    ERROR = "Error"

    LIMIT_MISSED = "LimitMissed"
    ABORTED_EARLY = "AbortedEarly"
    STAGE_DEADLINE = "StageDeadline"
    RUN_DEADLINE = "RunDeadline"

    UNSTABLE = "Unstable"
    METRIC_MISSING = "MetricMissing"
    SILENT_FALLBACK = "SilentFallback"
    BROKEN_REPORT = "BrokenReport"
    CLIENT_BOUND = "ClientBound"
    COUNTS_DISAGREE = "CountsDisagree"

    INTERRUPTED = "Interrupted"
    DISRUPTED = "Disrupted"
    UNKNOWN_KILL = "UnknownKill"
    HARDWARE_FAULT = "HardwareFault"
    SOURCE_UNREACHABLE = "SourceUnreachable"

    BAD_PARAMETER = "BadParameter"
    BAD_WORKLOAD = "BadWorkload"
    MISSING_DEPENDENCY = "MissingDependency"
