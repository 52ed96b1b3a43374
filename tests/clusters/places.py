"""Where things stand: what is kept between runs, and what a running cluster writes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CRDS = REPOSITORY / "crds"
TESTS = REPOSITORY / "tests"


def kept(kind: str) -> Path:
    """Return the folder outside the tree that keeps what is costly to make."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "deploytune" / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def clusters_of_test_runs() -> Path:
    """Return the folder of the state folders of test runs, living and dead; short for sockets."""
    folder = Path(tempfile.gettempdir()) / f"deploytune-clusters-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
