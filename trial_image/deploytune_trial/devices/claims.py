"""The devices of one trial, from its first look at them to its last figure.

Without devices asked for there is nothing here: the library is not even opened.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from deploytune.contract.metrics import metric_key
from deploytune.contract.request import TrialRequest
from deploytune_trial.devices.choosing import VISIBLE_VARIABLE, choose, visible_devices
from deploytune_trial.devices.figures import figures_of_clocks, figures_under_load, peak_memory_mib
from deploytune_trial.devices.fitness import (
    MIB,
    Found,
    why_broken_since,
    why_busy,
    why_not_visible,
    why_too_few,
    why_unfit,
)
from deploytune_trial.devices.readings import Device, DeviceError, Identity, Reading
from deploytune_trial.devices.sampling import DeviceSampler, Recording
from deploytune_trial.devices.watching import Events, FaultWatch
from deploytune_trial.failures import TrialFailure, hardware_fault, missing_dependency

Fact = str | int | float
WhenBroken = Callable[[TrialFailure], None]

_SETTLE_SECONDS = 10.0
"""How long the process that had a device before may take to let go of it."""
_LOOK_AGAIN_SECONDS = 0.25


class ClaimedDevices:
    """Devices that a trial holds; `found` is what each was like before it began."""

    def __init__(
        self,
        devices: Sequence[Device],
        found: Sequence[Found],
        open_events: Callable[[], Events] | None = None,
    ) -> None:
        """Hold `devices`, in the order of `found`; `open_events` begins to tell of their faults."""
        self._devices = devices
        self._found = found
        self._open_events = open_events
        self._when_broken: WhenBroken | None = None
        self._watch: FaultWatch | None = None
        self._sampler = DeviceSampler(devices, self._lose)
        self._under_load: list[list[Reading]] = [[] for _ in devices]

    @property
    def identities(self) -> list[Identity]:
        """What the devices are, in their order."""
        return [found.identity for found in self._found]

    def watch(self, when_broken: WhenBroken) -> None:
        """Call `when_broken`, from another thread, when a device cannot go on."""
        self._when_broken = when_broken
        if self._open_events is not None:
            try:
                self._watch = FaultWatch(self._open_events(), when_broken)
            except DeviceError:
                return  # the driver tells nothing to this process; a failure looks for itself

    def show_to_children(self) -> None:
        """Let processes that this one starts see these devices alone."""
        if self._devices:
            os.environ[VISIBLE_VARIABLE] = visible_devices(self._devices)

    def begin_serving(self) -> None:
        """Begin to look at the devices."""
        self._sampler.start()

    @contextmanager
    def under_load(self) -> Iterator[Recording]:
        """Record one load's measurement.

        Raises:
            TrialFailure: a device does not answer any more.
        """
        try:
            with self._sampler.recording() as recording:
                yield recording
        except DeviceError as error:
            raise hardware_fault(str(error)) from error
        for all_of_device, series in zip(self._under_load, recording.series, strict=True):
            all_of_device.extend(series)

    def figures_of_load(self, load: str, recording: Recording, inferences: int) -> dict[str, float]:
        """Return a load's figures by metric key; `inferences` are those of its measurement."""
        figures = figures_under_load(recording.series, inferences)
        return {metric_key(name, load): value for name, value in figures.items()}

    def figures(self) -> dict[str, float]:
        """Return the figures of the whole trial so far."""
        clocks = figures_of_clocks(
            self._under_load, [found.identity.highest_clock_mhz for found in self._found]
        )
        peak = peak_memory_mib(
            self._sampler.peaks_bytes, [found.idle.used_bytes for found in self._found]
        )
        return clocks if peak is None else {**clocks, "gpu_memory_mib": peak}

    def fault_behind(self) -> TrialFailure | None:
        """Return the fault of a device that a failure comes from, None if none is to be seen."""
        told = None if self._watch is None else self._watch.explanation()
        return told or self._fault_seen()

    def facts(self) -> dict[str, Fact]:
        """Return what the devices are, how they were found, and the faults told of since."""
        if not self._found:
            return {}
        xids = () if self._watch is None else self._watch.xids
        faults: dict[str, Fact] = {"deviceXids": ",".join(map(str, xids))} if xids else {}
        return {**facts_of(self._found), **faults}

    def _fault_seen(self) -> TrialFailure | None:
        try:
            seen = (
                why_broken_since(found, device.health())
                for device, found in zip(self._devices, self._found, strict=True)
            )
            return next(filter(None, seen), None)
        except DeviceError as error:
            return hardware_fault(str(error))

    def _lose(self, error: DeviceError) -> None:
        if self._when_broken is not None:
            self._when_broken(hardware_fault(str(error)))


NO_DEVICES = ClaimedDevices((), ())


def claim_devices(
    request: TrialRequest, *, may_be_shared: bool, variables: Mapping[str, str] = os.environ
) -> ClaimedDevices:
    """Return the devices that a trial was promised, fit to begin with.

    Raises:
        TrialFailure: Infrastructure/HardwareFault: too few are visible, or one is broken or in use;
            Misconfigured: the package that speaks to the driver is not installed.
    """
    asked = request.resources.nvidia_devices
    if asked == 0:
        return NO_DEVICES
    try:
        from deploytune_trial.devices.nvml import FaultEvents, open_devices
    except ModuleNotFoundError as error:
        raise missing_dependency("nvidia-ml-py", "pip install 'deploytune[trial]'") from error
    try:
        devices = choose(open_devices(), asked, variables.get(VISIBLE_VARIABLE))
    except DeviceError as error:
        raise why_not_visible(asked, str(error)) from error
    failure = why_too_few(asked, len(devices))
    if failure is not None:
        raise failure
    found = _find(devices, may_be_shared=may_be_shared)
    failure = why_unfit(found, may_be_shared=may_be_shared)
    if failure is not None:
        raise failure
    return ClaimedDevices(devices, found, lambda: FaultEvents(devices))


def facts_of(found: Sequence[Found]) -> dict[str, Fact]:
    """Return what devices are and how they were found."""
    first = found[0].identity
    idle = [device.idle.used_bytes for device in found]
    facts: dict[str, Fact | None] = {
        "devices": len(found),
        "deviceProduct": ", ".join(dict.fromkeys(one.identity.product for one in found)),
        "deviceDriver": first.driver,
        "deviceCuda": first.cuda,
        "deviceComputeCapability": first.compute_capability,
        "deviceMig": first.mig_profile,
        "deviceMemoryMib": None if first.memory_bytes is None else first.memory_bytes // MIB,
        "deviceIdleMib": sum(used or 0 for used in idle) // MIB if any(idle) else None,
        "deviceInUse": next(filter(None, (why_busy(one.idle) for one in found)), None),
        "deviceRowsPending": True if any(one.health.is_pending for one in found) else None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _find(devices: Sequence[Device], *, may_be_shared: bool) -> list[Found]:
    """Look at devices, again while one is in use that may still be let go of."""
    until = time.monotonic() + (0.0 if may_be_shared else _SETTLE_SECONDS)
    while True:
        try:
            found = [Found(device.identity, device.health(), device.read()) for device in devices]
        except DeviceError as error:
            raise hardware_fault(str(error)) from error
        if time.monotonic() >= until or not any(why_busy(one.idle) for one in found):
            return found
        time.sleep(_LOOK_AGAIN_SECONDS)
