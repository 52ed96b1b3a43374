"""Looks at devices again and again while they serve, from a thread that ends with its process.

A look costs the driver some hundred microseconds to milliseconds, so the pause between looks is at
least a multiple of what one costs: measuring must not disturb what is measured.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from deploytune_trial.devices.readings import Device, DeviceError, Reading

_INTERVAL_SECONDS = 0.1
_PAUSE_PER_COST = 25  # looking may take a 26th of one core


@dataclass
class Recording:
    """The readings of each device, in the order of the devices."""

    series: list[list[Reading]] = field(default_factory=list)

    def forget(self) -> None:
        """Drop what was read so far."""
        for readings in self.series:
            readings.clear()


class DeviceSampler:
    """Keeps the peak of every device's memory, and records readings when it is asked to."""

    def __init__(self, devices: Sequence[Device], when_lost: Callable[[DeviceError], None]) -> None:
        """Look at `devices`; `when_lost` is called, once, when one does not answer any more."""
        self._devices = devices
        self._when_lost = when_lost
        self._peaks: list[int | None] = [None] * len(devices)
        self._recording: Recording | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look_for_ever, name="devices", daemon=True)

    @property
    def peaks_bytes(self) -> tuple[int | None, ...]:
        """The most that each device has held, None where it does not tell."""
        return tuple(self._peaks)

    def start(self) -> None:
        """Begin to look; without devices there is nothing to look at."""
        if self._devices:
            self._thread.start()

    @contextmanager
    def recording(self) -> Iterator[Recording]:
        """Record what is seen inside, with one look at its beginning and one at its end.

        Raises:
            DeviceError: a device does not answer any more.
        """
        recording = Recording([[] for _ in self._devices])
        self._recording = recording
        try:
            self._look()
            yield recording
            self._look()
        finally:
            self._recording = None

    def _look_for_ever(self) -> None:
        while True:
            began = time.perf_counter()
            try:
                self._look()
            except DeviceError as error:
                self._when_lost(error)
                return
            cost = time.perf_counter() - began
            time.sleep(max(_INTERVAL_SECONDS, _PAUSE_PER_COST * cost))

    def _look(self) -> None:
        with self._lock:
            for number, device in enumerate(self._devices):
                reading = device.read()
                if reading.used_bytes is not None:
                    self._peaks[number] = max(self._peaks[number] or 0, reading.used_bytes)
                if self._recording is not None:
                    self._recording.series[number].append(reading)
