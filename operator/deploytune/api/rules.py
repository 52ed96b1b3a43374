"""What a tuning must be to be run: ordered chains of small checks, the first broken rule is told.

`check_tuning` holds for every trial program, wherever it runs, `check_cluster` where Pods run it.
`check_stock_trial` holds the tuning against the promises of the stock trial, its metrics and its
parameters; a user's own trial may make others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import BaseModel, ValidationError

from deploytune.api.cross_field import check_across_fields, parts_of
from deploytune.api.field_errors import invalid_tuning
from deploytune.api.field_rules import value_at
from deploytune.api.model_sources import why_location_refused, why_source_refused
from deploytune.api.schemas import list_key
from deploytune.api.stock_combinations import check_combinations
from deploytune.api.translate import problem_of
from deploytune.api.tuning import (
    DeploymentTuning,
    MetricReference,
    ParameterSpec,
    TuningSpec,
)
from deploytune.contract.builders import CALIBRATED
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.metrics import METRICS
from deploytune.contract.models import Scalar
from deploytune.contract.parameters import TRIAL_PARAMETERS
from deploytune.contract.request import Resources
from deploytune.contract.sources import without_secrets
from deploytune.contract.workload import MODEL_PARAMETER, why_not_measurable
from deploytune.search.space import ParameterType
from deploytune.search.strategies import strategy_for

Check = Callable[[TuningSpec], None]


def check_tuning(tuning: DeploymentTuning) -> None:
    """Hold a tuning against the rules that hold whatever program runs its trials.

    Raises:
        InvalidTuningError: names the field, the rule and the value.
        MachineError: the algorithm needs a package that is not installed.
    """
    _run(_RULES, tuning.spec)


def check_cluster(tuning: DeploymentTuning) -> None:
    """Hold a tuning against what a cluster needs; one that runs on this machine may do without.

    Raises:
        InvalidTuningError: names the field, the rule and the value.
    """
    _run(_CLUSTER_RULES, tuning.spec)


def check_stock_trial(tuning: DeploymentTuning) -> None:
    """Hold a tuning against what the stock trial consumes and measures.

    Raises:
        InvalidTuningError: names the field, the rule and the value.
    """
    _run(_STOCK_RULES, tuning.spec)


def check_one_machine(tuning: DeploymentTuning) -> None:
    """Hold a tuning against what a run on this machine can do.

    Raises:
        InvalidTuningError: names the field, the rule and the value.
    """
    _run(_ONE_MACHINE_RULES, tuning.spec)


def _run(checks: tuple[Check, ...], spec: TuningSpec) -> None:
    for check in checks:
        try:
            check(spec)
        except InvalidTuningError as error:
            raise error.under("spec") from error


def _fields_agree(spec: TuningSpec) -> None:
    check_across_fields(spec)


def _items_are_unique(spec: TuningSpec) -> None:
    _check_lists(spec, "")


def _check_lists(model: BaseModel, place: str) -> None:
    """Refuse an item given twice in a list whose items have a key, however deep, as a CRD does."""
    seen: set[tuple[str, object]] = set()
    for path, part in parts_of(model, place):
        field, is_item, _ = path.rpartition("[") if path.endswith("]") else (path, "", "")
        key = _key_of(type(part)) if is_item else None
        if key is not None:
            value = value_at(part, key)
            if (field, value) in seen:
                raise InvalidTuningError(f"{path}.{key}", "must be unique", value)
            seen.add((field, value))
        _check_lists(part, path)


def _key_of(model: type[BaseModel]) -> str | None:
    required = (str(field.alias) for field in model.model_fields.values() if field.is_required())
    return list_key(tuple(required))


def _pods_are_guaranteed(spec: TuningSpec) -> None:
    for number, pool in enumerate(spec.node_pools):
        for field in ("cpu", "memory"):
            if getattr(pool.resources, field) is None:
                rule = "must be set in a cluster: trials must not disturb each other"
                raise InvalidTuningError(f"nodePools[{number}].resources.{field}", rule)


def _there_is_one_pool(spec: TuningSpec) -> None:
    pools = [pool.name for pool in spec.node_pools]
    if len(pools) > 1:
        rule = "must be one pool to be run on one machine"
        raise InvalidTuningError("nodePools", rule, ", ".join(pools))


def _it_is_not_suspended(spec: TuningSpec) -> None:
    if spec.suspend:
        raise InvalidTuningError("suspend", "must be false to be run on one machine", True)


def _it_is_not_stopped(spec: TuningSpec) -> None:
    if spec.stop:
        rule = "must be false to be run on one machine: `deploytune stop` ends a run"
        raise InvalidTuningError("stop", rule, True)


def _search_is_possible(spec: TuningSpec) -> None:
    strategy_for(problem_of(spec, place="").algorithm)


def _loads_are_known(spec: TuningSpec) -> None:
    for path, reference in _metrics(spec):
        if reference.load is not None and spec.workload.load(reference.load) is None:
            known = ", ".join(load.name for load in spec.workload.loads) or "there are none"
            rule = f"must name one of workload.loads ({known})"
            raise InvalidTuningError(f"{path}.load", rule, reference.load)


def _resources_are_in_range(spec: TuningSpec) -> None:
    for number, pool in enumerate(spec.node_pools):
        try:
            pool.resources.to_resources()
        except ValidationError as error:
            path = f"nodePools[{number}].resources"
            raise invalid_tuning(error, Resources, path) from error


def _metrics_are_measured(spec: TuningSpec) -> None:
    for path, reference in _metrics(spec):
        rule = why_not_measurable(spec.workload, reference.metric, reference.load)
        if rule is not None:
            raise InvalidTuningError(f"{path}.metric", rule, reference.metric)


def _device_metrics_have_devices(spec: TuningSpec) -> None:
    """Refuse a metric that the trials of some pool could not measure."""
    without = [
        number
        for number, pool in enumerate(spec.node_pools)
        if not pool.resources.to_resources().nvidia_devices
    ]
    for path, reference in _metrics(spec):
        if without and METRICS[reference.metric].needs_device:
            rule = f"needs nvidia.com/gpu in nodePools[{without[0]}].resources.accelerators"
            raise InvalidTuningError(f"{path}.metric", rule, reference.metric)


def _parameters_are_consumed(spec: TuningSpec) -> None:
    for path, parameter in _parameters(spec):
        if parameter.name not in TRIAL_PARAMETERS:
            rule = f"must be one that a stage of the trial consumes: {', '.join(TRIAL_PARAMETERS)}"
            raise InvalidTuningError(f"{path}.name", rule, parameter.name)


def _values_are_taken(spec: TuningSpec) -> None:
    for path, parameter in _parameters(spec):
        for field, value in _extreme_values(parameter):
            rule = TRIAL_PARAMETERS[parameter.name].why_refused(value)
            if rule is not None:
                raise InvalidTuningError(f"{path}.{field}", rule, value)


def _models_can_be_chosen(spec: TuningSpec) -> None:
    names = [model.name for model in spec.workload.models]
    for path, parameter in _parameters(spec):
        if parameter.name == MODEL_PARAMETER:
            for number, value in enumerate(parameter.values or ()):
                if value not in names:
                    rule = f"must be one of workload.models: {', '.join(names)}"
                    raise InvalidTuningError(f"{path}.values[{number}]", rule, value)
            return
    if len(names) > 1:
        raise InvalidTuningError(
            "searchSpace.parameters",
            f"must have a Categorical parameter {MODEL_PARAMETER!r}: workload.models has several",
        )


def _calibration_data_is_given(spec: TuningSpec) -> None:
    calibrated = _values_of(spec, "precision") & set(CALIBRATED)
    if calibrated and spec.workload.calibration_data is None:
        rule = f"must be set when precision may be {' or '.join(sorted(map(str, calibrated)))}"
        raise InvalidTuningError("workload.calibrationData", rule)


def _batches_hold_a_request(spec: TuningSpec) -> None:
    needed = spec.workload.request_batch
    for path, parameter in _parameters(spec):
        if parameter.name == "maxBatchSize":
            for field, value in _extreme_values(parameter):
                if isinstance(value, int) and value < needed:
                    rule = f"must hold a request: workload.requestBatch is {needed}"
                    raise InvalidTuningError(f"{path}.{field}", rule, value)


def _sources_are_supported(spec: TuningSpec) -> None:
    for number, model in enumerate(spec.workload.models):
        rule = why_source_refused(model.source)
        if rule is not None:
            shown = without_secrets(model.source)
            raise InvalidTuningError(f"workload.models[{number}].source", rule, shown)
    for field, location in (
        ("evaluationData", spec.workload.evaluation_data),
        ("calibrationData", spec.workload.calibration_data),
    ):
        rule = None if location is None else why_location_refused(location)
        if location is not None and rule is not None:
            raise InvalidTuningError(f"workload.{field}", rule, without_secrets(location))


_RULES: tuple[Check, ...] = (
    _fields_agree,
    _items_are_unique,
    _search_is_possible,
    _loads_are_known,
    _resources_are_in_range,
)

_CLUSTER_RULES: tuple[Check, ...] = (_pods_are_guaranteed,)

_ONE_MACHINE_RULES: tuple[Check, ...] = (
    _there_is_one_pool,
    _it_is_not_suspended,
    _it_is_not_stopped,
)

_STOCK_RULES: tuple[Check, ...] = (
    _sources_are_supported,
    _metrics_are_measured,
    _device_metrics_have_devices,
    _parameters_are_consumed,
    _values_are_taken,
    _models_can_be_chosen,
    check_combinations,
    _calibration_data_is_given,
    _batches_hold_a_request,
)


def _metrics(spec: TuningSpec) -> Iterator[tuple[str, MetricReference]]:
    for field, references in (("objectives", spec.objectives), ("constraints", spec.constraints)):
        for number, reference in enumerate(references):
            yield f"{field}[{number}]", reference


def _parameters(spec: TuningSpec) -> Iterator[tuple[str, ParameterSpec]]:
    for number, parameter in enumerate(spec.search_space.parameters):
        yield f"searchSpace.parameters[{number}]", parameter


def _values_of(spec: TuningSpec, name: str) -> set[Scalar]:
    found = (parameter for _, parameter in _parameters(spec) if parameter.name == name)
    return {value for parameter in found for value in parameter.values or ()}


def _extreme_values(parameter: ParameterSpec) -> Iterator[tuple[str, Scalar]]:
    """Yield values that stand for all: each one of a list, both ends of a range."""
    for number, value in enumerate(parameter.values or ()):
        yield f"values[{number}]", value
    for field, bound in (("min", parameter.min), ("max", parameter.max)):
        if bound is not None:
            yield field, int(bound) if parameter.type is ParameterType.INTEGER else bound
    if parameter.type is ParameterType.BOOLEAN:
        yield "type", False
