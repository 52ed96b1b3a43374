"""What a built variant is tied to beside its inputs: this machine's devices and its libraries.

An engine holds on the product, the MIG profile and the driver it was built with; code that a
compiler made for one CPU may not run on another.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deploytune_trial.devices.driver import visible_cuda_devices
from deploytune_trial.devices.readings import DeviceError, Identity

_CPU_INFO = Path("/proc/cpuinfo")
_DISTRIBUTIONS = (
    "deploytune",
    "ml_dtypes",
    "numpy",
    "nvidia-modelopt",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxscript",
    "tensorrt",
    "tensorrt-cu12",
    "tensorrt-cu12-bindings",
    "tensorrt-cu13",
    "tensorrt-cu13-bindings",
    "torch",
    "torchao",
)
_IMAGE_VERSIONS = (
    "CUDA_VERSION",
    "NVIDIA_TRITON_SERVER_VERSION",
    "TENSORRT_VERSION",
    "TRT_VERSION",
)
"""Variables in which NVIDIA's images say what they hold beside Python packages."""


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of what builds and runs variants, as far as it is installed."""
    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, **{name: os.environ[name] for name in _IMAGE_VERSIONS if name in os.environ}}


def devices(claimed: Sequence[Identity]) -> dict[str, str | list[str]]:
    """Return the CPU, and the products of the GPUs with their driver.

    The GPUs are those that the trial holds. A trial that asked for none may use what it sees.
    """
    return {**_cpu(), **(gpus_of(claimed) if claimed else _visible_gpus())}


def gpus_of(identities: Sequence[Identity]) -> dict[str, str | list[str]]:
    """Return the GPUs' products and MIG profiles, and their driver; nothing for none."""
    products = [f"{one.product} {one.mig_profile or ''}".strip() for one in identities]
    return {"gpus": products, "driver": identities[0].driver} if identities else {}


def cpu_of(cpu_info: str) -> dict[str, str]:
    """Return the CPU that a text such as /proc/cpuinfo describes, by its name and its abilities."""
    first = cpu_info.partition("\n\n")[0].splitlines()
    fields = {
        name.strip(): value.strip()
        for name, colon, value in (line.partition(":") for line in first)
        if colon
    }
    abilities = sorted(fields.get("flags", fields.get("Features", "")).split())
    return {
        "cpu": fields.get("model name", platform.machine()),
        "cpuAbilities": hashlib.sha256(" ".join(abilities).encode()).hexdigest(),
    }


@cache
def _cpu() -> dict[str, str]:
    return cpu_of(_CPU_INFO.read_text())


@cache
def _visible_gpus() -> dict[str, str | list[str]]:
    if not visible_cuda_devices():
        return {}
    from deploytune_trial.devices.nvml import open_devices

    try:
        return gpus_of([device.identity for device in open_devices()])
    except DeviceError as error:
        # Sure to be unlike every other machine: nothing is shared that cannot be told apart.
        return {"gpus": [f"unknown ({error})"], "driver": f"{os.getpid()}@{sys.maxsize}"}
