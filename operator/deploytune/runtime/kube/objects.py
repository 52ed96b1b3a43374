"""DeploymentTunings and TuningTrials as the API server keeps them, and as our models.

What a newer version put into a status and this one does not know is left out in reading: a field,
or a word in an optional one. The spec of a tuning is read as strictly as everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, TypeVar

from pydantic import ValidationError

from deploytune.api.field_errors import invalid_tuning
from deploytune.api.recorded import RecordedTuning
from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning, Metadata, TuningStatus
from deploytune.contract.errors import ClusterError, InvalidTuningError
from deploytune.contract.models import ContractModel, Scalar
from deploytune.runtime.kube.resources import TRIALS, TUNINGS
from deploytune.search.space import ParameterType
from deploytune.state.pods.labels import trial_labels

Json = dict[str, Any]
_Model = TypeVar("_Model", bound=ContractModel)
_Location = tuple[int | str, ...]

_UNKNOWN = ("extra_forbidden", "enum", "literal_error")
_KEY = "[key]"  # pydantic's mark of a mapping's key


class NewerFieldError(InvalidTuningError):
    """A field of a spec that this version does not know: newer CRDs keep it, maybe by a default."""


def read_tuning(document: Mapping[str, Any]) -> DeploymentTuning:
    """Return the tuning that an object of the API server is.

    Raises:
        NewerFieldError: the spec has a field that this version does not know.
        InvalidTuningError: names the first field of the spec that breaks its rule.
    """
    return _read(DeploymentTuning, document)


class _StatusAlone(ContractModel):
    """A tuning of which the status is wanted, whatever its spec holds."""

    status: TuningStatus | None = None


def read_status(document: Mapping[str, Any]) -> TuningStatus | None:
    """Return a tuning's status; its spec need not be readable.

    Raises:
        InvalidTuningError: it cannot be read either.
    """
    known = {key: value for key, value in document.items() if key == "status"}
    return _read(_StatusAlone, known).status


def read_trial(document: Mapping[str, Any], tuning: DeploymentTuning) -> TuningTrial:
    """Return the trial that an object of the API server is.

    The API server keeps 2.0 as 2; parameters of the type Float become floats again, so that a
    trial is the same trial here and on one machine.

    Raises:
        ClusterError: it cannot be read.
    """
    try:
        trial = _read(TuningTrial, document)
    except InvalidTuningError as error:
        name = document["metadata"]["name"]
        raise ClusterError(f"TuningTrial {name} cannot be read: {error}") from error
    parameters = {**trial.spec.parameters, **_floats(trial.spec.parameters, tuning)}
    spec = trial.spec.model_copy(update={"parameters": parameters})
    return trial.model_copy(update={"spec": spec})


def read_recorded(
    tuning: DeploymentTuning, documents: Iterable[Mapping[str, Any]], place: str
) -> RecordedTuning:
    """Return a tuning with those of the trials that are its own, not of one that had its name.

    Raises:
        ClusterError: one of them cannot be read.
    """
    own = (each for each in documents if owner_uid(each) == tuning.metadata.uid)
    trials = sorted((read_trial(each, tuning) for each in own), key=lambda one: one.spec.index)
    return RecordedTuning(tuning, tuple(trials), place)


def owner_uid(document: Mapping[str, Any]) -> str | None:
    """Return the UID of the object that owns this one as its controller, None if none does."""
    references = document["metadata"].get("ownerReferences") or ()
    return next((each["uid"] for each in references if each.get("controller")), None)


def build_trial(trial: TuningTrial, tuning: DeploymentTuning) -> Json:
    """Return a new trial as an object owned by its tuning; the status is written apart."""
    owner = {
        "apiVersion": TUNINGS.api_version,
        "kind": TUNINGS.kind,
        "name": tuning.metadata.name,
        "uid": tuning.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": TRIALS.api_version,
        "kind": TRIALS.kind,
        "metadata": {
            "name": trial.metadata.name,
            "labels": trial_labels(trial),
            "ownerReferences": [owner],
        },
        "spec": _plain(trial.spec),
    }


def build_status(metadata: Metadata, status: ContractModel) -> Json:
    """Return what is applied to write a status; it fails if the object has changed since."""
    version = metadata.resource_version
    known = {} if version is None else {"resourceVersion": version}
    return {"metadata": {"name": metadata.name, **known}, "status": _plain(status)}


def _plain(model: ContractModel) -> Json:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _read(model: type[_Model], document: Mapping[str, Any]) -> _Model:
    try:
        return _validate(model, document)
    except ValidationError as error:
        unknown = tuple(_unknown_in_status(error))
        try:
            return _validate(model, _without(document, unknown))
        except ValidationError as remaining:
            raise _invalid(remaining, model) from remaining


def _validate(model: type[_Model], document: Mapping[str, Any]) -> _Model:
    return model.model_validate_json(
        json.dumps(document), strict=True, by_alias=True, by_name=False
    )


def _invalid(error: ValidationError, model: type[_Model]) -> InvalidTuningError:
    said = invalid_tuning(error, model)
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if any(each["type"] == "extra_forbidden" and each["loc"][0] == "spec" for each in details):
        return NewerFieldError(said.field, f"{said.rule} (the CRDs are newer than this version)")
    return said


def _unknown_in_status(error: ValidationError) -> Iterable[_Location]:
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        location = detail["loc"]
        if location[0] == "status" and detail["type"] in _UNKNOWN and location != _OUTCOME:
            yield location[:-1] if location[-1] == _KEY else location


_OUTCOME = ("status", "outcome")  # without it a finished trial would seem to run


def _without(document: Mapping[str, Any], locations: Iterable[_Location]) -> Any:
    """Return a copy of a document without the fields at these places."""
    copy: Any = deepcopy(dict(document))
    for *path, last in locations:
        inner = copy
        for part in path:
            inner = inner[part]
        inner.pop(last, None)
    return copy


def _floats(parameters: Mapping[str, Scalar], tuning: DeploymentTuning) -> dict[str, float]:
    names = {
        parameter.name
        for parameter in tuning.spec.search_space.parameters
        if parameter.type is ParameterType.FLOAT
    }
    return {name: float(parameters[name]) for name in names & parameters.keys()}
