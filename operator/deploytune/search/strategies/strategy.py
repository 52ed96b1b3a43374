"""What a strategy is, and the checks that several share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from deploytune.contract.errors import InvalidTuningError
from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposals import Proposal
from deploytune.search.seeds import Draw


class Strategy(Protocol):
    """Proposes what to try next.

    A strategy may propose what is excluded or was tried already: the next of its proposals is taken
    then. It need not be able to end.
    """

    def propose(self, problem: Problem, knowledge: Knowledge, draw: Draw) -> Iterator[Proposal]:
        """Yield configurations to try, best first, by nothing but the arguments."""
        ...


def refuse_settings(algorithm: Algorithm) -> None:
    """Refuse any setting, for a strategy that takes none.

    Raises:
        InvalidTuningError: there is one.
    """
    for name, value in algorithm.settings.items():
        path = f"algorithm.settings.{name}"
        raise InvalidTuningError(path, f"may not be set when name is {algorithm.name}", value)


def refuse_preset_and_sampler(algorithm: Algorithm) -> None:
    """Refuse the fields that belong to other strategies.

    Raises:
        InvalidTuningError: one is set.
    """
    for field in ("preset", "sampler"):
        value = getattr(algorithm, field)
        if value is not None:
            rule = f"may not be set when name is {algorithm.name}"
            raise InvalidTuningError(f"algorithm.{field}", rule, value)
