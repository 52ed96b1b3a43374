"""The table of values in the chart's README: `PYTHONPATH=tests python -m chart.values_table`.

A value is a key of values.yaml with a comment `# -- ...` above it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from clusters.helm import CHART

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")
_MEANING = "# -- "
_HEAD = "| value | default | meaning |\n|---|---|---|\n"


@dataclass(frozen=True)
class Value:
    """One value: where it stands, what it is by default, and what it means; empty if unsaid."""

    path: str
    default: Any
    meaning: str

    def as_row(self) -> str:
        return f"| `{self.path}` | `{json.dumps(self.default)}` | {self.meaning} |\n"


def values_of(text: str) -> Iterator[Value]:
    """Yield the values of a values.yaml: those explained, and leaves that should be."""
    values, meaning = yaml.safe_load(text), ""
    place: list[str] = []
    explained_above = -1
    for line in text.splitlines():
        if line.lstrip().startswith(_MEANING):
            meaning = line.lstrip().removeprefix(_MEANING)
        elif found := _KEY.match(line):
            depth = len(found["indent"]) // 2
            place = [*place[:depth], found["key"]]
            if 0 <= explained_above < depth:
                continue
            default = _at(values, place)
            explained_above = depth if meaning else -1
            if meaning or not isinstance(default, dict):
                yield Value(".".join(place), default, meaning)
            meaning = ""


def table_of(text: str) -> str:
    """Return the table as Markdown."""
    return _HEAD + "".join(value.as_row() for value in values_of(text))


def _at(values: Any, place: list[str]) -> Any:
    for step in place:
        values = values[step]
    return values


def main() -> None:
    """Write the table into the README, which ends with it."""
    readme = CHART / "README.md"
    text, _, _ = readme.read_text().partition(_HEAD)
    readme.write_text(text + table_of((CHART / "values.yaml").read_text()))


if __name__ == "__main__":
    main()
