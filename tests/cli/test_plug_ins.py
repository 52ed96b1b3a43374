"""Strategies of installed packages, as a user of the command line meets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from builders import a_tuning
from plug_in_builders import Packages, packages

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

__all__ = ["packages"]

Run = Callable[..., int]


def validate(folder: Path, strategy: str) -> int:
    """Validate a tuning by a strategy and return the exit code."""
    document = a_tuning().model_dump(mode="json", by_alias=True, exclude_none=True)
    document["spec"]["algorithm"]["name"] = strategy
    (folder / "tuning.yaml").write_text(yaml.safe_dump(document))
    return main(["validate", str(folder / "tuning.yaml"), "--trial-command", "true"])


def test_a_run_is_proposed_by_the_strategy_of_a_package(
    tmp_path: Path, packages: Packages, deterministic_run: Run
) -> None:
    packages.add_the_documented_one()
    code = deterministic_run(
        tmp_path / "state", algorithm="Mutation", max_trials=4, confirmations=0
    )
    assert ExitCode.ANSWER == code
    trials = sorted((tmp_path / "state" / "trials").iterdir())
    proposals = [yaml.safe_load(trial.read_text())["spec"]["proposal"] for trial in trials]
    assert ["Defaults", *["Mutation"] * 3] == [proposal["strategy"] for proposal in proposals]
    assert "kept" in proposals[-1]["why"]


def test_a_tuning_by_the_strategy_of_a_package_is_valid(
    tmp_path: Path, packages: Packages, capsys: pytest.CaptureFixture[str]
) -> None:
    packages.add_the_documented_one()
    assert ExitCode.ANSWER == validate(tmp_path, "Mutation")
    assert "8 trials by Mutation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("strategy", "line"),
    [
        pytest.param(
            "Vizier",
            "deploytune: spec.algorithm.name: must be one of TBA, TPE, Random, Grid, Optuna, "
            "Broken, got 'Vizier'",
            id="no package brings it",
        ),
        pytest.param(
            "Broken",
            "deploytune: the strategy Broken of the package broken_strategy fails: "
            "ImportError: no libraries",
            id="the package cannot be imported",
        ),
        pytest.param(
            "no/name",
            "spec.algorithm.name: must match ^[A-Za-z][A-Za-z0-9_.-]*$, got 'no/name'",
            id="it is no name",
        ),
    ],
)
def test_a_strategy_that_is_not_there_is_one_line(
    tmp_path: Path,
    packages: Packages,
    capsys: pytest.CaptureFixture[str],
    strategy: str,
    line: str,
) -> None:
    packages.add("Broken", "raise ImportError('no libraries')")
    assert ExitCode.BAD_INPUT == validate(tmp_path, strategy)
    (told,) = capsys.readouterr().err.splitlines()
    assert told.endswith(line)


def test_a_strategy_that_fails_in_the_middle_ends_the_run_with_one_line(
    tmp_path: Path,
    packages: Packages,
    deterministic_run: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    packages.add(
        "Tired",
        """
        from deploytune.search import Proposal

        class Tired:
            def propose(self, problem, knowledge, draw):
                assert len(knowledge.finished) < 2, "enough"
                yield Proposal(problem.space.sample(draw.rng("x")), "Tired", "Exploring")

        def build(algorithm):
            return Tired()
        """,
    )
    code = deterministic_run(tmp_path / "state", algorithm="Tired", confirmations=0)
    assert ExitCode.BAD_INPUT == code
    assert 2 == len(list((tmp_path / "state" / "trials").iterdir()))
    (told,) = capsys.readouterr().err.splitlines()
    assert "the strategy Tired of the package tired_strategy fails: AssertionError: enough" in told
