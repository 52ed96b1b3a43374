"""Which faults are the device's own: an allow-list of Xids, the driver's error numbers.

    ends the trial       the device cannot go on: it would only be waited for
    explains a failure   the trial may go on, and often does; if it fails, this is why

The lists hold what NVIDIA's Xid catalogue (docs.nvidia.com/deploy/xid-errors, for Ampere and newer)
answers with a reset of the device or a reboot of the node, and errors of memory that could not be
corrected. Left out are the faults of the program that runs, which the device plugin of Kubernetes
passes over too: 13, 31, 43, 45, 68, 109. Those, and what is not listed, are the configuration's.
"""

from __future__ import annotations

from collections.abc import Iterable

from deploytune_trial.failures import TrialFailure, hardware_fault

ENDING_XIDS = {
    48: "an error of memory that could not be corrected",
    62: "its controller has halted",
    74: "an error of NVLink",
    79: "it has fallen off the bus",
    94: "an error of memory, contained in the process that it hit",
    95: "an error of memory that was not contained",
    110: "a fault of its security unit",
    119: "its firmware does not answer",
    120: "an error of its firmware",
    136: "a link could not be trained",
    140: "an error of memory that could not be corrected",
    143: "it could not be initialised",
    155: "an error of NVLink",
    158: "a fatal time-out",
    171: "an error of memory that could not be corrected",
    172: "an error of its caches that could not be corrected",
}
EXPLAINING_XIDS = {
    63: "a row of its memory is to be replaced at the next reset",
    64: "a row of its memory could not be replaced",
    156: "a part of it is retired",
}


def fault_that_ends(xid: int) -> TrialFailure | None:
    """Return the failure of a trial whose device has this fault, None if it may go on."""
    return None if xid not in ENDING_XIDS else _fault(xid, ENDING_XIDS[xid])


def fault_that_explains(xids: Iterable[int]) -> TrialFailure | None:
    """Return what a failed trial has really failed of, None if it was not its device."""
    listed = {**EXPLAINING_XIDS, **ENDING_XIDS}
    worst = next((xid for xid in sorted(xids, key=_rank) if xid in listed), None)
    return None if worst is None else _fault(worst, listed[worst])


def _rank(xid: int) -> int:
    return 0 if xid in ENDING_XIDS else 1


def _fault(xid: int, meaning: str) -> TrialFailure:
    return hardware_fault(f"Xid {xid} of a device: {meaning}")
