"""The Load stage: pick the model of a trial, read its interface, check what goes into it.

Whatever is wrong with the request, the model or the data is refused here by name, before any time
is spent on building.
"""

from __future__ import annotations

from deploytune.contract.metrics import METRICS, split_metric_key
from deploytune.contract.models import Scalar
from deploytune.contract.request import TrialRequest
from deploytune.contract.workload import MODEL_PARAMETER, ModelSource, Workload
from deploytune_trial.evaluation_data import EVALUATION_FIELD, check_samples
from deploytune_trial.evaluation_function import import_evaluation_function
from deploytune_trial.failures import bad_parameter
from deploytune_trial.labels import output_of, read_labelling
from deploytune_trial.models.interface import ModelInterface
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.onnx_models import load_onnx_model
from deploytune_trial.models.python_models import load_python_model
from deploytune_trial.parameters import check_parameters

__all__ = ["LoadedModel", "load_model", "pick_source"]


def load_model(request: TrialRequest) -> LoadedModel:
    """Load the model that the request's parameters name, and check the evaluation data against it.

    Raises:
        TrialFailure: Misconfigured, naming the parameter, the model or the data at fault.
    """
    source = pick_source(request.workload, request.parameters.get(MODEL_PARAMETER))
    check_parameters(request.parameters, source)
    load = load_python_model if source.is_python else load_onnx_model
    model = load(source, request.workload)
    _check_evaluation(request, model.interface)
    return model


def pick_source(workload: Workload, name: Scalar | None) -> ModelSource:
    """Return the model of that name, or the only one there is.

    Raises:
        TrialFailure: no such model, or several and none named.
    """
    by_name = {source.name: source for source in workload.models}
    if name is None and len(by_name) == 1:
        return workload.models[0]
    if not isinstance(name, str) or name not in by_name:
        rule = f"must be one of {', '.join(by_name)}"
        raise bad_parameter(MODEL_PARAMETER, rule, name)
    return by_name[name]


def _check_evaluation(request: TrialRequest, interface: ModelInterface) -> None:
    evaluation = request.workload.evaluating
    output_of(interface, evaluation)
    if evaluation.function is not None:
        import_evaluation_function(evaluation.function)
    path = request.workload.evaluation_data
    if path is not None:
        needs_labels = _needs_labels(request)
        headers = check_samples(path, EVALUATION_FIELD, interface, needs_labels=needs_labels)
        read_labelling(request, interface, headers)


def _needs_labels(request: TrialRequest) -> bool:
    keys = [*request.objectives, *(limit.metric for limit in request.limits)]
    metrics = [METRICS.get(split_metric_key(key)[0]) for key in keys]
    return any(metric is not None and metric.needs_labels for metric in metrics)
