"""Bad input: one clear line that names the field, the rule and the value; exit code 2; no trial."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_builders import Document, a_document, edited
from model_file_builders import an_input, some_data, some_labels, write_npz, write_onnx

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

OneLine = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a model of four features and data that fits it."""
    write_onnx(tmp_path / "model.onnx", [an_input()])
    write_npz(tmp_path / "evaluation.npz", **some_data(label=some_labels()))
    return tmp_path


@pytest.fixture
def refusal(home: Path, capsys: pytest.CaptureFixture[str]) -> OneLine:
    """Runs a document and returns the one line with which it is refused."""

    def run(document: Document, *options: str) -> str:
        (home / "tuning.yaml").write_text(yaml.safe_dump(document))
        code = main(["run", str(home / "tuning.yaml"), "--state", str(home / "state"), *options])
        printed = capsys.readouterr()
        lines = printed.err.splitlines()
        assert code == ExitCode.BAD_INPUT
        assert len(lines) == 1, printed.err
        assert not list(home.glob("state/trials/*")), "a trial was started"
        return lines[0]

    return run


def the_document() -> Document:
    """A tuning of `model.onnx` that could run."""
    return {
        "apiVersion": "deploytune.dev/v1alpha1",
        "kind": "DeploymentTuning",
        "metadata": {"name": "tune"},
        "spec": {
            "objectives": [{"metric": "throughput", "load": "single", "direction": "Maximize"}],
            "constraints": [{"metric": "latency_p95_ms", "load": "single", "max": 20}],
            "searchSpace": {
                "parameters": [
                    {"name": "precision", "type": "Categorical", "values": ["fp32", "fp16"]},
                    {"name": "instances", "type": "Integer", "min": 1, "max": 2},
                ]
            },
            "budget": {"maxTrials": 2, "confirmations": 0},
            "workload": {
                "models": [{"name": "model", "source": "model.onnx"}],
                "evaluationData": "evaluation.npz",
                "loads": [{"name": "single", "type": "ClosedLoop", "concurrency": 1}],
            },
        },
    }


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        pytest.param("spec.budgett", {}, ["spec.budgett", "budget"], id="unknown field"),
        pytest.param(
            "spec.searchSpace.parameters[0].when",
            {"colour": ["red"]},
            ["spec.searchSpace.parameters[0].when", "colour"],
            id="unknown parameter in when",
        ),
        pytest.param(
            "spec.searchSpace.parameters[1].min",
            3,
            ["spec.searchSpace.parameters[1]", "min"],
            id="min above max",
        ),
        pytest.param(
            "spec.searchSpace.parameters[0].values",
            [],
            ["spec.searchSpace.parameters[0].values"],
            id="no values",
        ),
        pytest.param(
            "spec.constraints[0].metric",
            "beauty",
            ["spec.constraints[0].metric", "beauty"],
            id="a limit on a metric that no stage measures",
        ),
        pytest.param(
            "spec.constraints[0].load",
            "double",
            ["spec.constraints[0]", "load"],
            id="a latency under a load that is not there",
        ),
        pytest.param(
            "spec.workload.models[0].source",
            "absent.onnx",
            ["spec.workload.models[0].source", "absent.onnx"],
            id="model file missing",
        ),
        pytest.param(
            "spec.workload.models[0].source",
            "tuning.yaml",
            ["spec.workload.models[0].source", "ONNX"],
            id="model file not ONNX",
        ),
        pytest.param(
            "spec.workload.evaluationData",
            "absent.npz",
            ["spec.workload.evaluationData", "absent.npz"],
            id="evaluation data missing",
        ),
        pytest.param(
            "spec.searchSpace.parameters[0].name",
            "precison",
            ["spec.searchSpace.parameters[0].name", "precison"],
            id="a parameter that no stage consumes",
        ),
    ],
)
def test_a_broken_rule_is_one_line_and_starts_nothing(
    path: str, value: Any, words: list[str], refusal: OneLine
) -> None:
    line = refusal(edited(path, value, the_document()))
    assert all(word in line for word in words), line


def test_evaluation_data_of_the_wrong_shape_is_refused(home: Path, refusal: OneLine) -> None:
    write_npz(home / "evaluation.npz", image=some_data()["image"][:, :3], label=some_labels())
    line = refusal(the_document())
    assert "spec.workload.evaluationData" in line
    assert "image" in line


def test_a_percentile_with_too_few_requests_for_its_bound_is_refused(refusal: OneLine) -> None:
    line = refusal(edited("spec.constraints[0].metric", "latency_p99_ms", the_document()))
    assert "459" in line


def test_a_machine_without_triton_is_told_what_to_install(
    refusal: OneLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A broken package that shadows the wheel makes Triton unfindable in the child."""
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "pytriton.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "shadow"))
    line = refusal(the_document())
    assert "tritonserver" in line
    assert "install" in line


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_too_few_free_ports_are_refused(refusal: OneLine, taken_port: int) -> None:
    line = refusal(the_document(), "--ports", f"{taken_port}-{taken_port}")
    assert f"{taken_port}-{taken_port}" in line


def test_ports_that_are_no_range_are_refused(refusal: OneLine) -> None:
    assert "FIRST-LAST" in refusal(the_document(), "--ports", "many")


def test_a_state_directory_of_another_tuning_is_refused(
    home: Path, refusal: OneLine, deterministic_run: Callable[..., int]
) -> None:
    assert deterministic_run(home / "state", name="other") == ExitCode.ANSWER
    (home / "state" / "trials").rename(home / "kept")
    line = refusal(the_document())
    assert "state directory" in line
    assert "metadata.name" in line


def test_a_state_directory_of_something_else_is_refused(home: Path, refusal: OneLine) -> None:
    (home / "state").mkdir()
    (home / "state" / "holiday.jpg").write_bytes(b"")
    assert "holiday.jpg" in refusal(the_document())


def test_an_output_that_cannot_be_written_is_refused(home: Path, refusal: OneLine) -> None:
    (home / "file").write_text("")
    line = refusal(the_document(), "--output", str(home / "file" / "answer"))
    assert "output" in line
    assert "writable" in line


def test_a_tuning_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "absent.yaml"]) == ExitCode.BAD_INPUT
    assert "absent.yaml" in capsys.readouterr().err


def test_a_seed_out_of_range_is_refused(refusal: OneLine) -> None:
    assert "--seed" in refusal(the_document(), "--seed", "-1")


def test_the_document_itself_is_valid(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "tuning.yaml").write_text(yaml.safe_dump(the_document()))
    assert main(["validate", str(home / "tuning.yaml")]) == ExitCode.ANSWER
    assert "tune is valid: 4 configurations, 2 trials" in capsys.readouterr().out


def test_every_builder_document_is_refused_only_by_its_files(
    refusal: OneLine,
) -> None:
    assert "spec.workload.models" in refusal(a_document())
