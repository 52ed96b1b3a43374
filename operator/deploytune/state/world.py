"""What there is: a tuning, its trials, and the attempts that run or have ended.

Adapters of the runtime gather it; everything else in `state/` only reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from deploytune.api.trial import NodeDevices, TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.stages import Stage
from deploytune.state.preflight.findings import Finding


class EndedBy(StrEnum):
    """Who ended an attempt that did not end by itself, or kept it from starting."""

    NOBODY = "Nobody"
    RUN_DEADLINE = "RunDeadline"
    MEMORY_LIMIT = "MemoryLimit"
    REQUEST = "Request"
    LOST_OWNER = "LostOwner"
    DISRUPTION = "Disruption"
    """Evicted, preempted, refused by the kubelet, lost with its node, or deleted by others."""
    DEVICE = "Device"
    """The container could not be given its accelerator."""
    OWN_DISK = "OwnDisk"
    """Evicted for more ephemeral storage than its own limit."""
    COMMAND = "Command"
    """The container's command cannot be started."""
    SETTING = "Setting"
    """Something the Pod names is not there or not allowed, and its deadline came first."""


class WaitKind(StrEnum):
    """Why an attempt that was started does not run yet."""

    STARTING = "Starting"
    """Scheduled; nothing is known to be wrong."""
    GATED = "Gated"
    """Held by a scheduling gate, such as Kueue's: the start deadline stands still."""
    UNSCHEDULABLE = "Unschedulable"
    IMAGE = "Image"
    """The image cannot be pulled."""
    CONTAINER_CONFIG = "ContainerConfig"
    """A Secret or ConfigMap key is missing, or the container cannot be made as the Pod says."""
    VOLUME = "Volume"
    """A volume cannot be mounted."""


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, as the runtime saw it.

    `exit_code` is negative for a signal (-9 is SIGKILL) and None when it is not known; `message` is
    the raw termination message; `out_of_memory` says that the kernel or the memory watchdog killed
    any process of the attempt.
    """

    exit_code: int | None
    ended_by: EndedBy
    out_of_memory: bool
    message: bytes
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class Wait:
    """Why an attempt does not run yet, in the cluster's own words, and since when."""

    kind: WaitKind
    message: str
    since: datetime


@dataclass(frozen=True)
class Place:
    """Where the cluster runs an attempt.

    `template` is the digest of the mutable part of the tuning that its Pod was made from
    (`state/pods/template.py`); `image_id` is what the image's name stood for, None until the
    container has started. `devices` is what its node's labels say, None where the attempt asks for
    none or has no node; `not_exclusive` says why it may not be measured there.
    """

    pod: str
    node: str | None = None
    image_id: str | None = None
    template: str | None = None
    is_being_deleted: bool = False
    devices: NodeDevices | None = None
    not_exclusive: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One attempt of a trial; `ending` is None while it runs, `stage` the last it began by then.

    `started_at` is when it took hold of its resources: as a process, when it began; as a Pod, when
    it was bound to a node, or created if it is not. `wait` is None once it runs. `place` is None
    on this machine.
    """

    trial_index: int
    attempt: int
    started_at: datetime
    ending: Ending | None = None
    stage: Stage | None = None
    wait: Wait | None = None
    place: Place | None = None

    @property
    def is_bound(self) -> bool:
        """Whether it holds its resources: as a Pod, once it has a node."""
        return self.place is None or self.place.node is not None

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, None while it runs."""
        return (
            None
            if self.ending is None
            else self.started_at + timedelta(seconds=self.ending.seconds)
        )


@dataclass(frozen=True)
class Refusal:
    """The cluster refused to create a Pod of a pool: a quota, an admission rule, a bad name."""

    pool: str
    message: str
    refused_at: datetime
    times: int = 1


@dataclass(frozen=True)
class World:
    """Everything one pass decides on.

    `attempts` holds those of unfinished trials at least. `resumed_at` is when this run began: what
    was misconfigured before may have been mended since. Where `waits_for_mending`, a misconfigured
    trial makes the tuning wait and say so; where not, it ends the run. `refusals` holds at most one
    for each pool, until a Pod of the pool was created. `foreseen` is what a look at the cluster
    before the first Pod has found.
    """

    tuning: DeploymentTuning
    trials: tuple[TuningTrial, ...]
    attempts: tuple[Attempt, ...]
    now: datetime
    parallel_trials: int
    resumed_at: datetime
    waits_for_mending: bool = False
    refusals: tuple[Refusal, ...] = ()
    foreseen: tuple[Finding, ...] = ()
