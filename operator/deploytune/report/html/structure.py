"""The structural parameters of a tuning: what a reader calls a variant, such as model x precision.

The names that everybody knows come first, then choices between names that hang on nothing. Where
that leaves fewer than two, choices of numbers fill up. Ranges are settings of a variant.
"""

from __future__ import annotations

from deploytune.api.translate import POOL_PARAMETER
from deploytune.contract.workload import MODEL_PARAMETER
from deploytune.search.parameters import Parameter
from deploytune.search.space import Space

MOST_STRUCTURAL = 3
_ENOUGH = 2
_MOST_VALUES = 24
_KNOWN = (MODEL_PARAMETER, POOL_PARAMETER, "backend", "precision")


def structural_parameters(space: Space) -> tuple[Parameter, ...]:
    """Return the structural parameters, the weightiest first, at most `MOST_STRUCTURAL`."""
    choices = [
        p for p in space.parameters if not p.is_numeric and 1 < (p.count or 0) <= _MOST_VALUES
    ]
    known = [p for name in _KNOWN for p in choices if p.name == name]
    others = [p for p in choices if p not in known]
    named = [p for p in others if not p.when and isinstance(p.level(0), str)]
    rest = [p for p in others if p not in named]
    found = [*known, *named][:MOST_STRUCTURAL]
    return tuple(found + rest[: max(0, _ENOUGH - len(found))])
