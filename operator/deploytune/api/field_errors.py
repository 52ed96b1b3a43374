"""pydantic's errors in the words of the YAML: one line with field path, rule and value.

Reading is strict and by the names of the YAML alone, as the API server does it: "1" is no number
and `max_trials` no field. Unknown fields come first: a misspelt field is also a missing one.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from deploytune.api.pod_template import LabelKey, QualifiedName
from deploytune.api.pod_volumes import AbsolutePath, RelativePath
from deploytune.api.quantities import CpuQuantity, MemoryQuantity
from deploytune.api.tuning import MetricName
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import ContractModel, Name, ObjectName

_Model = TypeVar("_Model", bound=ContractModel)
_Context = Mapping[str, Any]


def read_as(model: type[_Model], data: object, place: str = "") -> _Model:
    """Return plain data as a model; `place` is the path of the data in its document.

    Raises:
        InvalidTuningError: names the first field that breaks its rule.
    """
    try:
        return model.model_validate_json(
            json.dumps(data), strict=True, by_alias=True, by_name=False
        )
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            raise invalid_tuning(error, model, place) from error
        raise InvalidTuningError(place or "input", f"must be plain data: {error}") from error


def invalid_tuning(
    error: ValidationError, model: type[BaseModel], place: str = ""
) -> InvalidTuningError:
    """Return the first problem of a model's validation as one line."""
    details = error.errors(include_url=False)
    first = min(details, key=lambda detail: detail["type"] != "extra_forbidden")
    path, inner = _locate(model, first["loc"], place)
    value = first["input"]
    rule = _rule(first, inner)
    if first["type"] in _WITHOUT_VALUE or isinstance(value, Mapping | Sequence) != isinstance(
        value, str
    ):
        return InvalidTuningError(path, rule)
    return InvalidTuningError(path, rule, value)


def _rule(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return _unknown_field(str(detail["loc"][-1]), model)
    if detail["type"] == "bool_type" and detail["loc"][-1] == _FIRST_OF_A_UNION:
        return _SCALAR
    say = _RULES.get(detail["type"])
    if say is None:
        return detail["msg"].removeprefix("Value error, ")
    return say(detail.get("ctx", {}))


def _unknown_field(name: str, model: type[BaseModel]) -> str:
    known = [field.alias or own for own, field in model.model_fields.items()]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"must be one of {', '.join(known)}"
    return f"is not a known field; {hint}"


def _locate(
    model: type[BaseModel], location: Sequence[int | str], place: str
) -> tuple[str, type[BaseModel]]:
    """Return the path in YAML words and the innermost model; pydantic's own marks are left out."""
    kind: Any = model
    inner = model
    path = place
    for part in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            inner = kind
            path = f"{path}.{part}" if path else str(part)
            kind = _field_type(kind, str(part))
        elif get_origin(kind) is tuple and isinstance(part, int):
            path = f"{path}[{part}]"
            kind = _plain(get_args(kind)[0])
        elif get_origin(kind) is dict:
            path = f"{path}.{part}"
            kind = _plain(get_args(kind)[1])
        else:
            break
    return path or "document", inner


def _field_type(model: type[BaseModel], alias: str) -> Any:
    for name, field in model.model_fields.items():
        if alias in (field.alias, name):
            return _plain(field.annotation)
    return None


def _plain(annotation: Any) -> Any:
    """Return the type below Annotated and `| None`; a union of scalars stays a union."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    present = [kind for kind in get_args(annotation) if kind is not NoneType]
    if NoneType in get_args(annotation) and len(present) == 1:
        return _plain(present[0])
    return annotation


def _said(text: str) -> Callable[[_Context], str]:
    return lambda context: text.format(**context)


def _pattern(context: _Context) -> str:
    pattern = context["pattern"]
    return _PATTERNS.get(pattern, f"must match {pattern}")


def _regex_of(annotated: Any) -> str:
    """Return the pattern of an annotated string type."""
    patterns = (getattr(one, "pattern", None) for one in get_args(annotated)[1].metadata)
    return next(str(pattern) for pattern in patterns if pattern is not None)


_PATTERNS = {
    _regex_of(Name): "must consist of lower-case letters, digits and '-'",
    _regex_of(MetricName): "must begin with a letter and consist of letters, digits and '_'",
    _regex_of(CpuQuantity): "must be a number of CPUs above 0, such as 2 or 500m",
    _regex_of(MemoryQuantity): "must be an amount of memory above 0, such as 512Mi",
    _regex_of(LabelKey): "must be the key of a label, such as example.com/team",
    _regex_of(QualifiedName): "must name an extended resource, such as nvidia.com/gpu",
    _regex_of(ObjectName): "must be the name of an object: lower-case letters, digits, '-' and '.'",
    _regex_of(AbsolutePath): "must be an absolute path without '.', '..' and ':'",
    _regex_of(RelativePath): "must be a relative path without '.', '..' and ':'",
}

_WITHOUT_VALUE = ("extra_forbidden", "missing")
_LIST = _said("must be a list")
_MAPPING = _said("must be a mapping")
_SCALAR = "must be a string, a number or a boolean"
_FIRST_OF_A_UNION = "bool"
_TOO_SHORT = _said("must have at least {min_length} item(s), got {actual_length}")

_RULES: Mapping[str, Callable[[_Context], str]] = {
    "missing": _said("must be set"),
    "enum": lambda context: f"must be one of {_listed(context['expected'])}",
    "literal_error": lambda context: f"must be {_listed(context['expected'])}",
    "int_type": _said("must be an integer"),
    "int_from_float": _said("must be an integer"),
    "float_type": _said("must be a number"),
    "string_type": _said("must be a string"),
    "bool_type": _said("must be true or false"),
    "finite_number": _said("must be a finite number"),
    "greater_than": _said("must be greater than {gt}"),
    "greater_than_equal": _said("must be greater than or equal to {ge}"),
    "less_than": _said("must be less than {lt}"),
    "less_than_equal": _said("must be less than or equal to {le}"),
    "too_short": _TOO_SHORT,
    "too_long": _said("must have at most {max_length} item(s), got {actual_length}"),
    "string_too_short": _said("must have at least {min_length} character(s)"),
    "string_too_long": _said("must have at most {max_length} character(s)"),
    "string_pattern_mismatch": _pattern,
    "tuple_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
}


def _listed(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")
