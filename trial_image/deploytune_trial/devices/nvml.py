"""NVIDIA's management library, as thin as can be: no decision is made here.

What a device or a driver does not support, or what a container may not ask, is None. A device that
is lost is an error that says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import pynvml

from deploytune_trial.devices.readings import DeviceError, Health, Identity, Reading

_Value = TypeVar("_Value")

_MIG_PROFILE = re.compile(r" MIG (\S+)$")
_MILLI = 1000.0
_PERCENT = 100.0
_CUDA_MAJOR, _CUDA_MINOR = 1000, 10

_HELD_DOWN = (
    pynvml.nvmlClocksEventReasonSwPowerCap
    | pynvml.nvmlClocksEventReasonHwSlowdown
    | pynvml.nvmlClocksEventReasonSwThermalSlowdown
    | pynvml.nvmlClocksEventReasonHwThermalSlowdown
    | pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown
)
"""Heat and power; an idle device and clocks that somebody has set are no throttling."""

_FAULT_EVENTS = pynvml.nvmlEventTypeXidCriticalError | pynvml.nvmlEventTypeDoubleBitEccError
_ANY_INSTANCE = 0xFFFFFFFF
_DOUBLE_BIT_XID = 48

_GONE = (pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED)


class NvmlDevice:
    """A whole device, or a slice of `parent`."""

    def __init__(self, handle: Any, parent: Any | None) -> None:
        """Take handles of the library, which is open."""
        self._handle = handle
        self._parent = parent
        self.whole = handle if parent is None else parent
        self.identity = self._identify()
        self.instance = (
            None if parent is None else _asked(pynvml.nvmlDeviceGetGpuInstanceId, handle)
        )

    def health(self) -> Health:
        """Return what it says of its own state.

        Raises:
            DeviceError: it does not answer any more.
        """
        rows = _asked(pynvml.nvmlDeviceGetRemappedRows, self.whole)
        action = _asked(_recovery_action, self.whole)
        return Health(
            has_failed_remapping=None if rows is None else bool(rows[3]),
            is_pending=None if rows is None else bool(rows[2]),
            needs_recovery=None
            if action is None
            else action != pynvml.NVML_GPU_RECOVERY_ACTION_NONE,
        )

    def read(self) -> Reading:
        """Look at it now.

        Raises:
            DeviceError: it does not answer any more.
        """
        exact = _asked(pynvml.nvmlDeviceGetMemoryInfo, self._handle, pynvml.nvmlMemory_v2)
        memory = exact or _asked(pynvml.nvmlDeviceGetMemoryInfo, self._handle)
        reasons = _asked(pynvml.nvmlDeviceGetCurrentClocksEventReasons, self.whole)
        return Reading(
            at=time.monotonic(),
            used_bytes=None if memory is None else int(memory.used),
            is_exact=exact is not None,
            utilisation=self._of_whole(
                lambda handle: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / _PERCENT
            ),
            power_watts=self._of_whole(
                lambda handle: pynvml.nvmlDeviceGetPowerUsage(handle) / _MILLI
            ),
            energy_joules=self._of_whole(
                lambda handle: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / _MILLI
            ),
            clock_mhz=_asked(pynvml.nvmlDeviceGetClockInfo, self.whole, pynvml.NVML_CLOCK_SM),
            is_throttled=None if reasons is None else bool(reasons & _HELD_DOWN),
        )

    def _of_whole(self, ask: Callable[[Any], _Value]) -> _Value | None:
        """Ask a whole device; of a slice it would be what its neighbours do."""
        return None if self._parent is not None else _asked(ask, self._handle)

    def _identify(self) -> Identity:
        name = str(_asked(pynvml.nvmlDeviceGetName, self._handle) or "unknown")
        cuda = _asked(pynvml.nvmlSystemGetCudaDriverVersion)
        capability = _asked(pynvml.nvmlDeviceGetCudaComputeCapability, self.whole)
        memory = _asked(pynvml.nvmlDeviceGetMemoryInfo, self._handle)
        profile = _MIG_PROFILE.search(name)
        return Identity(
            uuid=str(_asked(pynvml.nvmlDeviceGetUUID, self._handle) or "unknown"),
            product=_MIG_PROFILE.sub("", name),
            driver=str(_asked(pynvml.nvmlSystemGetDriverVersion) or "unknown"),
            cuda=None if cuda is None else _cuda_version(cuda),
            compute_capability=None if capability is None else ".".join(map(str, capability)),
            mig_profile=None if profile is None else profile[1],
            memory_bytes=None if memory is None else int(memory.total),
            highest_clock_mhz=_asked(
                pynvml.nvmlDeviceGetMaxClockInfo, self.whole, pynvml.NVML_CLOCK_SM
            ),
        )


class FaultEvents:
    """The faults of some devices, from now on."""

    def __init__(self, devices: Sequence[NvmlDevice]) -> None:
        """Ask the driver to tell of them.

        Raises:
            DeviceError: it does not, to this process.
        """
        self._instances = {device.instance for device in devices}
        try:
            self._set = pynvml.nvmlEventSetCreate()
            for whole in {id(device.whole): device.whole for device in devices}.values():
                told = pynvml.nvmlDeviceGetSupportedEventTypes(whole) & _FAULT_EVENTS
                pynvml.nvmlDeviceRegisterEvents(whole, told, self._set)
        except pynvml.NVMLError as error:
            raise DeviceError(str(error)) from error

    def next_xid(self, timeout_seconds: float) -> int | None:
        """Return the number of the next fault, None if there is none in time.

        Raises:
            DeviceError: the devices do not answer any more.
        """
        try:
            event = pynvml.nvmlEventSetWait_v2(self._set, int(timeout_seconds * _MILLI))
        except pynvml.NVMLError as error:
            if error.value == pynvml.NVML_ERROR_TIMEOUT:
                return None
            raise DeviceError(str(error)) from error
        if not self._concerns_us(event.gpuInstanceId):
            return None
        is_xid = event.eventType == pynvml.nvmlEventTypeXidCriticalError
        return int(event.eventData) if is_xid else _DOUBLE_BIT_XID

    def _concerns_us(self, instance: int) -> bool:
        return instance == _ANY_INSTANCE or not self._instances.isdisjoint({None, instance})


def open_devices() -> list[NvmlDevice]:
    """Return the devices that this process can see, slices in place of a device that has them.

    Raises:
        DeviceError: the library or the driver is not there, or a device does not answer any more.
    """
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        return [
            device
            for index in range(count)
            for device in _slices_or_whole(pynvml.nvmlDeviceGetHandleByIndex(index))
        ]
    except pynvml.NVMLError as error:
        raise DeviceError(f"NVML: {error}") from error


def _slices_or_whole(handle: Any) -> Iterator[NvmlDevice]:
    mode = _asked(pynvml.nvmlDeviceGetMigMode, handle)
    if mode is None or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
        yield NvmlDevice(handle, None)
        return
    for index in range(_asked(pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        part = _asked(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        if part is not None:
            yield NvmlDevice(part, handle)


def _recovery_action(handle: Any) -> int | None:
    (value,) = pynvml.nvmlDeviceGetFieldValues(handle, [pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION])
    return int(value.value.uiVal) if value.nvmlReturn == pynvml.NVML_SUCCESS else None


def _cuda_version(number: int) -> str:
    return f"{number // _CUDA_MAJOR}.{number % _CUDA_MAJOR // _CUDA_MINOR}"


def _asked(ask: Callable[..., _Value], *arguments: Any) -> _Value | None:
    """Return the answer, None where there is none to be had."""
    try:
        return ask(*arguments)
    except pynvml.NVMLError as error:
        if error.value in _GONE:
            raise DeviceError(f"NVML: {error}") from error
        return None
