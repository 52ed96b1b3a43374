"""What to build: the parameters of the build stage, with what absent ones mean filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from deploytune.contract.builders import BUILDERS, CALIBRATED, backend_of, value_of
from deploytune.contract.models import Scalar
from deploytune.contract.request import TrialRequest
from deploytune_trial.build.calibration import Calibration
from deploytune_trial.cgroup import ControlGroup
from deploytune_trial.models.interface import ModelInterface
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.loading import pick_source
from deploytune_trial.models.probing import PROBE_BATCH
from deploytune_trial.serving import Serving


@dataclass(frozen=True)
class Variant:
    """One variant of a model; `calibration` is set for calibrated precisions alone.

    `options` are the builder's parameters that are given or mean something where they are absent.
    `batches` are the smallest batch it must take, the one it should be fastest at, and the largest.
    A batch of `proof_batch` samples proves that the built variant runs.
    """

    backend: str
    precision: str
    options: Mapping[str, Scalar]
    serving: Serving
    batches: tuple[int, int, int]
    proof_batch: int
    accelerators: int = 0
    calibration: Calibration | None = None

    @classmethod
    def of(cls, request: TrialRequest, model: LoadedModel) -> Self:
        """Read the parameters of a request that `load_model` has checked.

        Raises:
            TrialFailure: Misconfigured, for calibration data that is missing or does not suit.
        """
        source = pick_source(request.workload, model.name)
        backend = backend_of(request.parameters, source)
        options = {
            name: value
            for name in BUILDERS[backend].parameters
            if (value := value_of(name, request.parameters, source)) is not None
        }
        precision = str(options["precision"])
        serving = Serving.choose(request, model.interface, ControlGroup().cpus())
        batches = batch_range(model.interface, serving, request.workload.request_batch)
        return cls(
            backend=backend,
            precision=precision,
            options=options,
            serving=serving,
            batches=batches,
            proof_batch=min(max(PROBE_BATCH, batches[0]), batches[2]),
            accelerators=request.resources.nvidia_devices,
            calibration=Calibration.of(request, model.interface, precision)
            if precision in CALIBRATED
            else None,
        )

    def text(self, name: str) -> str:
        """Return an option that is a word."""
        return str(self.options[name])


def batch_range(
    interface: ModelInterface, serving: Serving, request_batch: int
) -> tuple[int, int, int]:
    """Return the smallest batch that is served, the one to be fastest at, and the largest.

    Batches grow with the load, and a limit is missed under load: so the largest is the one to be
    fastest at. A model that fixes its batch axis has one batch only.
    """
    if not interface.batched:
        return request_batch, request_batch, request_batch
    return 1, serving.max_batch_size, serving.max_batch_size


def common_settings(variant: Variant, interface: ModelInterface) -> dict[str, Any]:
    """Return the settings that a served model of either backend reads."""
    return {
        **interface.to_json(),
        "backend": variant.backend,
        "precision": variant.precision,
        "intra_op_threads": variant.serving.intra_op_threads,
        "allow_spinning": variant.serving.allow_spinning,
    }
