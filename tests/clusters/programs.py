"""Runs a program and turns its failure into one error that says what it said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

LONGEST_EXCERPT = 2000


class ClusterSetUpError(Exception):
    """A cluster, or something it needs, could not be made here."""


def output_of(
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    timeout_seconds: float = 1800.0,
) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-LONGEST_EXCERPT:]
        raise ClusterSetUpError(f"{Path(command[0]).name} ended with {done.returncode}: {said}")
    return done.stdout


def compile_go(source: Path, program: Path) -> None:
    """Compile a Go file that needs the standard library alone into a program that needs nothing."""
    command = ("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, source)
    output_of(command, variables={"CGO_ENABLED": "0"})
