"""What a device says of itself; None stands for what it does not tell, and is never taken for 0.

A slice of a device (MIG) tells its memory alone: utilisation, power and energy are those of the
whole device, which others use too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Identity:
    """What a device is; results hold for one product, driver and MIG profile."""

    uuid: str
    product: str
    driver: str
    cuda: str | None = None
    compute_capability: str | None = None
    mig_profile: str | None = None
    memory_bytes: int | None = None
    highest_clock_mhz: int | None = None


@dataclass(frozen=True)
class Health:
    """What a device says of its own state.

    `has_failed_remapping` tells that broken rows of its memory could not be replaced, `is_pending`
    that they will be at the next reset, `needs_recovery` that it asks for a reset or a reboot.
    """

    has_failed_remapping: bool | None = None
    is_pending: bool | None = None
    needs_recovery: bool | None = None


@dataclass(frozen=True)
class Reading:
    """One look at a device, `at` seconds of the monotonic clock.

    `used_bytes` leaves out what the driver keeps for itself where `is_exact`; `energy_joules`
    counts since the driver was loaded.
    """

    at: float
    used_bytes: int | None = None
    is_exact: bool = True
    utilisation: float | None = None
    power_watts: float | None = None
    energy_joules: float | None = None
    clock_mhz: int | None = None
    is_throttled: bool | None = None


class DeviceError(Exception):
    """Devices cannot be asked for at all, or one does not answer any more."""


class Device(Protocol):
    """A device that can be looked at from any thread; it raises a DeviceError once it is lost."""

    @property
    def identity(self) -> Identity:
        """What it is."""
        ...

    def health(self) -> Health:
        """What it says of its own state."""
        ...

    def read(self) -> Reading:
        """Look at it now."""
        ...
