"""Hard limits on metrics, as the trial and the search both read them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from deploytune.contract.models import ContractModel


class Limit(ContractModel):
    """A metric must stay at or below `max`, or at or above `min`. An unmeasured one is not met."""

    metric: str = Field(min_length=1, max_length=128, description="key of the metric")
    max: float | None = None
    min: float | None = None

    @model_validator(mode="after")
    def _has_one_side(self) -> Self:
        if (self.max is None) == (self.min is None):
            raise ValueError("exactly one of max and min must be set")
        return self

    @property
    def bound(self) -> float:
        """The number that must not be crossed."""
        bound = self.max if self.max is not None else self.min
        assert bound is not None
        return bound

    def excess(self, value: float) -> float:
        """Return by how much `value` misses the limit, in the metric's unit; 0 or less is met."""
        return value - self.bound if self.max is not None else self.bound - value

    def is_met_by(self, value: float | None) -> bool:
        """Tell whether a measured value keeps the limit; a missing one does not."""
        return value is not None and self.excess(value) <= 0
