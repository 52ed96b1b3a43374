"""Runs a torch module, made by a Python function, with weights that were built before.

The weights carry the precision: they are put in the module's place, not copied into it. A module
in a smaller float gets its inputs in that float, and gives its outputs in the types of its
interface. A module that was compiled ahead of time is a package of its own, weights included.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

WEIGHTS_FILE = "weights.pt"
COMPILED_FILE = "compiled.bin"
PACKAGE_FILE = "model.pt2"
AHEAD = "AOTInductor"
FLOATS = {"fp16": torch.float16, "bf16": torch.bfloat16}

_Array = np.ndarray[Any, Any]


class Runner:
    """One module, with the weights of a folder."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Make the module, give it its weights, and have it compiled if the settings say so."""
        sys.path.extend(path for path in settings["python_path"] if path not in sys.path)
        torch.set_num_threads(settings["intra_op_threads"])
        self._device = settings["device"]
        self._float = FLOATS.get(settings["precision"])
        self._inputs = [tensor["name"] for tensor in settings["inputs"]]
        self._dtypes = {tensor["name"]: tensor["dtype"] for tensor in settings["outputs"]}
        if settings["compile"] == AHEAD:
            self._module = _packaged(folder, self._device)
        else:
            self._module = self._made(folder, settings)

    def run(self, inputs: Mapping[str, _Array]) -> dict[str, _Array]:
        """Return the outputs for one batch."""
        arrays = [inputs[name] for name in self._inputs]
        outputs = call(self._module, arrays, self._float, self._device)
        return {name: outputs[name].astype(dtype) for name, dtype in self._dtypes.items()}

    def _made(self, folder: Path, settings: Mapping[str, Any]) -> Any:
        module = import_function(settings["source"])().eval()
        if self._float is not None:
            # Buffers that are not among the saved ones change their type too.
            module.to(self._float)
        module.load_state_dict(_weights(folder, settings["precision"]), assign=True)
        module.to(self._device)
        return _compiled(module, folder) if settings["compile"] == "Compiled" else module


def import_function(source: str) -> Callable[[], Any]:
    """Return the function of `python:package.module:function`."""
    _, module, function = source.split(":")
    found: Callable[[], Any] = getattr(importlib.import_module(module), function)
    return found


def call(
    module: Any,
    inputs: Sequence[_Array],
    smaller_float: torch.dtype | None = None,
    device: str = "cpu",
) -> dict[str, _Array]:
    """Run a module on arrays and return its outputs by name, floats as float32."""
    tensors = tensors_of(inputs, smaller_float, device)
    with torch.inference_mode():
        result = module(*tensors)
    return {name: _array(tensor) for name, tensor in _named(result).items()}


def tensors_of(
    inputs: Sequence[_Array], smaller_float: torch.dtype | None, device: str
) -> tuple[torch.Tensor, ...]:
    """Return arrays as the tensors that a module of that float on that device takes."""
    return tuple(_tensor(values, smaller_float).to(device) for values in inputs)


def _weights(folder: Path, precision: str) -> Any:
    if precision.startswith("int8"):
        import torchao  # noqa: F401 - registers the types of quantised weights
    return torch.load(folder / WEIGHTS_FILE, weights_only=True)


def _packaged(folder: Path, device: str) -> Any:
    from torch._inductor import aoti_load_package

    _, _, number = device.partition(":")
    return aoti_load_package(str(folder / PACKAGE_FILE), device_index=int(number or -1))


def _compiled(module: Any, folder: Path) -> Any:
    # Beside the weights, for all instances of the model, instead of a folder that outlives it.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "compile_cache")
    saved = folder / COMPILED_FILE
    if saved.exists():
        torch.compiler.load_cache_artifacts(saved.read_bytes())
    return torch.compile(module, dynamic=True)


def _tensor(values: _Array, smaller_float: torch.dtype | None) -> torch.Tensor:
    # Torch warns of arrays that may not be written to, such as those of a request.
    tensor = torch.from_numpy(values if values.flags.writeable else values.copy())
    narrows = smaller_float is not None and tensor.is_floating_point()
    return tensor.to(smaller_float) if narrows else tensor


def _array(tensor: torch.Tensor) -> _Array:
    widened = tensor.float() if tensor.is_floating_point() else tensor
    values: _Array = widened.contiguous().cpu().numpy()
    return values


def _named(result: Any) -> dict[str, torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return {"output": result}
    if isinstance(result, Mapping):
        return dict(result)
    return {f"output_{place}": tensor for place, tensor in enumerate(result)}
