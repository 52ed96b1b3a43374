"""What a trial's parameters must obey, checked before any time is spent.

The contract's table says which parameters exist, who consumes them and what they may be. Here stand
the rules between them, and what an absent one means. A parameter that would have no effect is
refused like an unknown one: the search space keeps it inactive with `when`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from deploytune.contract.models import Scalar
from deploytune.contract.parameters import TRIAL_PARAMETERS
from deploytune.contract.workload import ModelSource
from deploytune_trial.failures import TrialFailure, bad_parameter

ONNXRUNTIME = "onnxruntime"
PYTORCH = "pytorch"
STATIC_INT8 = "int8-static"

BUILD_DEFAULTS = MappingProxyType(
    {
        "precision": "fp32",
        "calibrationMethod": "MinMax",
        "graphOptimization": "All",
        "compile": "Eager",
    }
)
"""What the builders assume for a parameter that is not given."""

Parameters = Mapping[str, Scalar]


def backend_of(parameters: Parameters, *, is_python: bool) -> str:
    """Return the backend: the one asked for, or what a model of that kind needs."""
    return str(parameters.get("backend", _natural_backend(is_python=is_python)))


def precision_of(parameters: Parameters) -> str:
    """Return the precision to build."""
    return str(parameters.get("precision", BUILD_DEFAULTS["precision"]))


def check_parameters(parameters: Parameters, source: ModelSource) -> None:
    """Refuse parameters that nobody consumes, or that the builders cannot honour together.

    Raises:
        TrialFailure: Misconfigured, naming the first parameter at fault.
    """
    for rule in _RULES:
        failure = rule(parameters, source)
        if failure is not None:
            raise failure


def _unknown_parameter(parameters: Parameters, _: ModelSource) -> TrialFailure | None:
    for name in parameters:
        if name not in TRIAL_PARAMETERS:
            known = ", ".join(TRIAL_PARAMETERS)
            return bad_parameter(name, f"no stage of the trial consumes it; known are {known}")
    return None


def _value_out_of_range(parameters: Parameters, _: ModelSource) -> TrialFailure | None:
    for name, value in parameters.items():
        rule = TRIAL_PARAMETERS[name].why_refused(value)
        if rule is not None:
            return bad_parameter(name, rule, value)
    return None


def _backend_of_another_kind(parameters: Parameters, source: ModelSource) -> TrialFailure | None:
    backend, natural = (
        backend_of(parameters, is_python=source.is_python),
        _natural_backend(is_python=source.is_python),
    )
    if backend == natural:
        return None
    return bad_parameter("backend", f"must be {natural} for model {source.name}", backend)


def _parameter_of_another_backend(
    parameters: Parameters, source: ModelSource
) -> TrialFailure | None:
    backend = backend_of(parameters, is_python=source.is_python)
    for name in parameters:
        owner = TRIAL_PARAMETERS[name].when_backend
        if owner not in {None, backend}:
            return bad_parameter(name, f"has an effect with backend {owner} only, not {backend}")
    return None


def _static_quantisation_in_torch(
    parameters: Parameters, source: ModelSource
) -> TrialFailure | None:
    if (
        backend_of(parameters, is_python=source.is_python) == PYTORCH
        and precision_of(parameters) == STATIC_INT8
    ):
        return bad_parameter("precision", f"must not be {STATIC_INT8} with backend {PYTORCH}")
    return None


def _calibration_without_need(parameters: Parameters, _: ModelSource) -> TrialFailure | None:
    precision = precision_of(parameters)
    for name in ("calibrationMethod", "calibrationSamples"):
        if name in parameters and precision != STATIC_INT8:
            return bad_parameter(
                name, f"has an effect with precision {STATIC_INT8} only, not {precision}"
            )
    return None


def _natural_backend(*, is_python: bool) -> str:
    return PYTORCH if is_python else ONNXRUNTIME


_RULES = (
    _unknown_parameter,
    _value_out_of_range,
    _backend_of_another_kind,
    _parameter_of_another_backend,
    _static_quantisation_in_torch,
    _calibration_without_need,
)
