"""When two builds are the same build, and two verifications the same verification.

A key is the digest of everything that can change the result. What is not sure to be without effect
is part of it: a key too many costs a build, a key too few costs a wrong answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deploytune.contract.builders import BACKEND_PARAMETER, BUILDERS, backend_of, value_of
from deploytune.contract.metrics import split_metric_key
from deploytune.contract.models import Scalar
from deploytune.contract.request import TrialRequest
from deploytune.contract.workload import ModelSource
from deploytune_trial.build.cache.digests import (
    digest_of_code,
    digest_of_file,
    digest_of_model,
    digest_of_user_code,
)
from deploytune_trial.build.cache.machine import devices, library_versions
from deploytune_trial.devices.readings import Identity
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.loading import pick_source
from deploytune_trial.serving import Serving

_PYTHON_SOURCE = "python:"
_UNCOMPILED = "Eager"


def key_of(parts: Mapping[str, Any]) -> str:
    """Return the digest of parts that JSON can carry."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def build_parts(
    request: TrialRequest, model: LoadedModel, serving: Serving, claimed: Sequence[Identity] = ()
) -> dict[str, Any]:
    """Return everything that an artefact follows from; `claimed` are the trial's devices.

    Raises:
        OSError: the model or the calibration data cannot be read.
    """
    chosen = build_parameters(request.parameters, pick_source(request.workload, model.name))
    calibration = request.workload.calibration_data
    parts: dict[str, Any] = {
        "model": digest_of_model(model),
        "interface": model.interface.to_json(),
        "parameters": chosen,
        "baked": baked_values(chosen, serving, request.workload.request_batch),
        "calibration": None if calibration is None else digest_of_file(Path(calibration)),
        "code": digest_of_code(),
        **machine_parts(request, claimed),
    }
    if model.is_python:  # an artefact names the function, and where its modules are found
        from deploytune_trial.build.pytorch.builder import python_path

        parts |= {"source": model.source, "path": python_path()}
    return parts


def machine_parts(request: TrialRequest, claimed: Sequence[Identity]) -> dict[str, Any]:
    """Return what every build on a machine follows from, and what a compiler remembers there.

    What is built by default follows from the devices that were asked for, whatever is seen.
    """
    return {
        "libraries": library_versions(),
        "nvidiaDevices": request.resources.nvidia_devices,
        "devices": devices(claimed),
    }


def build_parameters(parameters: Mapping[str, Scalar], source: ModelSource) -> dict[str, Scalar]:
    """Return the parameters of the build stage alone, absent ones by what they mean."""
    backend = backend_of(parameters, source)
    taken = (BACKEND_PARAMETER, *BUILDERS[backend].parameters)
    values = {name: value_of(name, parameters, source) for name in taken}
    return {name: value for name, value in values.items() if value is not None}


def baked_values(
    chosen: Mapping[str, Scalar], serving: Serving, request_batch: int
) -> dict[str, int]:
    """Return what a build takes from the serve stage: it is built for one value of it.

    TensorRT's profiles span the batches that will be served; torch's compilers write the number of
    threads into their code.
    """
    baked: dict[str, int] = {}
    if any("tensorrt" in str(value).lower() for value in chosen.values()):
        baked |= {"maxBatchSize": serving.max_batch_size, "requestBatch": request_batch}
    if chosen["backend"] == "pytorch" and chosen["compile"] != _UNCOMPILED:
        baked["intraOpThreads"] = serving.intra_op_threads
    return baked


def verification_parts(request: TrialRequest, served_by: str) -> dict[str, Any] | None:
    """Return what a verification follows from beside its artefact; None where none can be shared.

    Without evaluation data the samples are made up anew for every trial. The batch is part of it:
    dynamic quantisation takes its ranges from whole batches.

    Raises:
        OSError: the evaluation data cannot be read.
    """
    if request.workload.evaluation_data is None:
        return None
    left_out = {"loads", "models", "evaluation_data", "calibration_data"}
    workload = request.workload.model_dump(mode="json", exclude=left_out)
    return {
        "data": digest_of_file(Path(request.workload.evaluation_data)),
        "workload": workload,
        "functions": {source: _digests_of_function(source) for source in _functions(workload)},
        "metrics": sorted(key for key in request.objectives if _is_of_answers(key)),
        "limits": [
            limit.model_dump(mode="json")
            for limit in request.limits
            if _is_of_answers(limit.metric)
        ],
        "batch": request.parameters.get("maxBatchSize", request.workload.request_batch),
        "servedBy": served_by,
        "code": digest_of_code(),
    }


def _is_of_answers(key: str) -> bool:
    return split_metric_key(key)[1] is None


def _functions(value: Any) -> Iterator[str]:
    """Yield the Python functions that a JSON value names, at any depth."""
    if isinstance(value, str) and value.startswith(_PYTHON_SOURCE):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _functions(item)
    elif isinstance(value, list):
        for item in value:
            yield from _functions(item)


def _digests_of_function(function: str) -> list[str | None]:
    """Return the digest of a function's own module, and of all that it may call."""
    module = function.split(":")[1]
    found = find_spec(module)
    own = digest_of_file(Path(found.origin)) if found is not None and found.origin else None
    return [own, digest_of_user_code(module.partition(".")[0])]
