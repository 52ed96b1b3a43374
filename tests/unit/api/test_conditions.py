from __future__ import annotations

from deploytune.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Reason,
    Said,
    set_condition,
)

BEFORE, NOW = "2026-01-31T10:00:00Z", "2026-01-31T11:00:00Z"


def a_condition(status: ConditionStatus = ConditionStatus.UNKNOWN) -> Condition:
    return Condition(
        type=ConditionType.SUCCEEDED,
        status=status,
        reason=Reason.RUNNING,
        message="running",
        last_transition_time=BEFORE,
    )


def succeeded(
    *conditions: Condition, status: ConditionStatus, message: str = "done"
) -> tuple[Condition, ...]:
    said = Said(status, Reason.FEASIBLE_CONFIGURATION, message)
    return set_condition(conditions, ConditionType.SUCCEEDED, said, NOW)


def test_a_new_condition_begins_now() -> None:
    (condition,) = succeeded(status=ConditionStatus.TRUE)

    assert (condition.type, condition.status) == ("Succeeded", ConditionStatus.TRUE)
    assert condition.last_transition_time == NOW


def test_a_change_of_status_moves_the_transition_time() -> None:
    (condition,) = succeeded(a_condition(), status=ConditionStatus.TRUE)

    assert condition.last_transition_time == NOW


def test_a_change_of_words_keeps_the_transition_time() -> None:
    (condition,) = succeeded(a_condition(), status=ConditionStatus.UNKNOWN)

    assert (condition.last_transition_time, condition.message) == (BEFORE, "done")
    assert condition.reason == "FeasibleConfiguration"


def test_other_conditions_stay_as_they_are_and_in_their_place() -> None:
    other = a_condition().replace(type=ConditionType.DEGRADED)

    conditions = succeeded(a_condition(), other, status=ConditionStatus.TRUE)

    assert [one.type for one in conditions] == ["Succeeded", "Degraded"]
    assert conditions[1] == other


def test_a_long_message_is_cut() -> None:
    (condition,) = succeeded(status=ConditionStatus.TRUE, message="x" * 2000)

    assert len(condition.message) == 1024
    assert condition.message.endswith("…")
