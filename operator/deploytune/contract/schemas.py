"""The contract as JSON Schema, for trials in other languages.

    python -m deploytune.contract.schemas [--check] [FOLDER]

Run from the repository's root. The models are the schema, so the files are never edited by hand.
With `--check` nothing is written and the exit code is 1 when a file differs. What is unknown is
passed over by both sides, which is how versions that are one apart understand each other: the
schemas allow it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploytune.contract.models import ContractModel
from deploytune.contract.report import Breadcrumb, TrialReport
from deploytune.contract.request import TrialRequest

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MESSAGES: dict[str, type[ContractModel]] = {
    "request": TrialRequest,
    "breadcrumb": Breadcrumb,
    "report": TrialReport,
}


def build_schema(message: type[ContractModel]) -> dict[str, Any]:
    """Return the schema of a message, unknown fields allowed in it."""
    schema = _opened(message.model_json_schema(by_alias=True, mode="validation"))
    assert isinstance(schema, dict)
    return {"$schema": _DIALECT, **schema}


def schema_files() -> Iterator[tuple[str, str]]:
    """Yield file name and text of every schema."""
    for name, message in _MESSAGES.items():
        yield f"{name}.schema.json", json.dumps(build_schema(message), indent=2) + "\n"


def _opened(part: Any) -> Any:
    """Return a part without what closes it, and without titles made of its fields' names."""
    if isinstance(part, dict):
        return {key: _opened(value) for key, value in part.items() if not _is_dropped(key, value)}
    return [_opened(each) for each in part] if isinstance(part, list) else part


def _is_dropped(key: str, value: Any) -> bool:
    is_title = key == "title" and isinstance(value, str)
    return is_title or (key == "additionalProperties" and value is False)


def main() -> int:
    """Write the files, or with --check tell which differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("operator/docs/contract"))
    parser.add_argument("--check", action="store_true", help="write nothing, tell what differs")
    options = parser.parse_args()
    if not options.check:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, text in schema_files():
            (options.folder / name).write_text(text, encoding="utf-8")
    differing = [name for name, text in schema_files() if _text_of(options.folder / name) != text]
    for name in differing:
        path = options.folder / name
        sys.stderr.write(f"{path} differs: run python -m deploytune.contract.schemas\n")
    return 1 if differing else 0


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
