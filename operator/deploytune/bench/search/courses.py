"""The courses of many runs of the published method: played, read, and nothing of them kept.

A row of results does not hold the configurations of its trials, so the runs are played again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploytune.bench.search.closings import Course, course_of
from deploytune.bench.search.matrix import Matrix
from deploytune.bench.search.peers.ablations import policy_of
from deploytune.bench.search.runs import trials_of

Courses = Mapping[str, Mapping[str, Sequence[Course]]]
"""Runs by strategy and problem class."""


def courses_of(
    matrix: Matrix, folder: Path | None, progress: Callable[[int, int], None]
) -> Courses:
    """Play every run of the published method and its ablations, and return what they did.

    Problems are kept in the folder, if one is given.

    Raises:
        InvalidTuningError: another strategy is among them.
    """
    policies = {name: policy_of(name) for name in matrix.strategies}
    plans = matrix.plans()
    courses: dict[str, dict[str, list[Course]]] = {name: {} for name in matrix.strategies}
    for done, plan in enumerate(plans, 1):
        bench, trials = trials_of(plan, folder)
        course = course_of(bench, trials, policies[plan.strategy])
        courses[plan.strategy].setdefault(plan.problem_class, []).append(course)
        progress(done, len(plans))
    return courses
