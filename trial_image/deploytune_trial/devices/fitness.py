"""Whether a trial may begin on the devices that it finds; pure.

A trial that was promised devices never runs without them. One whose device is in use, or broken, is
not begun: it would be slow or run out of memory for no fault of its own. Where others may use the
device, as the pool allows or on a machine of one's own, that is told as a fact instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploytune_trial.devices.readings import Health, Identity, Reading
from deploytune_trial.failures import TrialFailure, hardware_fault

MIB = 2**20

BUSY_MIB = 256
"""What an idle device may hold; a process that has opened one holds more."""

BUSY_INEXACT_MIB = 1024
"""The same where the driver's own share, some hundred MiB, is counted with it."""

BUSY_UTILISATION = 0.05


@dataclass(frozen=True)
class Found:
    """A device as a trial finds it."""

    identity: Identity
    health: Health
    idle: Reading


def why_too_few(asked: int, found: int) -> TrialFailure | None:
    """Return the failure of a trial that finds fewer devices than were asked for."""
    if found >= asked:
        return None
    return hardware_fault(f"{_asked_for(asked)}, {found} visible")


def why_not_visible(asked: int, why: str) -> TrialFailure:
    """Return the failure of a trial that cannot even ask for its devices."""
    return hardware_fault(
        f"{_asked_for(asked)}, none visible ({why}): look at the "
        "device plugin and the container runtime of the node, and at the pool's runtimeClassName"
    )


def why_unfit(devices: Sequence[Found], *, may_be_shared: bool) -> TrialFailure | None:
    """Return why a trial may not begin on these devices, None if it may."""
    for device in devices:
        said = _why_broken(device.health)
        if said is None and not may_be_shared:
            said = why_busy(device.idle)
        if said is not None:
            return hardware_fault(f"device {device.identity.uuid}: {said}")
    return None


def why_busy(idle: Reading) -> str | None:
    """Return how a device that should be idle shows that somebody uses it, None if it does not."""
    allowed = BUSY_MIB if idle.is_exact else BUSY_INEXACT_MIB
    used_mib = (idle.used_bytes or 0) / MIB
    if used_mib > allowed:
        return f"{used_mib:.0f} MiB of its memory are in use before the trial begins"
    if (idle.utilisation or 0.0) > BUSY_UTILISATION:
        return f"it is busy {idle.utilisation:.0%} of the time before the trial begins"
    return None


def why_broken_since(before: Found, now: Health) -> TrialFailure | None:
    """Return the fault that a device has come by since it was found, None if it has none."""
    said = _why_broken(now)
    if said is None and now.is_pending and not before.health.is_pending:
        said = "an error of its memory could not be corrected: a row is to be replaced"
    return None if said is None else hardware_fault(f"device {before.identity.uuid}: {said}")


def _why_broken(health: Health) -> str | None:
    if health.has_failed_remapping:
        return "broken rows of its memory could not be replaced"
    if health.needs_recovery:
        return "it asks for a reset or a reboot"
    return None


def _asked_for(devices: int) -> str:
    return f"asked for {devices} device{'' if devices == 1 else 's'} of NVIDIA"
