"""What Triton's Python backend gets to see, with Triton's own module replaced."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto
from onnx_builders import FEATURES, a_model_request, a_sequence_model, a_sum_of_two, an_mlp, saved

import deploytune_trial.triton.repository as repository_module
from deploytune_trial.build.building import build
from deploytune_trial.models.loading import load_model

SERVED_MODEL = Path(repository_module.__file__).with_name("served_model")

Arrays = dict[str, np.ndarray[Any, Any]]


class FakeTensor:
    def __init__(self, name: str, values: np.ndarray[Any, Any]) -> None:
        self.name = name
        self.values = values

    def as_numpy(self) -> np.ndarray[Any, Any]:
        return self.values


class FakeResponse:
    def __init__(self, tensors: list[FakeTensor], error: str | None = None) -> None:
        self.outputs = {tensor.name: tensor.values for tensor in tensors}
        self.error = error


@pytest.fixture(autouse=True)
def _backend(monkeypatch: pytest.MonkeyPatch) -> None:
    fake: Any = ModuleType("triton_python_backend_utils")
    fake.Tensor = FakeTensor
    fake.InferenceResponse = FakeResponse
    fake.TritonError = str
    fake.get_input_tensor_by_name = lambda request, name: FakeTensor(name, request[name])
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", fake)
    monkeypatch.syspath_prepend(SERVED_MODEL)


def served(model: ModelProto, folder: Path, **workload: Any) -> Any:
    """The served model of an artefact, laid out as in a repository and initialised."""
    version = folder / "1"
    version.mkdir()
    request = a_model_request(saved(model, folder), **workload)
    artefact = build(request, load_model(request), version)
    for source in SERVED_MODEL.glob("*.py"):
        shutil.copy(source, version)
    (version / "settings.json").write_text(json.dumps(artefact.settings))
    instance = served_module(version).TritonPythonModel()
    instance.initialize({})
    return instance


def served_module(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("served_by_triton", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def counting_runs(instance: Any) -> list[int]:
    """Let an instance count the samples of each run from now on."""
    runs: list[int] = []
    runner = instance._runner

    def run(inputs: Arrays) -> Arrays:
        runs.append(len(next(iter(inputs.values()))))
        answer: Arrays = runner.run(inputs)
        return answer

    instance._runner = SimpleNamespace(run=run)
    return runs


def requests(*counts: int) -> list[Arrays]:
    generator = np.random.default_rng(5)
    return [{"x": generator.standard_normal((n, FEATURES)).astype(np.float32)} for n in counts]


CPU_LAST = ["CPUExecutionProvider", {}]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"device": "cuda"}, {"device": "cuda:1"}),
        (
            {"providers": [["CUDAExecutionProvider", {"use_tf32": "1"}], CPU_LAST]},
            {
                "providers": [
                    ["CUDAExecutionProvider", {"use_tf32": "1", "device_id": "1"}],
                    CPU_LAST,
                ]
            },
        ),
    ],
    ids=["torch", "ONNX Runtime"],
)
def test_an_instance_runs_on_the_device_that_triton_gives_it(
    settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    placed = served_module(SERVED_MODEL).placed
    second = {"model_instance_kind": "GPU", "model_instance_device_id": "1"}

    assert expected == placed(settings, second)
    assert settings == placed(settings, {**second, "model_instance_device_id": "0"})
    assert settings == placed(settings, {**second, "model_instance_kind": "CPU"})


def test_all_requests_of_a_call_are_one_run(tmp_path: Path) -> None:
    instance = served(an_mlp(), tmp_path)
    runs = counting_runs(instance)
    responses = instance.execute(requests(1, 3, 2))
    assert [6] == runs
    assert [1, 3, 2] == [len(response.outputs["scores"]) for response in responses]


def test_every_request_gets_its_own_answer(tmp_path: Path) -> None:
    instance = served(an_mlp(), tmp_path)
    together = instance.execute(requests(1, 3, 2))
    alone = [instance.execute([request])[0] for request in requests(1, 3, 2)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.outputs["scores"], other.outputs["scores"], rtol=1e-4)


def test_all_inputs_and_outputs_are_carried(tmp_path: Path) -> None:
    instance = served(a_sum_of_two(), tmp_path)
    left, right = np.full((1, 3), 5, np.float32), np.full((1, 3), 2, np.float32)
    (response,) = instance.execute([{"left": left, "right": right}])
    assert {"total", "difference"} == set(response.outputs)
    np.testing.assert_array_equal(response.outputs["difference"], left - right)


def test_a_model_of_a_fixed_batch_runs_request_by_request(tmp_path: Path) -> None:
    instance = served(an_mlp(2), tmp_path, request_batch=2)
    runs = counting_runs(instance)
    responses = instance.execute(requests(2, 2))
    assert [2, 2] == runs
    assert all(response.error is None for response in responses)


def test_an_output_of_a_model_that_fixes_its_batch_is_carried_whole(tmp_path: Path) -> None:
    (response,) = served(a_sequence_model(1), tmp_path).execute(
        [{"x": np.ones((1, 5, 3), np.float32)}]
    )
    assert response.outputs["steps"].shape == (5, 1, 3)


def test_an_error_reaches_every_request(tmp_path: Path) -> None:
    instance = served(an_mlp(), tmp_path)
    wrong = [{"x": np.zeros((1, 3), np.float32)}, {"x": np.zeros((1, 3), np.float32)}]
    responses = instance.execute(wrong)
    assert len(responses) == 2
    assert all("Got: 3 Expected: 16" in response.error for response in responses)


def test_an_output_of_another_size_than_the_batch_is_an_error(tmp_path: Path) -> None:
    instance = served(an_mlp(), tmp_path)
    instance._runner = SimpleNamespace(run=lambda _: {"scores": np.zeros((1, 4), np.float32)})
    (response, _) = instance.execute(requests(1, 1))
    assert response.error == "ValueError: output 'scores' has 1 samples, 2 went into the model"


def test_a_served_onnx_file_needs_neither_torch_nor_deploytune(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import onnx_runner\n"
        "assert not {'torch', 'deploytune', 'deploytune_trial'} & set(sys.modules)\n"
    )
    import subprocess

    served(an_mlp(), tmp_path)
    subprocess.run([sys.executable, "-I", "-c", script, str(tmp_path / "1")], check=True)
