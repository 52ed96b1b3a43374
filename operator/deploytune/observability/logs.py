"""Logs as JSON lines, with tuning, trial and attempt as keys; configured by the command line only.

A line names what it is about by `extra`: `log.info("attempt started", extra=about(...))`.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_KEYS = ("namespace", "tuning", "trial", "attempt")
_UNUSED = "OS signals are ignored"
"""kopf says so of itself; the signals are handled beside it."""
_A_LINE_AN_EVENT = "kopf.objects"


def about(
    namespace: str, tuning: str, trial: str | None = None, attempt: int | None = None
) -> dict[str, str | int]:
    """Return what a log line is about, for its `extra`."""
    given = {"namespace": namespace, "tuning": tuning, "trial": trial, "attempt": attempt}
    return {key: value for key, value in given.items() if value is not None}


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record with its time, level, message and what it is about."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line.update({key: getattr(record, key) for key in _KEYS if hasattr(record, key)})
        line["logger"] = record.name
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logs(level: str) -> None:
    """Have this process write its logs to standard error as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    handler.addFilter(lambda record: not record.getMessage().startswith(_UNUSED))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger(_A_LINE_AN_EVENT).setLevel(logging.WARNING)
