"""The CUDA devices that this process sees, asked of the driver itself."""

from __future__ import annotations

import ctypes

_DRIVER = "libcuda.so.1"
_SUCCESS = 0


def visible_cuda_devices() -> int:
    """Return how many CUDA devices there are; 0 where there is no driver or it fails."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return 0
    count = ctypes.c_int()
    found = (
        driver.cuInit(0) == _SUCCESS and driver.cuDeviceGetCount(ctypes.byref(count)) == _SUCCESS
    )
    return count.value if found else 0
