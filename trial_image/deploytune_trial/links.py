"""Files in another place with the same content, by hard links where the file system has them."""

from __future__ import annotations

import shutil
from pathlib import Path


def link_or_copy(source: Path, target: Path) -> None:
    """Let `target` have the content of `source`, whatever becomes of that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
