from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_builders import FEATURES, a_model_request, a_sum_of_two, an_mlp, samples_file, saved
from trial_builders import a_request

from deploytune.contract.outcomes import Cause
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.loading import load_model
from deploytune_trial.triton import served_model

SAMPLES = 6


def some_samples(**changes: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    return {
        "x": np.zeros((SAMPLES, FEATURES), np.float32),
        "label": np.zeros(SAMPLES, np.int64),
        **changes,
    }


def refusal_of_data(folder: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> str:
    source, data = saved(an_mlp(), folder), samples_file(folder, **arrays)
    with pytest.raises(TrialFailure) as raised:
        load_model(a_model_request(source, evaluation_data=data))
    assert raised.value.cause is Cause.BAD_WORKLOAD
    assert raised.value.message.startswith("workload.evaluationData: ")
    return raised.value.message


def test_the_parameter_picks_the_model(tmp_path: Path) -> None:
    models = [
        {"name": "first", "source": saved(an_mlp(), tmp_path, "a.onnx")},
        {"name": "second", "source": saved(a_sum_of_two(), tmp_path, "b.onnx")},
    ]
    request = a_request(parameters={"model": "second"}, workload={"models": models})
    assert load_model(request).name == "second"


@pytest.mark.parametrize("parameters", [{}, {"model": "third"}])
def test_one_of_several_models_must_be_named(tmp_path: Path, parameters: dict[str, str]) -> None:
    models = [{"name": name, "source": saved(an_mlp(), tmp_path)} for name in ("first", "second")]
    with pytest.raises(TrialFailure, match="model: must be one of first, second") as raised:
        load_model(a_request(parameters=parameters, workload={"models": models}))
    assert raised.value.cause is Cause.BAD_PARAMETER


def test_parameters_are_checked_before_the_model_is_opened() -> None:
    with pytest.raises(TrialFailure, match="parameter batchSize: no stage"):
        load_model(a_model_request("absent.onnx", {"batchSize": 4}))


def test_data_that_suits_the_model_is_taken(tmp_path: Path) -> None:
    data = samples_file(tmp_path, **some_samples(extra=np.zeros(3)))
    request = a_model_request(saved(an_mlp(), tmp_path), evaluation_data=data)
    assert load_model(request).name == "net"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"x": np.zeros((SAMPLES, FEATURES))},
            "array 'x' must be float32, got 'float64'",
            id="another type",
        ),
        pytest.param(
            {"x": np.zeros((SAMPLES, 3), np.float32)},
            "array 'x' must have the shape ['samples', 16], got [6, 3]",
            id="another shape",
        ),
        pytest.param(
            {"x": np.zeros((), np.float32)},
            "array 'x' must have the shape ['samples', 16], got []",
            id="no samples axis",
        ),
        pytest.param(
            {"label": np.zeros(5, np.int64)},
            "array 'label' must have one entry for each of the 6 samples of 'x', got [5]",
            id="too few labels",
        ),
        pytest.param(
            {"x": np.zeros((0, FEATURES), np.float32), "label": np.zeros(0)},
            "must hold at least one sample",
            id="no samples",
        ),
    ],
)
def test_data_that_does_not_suit_the_model_is_refused(
    tmp_path: Path, changes: dict[str, np.ndarray[Any, Any]], expected: str
) -> None:
    assert expected in refusal_of_data(tmp_path, some_samples(**changes))


def test_data_without_an_array_for_an_input_is_refused(tmp_path: Path) -> None:
    message = refusal_of_data(tmp_path, {"image": np.zeros((SAMPLES, FEATURES), np.float32)})
    assert message.endswith("must hold an array 'x', got ['image']")


def test_accuracy_needs_labels(tmp_path: Path) -> None:
    data = samples_file(tmp_path, x=np.zeros((SAMPLES, FEATURES), np.float32))
    models = [{"name": "net", "source": saved(an_mlp(), tmp_path)}]
    request = a_request(
        objectives=["accuracy"], workload={"models": models, "evaluation_data": data}
    )
    with pytest.raises(TrialFailure, match="must hold the labels as array 'label'"):
        load_model(request)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(None, "no such file", id="missing"),
        pytest.param(b"PK not a zip", "must be an .npz file", id="not a zip"),
        pytest.param(b"", "must be an .npz file", id="empty"),
    ],
)
def test_a_file_that_is_no_npz_is_refused(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    data = tmp_path / "data.npz"
    if content is not None:
        data.write_bytes(content)
    source = saved(an_mlp(), tmp_path)
    with pytest.raises(TrialFailure, match=expected):
        load_model(a_model_request(source, evaluation_data=str(data)))


def test_a_python_model_without_torch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test may have imported it: then it is in two places.
    monkeypatch.delitem(sys.modules, f"{served_model.__name__}.torch_runner", raising=False)
    monkeypatch.delattr(served_model, "torch_runner", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    inputs = [{"name": "x", "shape": [3]}]
    with pytest.raises(TrialFailure, match=r"not installed.*deploytune\[torch\]") as raised:
        load_model(a_model_request("python:somewhere:build", inputs=inputs))
    assert raised.value.cause is Cause.MISSING_DEPENDENCY
