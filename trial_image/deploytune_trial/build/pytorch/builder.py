"""Build a torch variant: weights in the precision asked for, proved by the served model's runner.

A compiled variant takes the compiler's results along, so that serving it does not compile again.
One that is compiled ahead of time is exported first, its batch axis open, and is one package.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from deploytune.contract.outcomes import Cause
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.build.device_needs import check_device
from deploytune_trial.build.pytorch.compilers import check_compiler
from deploytune_trial.build.variants import Variant, common_settings
from deploytune_trial.failures import crashed, failing_as, missing_dependency
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.triton.served_model.torch_runner import (
    AHEAD,
    COMPILED_FILE,
    FLOATS,
    PACKAGE_FILE,
    WEIGHTS_FILE,
    Runner,
    tensors_of,
)

_FILES = (WEIGHTS_FILE, COMPILED_FILE, PACKAGE_FILE)


def build_pytorch(variant: Variant, model: LoadedModel, folder: Path) -> Artefact:
    """Build one variant of a torch module into `folder`.

    Raises:
        TrialFailure: Crashed/BuildFailed or Crashed/Unsupported; Misconfigured, torchao or a
            compiler is missing; Infrastructure, a device that was promised is not there.
    """
    assert model.python_function is not None
    device = "cuda" if variant.accelerators > 0 else "cpu"
    if device == "cuda":
        check_device(variant, "backend", variant.backend)
    if variant.text("compile") != "Eager":
        check_compiler(device, variant.text("compile"))
    module = model.python_function().eval()
    _CONVERSIONS[variant.precision](module)
    weights = module.state_dict()
    if not _has_precision(weights, variant.precision):
        raise crashed(
            Cause.UNSUPPORTED, f"the model has nothing that {variant.precision} would change"
        )
    settings = {
        **common_settings(variant, model.interface),
        "source": model.source,
        "python_path": python_path(),
        "compile": variant.text("compile"),
        "device": device,
    }
    with failing_as(
        Cause.UNSUPPORTED, f"{variant.precision} of {model.name}, {variant.text('compile')}"
    ):
        if variant.text("compile") == AHEAD:
            _package(module.to(device), folder, device, model, variant)
        else:
            torch.save(weights, folder / WEIGHTS_FILE)
        _prove(folder, settings, model, variant)
    names = [name for name in _FILES if (folder / name).exists()]
    files = {name: folder / name for name in names}
    size = sum(path.stat().st_size for path in files.values())
    facts = {"provider": "torch", "torchVersion": torch.__version__, "device": device}
    return Artefact(variant.backend, files, settings, model.interface, size, facts)


def python_path() -> list[str]:
    """Return where this process finds modules beside those of its interpreter.

    A served model is told nothing of it: Triton's stub ignores PYTHONPATH.
    """
    own = (sys.prefix, sys.base_prefix)
    paths = [str(Path(path).absolute()) for path in sys.path]  # "" is the working folder
    return [path for path in paths if not path.startswith(own)]


def _package(module: Any, folder: Path, device: str, model: LoadedModel, variant: Variant) -> None:
    """Export a module for every batch that is served, and compile it into one package."""
    from torch._inductor import aoti_compile_and_package  # takes seconds to import

    # Beside the package, instead of a folder that outlives the trial.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "compile_cache")
    samples = synthetic_samples(model.interface.inputs, variant.proof_batch)
    arguments = tensors_of(list(samples.values()), FLOATS.get(variant.precision), device)
    open_batch = tuple({0: torch.export.Dim.AUTO} for _ in arguments)
    with torch.no_grad():
        exported = torch.export.export(module, arguments, dynamic_shapes=open_batch)
        aoti_compile_and_package(exported, package_path=str(folder / PACKAGE_FILE))


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
