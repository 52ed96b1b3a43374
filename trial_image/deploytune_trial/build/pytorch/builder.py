"""Build a torch variant: weights in the precision asked for, proved by the served model's runner.

A compiled variant takes the compiler's results along, so that serving it does not compile again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from deploytune.contract.outcomes import Cause
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.build.variants import Variant, common_settings
from deploytune_trial.failures import crashed, failing_as, missing_dependency
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.triton.served_model.torch_runner import (
    COMPILED_FILE,
    FLOATS,
    WEIGHTS_FILE,
    Runner,
)


def build_pytorch(variant: Variant, model: LoadedModel, folder: Path) -> Artefact:
    """Build one variant of a torch module into `folder`.

    Raises:
        TrialFailure: Crashed/BuildFailed or Crashed/Unsupported, or torchao is missing.
    """
    assert model.python_function is not None
    module = model.python_function().eval()
    _CONVERSIONS[variant.precision](module)
    weights = module.state_dict()
    if not _has_precision(weights, variant.precision):
        raise crashed(
            Cause.UNSUPPORTED, f"the model has nothing that {variant.precision} would change"
        )
    torch.save(weights, folder / WEIGHTS_FILE)
    settings = {
        **common_settings(variant, model.interface),
        "source": model.source,
        "python_path": python_path(),
        "compile": variant.text("compile"),
    }
    how = variant.text("compile")
    with failing_as(Cause.UNSUPPORTED, f"{variant.precision} of {model.name}, {how}"):
        _prove(folder, settings, model, variant)
    names = [name for name in (WEIGHTS_FILE, COMPILED_FILE) if (folder / name).exists()]
    files = {name: folder / name for name in names}
    size = sum(path.stat().st_size for path in files.values())
    facts = {"provider": "torch", "torchVersion": torch.__version__}
    return Artefact(variant.backend, files, settings, model.interface, size, facts)


def python_path() -> list[str]:
    """Return where this process finds modules beside those of its interpreter.

    A served model is told nothing of it: Triton's stub ignores PYTHONPATH.
    """
    own = (sys.prefix, sys.base_prefix)
    paths = [str(Path(path).absolute()) for path in sys.path]  # "" is the working folder
    return [path for path in paths if not path.startswith(own)]


def _prove(folder: Path, settings: dict[str, Any], model: LoadedModel, variant: Variant) -> None:
    runner = Runner(folder, settings)
    # A batch of one is compiled on its own, all others together.
    for batch in (1, variant.proof_batch):
        runner.run(synthetic_samples(model.interface.inputs, batch))
    if variant.text("compile") == "Compiled":
        saved = torch.compiler.save_cache_artifacts()
        if saved is not None:
            (folder / COMPILED_FILE).write_bytes(saved[0])


def _keep(_: Any) -> None:
    """Leave a module in the precision it has."""


def _narrow(precision: str) -> Callable[[Any], None]:
    return lambda module: module.to(FLOATS[precision])


def _quantise(module: Any) -> None:
    try:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_
    except ModuleNotFoundError as error:
        raise missing_dependency(str(error.name), "install deploytune[torch]") from error
    quantize_(module, Int8DynamicActivationInt8WeightConfig())


def _has_precision(weights: dict[str, Any], precision: str) -> bool:
    """Tell whether a weight really is in a precision; quantised ones are of a type of their own."""
    if precision in FLOATS:
        return any(weight.dtype == FLOATS[precision] for weight in weights.values())
    if precision == "fp32":
        return True
    return any(type(weight) is not torch.Tensor for weight in weights.values())


_CONVERSIONS: dict[str, Callable[[Any], None]] = {
    "fp32": _keep,
    "fp16": _narrow("fp16"),
    "bf16": _narrow("bf16"),
    "int8-dynamic": _quantise,
}
