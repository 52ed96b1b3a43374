"""The base of all models that cross a border: frozen, closed, camelCase in JSON, finite numbers."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)
from pydantic.alias_generators import to_camel

type_name_pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

Name = Annotated[str, Field(min_length=1, max_length=63, pattern=type_name_pattern)]
"""A DNS label, as Kubernetes names objects."""

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"

ObjectName = Annotated[
    str, Field(min_length=1, max_length=253, pattern=rf"^{_LABEL}(\.{_LABEL})*$")
]
"""The name of a Secret, a ConfigMap and the like: a DNS subdomain."""

LONGEST_TEXT = 1024

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
"""Free text of bounded length."""

SpentSeconds = Annotated[float, Field(ge=0, le=1e15)]
"""A duration that was measured."""

Scalar = bool | int | float | str
"""The value of a parameter."""

ScalarField = Annotated[
    StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=LONGEST_TEXT)],
    Field(union_mode="left_to_right"),
]
"""A scalar as a field: never converted, so that 1 stays a number and "yes" a string."""


class ContractModel(BaseModel):
    """Base model: immutable, refuses unknown fields, reads and writes camelCase."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        allow_inf_nan=False,
        ser_json_inf_nan="strings",
        protected_namespaces=(),
    )

    def to_json(self) -> str:
        """Return compact JSON with camelCase keys, unset optional fields left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

    def replace(self, **changes: object) -> Self:
        """Return a copy with some fields changed, validated again."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**fields, **changes})
