"""What a trial is asked to do: JSON in the environment variable DEPLOYTUNE_TRIAL."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from deploytune.contract.limits import Limit
from deploytune.contract.models import ContractModel, Name, ScalarField
from deploytune.contract.workload import Workload

CONTRACT_VERSION = 1
"""Version of request and report. Both sides accept one version more or less."""

REQUEST_VARIABLE = "DEPLOYTUNE_TRIAL"
TERMINATION_LOG_VARIABLE = "DEPLOYTUNE_TERMINATION_LOG"
SCRATCH_VARIABLE = "DEPLOYTUNE_SCRATCH"
MEASURE_LOCK_VARIABLE = "DEPLOYTUNE_MEASURE_LOCK"
PORTS_VARIABLE = "DEPLOYTUNE_PORTS"
REPOSITORY_VARIABLE = "DEPLOYTUNE_REPOSITORY"
SHARED_MEMORY_PREFIX_VARIABLE = "DEPLOYTUNE_SHM_PREFIX"
ARTEFACT_CACHE_VARIABLE = "DEPLOYTUNE_ARTEFACT_CACHE"
ARTEFACT_CACHE_BYTES_VARIABLE = "DEPLOYTUNE_ARTEFACT_CACHE_BYTES"

Seconds = Annotated[float, Field(gt=0, le=7 * 86400)]

_NVIDIA_DEVICE = re.compile(r"nvidia\.com/(gpu|mig-)")


class StageDeadlines(ContractModel):
    """Seconds each stage may take before the trial's own watchdog ends it as TimedOut."""

    load: Seconds = Field(default=60.0, description="seconds to read the model and the data")
    build: Seconds = Field(default=1800.0, description="seconds to build the variant")
    serve: Seconds = Field(default=120.0, description="seconds until Triton is ready")
    warm_up: Seconds = Field(default=120.0, description="seconds until windows agree")
    verify: Seconds = Field(default=600.0, description="seconds to check outputs and accuracy")
    measure: Seconds = Field(default=600.0, description="seconds to measure under all loads")


class Resources(ContractModel):
    """What a trial may use: CPUs (cores) and memory (bytes) of its whole process tree, and devices.

    `accelerators` are the extended resources that were asked for, by name: a trial that finds fewer
    devices must not run without them. `shared_devices` says that others may use them, too.
    """

    cpus: float | None = Field(default=None, gt=0, le=4096)
    memory_bytes: int | None = Field(default=None, gt=0)
    accelerators: dict[str, Annotated[int, Field(ge=1, le=64)]] = Field(
        default_factory=dict, max_length=8
    )
    shared_devices: bool = False

    @property
    def nvidia_devices(self) -> int:
        """How many GPUs of NVIDIA were asked for, whole ones and slices."""
        return sum(n for name, n in self.accelerators.items() if _NVIDIA_DEVICE.match(name))


class TrialRequest(ContractModel):
    """One attempt of one trial.

    `limits` and `objectives` hold metric keys (`metric@load`): all of them must be measured.
    `run_deadline_seconds` bounds all stages together, time spent waiting for the machine's
    measurement lock not counted. `measure_afresh` asks for every figure to be measured again,
    whatever earlier trials have found of the same build.
    """

    version: int = CONTRACT_VERSION
    trial: Name
    index: int = Field(ge=0)
    attempt: int = Field(ge=0)
    seed: int = Field(ge=0, lt=2**63)
    parameters: dict[str, ScalarField] = Field(max_length=64)
    workload: Workload
    objectives: tuple[str, ...] = Field(min_length=1, max_length=8)
    limits: tuple[Limit, ...] = Field(default=(), max_length=32)
    run_deadline_seconds: Seconds = 3600.0
    stage_deadlines: StageDeadlines = StageDeadlines()
    latency_abort_factor: float = Field(default=5.0, gt=1, le=1000)
    resources: Resources = Resources()
    measure_afresh: bool = False
