"""The commands that the README tells a newcomer to type."""

from __future__ import annotations

from itertools import dropwhile, takewhile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
_INDENT = "    "
_PROMPT = "$ "


def commands_under(heading: str) -> list[str]:
    """Return the commands below a heading in whole lines, without comments and what they print."""
    lines = README.read_text(encoding="utf-8").splitlines()
    below = list(dropwhile(lambda line: line != f"## {heading}", lines))[1:]
    section = takewhile(lambda line: not line.startswith("## "), below)
    blocks = "\n".join(section).strip("\n").split("\n\n")
    typed = [block for block in blocks if block.startswith(_INDENT)]
    shown = [block for block in typed if not block.strip().startswith(_PROMPT)]
    joined = "\n".join(shown).replace("\\\n", "")
    return [" ".join(line.split(" # ")[0].split()) for line in joined.splitlines()]
