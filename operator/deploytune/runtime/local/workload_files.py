"""Checks the files of a workload before anything is started: models, evaluation, calibration.

Relative paths are meant from the folder of the tuning file. Only headers are read, so that the size
of models and data does not matter. What lies at a URL is left to the trial, which downloads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from deploytune.api.model_descriptions import ModelDescription, TensorDescription
from deploytune.api.model_sources import why_source_refused
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.metrics import METRICS
from deploytune.contract.sources import is_url
from deploytune.contract.workload import ModelSource, Workload
from deploytune.runtime.local.npz_files import ArrayHeader, read_headers
from deploytune.runtime.local.onnx_files import describe_onnx

LABELS = "label"
_CALIBRATION_SAMPLES = "calibrationSamples"
_PLACE = "spec.workload"
_LIKELY_LENGTH = 128


def with_absolute_paths(workload: Workload, folder: Path) -> Workload:
    """Return the workload with its relative paths taken from `folder`."""
    home = folder.absolute()

    def absolute(path: str | None) -> str | None:
        return path if path is None or is_url(path) else str(home / path)

    return workload.replace(
        models=tuple(
            model if model.is_python else model.replace(source=absolute(model.source))
            for model in workload.models
        ),
        evaluation_data=absolute(workload.evaluation_data),
        calibration_data=absolute(workload.calibration_data),
    )


def check_workload_files(tuning: DeploymentTuning, folder: Path) -> None:
    """Hold the files that a tuning names against what its trials need of them.

    Raises:
        InvalidTuningError: names the field, the rule and the file.
    """
    workload = with_absolute_paths(tuning.spec.workload, folder)
    described = {
        f"models[{number}]": _describe(model, f"{_PLACE}.models[{number}].source")
        for number, model in enumerate(workload.models)
    }
    models = {place: model for place, model in described.items() if model is not None}
    for place, model in models.items():
        _check_batch(model, place, workload)
        _check_shapes(model, place, workload)
    _check_names(described.values(), workload)
    inputs = _expected_inputs(models.values(), workload)
    _check_evaluation_data(tuning, workload, inputs)
    _check_calibration_data(tuning, workload, inputs)


def _describe(model: ModelSource, place: str) -> ModelDescription | None:
    """Return what an ONNX file takes and gives; of functions and URLs nothing is known yet."""
    if not model.is_python and not is_url(model.source):
        return describe_onnx(Path(model.source), place)
    rule = why_source_refused(model.source)
    if rule is not None:
        raise InvalidTuningError(place, rule, model.source)
    return None


def _check_batch(model: ModelDescription, place: str, workload: Workload) -> None:
    if model.fixed_batch not in (None, workload.request_batch):
        rule = f"must be {model.fixed_batch}, which {place} fixes"
        raise InvalidTuningError(f"{_PLACE}.requestBatch", rule, workload.request_batch)


def _check_shapes(model: ModelDescription, place: str, workload: Workload) -> None:
    given = {shape.name: (number, shape.shape) for number, shape in enumerate(workload.inputs)}
    for tensor in model.inputs:
        number, shape = given.get(tensor.name, (None, None))
        if shape is None and tensor.has_open_axes:
            likely = [_LIKELY_LENGTH if axis is None else axis for axis in tensor.shape]
            rule = (
                f"must give the shape of {tensor.name!r}, of which {place} leaves axes open, such "
                f"as {{name: {tensor.name}, shape: {likely}}}; the batch left out"
            )
            raise InvalidTuningError(f"{_PLACE}.inputs", rule)
        if shape is not None and not _fits(shape, tensor.shape):
            rule = f"must fit input {tensor.name!r} of {place}, {_shown(tensor.shape)}"
            raise InvalidTuningError(f"{_PLACE}.inputs[{number}].shape", rule, list(shape))


def _check_names(models: Iterable[ModelDescription | None], workload: Workload) -> None:
    """Refuse a shape for an input that no model has; one that nothing is known of may have any."""
    known: set[str] = set()
    for model in models:
        if model is None:
            return
        known.update(tensor.name for tensor in model.inputs)
    for number, given in enumerate(workload.inputs):
        if given.name not in known:
            rule = f"must be an input of a model ({', '.join(sorted(known))})"
            raise InvalidTuningError(f"{_PLACE}.inputs[{number}].name", rule, given.name)


def _expected_inputs(
    models: Iterable[ModelDescription], workload: Workload
) -> tuple[TensorDescription, ...]:
    """Return what the data must hold for every model, each input once where they agree."""
    given = {shape.name: shape.shape for shape in workload.inputs}
    expected = {
        TensorDescription(tensor.name, tensor.dtype, given.get(tensor.name, tensor.shape)): None
        for model in models
        for tensor in model.inputs
    }
    return tuple(expected)


def _check_evaluation_data(
    tuning: DeploymentTuning, workload: Workload, inputs: tuple[TensorDescription, ...]
) -> None:
    if workload.evaluation_data is None or is_url(workload.evaluation_data):
        return
    field = f"{_PLACE}.evaluationData"
    headers = read_headers(Path(workload.evaluation_data), field)
    labels = headers.get(LABELS)
    if labels is None and _needs_labels(tuning):
        held = ", ".join(headers) or "nothing"
        raise InvalidTuningError(field, f"must hold the labels as {LABELS!r}; it holds {held}")
    if labels is not None and not labels.is_number:
        rule = f"must hold {LABELS!r} as numbers"
        raise InvalidTuningError(field, rule, f"{labels.dtype} {_shown(labels.shape)}")
    _check_arrays(headers, inputs, field)


def _check_calibration_data(
    tuning: DeploymentTuning, workload: Workload, inputs: tuple[TensorDescription, ...]
) -> None:
    if workload.calibration_data is None:
        return
    field = f"{_PLACE}.calibrationData"
    if workload.calibration_data == workload.evaluation_data:
        raise InvalidTuningError(field, "must be another file than evaluationData")
    if is_url(workload.calibration_data):
        return
    headers = read_headers(Path(workload.calibration_data), field)
    _check_arrays(headers, inputs, field)
    held = next(iter(headers.values())).shape[0]
    for number, parameter in enumerate(tuning.spec.search_space.parameters):
        numbers = [
            v for v in (*(parameter.values or ()), parameter.max) if isinstance(v, int | float)
        ]
        if parameter.name == _CALIBRATION_SAMPLES and max(numbers, default=0) > held:
            place = f"spec.searchSpace.parameters[{number}]"
            rule = f"must be at most {held}, the samples that calibrationData holds"
            raise InvalidTuningError(place, rule, max(numbers))


def _check_arrays(
    headers: Mapping[str, ArrayHeader], inputs: tuple[TensorDescription, ...], field: str
) -> None:
    for tensor in inputs:
        header = headers.get(tensor.name)
        if header is None:
            held = ", ".join(headers) or "nothing"
            raise InvalidTuningError(field, f"must hold input {tensor.name!r}; it holds {held}")
        if header.dtype != tensor.dtype or not _fits(header.shape[1:], tensor.shape):
            wanted = f"{tensor.dtype} {_shown((None, *tensor.shape))}"
            got = f"{header.dtype} {_shown(header.shape)}"
            raise InvalidTuningError(field, f"must hold {tensor.name!r} as {wanted}", got)
    samples = {name: header.shape[:1] for name, header in headers.items()}
    if len(set(samples.values())) != 1 or samples[next(iter(samples))] in ((), (0,)):
        counts = {name: count[0] if count else None for name, count in samples.items()}
        raise InvalidTuningError(field, "must hold the same samples in every array", counts)


def _needs_labels(tuning: DeploymentTuning) -> bool:
    asked = {reference.metric for reference in (*tuning.spec.objectives, *tuning.spec.constraints)}
    return any(name in asked and metric.needs_labels for name, metric in METRICS.items())


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        axis in (None, length) for axis, length in zip(wanted, shape, strict=True)
    )


def _shown(shape: Iterable[int | None]) -> str:
    return "[" + ", ".join("any" if axis is None else str(axis) for axis in shape) + "]"
