"""Prometheus and promtool: those on the PATH, else Debian's, unpacked but not installed.

Installed, the package would start a server of its own on the machine.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from clusters.components import Component
from clusters.keeping import key_of, made_once
from clusters.places import kept
from clusters.ports import LOOPBACK, free_port
from clusters.programs import output_of
from clusters.waiting import eventually

KIND = "prometheus"
PACKAGE = "prometheus"
PROGRAMS = ("prometheus", "promtool")
_PLACE = Path("usr/bin")


def prometheus_programs() -> Path:
    """Return the folder that holds both programs."""
    return _on_the_path() or made_once(KIND, PACKAGE, _unpack) / _PLACE


def programs_are_at_hand() -> bool:
    """Whether nothing needs to be downloaded any more."""
    return _on_the_path() is not None or (kept(KIND) / key_of(PACKAGE)).exists()


def _on_the_path() -> Path | None:
    found = [shutil.which(program) for program in PROGRAMS]
    return Path(str(found[0])).parent if all(found) else None


def _unpack(folder: Path) -> None:
    if os.getuid() == 0:
        output_of(["apt-get", "update", "-q"])
    output_of(
        ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", PACKAGE], folder=folder
    )
    [package] = folder.glob("*.deb")
    output_of(["dpkg-deb", "--extract", package, folder])
    package.unlink()


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus server."""

    url: str

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that a query gives now."""
        return self._answer("query", query=expression)

    def ask_over(self, expression: str, minutes: int) -> list[dict[str, Any]]:
        """Return the series that a query gives over the last minutes, as a panel shows them."""
        now = time.time()
        return self._answer(
            "query_range", query=expression, start=now - 60 * minutes, end=now, step=5
        )

    def _answer(self, how: str, **query: str | float) -> list[dict[str, Any]]:
        with urlopen(f"{self.url}/api/v1/{how}?{urlencode(query)}", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found

    def answers(self) -> bool:
        """Tell whether it is ready."""
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False


@contextmanager
def a_prometheus(folder: Path, target: str, rules: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes an operator every second, for as long as the context lasts."""
    configuration = folder / "prometheus.json"
    job = {
        "job_name": "deploytune",
        "honor_labels": True,
        "static_configs": [{"targets": [target], "labels": {"namespace": "ops"}}],
    }
    document = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [job],
    }
    configuration.write_text(json.dumps(document))
    address = f"{LOOPBACK}:{free_port()}"
    command = (
        prometheus_programs() / "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
    )
    server = Component("prometheus", command, folder / "prometheus.log")
    server.start()
    try:
        running = Prometheus(f"http://{address}")
        eventually(running.answers, "Prometheus")
        yield running
    finally:
        server.kill()
