"""What the published method closed and how it mapped, as markdown: over all classes, then by class.

Each figure is of one run, or is missing there: a run that closed nothing has no share of wrong
closings. Means are of class means over the runs that have the figure, with bootstrap intervals over
seeds. "By chance" is the share of wrong closings if values were closed by lot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from deploytune.bench.search.closings import FAR, Closing, Course, Opening
from deploytune.bench.search.courses import Courses
from deploytune.bench.search.statistics import estimate
from deploytune.bench.search.tables import as_markdown, shown
from deploytune.contract.models import Scalar

_Read = Callable[[Course], float | None]


@dataclass(frozen=True)
class _Column:
    name: str
    read: _Read
    digits: int = 2


def _share(wanted: Callable[[Closing], bool], of: Callable[[Closing], bool]) -> _Read:
    def read(course: Course) -> float | None:
        among = [closing for closing in course.closings if of(closing)]
        return sum(map(wanted, among)) / len(among) if among else None

    return read


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _opened_by(way: Opening) -> Callable[[Closing], bool]:
    def is_opened_so(closing: Closing) -> bool:
        return closing.by is way

    return is_opened_so


def _trials_closed(course: Course) -> float | None:
    trials = sum(closing.opened_after - closing.closed_after for closing in course.closings)
    return _ratio(trials, len(course.closings))


def _wrong_by_chance(course: Course) -> float | None:
    return len(course.better) / len(course.values) if course.closings else None


def _of_families(figure: Callable[[Mapping[Scalar, int], Course], float | None]) -> _Read:
    def read(course: Course) -> float | None:
        return (
            figure(course.by_family, course) if course.mapping_trials and course.by_family else None
        )

    return read


def _every(_closing: Closing) -> bool:
    return True


def _is_wrong(closing: Closing) -> bool:
    return closing.is_wrong


def _seen(tried: Mapping[Scalar, int]) -> int:
    return sum(count > 0 for count in tried.values())


def _share_of_number(place: int) -> Callable[[Mapping[Scalar, int], Course], float]:
    """Return the share of the family that was tried most, second most, ..."""

    def share(tried: Mapping[Scalar, int], _course: Course) -> float:
        ordered = sorted(tried.values(), reverse=True)
        return ordered[place - 1] / sum(ordered) if place <= len(ordered) else 0.0

    return share


def _of_best(tried: Mapping[Scalar, int], course: Course) -> float | None:
    if course.best_family is None:  # nothing is feasible
        return None
    return tried.get(course.best_family, 0) / sum(tried.values())


def _never_tried_the_best(tried: Mapping[Scalar, int], course: Course) -> float | None:
    share = _of_best(tried, course)
    return None if share is None else float(share == 0)


_RIGHT_OR_WRONG = (
    _Column("runs that closed", lambda course: float(bool(course.closings))),
    _Column("closings", lambda course: len(course.closings), 1),
    _Column("wrong", _share(_is_wrong, _every)),
    _Column("by chance", _wrong_by_chance),
    _Column(f"wrong by {FAR} or more", _share(lambda closing: closing.gain >= FAR, _every)),
    _Column("holds the best", _share(lambda closing: closing.holds_best, _every)),
    _Column("hopeless", _share(lambda closing: closing.is_hopeless, _every)),
    _Column(
        "better values closed",
        lambda course: _ratio(len(course.better & course.closed), len(course.better)),
    ),
    _Column(
        "hopeless values closed",
        lambda course: _ratio(len(course.hopeless & course.closed), len(course.hopeless)),
    ),
)

_OPENED = (
    *(_Column(f"opened by {way}", _share(_opened_by(way), _every)) for way in Opening),
    _Column("trials closed", _trials_closed, 1),
    _Column("wrong ones tried again", _share(lambda closing: closing.came_back, _is_wrong)),
    _Column("feasible then", _share(lambda closing: closing.was_feasible, _is_wrong)),
    _Column("the best then", _share(lambda closing: closing.bettered, _is_wrong)),
)

_MAPPED = (
    _Column("trials", lambda course: course.mapping_trials, 1),
    _Column("families", _of_families(lambda tried, _: len(tried)), 1),
    _Column("share seen", _of_families(lambda tried, _: _seen(tried) / len(tried))),
    _Column("all seen", _of_families(lambda tried, _: float(_seen(tried) == len(tried)))),
    *(
        _Column(f"share of no. {place}", _of_families(_share_of_number(place)))
        for place in (1, 2, 3)
    ),
    _Column("of the best", _of_families(_of_best)),
    _Column("best unseen", _of_families(_never_tried_the_best)),
)


def build_closing_tables(courses: Courses) -> str:
    """Return all tables: the strategies over all classes, and the first one by class."""
    first, parts = next(iter(courses)), []
    for title, columns in (
        ("What was closed, per run, and whether it was wrong:", _RIGHT_OR_WRONG),
        ("How closed values came back, and what wrong ones brought then:", _OPENED),
        ("The mapping stage, and its trials by family:", _MAPPED),
    ):
        body = [_row(name, by_class, columns) for name, by_class in courses.items()]
        parts += [title, as_markdown(["strategy", *(column.name for column in columns)], body)]
        rows = [_row(one, {one: runs}, columns) for one, runs in courses[first].items()]
        parts += [f"{first}, by class:", as_markdown(["class", *(c.name for c in columns)], rows)]
    return "\n\n".join(parts) + "\n"


def _row(
    name: str, by_class: Mapping[str, Iterable[Course]], columns: Sequence[_Column]
) -> list[str]:
    cells = [name]
    for column in columns:
        groups = {}
        for problem_class, runs in by_class.items():
            figures = [figure for run in runs if (figure := column.read(run)) is not None]
            if figures:
                groups[problem_class] = figures
        cells.append(shown(estimate(groups), column.digits) if groups else "")
    return cells
