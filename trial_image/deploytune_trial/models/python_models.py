"""Python functions as models: `python:package.module:function` returns a torch module.

A module declares no interface. Its inputs are those of `workload.inputs`, in that order, as the
positional arguments of its `forward`; their types are those of the evaluation data's arrays, and
float32 without. Its outputs are found by one run: a tensor is `output`, a tuple or list
`output_0`, `output_1` and so on, a dict has its own names.
"""

from __future__ import annotations

from deploytune.contract.workload import ModelSource, Workload
from deploytune_trial.evaluation_data import EVALUATION_FIELD, read_headers
from deploytune_trial.failures import (
    bad_workload,
    crashed,
    exhausted,
    first_line,
    missing_dependency,
)
from deploytune_trial.models.interface import Arrays, ModelInterface, Tensor
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.probing import PROBE_BATCH, synthetic_samples, why_no_batch

_FLOAT = "float32"
_DTYPES = frozenset({_FLOAT, "bool", "uint8", "int8", "int16", "int32", "int64"})
_TAKEN_MODULES = frozenset({"model", "onnx_runner", "torch_runner"})


def load_python_model(source: ModelSource, workload: Workload) -> LoadedModel:
    """Import the function, make its module and read its interface from one run.

    Raises:
        TrialFailure: Misconfigured, naming the model and what it breaks, or torch is missing.
    """
    try:
        from deploytune_trial.triton.served_model import torch_runner
    except ModuleNotFoundError as error:
        raise missing_dependency(str(error.name), "install deploytune[torch]") from error
    field = f"model {source.name}"
    _refuse_taken_module(field, source.source)
    inputs = _inputs(field, workload)
    samples = synthetic_samples(inputs, PROBE_BATCH)
    try:
        function = torch_runner.import_function(source.source)
        outputs = torch_runner.call(function().eval(), list(samples.values()))
    except Exception as error:
        cause = exhausted(error)
        if cause is not None:
            raise crashed(cause, f"{field}: {first_line(error)}") from error
        rule = f"{source.source} must return a torch module that runs at a batch of {PROBE_BATCH}"
        raise bad_workload(
            field, f"{rule} ({type(error).__name__}: {first_line(error)})"
        ) from error
    wrong = why_no_batch(outputs, PROBE_BATCH)
    if wrong is not None:
        raise bad_workload(field, wrong)
    interface = ModelInterface(inputs, _tensors(outputs), batched=True)
    return LoadedModel(source.name, source.source, interface, python_function=function)


def _refuse_taken_module(field: str, source: str) -> None:
    _, module, *function = source.split(":")
    if len(function) != 1 or not module or not function[0]:
        raise bad_workload(field, "source must be python:package.module:function", source)
    if module.partition(".")[0] in _TAKEN_MODULES:
        taken = ", ".join(sorted(_TAKEN_MODULES))
        raise bad_workload(
            field, f"module must not be called like one of the served model's own ({taken})", module
        )


def _inputs(field: str, workload: Workload) -> tuple[Tensor, ...]:
    if not workload.inputs:
        raise bad_workload("workload.inputs", f"must give the inputs of {field}: it is Python")
    headers = {}
    if workload.evaluation_data is not None:
        headers = read_headers(workload.evaluation_data, EVALUATION_FIELD)
    dtypes = {name: header.dtype for name, header in headers.items()}
    inputs = [
        Tensor(given.name, dtypes.get(given.name, _FLOAT), given.shape) for given in workload.inputs
    ]
    for tensor in inputs:
        if tensor.dtype not in _DTYPES:
            rule = f"array {tensor.name!r} must be one of {', '.join(sorted(_DTYPES))}"
            raise bad_workload(EVALUATION_FIELD, rule, tensor.dtype)
    return tuple(inputs)


def _tensors(outputs: Arrays) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name, str(values.dtype), tuple(values.shape[1:])) for name, values in outputs.items()
    )
