"""Tests of the Helm chart: with the real Helm and Prometheus' own checker, without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from clusters.fixtures import need
from clusters.helm import Helm, helm_program
from clusters.prometheus import prometheus_programs
from clusters.requirements import HELM, MONITORING


@pytest.fixture(scope="session")
def helm() -> Helm:
    need(HELM, "Helm")
    return Helm(helm_program())


@pytest.fixture(scope="session")
def promtool() -> Path:
    need(MONITORING, "Prometheus")
    return prometheus_programs() / "promtool"
