"""Build the variant that a request asks for, with the builder of its backend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deploytune.contract.outcomes import Cause
from deploytune.contract.request import TrialRequest
from deploytune_trial.build.artefacts import Artefact, read_build_result
from deploytune_trial.build.variants import Variant
from deploytune_trial.failures import failing_as
from deploytune_trial.models.loaded import LoadedModel

__all__ = ["Artefact", "build", "read_build_result"]

Builder = Callable[[Variant, LoadedModel, Path], Artefact]


def build(request: TrialRequest, model: LoadedModel, folder: Path) -> Artefact:
    """Build into an empty `folder`, load the result once, and run one batch through it.

    Raises:
        TrialFailure: Crashed/BuildFailed or Crashed/Unsupported with the library's reason, or
            Misconfigured where the request cannot be built at all.
    """
    variant = Variant.of(request, model)
    with failing_as(Cause.BUILD_FAILED, f"{variant.precision} of {model.name}"):
        return _BUILDERS[variant.backend]()(variant, model, folder)


def _onnx_builder() -> Builder:
    from deploytune_trial.build.onnx.builder import build_onnx

    return build_onnx


def _pytorch_builder() -> Builder:
    from deploytune_trial.build.pytorch.builder import build_pytorch

    return build_pytorch


def _tensorrt_builder() -> Builder:
    from deploytune_trial.build.tensorrt.builder import build_engine

    return build_engine


_BUILDERS: dict[str, Callable[[], Builder]] = {
    "onnxruntime": _onnx_builder,
    "pytorch": _pytorch_builder,
    "tensorrt": _tensorrt_builder,
}
