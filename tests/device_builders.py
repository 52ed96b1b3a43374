"""Devices that a test plays, and readings of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

from deploytune_trial.devices.fitness import Found
from deploytune_trial.devices.readings import DeviceError, Health, Identity, Reading

MIB = 2**20


def an_identity(uuid: str = "GPU-1", **fields: Any) -> Identity:
    return Identity(**{"uuid": uuid, "product": "A1", "driver": "570.1", **fields})


def a_reading(at: float = 0.0, used_mib: float | None = None, **fields: Any) -> Reading:
    used = None if used_mib is None else int(used_mib * MIB)
    return Reading(at=at, used_bytes=used, **fields)


def a_found_device(uuid: str = "GPU-1", *, health: Health | None = None, **idle: Any) -> Found:
    return Found(an_identity(uuid), health or Health(), a_reading(**idle))


class PlayedDevice:
    """Gives its readings one after the other, then the last one for ever; `lost` it gives none."""

    def __init__(self, readings: Sequence[Reading] = (), uuid: str = "GPU-1") -> None:
        self.identity = an_identity(uuid)
        self.now = Health()
        self.lost = False
        self.looks = 0
        last = readings[-1:] or [a_reading()]
        self._readings: Iterator[Reading] = chain(readings, repeat(last[0]))

    def health(self) -> Health:
        self._answer()
        return self.now

    def read(self) -> Reading:
        self._answer()
        self.looks += 1
        return next(self._readings)

    def _answer(self) -> None:
        if self.lost:
            raise DeviceError("NVML: GPU is lost")


class PlayedEvents:
    """Tells of faults one after the other, then of none; an error in their place is raised."""

    def __init__(self, *told: int | DeviceError, then: Callable[[], None] = lambda: None) -> None:
        self._told = list(told)
        self._then = then

    def next_xid(self, timeout_seconds: float) -> int | None:
        if not self._told:
            self._then()
            threading.Event().wait(timeout_seconds)
            return None
        told = self._told.pop(0)
        if isinstance(told, DeviceError):
            raise told
        return told
