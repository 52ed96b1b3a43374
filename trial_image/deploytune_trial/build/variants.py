"""What to build: the parameters of the build stage, with what absent ones mean filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from deploytune.contract.request import TrialRequest
from deploytune_trial.build.calibration import Calibration
from deploytune_trial.cgroup import ControlGroup
from deploytune_trial.models.interface import ModelInterface
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.probing import PROBE_BATCH
from deploytune_trial.parameters import BUILD_DEFAULTS, STATIC_INT8, backend_of
from deploytune_trial.serving import Serving


@dataclass(frozen=True)
class Variant:
    """One variant of a model; `calibration` is set for int8-static alone.

    A batch of `proof_batch` samples proves that the built variant runs.
    """

    backend: str
    precision: str
    graph_optimization: str
    compile: str
    serving: Serving
    proof_batch: int
    calibration: Calibration | None

    @classmethod
    def of(cls, request: TrialRequest, model: LoadedModel) -> Self:
        """Read the parameters of a request that `load_model` has checked.

        Raises:
            TrialFailure: Misconfigured, for calibration data that is missing or does not suit.
        """
        chosen = {
            name: request.parameters.get(name, BUILD_DEFAULTS[name]) for name in BUILD_DEFAULTS
        }
        precision = str(chosen["precision"])
        calibrated = precision == STATIC_INT8
        return cls(
            backend=backend_of(request.parameters, is_python=model.is_python),
            precision=precision,
            graph_optimization=str(chosen["graphOptimization"]),
            compile=str(chosen["compile"]),
            serving=Serving.choose(request, model.interface, ControlGroup().cpus()),
            proof_batch=PROBE_BATCH if model.interface.batched else request.workload.request_batch,
            calibration=Calibration.of(request, model.interface) if calibrated else None,
        )


def common_settings(variant: Variant, interface: ModelInterface) -> dict[str, Any]:
    """Return the settings that a served model of either backend reads."""
    return {
        **interface.to_json(),
        "backend": variant.backend,
        "precision": variant.precision,
        "intra_op_threads": variant.serving.intra_op_threads,
        "allow_spinning": variant.serving.allow_spinning,
    }
