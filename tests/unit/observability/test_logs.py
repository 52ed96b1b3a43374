from __future__ import annotations

import json
import logging

from deploytune.observability.logs import JsonLines, about


def test_a_line_is_json_with_what_it_is_about_as_keys() -> None:
    line = formatted(about("here", "tune", trial="tune-3", attempt=0), "attempt %s", "started")

    assert "attempt started" == line["message"]
    assert ("here", "tune", "tune-3", 0) == tuple(
        line[key] for key in ("namespace", "tuning", "trial", "attempt")
    )


def test_a_line_about_nothing_in_particular_has_no_such_keys() -> None:
    assert {"time", "level", "message", "logger"} == set(formatted({}, "ready"))


def test_a_traceback_stays_on_the_line() -> None:
    line = formatted({}, "failed", error=ValueError("odd"))

    assert "ValueError: odd" in str(line["traceback"])


def formatted(
    extra: dict[str, str | int], message: str, *arguments: object, error: Exception | None = None
) -> dict[str, object]:
    record = logging.getLogger("test").makeRecord(
        "test",
        logging.INFO,
        __file__,
        1,
        message,
        arguments,
        None if error is None else (type(error), error, error.__traceback__),
        extra=extra,
    )
    text = JsonLines().format(record)
    assert "\n" not in text
    line: dict[str, object] = json.loads(text)
    return line
