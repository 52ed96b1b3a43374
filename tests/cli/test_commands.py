"""The commands as a user meets them: exit codes, printed words, files left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from model_file_builders import write_onnx

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

Run = Callable[..., int]


def test_a_run_prints_every_trial_the_status_and_the_answer(
    tmp_path: Path, deterministic_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deterministic_run(tmp_path / "state", max_trials=4, confirmations=1) == ExitCode.ANSWER
    printed = capsys.readouterr().out
    assert [f"{number}/5" for number in range(1, 6)] == [
        line.split()[0] for line in printed.splitlines() if "/5 " in line
    ]
    assert "reason: BudgetExhausted" in printed
    assert "(confirmed in 1 fresh processes)" in printed


def test_a_run_leaves_the_status_and_the_winners_repository(
    tmp_path: Path, deterministic_run: Run
) -> None:
    deterministic_run(tmp_path / "state", "--output", str(tmp_path / "answer"), confirmations=1)
    answered = yaml.safe_load((tmp_path / "answer" / "status.yaml").read_text())
    assert answered["status"]["best"]["confirmations"] == 1
    assert list((tmp_path / "answer" / "model_repository").iterdir())


def test_nothing_feasible_is_exit_code_3_with_the_limit_that_binds(
    tmp_path: Path, deterministic_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    code = deterministic_run(tmp_path / "state", memory_max=1.0, max_trials=3)
    assert code == ExitCode.NOTHING_FEASIBLE
    assert "the limit that binds: server_memory_mib" in capsys.readouterr().out


def test_a_hopeless_run_ends_early_and_says_how_sure_it_is(
    tmp_path: Path, deterministic_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every configuration needs 50 MiB at least, more than ten times the limit."""
    code = deterministic_run(tmp_path / "state", memory_max=4.0, max_trials=30, algorithm="TBA")
    printed = " ".join(capsys.readouterr().out.split())
    assert code == ExitCode.NOTHING_FEASIBLE
    assert len(parameters_tried(tmp_path / "state")) < 20
    assert "given up before the budget was spent; P(30 more find one) <= " in printed
    assert "binding limit server_memory_mib, missed by" in printed
    assert "(the models give as many trials again at most" in printed


def test_a_finished_run_is_told_again_and_not_run_again(
    tmp_path: Path, deterministic_run: Run
) -> None:
    deterministic_run(tmp_path / "state", confirmations=1)
    before = sorted((tmp_path / "state" / "attempts").iterdir())
    assert deterministic_run(tmp_path / "state", confirmations=1) == ExitCode.ANSWER
    assert before == sorted((tmp_path / "state" / "attempts").iterdir())


def test_a_tuning_may_have_the_longest_name(tmp_path: Path, deterministic_run: Run) -> None:
    name = "a" * 50
    assert ExitCode.ANSWER == deterministic_run(tmp_path / "state", name=name, max_trials=2)
    assert f"{name}-0.json" in {path.name for path in (tmp_path / "state" / "trials").iterdir()}


def test_the_seed_option_stands_for_the_seed_of_the_file(
    tmp_path: Path, deterministic_run: Run
) -> None:
    for name, options in {"file": (), "option": ("--seed", "7")}.items():
        deterministic_run(tmp_path / name, *options, max_trials=4, confirmations=0)
    assert parameters_tried(tmp_path / "file") != parameters_tried(tmp_path / "option")


def test_a_misconfigured_trial_ends_the_run_with_one_line(
    tmp_path: Path, deterministic_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = [{"name": "kind", "type": "Categorical", "values": ["misconfigured"]}]
    assert deterministic_run(tmp_path / "state", parameters=parameters) == ExitCode.BAD_INPUT
    assert "no such thing" in capsys.readouterr().err


def test_init_writes_a_tuning_that_validates_beside_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_onnx(tmp_path / "models" / "net.onnx")
    arguments = ["--limit", "latency_p95_ms=20", "--maximize", "throughput"]
    assert main(["init", "models/net.onnx", *arguments]) == ExitCode.ANSWER
    assert "ClosedLoop, concurrency 1" in capsys.readouterr().out
    assert main(["validate", "net.yaml"]) == ExitCode.ANSWER


def test_init_never_overwrites_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_onnx(tmp_path / "net.onnx")
    (tmp_path / "net.yaml").write_text("mine")
    arguments = ["--minimize", "latency_p95_ms", "--output", str(tmp_path / "net.yaml")]
    assert main(["init", str(model), *arguments]) == ExitCode.BAD_INPUT
    assert "--output: must not exist yet" in capsys.readouterr().err
    assert (tmp_path / "net.yaml").read_text() == "mine"


def test_init_wants_a_file_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "t.yaml"
    arguments = ["--maximize", "throughput", "--output", str(output)]
    assert main(["init", "https://host/net.onnx?sig=x", *arguments]) == ExitCode.BAD_INPUT
    expected = "MODEL: must be a file here: fetch it, and write its URL as the source of the tuning"
    assert f"{expected}, got 'https://host/net.onnx?…'" in capsys.readouterr().err
    assert not output.exists()


def test_init_cannot_read_a_function(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "python:a:b", "--maximize", "throughput"]) == ExitCode.BAD_INPUT
    assert "MODEL: must be an ONNX file: a Python function declares" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["latency_p95_ms", "latency_p95_ms=fast", "beauty=3"])
def test_init_refuses_a_limit_it_cannot_read(
    limit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_onnx(tmp_path / "net.onnx")
    arguments = ["--limit", limit, "--maximize", "throughput", "--output", str(tmp_path / "t")]
    assert main(["init", str(model), *arguments]) == ExitCode.BAD_INPUT
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "t").exists()


def test_help_loads_no_heavy_library() -> None:
    loaded = (
        "import sys; from deploytune.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'optuna', 'onnx', 'yaml', 'rich', 'torch'} & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines()[-1] == "[]"


def parameters_tried(state: Path) -> list[object]:
    trials = sorted((state / "trials").iterdir())
    return [yaml.safe_load(path.read_text())["spec"]["parameters"] for path in trials]


def test_a_run_that_is_stopped_after_a_feasible_trial_gives_no_answer(
    tmp_path: Path, deterministic_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The best so far was never confirmed: it may not pass for the answer."""
    kinds = {"type": "Categorical", "values": ["measure", "misconfigured"], "default": "measure"}
    code = deterministic_run(tmp_path / "state", parameters=[{"name": "kind", **kinds}])
    assert code == ExitCode.BAD_INPUT
    assert "Run tune-" not in capsys.readouterr().out
