"""Where a run's trials keep builds, as the command line and the tuning say it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from api_builders import a_cluster_document, edited, parsed

from deploytune.cli.run import _local_options, add_arguments

HERE = Path("/tunings")
STATE = HERE / ".deploytune" / "digits"
A_VOLUME = {
    "artefactCache": {"volume": "builds", "sizeLimit": "3Gi"},
    "podTemplate": {
        "volumes": [{"name": "builds", "persistentVolumeClaim": {"claimName": "builds"}}]
    },
}


def cache_of(*arguments: str, trial: dict[str, Any] | None = None) -> tuple[Path | None, int]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    document = edited("spec.trial", trial or {}, a_cluster_document())
    options = parser.parse_args([str(HERE / "tuning.yaml"), *arguments])
    chosen = _local_options(parsed(document), STATE, options)
    return chosen.artefact_cache, chosen.artefact_cache_bytes


def test_a_run_keeps_builds_beside_its_state() -> None:
    assert cache_of() == (HERE / ".deploytune" / "digits-artefacts", 10 * 2**30)


def test_several_runs_may_share_a_folder() -> None:
    assert cache_of("--artefact-cache", "/shared")[0] == Path("/shared")


def test_a_run_may_let_every_trial_build_for_itself() -> None:
    assert cache_of("--no-artefact-cache")[0] is None


def test_the_size_limit_is_the_tunings() -> None:
    assert cache_of(trial=A_VOLUME)[1] == 3 * 2**30


def test_a_folder_and_none_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cache_of("--artefact-cache", "/shared", "--no-artefact-cache")
    assert "not allowed with" in capsys.readouterr().err
