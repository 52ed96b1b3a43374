"""The rules by which the end of an attempt becomes an outcome: their order, names and sentences.

The first that holds decides; `classify.py` holds them against an attempt. The name is put on record
with the attempt, and whoever asks later is told the sentence.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType


class EndingRule(StrEnum):
    """The rules in their order."""

    SHARED_DEVICES = "SharedDevices"
    OUT_OF_MEMORY = "OutOfMemory"
    BROKEN_MESSAGE = "BrokenMessage"
    DEVICE_MISSED_AGAIN = "DeviceMissedAgain"
    REPORT = "Report"
    ENDED_BY_US = "EndedByUs"
    DISRUPTION = "Disruption"
    SETTING = "Setting"
    RUN_DEADLINE = "RunDeadline"
    OWN_DISK = "OwnDisk"
    DEVICE = "Device"
    COMMAND = "Command"
    EXIT_CODE_OF_OURS = "ExitCodeOfOurs"
    CANNOT_RUN = "CannotRun"
    POLITE_SIGNAL = "PoliteSignal"
    UNKNOWN_KILL = "UnknownKill"
    NO_REPORT = "NoReport"
    ANYTHING_ELSE = "AnythingElse"

    @property
    def sentence(self) -> str:
        """What holds where it decides, and what follows."""
        return _SENTENCES[self]


def sentence_of(name: str) -> str | None:
    """Return the sentence of the rule of this name, None for one that another version has."""
    return next((rule.sentence for rule in EndingRule if rule.value == name), None)


_SENTENCES = MappingProxyType(
    {
        EndingRule.SHARED_DEVICES: (
            "its node shares its devices, which the pool does not allow: nothing measured there "
            "counts"
        ),
        EndingRule.OUT_OF_MEMORY: (
            "a process of it was killed for its memory: that is a crash, even with exit code 0 "
            "and a report"
        ),
        EndingRule.BROKEN_MESSAGE: (
            "it ended undisturbed with exit code 0, and what claims to be its report is none, or "
            "another attempt's"
        ),
        EndingRule.DEVICE_MISSED_AGAIN: (
            "it reported before its trial began that its device is missing, as before on the same "
            "node: somebody is to mend that"
        ),
        EndingRule.REPORT: (
            "its own report says so: it ended with exit code 0, or its report was complete when "
            "we ended it"
        ),
        EndingRule.ENDED_BY_US: "we ended it, on request or because the run was lost: no failure",
        EndingRule.DISRUPTION: (
            "the cluster disrupted it: evicted, preempted, refused, deleted by others, or lost "
            "with its node"
        ),
        EndingRule.SETTING: (
            "the cluster could not give what it was asked for until the attempt's deadline: "
            "somebody is to mend that"
        ),
        EndingRule.RUN_DEADLINE: (
            "it ran into its run deadline, which comes behind the trial's own watchdog"
        ),
        EndingRule.OWN_DISK: "it used more ephemeral storage than its own limit",
        EndingRule.DEVICE: (
            "its container was not given its device: infrastructure the first time on a node, "
            "then for somebody to mend"
        ),
        EndingRule.COMMAND: "its container's command cannot be started",
        EndingRule.EXIT_CODE_OF_OURS: (
            "its exit code is one by which a trial says that it could not report"
        ),
        EndingRule.CANNOT_RUN: "its exit code, 126 or 127, says that a command cannot be run",
        EndingRule.POLITE_SIGNAL: (
            "somebody else ended it with a polite signal (SIGTERM, SIGINT, SIGHUP)"
        ),
        EndingRule.UNKNOWN_KILL: (
            "it was killed with SIGKILL by nobody we know: infrastructure the first time, a crash "
            "then"
        ),
        EndingRule.NO_REPORT: "it ended with exit code 0 and without a report",
        EndingRule.ANYTHING_ELSE: (
            "no other rule explains its end: whatever ends a trial otherwise is a crash"
        ),
    }
)
