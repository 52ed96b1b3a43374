"""A bundle of a trial of the digits example runs again, as its README says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.codec import decode_message
from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.report import TrialReport

DIGITS = Path(__file__).parents[2] / "operator" / "examples" / "digits"

pytestmark = [pytest.mark.triton, pytest.mark.timeout(300)]


def a_short_tuning(folder: Path) -> Path:
    """One configuration of the example; its paths begin in the example's own folder."""
    template = (DIGITS / "tuning.template.yaml").read_text()
    filled_in = template.replace("RATE_PER_SECOND", "60").replace("LATENCY_LIMIT_MS", "1000")
    document = yaml.safe_load(filled_in)
    choice = {"name": "model", "type": "Categorical", "values": ["mlp"], "default": "mlp"}
    document["spec"]["searchSpace"] = {"parameters": [choice]}
    document["spec"]["budget"] = {"maxTrials": 1, "confirmations": 0}
    for name in ("models", "data"):
        (folder / name).symlink_to(DIGITS / name)
    (folder / "tuning.yaml").write_text(yaml.safe_dump(document))
    return folder / "tuning.yaml"


@pytest.mark.usefixtures("triton")
def test_the_trial_runs_again_from_its_bundle_and_measures_the_same_accuracy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = a_short_tuning(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert ExitCode.ANSWER == main(["run", str(tuning)])
    assert ExitCode.ANSWER == main(["export", "bundle", "digits-0"])

    bundle = tmp_path / "digits-0-bundle"
    ended = subprocess.run(
        [bundle / "run-again", tmp_path],
        env={**os.environ, "TRIAL_COMMAND": f"{sys.executable} -m deploytune_trial"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ended.returncode, ended.stderr
    report = decode_message((bundle / "report.json").read_bytes())
    assert isinstance(report, TrialReport)
    assert OutcomeKind.FEASIBLE is report.outcome
    first = yaml.safe_load((bundle / "trial.yaml").read_text())["status"]["metrics"]["accuracy"]
    assert first["value"] == pytest.approx(report.metrics["accuracy"].value)
    assert (bundle / "config.pbtxt").read_text().startswith('name: "mlp"')
