"""A whole tuning of the digits example through the real Triton, as the README's command runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

EXAMPLES = Path(__file__).parents[2] / "operator" / "examples"
TEMPLATE = EXAMPLES / "digits" / "tuning.template.yaml"

pytestmark = [pytest.mark.triton, pytest.mark.timeout(300)]


def the_example(latency_limit_ms: float) -> dict[str, Any]:
    """The example as `prepare.py` fills it in, its files named from anywhere."""
    filled_in = (
        TEMPLATE.read_text(encoding="utf-8")
        .replace("RATE_PER_SECOND", "60")
        .replace("LATENCY_LIMIT_MS", str(latency_limit_ms))
    )
    document: dict[str, Any] = yaml.safe_load(filled_in)
    workload = document["spec"]["workload"]
    for model in workload["models"]:
        model["source"] = str(TEMPLATE.parent / model["source"])
    for data in ("evaluationData", "calibrationData"):
        workload[data] = str(TEMPLATE.parent / workload[data])
    return document


def searching_only(document: dict[str, Any], **values: list[Any]) -> dict[str, Any]:
    """The example with a space of these parameters alone."""
    document["spec"]["searchSpace"] = {
        "parameters": [
            {"name": name, "type": "Categorical", "values": choices, "default": choices[0]}
            for name, choices in values.items()
        ]
    }
    return document


def test_the_example_is_valid_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tuning.yaml").write_text(yaml.safe_dump(the_example(20.0)))
    assert main(["validate", str(tmp_path / "tuning.yaml")]) == ExitCode.ANSWER
    assert "digits is valid" in capsys.readouterr().out


def test_every_model_of_the_example_is_below_a_megabyte() -> None:
    sizes = [path.stat().st_size for path in (EXAMPLES / "digits" / "models").glob("*.onnx")]
    assert len(sizes) == 5
    assert max(sizes) < 1_000_000


@pytest.mark.usefixtures("triton")
def test_a_run_ends_with_a_confirmed_winner_and_its_repository(tmp_path: Path) -> None:
    document = searching_only(the_example(1000.0), model=["small-cnn"], instances=[1, 2])
    document["spec"]["budget"] = {"maxTrials": 2, "confirmations": 1}
    (tmp_path / "tuning.yaml").write_text(yaml.safe_dump(document))
    output = tmp_path / "answer"
    code = main(["run", str(tmp_path / "tuning.yaml"), "--output", str(output)])
    assert code == ExitCode.ANSWER
    best = yaml.safe_load((output / "status.yaml").read_text())["status"]["best"]
    assert best["confirmations"] == 1
    assert best["metrics"]["accuracy"] > 0.98
    assert (output / "model_repository" / "small-cnn" / "config.pbtxt").is_file()


@pytest.mark.usefixtures("triton")
def test_a_limit_that_nothing_keeps_is_named_as_the_one_that_binds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = searching_only(the_example(0.01), model=["mlp"])
    document["spec"]["budget"] = {"maxTrials": 1, "confirmations": 1}
    (tmp_path / "tuning.yaml").write_text(yaml.safe_dump(document))
    assert main(["run", str(tmp_path / "tuning.yaml")]) == ExitCode.NOTHING_FEASIBLE
    assert "the limit that binds: latency_p95_ms@steady" in capsys.readouterr().out
