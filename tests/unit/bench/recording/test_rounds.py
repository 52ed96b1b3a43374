"""What a recording measures next: everything once, then what one measurement does not settle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from recording_builders import ANCHOR, EVERY, MEMORY_LIMIT, P95_LIMIT, SPACE, a_crash, a_line
from recording_builders import the_rounds as rounds
from search_builders import a_choice, an_integer

from deploytune.bench.recording.lines import Line
from deploytune.bench.recording.rounds import (
    ANCHOR_EVERY,
    MOST_CONFIGURATIONS,
    Role,
    Rounds,
    anchor_of,
)
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import Parameters
from deploytune.search.space import Space

LARGER = Space((a_choice("model", "small", "large"), an_integer("instances", 1, 30)))


def played(order: Rounds, settled: Line | None = None, most: int = 1000) -> list[Line]:
    """Play a recording to its end, every trial feasible and far from its limits, or `settled`."""
    lines: list[Line] = []
    while (ask := order.next_ask(lines)) is not None and len(lines) < most:
        same = settled is not None and ask.parameters == settled.parameters
        lines.append(a_line(ask.parameters, role=ask.role, **_ending(settled if same else None)))
    return lines


def _ending(like: Line | None) -> dict[str, Any]:
    if like is None:
        return {}
    metrics = {"p95": like.metrics.get("latency_p95_ms@steady")}
    memory = like.metrics.get("server_memory_mib", 100.0)
    return {"outcome": like.outcome, "memory": memory, **metrics}


def configurations(lines: Sequence[Line]) -> list[Parameters]:
    return [line.parameters for line in lines if line.role is Role.CONFIGURATION]


def times_played(line: Line, **changes: Any) -> int:
    return configurations(played(rounds(**changes), line)).count(line.parameters)


def test_every_configuration_is_played_once_between_two_anchors() -> None:
    lines = played(rounds())
    counts = Counter(SPACE.key(one) for one in configurations(lines))
    assert {SPACE.key(one): 1 for one in EVERY} == counts
    assert [Role.ANCHOR, Role.ANCHOR] == [lines[0].role, lines[-1].role]


def test_the_anchor_stands_between_every_twenty_trials() -> None:
    lines = played(rounds(space=LARGER))
    places = [place for place, line in enumerate(lines) if line.role is Role.ANCHOR]
    assert [0, ANCHOR_EVERY + 1, 2 * (ANCHOR_EVERY + 1), len(lines) - 1] == places
    assert all(ANCHOR == lines[place].parameters for place in places)


def test_the_order_is_drawn_by_the_seed() -> None:
    one, again, other = (played(rounds(space=LARGER, seed=seed)) for seed in (0, 0, 1))
    assert one == again
    assert configurations(one) != configurations(other)
    assert configurations(one) != list(LARGER.configurations())


def test_a_recording_that_was_stopped_goes_on_as_if_it_had_not_been() -> None:
    whole, order = played(rounds(space=LARGER)), rounds(space=LARGER)
    for stopped in range(len(whole)):
        ask = order.next_ask(whole[:stopped])
        assert ask is not None
        assert (whole[stopped].role, whole[stopped].parameters) == (ask.role, ask.parameters)


@pytest.mark.parametrize(
    ("line", "times"),
    [
        pytest.param(a_line(EVERY[2], p95=P95_LIMIT * 0.9), 3, id="just below a limit"),
        pytest.param(a_line(EVERY[2], p95=P95_LIMIT * 1.1), 3, id="just above a limit"),
        pytest.param(a_line(EVERY[2], p95=P95_LIMIT * 0.8), 1, id="well below a limit"),
        pytest.param(a_line(EVERY[2], p95=P95_LIMIT * 1.2), 1, id="well above a limit"),
        pytest.param(
            a_line(EVERY[2], p95=P95_LIMIT * 0.9, memory=2 * MEMORY_LIMIT),
            1,
            id="near one limit, but clearly missing another",
        ),
        pytest.param(
            a_line(EVERY[2], memory=MEMORY_LIMIT * 1.01), 3, id="very near a limit on memory"
        ),
        pytest.param(
            a_line(EVERY[2], memory=MEMORY_LIMIT * 1.05),
            1,
            id="as near a limit on memory as latency would need repeats at",
        ),
        pytest.param(a_line(EVERY[2], OutcomeKind.INVALID), 3, id="came out as no measurement"),
        pytest.param(a_crash(EVERY[2]), 1, id="crashed"),
    ],
)
def test_only_what_one_measurement_does_not_settle_is_repeated(line: Line, times: int) -> None:
    assert times == times_played(line)


def test_the_number_of_repeats_and_their_nearness_are_asked_for() -> None:
    line = a_line(EVERY[2], p95=P95_LIMIT * 0.9)
    assert (5, 1) == (times_played(line, repeats=4), times_played(line, near=0.05))


def test_repeats_come_after_everything_was_measured_once() -> None:
    line = a_line(EVERY[2], p95=P95_LIMIT)
    order = configurations(played(rounds(), line))
    assert {SPACE.key(one) for one in EVERY} == {SPACE.key(one) for one in order[: len(EVERY)]}
    assert [EVERY[2], EVERY[2]] == order[len(EVERY) :]


def test_what_is_left_counts_down_to_nothing() -> None:
    order, lines = rounds(), played(rounds())
    left = [order.left(lines[:count]) for count in range(len(lines) + 1)]
    assert [4, 4, 3, 2, 1, 0, 0] == left


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {
                "space": Space((an_integer("size", 1, MOST_CONFIGURATIONS + 1),)),
                "anchor": {"size": 1},
            },
            "spec.searchSpace: must have at most 2000 configurations to be recorded, got 2001",
            id="too large a space",
        ),
        pytest.param({"repeats": -1}, "repeats: must be at least 0, got -1", id="repeats below 0"),
        pytest.param({"near": 0.0}, "near: must be greater than 0, got 0.0", id="nothing is near"),
        pytest.param(
            {"anchor": {"model": "small"}}, "anchor.instances: must be set", id="half an anchor"
        ),
    ],
)
def test_what_cannot_be_recorded_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTuningError) as refused:
        rounds(**changes)
    assert message == str(refused.value)


WITH_DEFAULTS = Space(
    (
        a_choice("model", "small", "large", default="small"),
        a_choice("threads", 1, 2, default=1, when={"model": ("large",)}),
    )
)


def test_the_anchor_is_the_defaults_with_some_values_changed() -> None:
    assert {"model": "small"} == anchor_of(WITH_DEFAULTS, {})
    assert {"model": "large", "threads": 2} == anchor_of(
        WITH_DEFAULTS, {"model": "large", "threads": 2}
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "huge"}, "anchor.model: must be one of small, large, got 'huge'"),
        ({"threads": 2}, "anchor.threads: may not be set unless model is large, got 2"),
        ({"size": 2}, "anchor.size: must be a parameter of the space (model, threads)"),
    ],
)
def test_an_anchor_outside_the_space_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTuningError) as refused:
        anchor_of(WITH_DEFAULTS, changes)
    assert message == str(refused.value)
