"""Problems kept in a folder, since drawing one takes a second and every strategy meets the same.

A kept problem is read only by the very code that wrote it: the name of its file holds a digest of
this package's sources and tables. The folder may be deleted at any time.
"""

from __future__ import annotations

import os
import pickle
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deploytune.bench.search.catalogue import problem_of
from deploytune.bench.search.problems import BenchProblem

_SOURCES = (".py", ".json")


@lru_cache(maxsize=8)
def kept_problem(folder: Path | None, problem_class: str, seed: int) -> BenchProblem:
    """Return a problem from the folder, or make it and leave it there; without one, make it."""
    if folder is None:
        return problem_of(problem_class, seed)
    file = folder / f"{problem_class}-{seed}-{_sources()}.pickle"
    try:
        kept: BenchProblem = pickle.loads(file.read_bytes())  # noqa: S301 - written by ourselves
    except (OSError, EOFError, pickle.UnpicklingError):
        kept = problem_of(problem_class, seed)
        _keep(file, kept)
    return kept


def _keep(file: Path, problem: BenchProblem) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}")
    with part.open("wb") as stream:
        _Pickler(stream).dump(problem)
    part.replace(file)


class _Pickler(pickle.Pickler):
    """Pickles read-only mappings too, which are the defaults of parameters and problems."""

    def reducer_override(self, value: object) -> Any:
        """Rebuild such a mapping from a plain one."""
        if isinstance(value, MappingProxyType):
            return _read_only, (dict(value),)
        return NotImplemented


def _read_only(value: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(value)


@cache
def _sources() -> str:
    digest = blake2b(digest_size=6)
    for source in sorted(Path(__file__).parent.rglob("*")):
        if source.suffix in _SOURCES:
            digest.update(source.read_bytes())
    return digest.hexdigest()
