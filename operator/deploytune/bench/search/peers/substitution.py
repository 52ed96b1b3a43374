"""Other values in the place of a module's own, for a while and in this process only.

The models behind `TBA` are constants and functions of modules, which no tuning can change and which
know nothing of a benchmark. To switch a part of them off, an ablation puts something else there for
the time of one proposal: everything around it stays the code that tunings run. Not for threads; a
process of DeployBench has one.

A place is `package.module:name` or `package.module:Class.name`. A module that imported a name from
another one holds its own: the place is where the name is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import reduce
from importlib import import_module

from deploytune.bench.search.peers.port import Session
from deploytune.search.history import FinishedTrial, Parameters

Changes = Mapping[str, object]
"""What stands where, by place."""


@contextmanager
def substituted(changes: Changes) -> Iterator[None]:
    """Put other values in their places, and the old ones back at the end.

    Raises:
        AttributeError: there is no such place: the code has moved on.
    """
    with ExitStack() as undo:
        for place, value in changes.items():
            owner, name = _owner(place)
            undo.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        yield


class SubstitutedSession:
    """A session whose proposals are made with other values in place."""

    def __init__(self, session: Session, changes: Changes) -> None:
        self._session = session
        self._changes = changes

    def ask(self, index: int) -> Parameters | None:
        """Ask the session."""
        with substituted(self._changes):
            return self._session.ask(index)

    def tell(self, trial: FinishedTrial) -> None:
        """Tell the session."""
        self._session.tell(trial)


def _owner(place: str) -> tuple[object, str]:
    module, _, path = place.partition(":")
    *outer, name = path.split(".")
    return reduce(getattr, outer, import_module(module)), name
