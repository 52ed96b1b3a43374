"""A rule across the fields of one model: in words, as CEL for the API server, and in Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

_PLACEHOLDER = re.compile(r"{([A-Za-z.]+)}")
_NUMBER = re.compile(r" = {[A-Za-z.]+}")


@dataclass(frozen=True)
class Rule:
    """One rule: the field it is told on, its words, its CEL, and its Python if it has its own.

    `words` may name fields of the model in braces, whose values are then shown; the API server
    shows those of words, and leaves out those of numbers (` = {max}`), whose length has no bound.
    """

    field: str
    words: str
    cel: str
    holds: Callable[[Any], bool] | None = None

    def message_for(self, model: BaseModel) -> str:
        """Return the words with the model's values in place."""
        return _PLACEHOLDER.sub(lambda match: str(value_at(model, match[1])), self.words)

    def as_validation(self) -> dict[str, str]:
        """Return the rule as a CRD holds it."""
        words = _NUMBER.sub("", self.words)
        shows_values = _PLACEHOLDER.search(words) is not None
        message = (
            {"messageExpression": _as_expression(words)} if shows_values else {"message": words}
        )
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, **message, **place}


Rules = Mapping[type[BaseModel], tuple[Rule, ...]]
"""Rules by the model that they are about."""


def value_at(model: BaseModel, path: str) -> Any:
    """Return the value of a field by its path in YAML words."""
    value: Any = model
    for part in path.split("."):
        own = next(name for name, field in type(value).model_fields.items() if field.alias == part)
        value = getattr(value, own)
    return value


def exactly_one_of(*names: str) -> Rule:
    """Return the rule that exactly one of some optional fields is set."""
    counted = " + ".join(f"(has(self.{name}) ? 1 : 0)" for name in names)
    return Rule(
        "",
        f"exactly one of {', '.join(names[:-1])} and {names[-1]} must be set",
        f"{counted} == 1",
        lambda model: sum(value_at(model, name) is not None for name in names) == 1,
    )


def _as_expression(words: str) -> str:
    parts = _PLACEHOLDER.split(words)
    texts = [f"'{part}'" if place % 2 == 0 else f"self.{part}" for place, part in enumerate(parts)]
    return " + ".join(text for text in texts if text != "''")
