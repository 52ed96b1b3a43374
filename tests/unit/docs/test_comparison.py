"""The comparison says nothing without showing where it is from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "operator" / "docs" / "comparison.md"
TEXT = PAGE.read_text(encoding="utf-8")
NAMED = dict(re.findall(r"^\[([\w-]+)\]: (\S+)$", TEXT, re.MULTILINE))

POINTS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in TEXT.partition("## Point by point")[2].partition('"Not said"')[0].splitlines()
    if line.startswith("| ") and not line.startswith("| |")
]
EACH_POINT = pytest.mark.parametrize("cells", POINTS, ids=lambda cells: str(cells[0]))


def test_there_is_a_cell_for_everybody() -> None:
    assert len(POINTS) > 8
    assert {6} == {len(cells) for cells in POINTS}


@EACH_POINT
def test_what_is_said_of_deploytune_is_shown_here(cells: list[str]) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", cells[1])
    assert targets
    assert [] == [target for target in targets if not (PAGE.parent / target).exists()]


def test_every_file_that_is_linked_is_there() -> None:
    targets = set(re.findall(r"\]\(([^):#]+)[^)]*\)", TEXT))
    assert [] == [target for target in targets if not (PAGE.parent / target).exists()]


def test_every_source_is_linked_and_every_link_has_one() -> None:
    assert set(NAMED) == set(re.findall(r"\]\[([\w-]+)\]", TEXT))


def test_source_code_is_linked_at_a_fixed_commit() -> None:
    code = [url for url in NAMED.values() if url.startswith("https://github.com/")]
    assert [] == [url for url in code if not re.search(r"/(blob|tree)/[0-9a-f]{40}/", url)]
