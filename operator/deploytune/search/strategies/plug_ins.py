"""Strategies that installed packages bring: entry points of the group `deploytune.strategies`.

    [project.entry-points."deploytune.strategies"]
    Vizier = "package:build"            # build(Algorithm) -> Strategy

The entry points are read once a name is asked for that is not built in, and only the package behind
that name is imported. Whatever it does wrong, then or in proposing, is an error of one line that
names it: a `MachineError`, since the installation is to be mended and not the tuning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import cast

from deploytune.contract.errors import DeploytuneError, MachineError
from deploytune.contract.models import LONGEST_TEXT
from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposals import Proposal
from deploytune.search.seeds import Draw
from deploytune.search.strategies.strategy import Strategy, refuse_preset_and_sampler

GROUP = "deploytune.strategies"

_REMEMBERED_NAMES = 16
_MOST_REASONS = 32  # what a TuningTrial takes
_PLAIN = (bool, int, float, str)  # these alone: numpy's numbers are no JSON
_END = object()


@dataclass(frozen=True)
class PlugIn:
    """A strategy of a package: builds it, and answers for it."""

    origin: str
    build: Callable[[Algorithm], object]

    def __call__(self, algorithm: Algorithm) -> Strategy:
        """Return the strategy, guarded.

        Raises:
            InvalidTuningError: fields of other strategies are set, or it refuses its settings.
            MachineError: it fails, or gives no strategy.
        """
        refuse_preset_and_sampler(algorithm)
        with _blaming(self.origin):
            built = self.build(algorithm)
        if not callable(getattr(built, "propose", None)):
            raise MachineError(f"{self.origin} gives {_type_name(built)} instead of a Strategy")
        return _Guarded(self.origin, cast("Strategy", built))


def plug_in_names() -> tuple[str, ...]:
    """Return the names under which installed packages bring strategies."""
    return tuple(sorted({point.name for point in _entry_points()}))


@lru_cache(maxsize=_REMEMBERED_NAMES)  # packages do not come and go while a process lives
def plug_in(name: str) -> PlugIn | None:
    """Return the strategy that a package brings under a name, None if none does.

    Raises:
        MachineError: several do, or it cannot be imported.
    """
    found = tuple(_entry_points().select(name=name))
    if not found:
        return None
    if len(found) > 1:
        packages = " and ".join(sorted(map(_package, found)))
        raise MachineError(f"the strategy {name} is brought by {packages}: keep one of them")
    (point,) = found
    origin = f"the strategy {name} of {_package(point)}"
    with _blaming(origin):
        build = point.load()
    if not callable(build):
        raise MachineError(f"{origin} gives {_type_name(build)} instead of a function that builds")
    return PlugIn(origin, build)


@dataclass(frozen=True)
class _Guarded:
    """Takes from a strategy only what can be put on record."""

    origin: str
    strategy: Strategy

    def propose(self, problem: Problem, knowledge: Knowledge, draw: Draw) -> Iterator[Proposal]:
        """Yield its proposals.

        Raises:
            MachineError: it fails, or proposes what is no proposal.
        """
        with _blaming(self.origin):
            proposals = iter(self.strategy.propose(problem, knowledge, draw))
        while True:
            with _blaming(self.origin):
                proposal: object = next(proposals, _END)
            if proposal is _END:
                return
            yield self._checked(problem, proposal)

    def _checked(self, problem: Problem, proposal: object) -> Proposal:
        """Return the proposal with values as the space writes them: 1 as 1.0 for a Float."""
        fault = _fault_of(proposal)
        if fault is not None:
            raise MachineError(f"{self.origin} {fault}")
        assert isinstance(proposal, Proposal), "else it has a fault"
        if not problem.space.is_valid(proposal.parameters):
            return proposal  # it is passed over
        return replace(proposal, parameters=problem.space.normalised(proposal.parameters))


def _entry_points() -> EntryPoints:
    with _blaming("reading the entry points of the installed packages"):
        return entry_points(group=GROUP)


@contextmanager
def _blaming(origin: str) -> Iterator[None]:
    """Make of whatever is raised one line that names the package."""
    try:
        yield
    except DeploytuneError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())
        raise MachineError(f"{origin} fails: {_type_name(error)}: {said}") from error


def _fault_of(proposal: object) -> str | None:
    """Return why a proposal cannot be used, None if it can."""
    if not isinstance(proposal, Proposal):
        return f"proposes {_type_name(proposal)} instead of a Proposal"
    if not all(isinstance(text, str) for text in (proposal.strategy, proposal.search_stage)):
        return "proposes without the names of strategy and search stage"
    mappings: dict[str, object] = {"parameters": proposal.parameters, "why": proposal.why}
    for field, values in mappings.items():
        if not isinstance(values, Mapping):
            return f"proposes {field} that are {_type_name(values)} instead of a mapping"
        for name, value in values.items():
            rule = _broken_rule(name, value)
            if rule is not None:
                return f"proposes {field} whose {name} {rule}"
    if len(proposal.why) > _MOST_REASONS:
        return f"proposes with {len(proposal.why)} reasons, {_MOST_REASONS} are the most"
    return None


def _broken_rule(name: object, value: object) -> str | None:
    if not isinstance(name, str):
        return "is no name"
    if type(value) not in _PLAIN:
        return f"is of type {_type_name(value)}, not a plain bool, int, float or str"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}"
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"has more than {LONGEST_TEXT} characters"
    return None


def _package(point: EntryPoint) -> str:
    return "an unnamed package" if point.dist is None else f"the package {point.dist.name}"


def _type_name(value: object) -> str:
    return type(value).__name__
