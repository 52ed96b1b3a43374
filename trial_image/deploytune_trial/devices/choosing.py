"""Which of the visible devices are a trial's own; pure.

A container sees just those that it was given. On a machine of one's own there may be more: then
CUDA_VISIBLE_DEVICES says which, by number or by the beginning of a UUID, and without it the first
ones are taken. Processes of the trial are shown no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from deploytune_trial.devices.readings import Device

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"

_Device = TypeVar("_Device", bound=Device)


def choose(devices: Sequence[_Device], asked: int, visible: str | None) -> list[_Device]:
    """Return the devices of a trial that asked for so many, perhaps fewer; `visible` as CUDA's."""
    if visible is None:
        return list(devices[:asked])
    chosen: list[_Device] = []
    for name in map(str.strip, visible.split(",")):
        found = _named(devices, name)
        if found is None:  # CUDA itself looks no further
            break
        chosen.append(found)
    return chosen[:asked]


def visible_devices(devices: Sequence[Device]) -> str:
    """Return the variable's value by which processes see these devices alone."""
    return ",".join(device.identity.uuid for device in devices)


def _named(devices: Sequence[_Device], name: str) -> _Device | None:
    if name.isdecimal():
        return devices[int(name)] if int(name) < len(devices) else None
    matching = [device for device in devices if name and device.identity.uuid.startswith(name)]
    return matching[0] if matching else None
