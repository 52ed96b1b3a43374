"""One proposal: the next configuration to try, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from deploytune.contract.models import Scalar
from deploytune.search.history import Parameters


class SearchStage(StrEnum):
    """What the search is after: feasible regions first, then the best inside them."""

    EXPLORING = "Exploring"
    EXPLOITING = "Exploiting"


@dataclass(frozen=True)
class Proposal:
    """A configuration to try, who proposed it, in which stage of the search, and why.

    `why` holds the strategy's own reasons by name, short and plain: they go on record.
    """

    parameters: Parameters
    strategy: str
    search_stage: str
    why: Mapping[str, Scalar] = field(default_factory=dict)
    is_baseline: bool = False
