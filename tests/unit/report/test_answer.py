"""The answer of an ended tuning, in words and as a table."""

from __future__ import annotations

import pytest
from builders import OBJECTIVE, a_configuration, a_tuning
from rich.console import Console

from deploytune.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Reason,
    Said,
    set_condition,
)
from deploytune.api.tuning import Answer, LimitMargin, NearestMiss, TuningStatus
from deploytune.report.answer import answer_rows, answer_sentence, answer_table, why_stopped


def test_a_confirmed_winner_is_named_with_its_confirmations() -> None:
    sentence = answer_sentence(
        a_tuning(), TuningStatus(best=an_answer("tune-4", 120.0, confirmations=3))
    )
    expected = "Run tune-4: kind=measure size=1 level=0 (confirmed in 3 fresh processes)."
    assert expected == sentence


def test_an_unconfirmed_winner_is_called_unconfirmed() -> None:
    status = TuningStatus(best=an_answer("tune-4", 120.0))
    assert answer_sentence(a_tuning(), status).endswith("(not confirmed).")
    of_none = answer_sentence(a_tuning(confirmations=0), status)
    assert of_none.endswith("(not confirmed: budget.confirmations is 0).")


@pytest.mark.parametrize(
    ("confirmations", "how"), [(0, "not confirmed"), (1, "confirmed in 1 of 2 fresh processes")]
)
def test_a_best_that_is_no_answer_is_not_told_as_one(confirmations: int, how: str) -> None:
    status = without_an_answer(an_answer("tune-4", 120.0, confirmations=confirmations))
    assert answer_sentence(a_tuning(), status) == (
        "No answer: the last 3 trials failed for reasons of the cluster. "
        f"Best so far, {how}: tune-4: kind=measure size=1 level=0."
    )
    assert "best so far" in the_table_of(status)[0]


def test_the_nearest_miss_names_the_limit_that_binds() -> None:
    miss = NearestMiss(
        trial="tune-2",
        parameters=a_configuration(),
        violation=0.2,
        binding_metric="server_memory_mib",
        limit=200.0,
        value=250.0,
    )
    sentence = answer_sentence(a_tuning(), TuningStatus(nearest_miss=miss))
    assert sentence.startswith("No feasible configuration found. Closest was tune-2")
    assert sentence.endswith("the limit that binds: server_memory_mib is 250 MiB, limit 200 MiB.")


def test_a_nearest_miss_whose_limited_metric_was_not_measured_says_so() -> None:
    miss = NearestMiss(
        trial="tune-2",
        parameters=a_configuration(),
        violation=1.0,
        binding_metric="accuracy",
        limit=0.9,
    )
    assert "accuracy was not measured" in answer_sentence(
        a_tuning(), TuningStatus(nearest_miss=miss)
    )


def test_without_any_measurement_the_answer_says_so() -> None:
    assert "none came to a measurement" in answer_sentence(a_tuning(), TuningStatus())


def test_the_hope_that_is_left_stands_beside_the_nearest_miss() -> None:
    miss = NearestMiss(
        trial="tune-2",
        parameters=a_configuration(),
        violation=0.2,
        binding_metric="server_memory_mib",
        limit=200.0,
        value=250.0,
        missed_by=9,
        measured=11,
    )
    sentence = answer_sentence(
        a_tuning(), TuningStatus(nearest_miss=miss, feasible_left_at_most=0.021)
    )
    assert "(the models give as many trials again at most 2.1 % to find one). Closest" in sentence
    assert sentence.endswith("limit 200 MiB, missed by 9 of 11 measured.")


def test_a_space_without_anything_else_to_try_is_called_so() -> None:
    sentence = answer_sentence(a_tuning(), TuningStatus(feasible_left_at_most=0.0))
    expected = "none came to a measurement, and there is nothing else to try."
    assert sentence.endswith(expected)


def test_the_table_puts_the_objective_first_and_limits_beside_margins() -> None:
    rows = the_table_of(
        TuningStatus(
            baseline=an_answer("tune-0", 100.0, memory=150.0),
            best=an_answer("tune-4", 120.0, memory=180.0),
        )
    )
    assert rows[1].split() == [
        *(OBJECTIVE, "(maximised)", "100", "inferences/s", "120", "inferences/s"),
        *("+20.0", "%", "better"),
    ]
    assert rows[2].split() == [
        *("server_memory_mib", "150", "MiB", "180", "MiB", "+20.0", "%", "worse"),
        *("at", "most", "200", "MiB", "20", "MiB"),
    ]


def test_a_metric_with_two_limits_has_a_row_for_each() -> None:
    memory = "server_memory_mib"
    limits = [{"metric": memory, "max": 200}, {"metric": memory, "min": 150}]
    best = an_answer("tune-4", 120.0, memory=180.0)
    margins = (*best.margins, LimitMargin(metric=memory, limit=150.0, value=180.0, margin=30.0))
    status = TuningStatus(best=best.replace(margins=margins))
    rows = answer_rows(a_tuning(spec={"constraints": limits}), status)
    assert [("at most 200 MiB", "20 MiB"), ("at least 150 MiB", "30 MiB")] == [
        (row.limit, row.margin) for row in rows if row.metric == memory
    ]


def test_without_a_baseline_the_table_compares_nothing() -> None:
    rows = the_table_of(TuningStatus(best=an_answer("tune-4", 120.0)))
    assert rows[1].split() == [OBJECTIVE, "(maximised)", "-", "120", "inferences/s", "-"]


def test_a_degraded_tuning_says_why_it_stopped() -> None:
    degraded = Condition(
        type="Degraded",
        status=ConditionStatus.TRUE,
        reason="TrialsMisconfigured",
        message="tune-0: model is not there",
        last_transition_time="2026-01-01T00:00:00Z",
    )
    assert why_stopped(TuningStatus(conditions=(degraded,))) == "tune-0: model is not there"


def test_a_healthy_tuning_was_not_stopped() -> None:
    assert why_stopped(TuningStatus()) is None


def without_an_answer(best: Answer) -> TuningStatus:
    message = "the last 3 trials failed for reasons of the cluster"
    said = Said(ConditionStatus.FALSE, Reason.TOO_MANY_INFRASTRUCTURE_FAILURES, message)
    conditions = set_condition((), ConditionType.SUCCEEDED, said, "2026-01-01T00:00:00Z")
    return TuningStatus(best=best, conditions=conditions)


def an_answer(
    trial: str, throughput: float, memory: float | None = None, confirmations: int = 0
) -> Answer:
    margins = (
        ()
        if memory is None
        else (
            LimitMargin(
                metric="server_memory_mib", limit=200.0, value=memory, margin=200.0 - memory
            ),
        )
    )
    metrics = {OBJECTIVE: throughput}
    return Answer(
        trial=trial,
        parameters=a_configuration(),
        metrics=metrics if memory is None else {**metrics, "server_memory_mib": memory},
        margins=margins,
        confirmations=confirmations,
    )


def the_table_of(status: TuningStatus) -> list[str]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(answer_table(a_tuning(), status))
    return capture.get().splitlines()
