"""A process of the cluster that a test may stop, kill, pause and start again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from clusters.programs import LONGEST_EXCERPT, ClusterSetUpError

PATIENCE_SECONDS = 5.0
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass
class Component:
    """A server of the cluster; its command names the state folder, by which removal knows it."""

    name: str
    command: Sequence[str | Path]
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime = LONG_AGO
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again; its log goes on."""
        assert not self.running, f"{self.name} runs already"
        self.started_at = datetime.now(UTC)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(word) for word in self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.variables},
                cwd=self.log.parent,
                start_new_session=True,  # the terminal's Ctrl-C is for pytest alone
            )

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def has_ended(self) -> bool:
        """Whether it was started, and lives no more."""
        return self._process is not None and not self.running

    @property
    def pid(self) -> int:
        """The process that runs, or ran last."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end, and wait; kill it when it takes its time."""
        self.signal(signal.SIGTERM)
        try:
            self.forget()
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.signal(signal.SIGKILL)
        self.forget()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP makes a server that hangs, SIGCONT mends it."""
        if self.running:
            os.kill(self.pid, number)

    def forget(self) -> None:
        """Wait for the end of a process that somebody ended."""
        if self._process is not None:
            self._process.wait(PATIENCE_SECONDS)

    def must_run(self) -> None:
        """Say why it ended, if it did.

        Raises:
            ClusterSetUpError: It ended; the message holds the end of its log.
        """
        if not self.running:
            tail = self.log.read_text(errors="replace")[-LONGEST_EXCERPT:]
            raise ClusterSetUpError(f"{self.name} ended: {tail}")
