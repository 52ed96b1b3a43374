"""What a build that runs on an accelerator needs, checked before any time is spent on it.

Whose fault it is that no device is seen depends on whether the pool asks for one: a device that was
promised and is not there is the node's fault, one that nobody asked for the user's.
"""

from __future__ import annotations

from deploytune_trial.build.variants import Variant
from deploytune_trial.devices.driver import visible_cuda_devices
from deploytune_trial.failures import TrialFailure, bad_parameter, hardware_fault


def check_device(variant: Variant, parameter: str, value: str) -> None:
    """Refuse to build for a device where none is seen.

    Raises:
        TrialFailure: Infrastructure where the pool asks for accelerators, else Misconfigured.
    """
    failure = why_no_device(visible_cuda_devices(), variant.accelerators, parameter, value)
    if failure is not None:
        raise failure


def why_no_device(visible: int, promised: int, parameter: str, value: str) -> TrialFailure | None:
    """Return the failure of a build that needs a device, by how many are seen and were promised."""
    if visible > 0:
        return None
    if promised > 0:
        return hardware_fault(f"no CUDA device is found, the pool asks for {promised}")
    rule = "needs a CUDA device, none is found: give the pool resources.accelerators"
    return bad_parameter(parameter, rule, value)
