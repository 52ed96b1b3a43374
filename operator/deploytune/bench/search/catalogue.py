"""Every problem class by name, and the split of the seeds.

Seeds 0 to 999 are for development: anything may be looked at and tuned on them. Seeds 1000 to 1999
are for the test of claims, and are looked at only at the end. No command mixes the two.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from deploytune.bench.search.landscapes.classes import LANDSCAPE_CLASSES
from deploytune.bench.search.landscapes.drawing import draw_landscape
from deploytune.bench.search.problems import BenchProblem
from deploytune.bench.search.published import crashy_branin, hierarchical_rosenbrock
from deploytune.bench.search.recorded.scenarios import draw_recorded
from deploytune.contract.errors import InvalidTuningError

DEVELOPMENT, VALIDATION = range(1000), range(1000, 2000)

_PUBLISHED: dict[str, tuple[str, Callable[[int], BenchProblem]]] = {
    "branin": ("Crashy Branin, as published", crashy_branin),
    "rosenbrock": ("Hierarchical Rosenbrock, as published", hierarchical_rosenbrock),
}
_DRAWN: dict[str, tuple[str, Callable[[int], BenchProblem]]] = {
    name: (one.summary, partial(draw_landscape, name)) for name, one in LANDSCAPE_CLASSES.items()
}
_RECORDED: dict[str, tuple[str, Callable[[int], BenchProblem]]] = {
    "digits": ("a real table: the digits example through Triton", partial(draw_recorded, "digits")),
}
_ALL = {**_DRAWN, **_PUBLISHED, **_RECORDED}

RECORDED = tuple(_RECORDED)
"""The classes that replay a real table: never in a mean with those that are made up."""

SUMMARIES = {name: summary for name, (summary, _) in _ALL.items()}
"""What each class is about, by name."""


@lru_cache(maxsize=64)
def problem_of(problem_class: str, seed: int) -> BenchProblem:
    """Return one problem: the same in any process."""
    return _ALL[problem_class][1](seed)


def check_classes(names: tuple[str, ...]) -> None:
    """Refuse a class that there is not.

    Raises:
        InvalidTuningError: names it.
    """
    for name in names:
        if name not in _ALL:
            raise InvalidTuningError("classes", f"must be among {', '.join(_ALL)}", name)


def check_seeds(seeds: range) -> None:
    """Refuse seeds of no split, or of both.

    Raises:
        InvalidTuningError: says which seeds there are.
    """
    if any(
        seeds and seeds[0] in split and seeds[-1] in split for split in (DEVELOPMENT, VALIDATION)
    ):
        return
    rule = "must lie within 0-999 (development) or within 1000-1999 (validation)"
    raise InvalidTuningError("seeds", rule, f"{seeds.start}-{seeds.stop - 1}")
