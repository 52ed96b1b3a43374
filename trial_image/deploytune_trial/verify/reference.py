"""The original model in fp32, run in this process: what served outputs are compared with."""

from __future__ import annotations

from collections.abc import Callable

from deploytune_trial.models.interface import Arrays
from deploytune_trial.models.loaded import LoadedModel

Reference = Callable[[Arrays], Arrays]


def open_reference(model: LoadedModel) -> Reference:
    """Return a function that runs one batch through the original model."""
    return _torch_reference(model) if model.is_python else _onnx_reference(model)


def _onnx_reference(model: LoadedModel) -> Reference:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.onnx_path, providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in model.interface.outputs]
    return lambda inputs: dict(zip(names, session.run(names, dict(inputs)), strict=True))


def _torch_reference(model: LoadedModel) -> Reference:
    from deploytune_trial.triton.served_model.torch_runner import call

    assert model.python_function is not None
    module = model.python_function().eval()
    names = [tensor.name for tensor in model.interface.inputs]
    return lambda inputs: call(module, [inputs[name] for name in names])
