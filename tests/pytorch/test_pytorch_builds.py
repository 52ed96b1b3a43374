from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_builders import a_model_request, samples_file

from deploytune.contract.codec import encode_request
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import Resources, TrialRequest
from deploytune_trial.build.building import Artefact, build, read_build_result
from deploytune_trial.build.pytorch.compilers import check_compiler
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import Tensor
from deploytune_trial.models.loading import load_model
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.verify import verify

torch = pytest.importorskip("torch", reason="PyTorch is not installed: deploytune[torch]")

pytestmark = [
    pytest.mark.torch,
    # Torch and its compiler use what they themselves deprecate.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

COMPILING_SECONDS = 480  # on two cores that others use too
needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="torch's compilers need a C++ compiler"
)

HERE = Path(__file__).parent
X = [{"name": "x", "shape": [4]}]
TWO_INPUTS: dict[str, np.ndarray[Any, Any]] = {
    "image": np.zeros((3, 4), np.float32),
    "ids": np.zeros(3, np.int64),
}


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a build writes."""
    made = tmp_path / "build"
    made.mkdir()
    return made


def requested(function: str, parameters: dict[str, Any] | None = None, **more: Any) -> TrialRequest:
    source = f"python:served_modules:{function}"
    return a_model_request(source, parameters, **{"inputs": X, **more})


def refusal(request: TrialRequest) -> TrialFailure:
    with pytest.raises(TrialFailure) as raised:
        load_model(request)
    assert raised.value.outcome is OutcomeKind.MISCONFIGURED
    return raised.value


def built(request: TrialRequest, folder: Path) -> Artefact:
    return build(request, load_model(request), folder)


def answers(artefact: Artefact, folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    from deploytune_trial.triton.served_model.torch_runner import Runner

    return Runner(folder, artefact.settings).run(synthetic_samples(artefact.interface.inputs, 5))


def test_the_interface_is_found_by_a_run() -> None:
    interface = load_model(requested("build_mlp")).interface
    assert interface.inputs == (Tensor("x", "float32", (4,)),)
    assert interface.outputs == (Tensor("output", "float32", (3,)),)


def test_outputs_of_a_tuple_are_numbered() -> None:
    interface = load_model(requested("build_many_outputs")).interface
    assert interface.outputs == (
        Tensor("output_0", "float32", (4,)),
        Tensor("output_1", "float32", ()),
    )


def test_input_types_are_those_of_the_evaluation_data(tmp_path: Path) -> None:
    data = samples_file(tmp_path, **TWO_INPUTS)
    inputs = [{"name": "image", "shape": [4]}, {"name": "ids", "shape": []}]
    request = requested("build_two_heads", inputs=inputs, evaluation_data=data)
    interface = load_model(request).interface
    assert [tensor.dtype for tensor in interface.inputs] == ["float32", "int64"]
    assert [tensor.name for tensor in interface.outputs] == ["scores", "best"]


def test_a_module_without_input_shapes_is_refused() -> None:
    failure = refusal(requested("build_mlp", inputs=[]))
    assert failure.message == "workload.inputs: must give the inputs of model net: it is Python"


def test_a_type_that_torch_modules_do_not_take_is_refused(tmp_path: Path) -> None:
    data = samples_file(tmp_path, x=np.zeros((3, 4), np.float64))
    failure = refusal(requested("build_mlp", evaluation_data=data))
    assert "array 'x' must be one of" in failure.message


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("python:served_modules:absent", "has no attribute 'absent'", id="function"),
        pytest.param("python:no_such_module:build", "No module named", id="module"),
        pytest.param(
            "python:served_modules:build_nothing", "must return a torch module", id="text"
        ),
        pytest.param("python:served_modules:build_without_batch", "first axis", id="no batch"),
        pytest.param("python:model:build", "must not be called like", id="name of the stub's own"),
        pytest.param("python:served_modules", "python:package.module:function", id="no function"),
    ],
)
def test_a_source_that_gives_no_module_is_refused(source: str, expected: str) -> None:
    failure = refusal(a_model_request(source, inputs=X))
    assert failure.cause is Cause.BAD_WORKLOAD
    assert expected in failure.message


@pytest.mark.parametrize(
    ("precision", "largest_drift"),
    [("fp32", 1e-6), ("fp16", 0.01), ("bf16", 0.05), ("int8-dynamic", 0.1)],
)
def test_a_variant_answers_like_the_original(
    folder: Path, precision: str, largest_drift: float
) -> None:
    from deploytune_trial.triton.served_model.torch_runner import Runner

    request = requested("build_mlp", {"precision": precision, "intraOpThreads": 1})
    model = load_model(request)
    artefact = build(request, model, folder)
    result = verify(model, artefact, request, Runner(folder, artefact.settings).run)
    assert result.metrics["output_drift"].value <= largest_drift
    assert artefact.backend == "pytorch"


def test_a_smaller_float_halves_the_weights(tmp_path: Path) -> None:
    sizes = {}
    for precision in ("fp32", "fp16"):
        folder = tmp_path / precision
        folder.mkdir()
        built(requested("build_mlp", {"precision": precision}), folder)
        weights = torch.load(folder / "weights.pt", weights_only=True)
        sizes[precision] = sum(weight.nbytes for weight in weights.values())
    assert sizes["fp32"] == 2 * sizes["fp16"]


def test_buffers_that_are_not_saved_change_their_type_too(folder: Path, tmp_path: Path) -> None:
    data = samples_file(tmp_path, **TWO_INPUTS)
    inputs = [{"name": "image", "shape": [4]}, {"name": "ids", "shape": []}]
    parameters = {"precision": "bf16"}
    request = requested("build_two_heads", parameters, inputs=inputs, evaluation_data=data)
    outputs = answers(built(request, folder), folder)
    assert outputs["scores"].dtype == np.float32
    assert outputs["best"].dtype == np.int64


@pytest.mark.parametrize("precision", ["fp16", "int8-dynamic"])
def test_a_precision_that_changes_nothing_is_unsupported(folder: Path, precision: str) -> None:
    with pytest.raises(TrialFailure, match="has nothing that") as raised:
        built(requested("build_many_outputs", {"precision": precision}), folder)
    assert raised.value.cause is Cause.UNSUPPORTED


def build_in_a_process(request: TrialRequest, scratch: Path, **environment: str) -> Path:
    request_file = scratch / "request.json"
    request_file.write_text(encode_request(request))
    command = [sys.executable, "-m", "deploytune_trial.build", str(request_file)]
    variables = {**os.environ, "PYTHONPATH": str(HERE), **environment}
    folder = scratch / "build"
    subprocess.run([*command, str(folder)], check=True, capture_output=True, env=variables)
    return folder


@needs_compiler
@pytest.mark.timeout(COMPILING_SECONDS)
def test_a_compiled_variant_takes_the_compilers_results_along(tmp_path: Path) -> None:
    request = requested("build_mlp", {"compile": "Compiled"})
    artefact = read_build_result(build_in_a_process(request, tmp_path))
    assert set(artefact.files) == {"weights.pt", "compiled.bin"}
    assert artefact.settings["compile"] == "Compiled"


@pytest.mark.parametrize("how", ["Compiled", "AOTInductor"])
def test_compiling_without_a_compiler_is_refused_before_time_is_spent(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", "absent-compiler")
    with pytest.raises(TrialFailure) as raised:
        built(requested("build_mlp", {"compile": how}), folder)
    assert raised.value.outcome is OutcomeKind.MISCONFIGURED
    assert raised.value.cause is Cause.MISSING_DEPENDENCY
    assert raised.value.message == (
        "a C++ compiler (absent-compiler) is not installed: "
        f"compile {how} needs one: install g++ in the image or leave {how} out"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("device", "how", "installed", "lacks"),
    [
        ("cpu", "Compiled", "g++", None),
        ("cuda", "Compiled", "g++", "a C compiler (gcc or clang)"),
        ("cuda", "Compiled", "clang", None),
        ("cuda", "AOTInductor", "clang", "a C++ compiler (g++ or gcc or clang++)"),
        ("cuda", "AOTInductor", "gcc", None),
    ],
)
def test_each_way_to_compile_has_its_compilers(
    tmp_path: Path, device: str, how: str, installed: str, lacks: str | None
) -> None:
    (tmp_path / installed).touch(0o755)
    expected = (
        nullcontext() if lacks is None else pytest.raises(TrialFailure, match=re.escape(lacks))
    )
    with expected:
        check_compiler(device, how, {"PATH": str(tmp_path)})


@needs_compiler
@pytest.mark.timeout(COMPILING_SECONDS)
def test_a_module_is_compiled_ahead_of_time_for_every_batch(folder: Path) -> None:
    from deploytune_trial.triton.served_model.torch_runner import Runner

    request = requested("build_mlp", {"compile": "AOTInductor", "maxBatchSize": 8})
    model = load_model(request)
    artefact = build(request, model, folder)
    assert set(artefact.files) == {"model.pt2"}
    assert artefact.facts["device"] == "cpu"
    result = verify(model, artefact, request, Runner(folder, artefact.settings).run)
    assert result.metrics["output_drift"].value <= 1e-6
    for batch in (1, 2, 8):
        samples = synthetic_samples(artefact.interface.inputs, batch)
        assert Runner(folder, artefact.settings).run(samples)["output"].shape == (batch, 3)


def test_a_module_for_a_device_that_is_not_there_is_the_nodes_fault(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a device")
    request = requested("build_mlp").replace(
        resources=Resources(accelerators={"nvidia.com/gpu": 1})
    )
    with pytest.raises(
        TrialFailure, match="no CUDA device is found, the pool asks for 1"
    ) as raised:
        built(request, folder)
    assert raised.value.outcome is OutcomeKind.INFRASTRUCTURE


def test_a_served_module_finds_its_code_without_pythonpath(folder: Path) -> None:
    artefact = built(requested("build_mlp"), folder)
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from torch_runner import Runner\n"
        "import numpy as np\n"
        "runner = Runner(Path(sys.argv[2]), json.loads(sys.argv[3]))\n"
        "print(runner.run({'x': np.zeros((2, 4), np.float32)})['output'].shape)\n"
    )
    import json

    import deploytune_trial.triton.repository as repository_module

    served = Path(repository_module.__file__).with_name("served_model")
    arguments = [str(served), str(folder), json.dumps(artefact.settings)]
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, *arguments], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "(2, 3)"
