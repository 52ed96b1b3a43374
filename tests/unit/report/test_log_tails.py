"""The end of a log, as a terminal may show it."""

from __future__ import annotations

import pytest
from builders import a_finished_trial, a_trial

from deploytune.api.trial import AttemptRecord, TrialStatusRecord, TuningTrial
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.report.log_tails import MOST_LINES, failed_attempt, log_tail


def test_the_last_lines_are_told() -> None:
    text = "".join(f"line {number}\n" for number in range(100))
    lines = log_tail("log", text).lines
    assert (MOST_LINES, "line 99") == (len(lines), lines[-1])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colours"),
        pytest.param("\x1b]0;title\x07told", "told", id="a title"),
        pytest.param("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", id="a link"),
        pytest.param("1 %\r50 %\r100 %\r\n", "100 %", id="progress"),
        pytest.param("x" * 5000, "x" * 199 + "…", id="a long line"),
        pytest.param("\n\n  kept\n\n", "  kept", id="empty lines"),
    ],
)
def test_a_line_shows_what_it_says(text: str, shown: str) -> None:
    assert (shown,) == log_tail("log", text).lines


def test_a_log_without_a_line_says_that_it_is_empty() -> None:
    tail = log_tail("log", "\n")
    assert ((), "it is empty") == (tail.lines, tail.why_none)


def with_attempts(*outcomes: OutcomeKind) -> TuningTrial:
    records = tuple(
        AttemptRecord(attempt=number, outcome=outcome) for number, outcome in enumerate(outcomes)
    )
    return a_trial().model_copy(update={"status": TrialStatusRecord(attempts=records)})


def test_only_what_failed_last_is_of_interest() -> None:
    assert None is failed_attempt(a_trial())
    assert None is failed_attempt(a_finished_trial())
    infeasible = a_finished_trial(outcome=OutcomeKind.INFEASIBLE, cause=Cause.LIMIT_MISSED)
    assert None is failed_attempt(infeasible)
    last = failed_attempt(with_attempts(OutcomeKind.INFRASTRUCTURE, OutcomeKind.MISCONFIGURED))
    assert last is not None
    assert 1 == last.attempt


def test_of_what_was_given_up_after_a_failure_no_log_is_of_interest() -> None:
    trial = with_attempts(OutcomeKind.INFRASTRUCTURE)
    status = trial.status.replace(
        outcome=OutcomeKind.INFRASTRUCTURE, cause=Cause.INTERRUPTED, message="withdrawn"
    )
    assert None is failed_attempt(trial.model_copy(update={"status": status}))
