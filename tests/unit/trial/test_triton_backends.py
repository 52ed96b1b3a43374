"""Which backend of Triton runs what was built, by what the server has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.serving import Serving
from deploytune_trial.triton.native import Accelerator, Choice, choose_backend, runs_on_gpu

ALL = frozenset({"python", "onnxruntime", "tensorrt", "pytorch"})
SERVING = Serving(1, 8, 0, 3, allow_spinning=True, cuda_graphs=True)
CUDA = ["CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "1"}]


def an_artefact(
    backend: str = "onnxruntime", file: str = "model.onnx", names: str = "x", **settings: Any
) -> Artefact:
    tensor = Tensor(names, "float32", (2,))
    if backend == "onnxruntime":
        settings = {
            "providers": [["CPUExecutionProvider", {}]],
            "output_shapes": {names: [-1, 2]},
            **settings,
        }
    if backend == "tensorrt":
        settings = {"host_code": False, **settings}
    return Artefact(
        backend=backend,
        files={file: Path(file)},
        settings=settings,
        interface=ModelInterface((tensor,), (tensor,), batched=True),
        size_bytes=1,
    )


def chosen(
    artefact: Artefact, installed: frozenset[str] = ALL, serving: Serving = SERVING
) -> Choice:
    return choose_backend(artefact, serving, "net", installed)


def on_tensorrt(**options: str) -> Artefact:
    return an_artefact(providers=[["TensorrtExecutionProvider", options], CUDA])


def test_an_onnx_file_is_run_by_tritons_own_onnx_runtime() -> None:
    native = chosen(an_artefact(graph_optimization="Extended")).native

    assert native is not None
    assert (native.name, native.platform) == ("onnxruntime", "onnxruntime_onnx")
    assert native.parameters == {"intra_op_thread_count": "3"}
    assert native.graph_level == 1
    assert native.accelerators == ()
    assert not native.on_gpu


def test_providers_may_be_named_without_options() -> None:
    native = chosen(an_artefact(providers=["CPUExecutionProvider"])).native
    assert native is not None


def test_outputs_are_told_as_the_file_declares_them() -> None:
    native = chosen(an_artefact(output_shapes={"x": [-1, 7]})).native

    assert native is not None
    assert native.outputs == {"x": (-1, 7)}


def test_a_server_that_lacks_a_backend_runs_it_in_python_and_says_so() -> None:
    choice = chosen(an_artefact(), frozenset({"python"}))
    assert choice == Choice(None, "this Triton has no onnxruntime backend")


def test_threads_that_must_not_spin_on_few_cpus_run_in_python() -> None:
    resting = replace(SERVING, allow_spinning=False)

    choice = chosen(an_artefact(), serving=resting)
    assert choice == Choice(None, "its threads spin while they wait, which is dear on few CPUs")

    one_thread = replace(resting, intra_op_threads=1)
    assert chosen(an_artefact(), serving=one_thread).native is not None
    assert chosen(an_artefact(providers=[CUDA]), serving=resting).native is not None


def test_cuda_is_an_accelerator_with_its_own_options() -> None:
    native = chosen(an_artefact(providers=[CUDA, "CPUExecutionProvider"])).native

    assert native is not None
    assert native.accelerators == (Accelerator("cuda", {"use_tf32": "1"}),)
    assert native.on_gpu


@pytest.mark.parametrize(
    ("search", "number"), [("EXHAUSTIVE", "0"), ("HEURISTIC", "1"), ("DEFAULT", "2")]
)
def test_the_search_for_convolutions_is_told_where_triton_reads_it(
    search: str, number: str
) -> None:
    cuda = ["CUDAExecutionProvider", {"cudnn_conv_algo_search": search}]
    native = chosen(an_artefact(providers=[cuda])).native

    assert native is not None
    assert native.parameters["cudnn_conv_algo_search"] == number


def test_cuda_keeps_its_options_where_it_only_follows_tensorrt() -> None:
    native = chosen(on_tensorrt(trt_fp16_enable="True")).native

    assert native is not None
    assert native.accelerators == (
        Accelerator("tensorrt", {"precision_mode": "FP16"}),
        Accelerator("cuda", {"use_tf32": "1"}),
    )
    assert native.parameters["cudnn_conv_algo_search"] == "1"


def test_tensorrt_is_told_under_tritons_names_with_paths_from_the_repository() -> None:
    native = chosen(
        on_tensorrt(
            trt_fp16_enable="True",
            trt_max_workspace_size="1024",
            trt_engine_cache_enable="True",
            trt_engine_cache_path="engines",
            trt_profile_max_shapes="x:8x2",
        )
    ).native

    assert native is not None
    assert native.accelerators[0].name == "tensorrt"
    assert native.accelerators[0].parameters == {
        "precision_mode": "FP16",
        "max_workspace_size_bytes": "1024",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": "net/1/engines",
        "trt_profile_max_shapes": "x:8x2",
    }


def test_a_precision_that_is_off_is_not_told() -> None:
    native = chosen(on_tensorrt(trt_fp16_enable="0")).native

    assert native is not None
    assert native.accelerators[0].parameters == {}


@pytest.mark.parametrize(
    ("artefact", "why"),
    [
        pytest.param(
            on_tensorrt(trt_bf16_enable="1"), "knows no option trt_bf16_enable", id="bfloat16"
        ),
        pytest.param(
            an_artefact(providers=["OpenVINOExecutionProvider"]), "no provider OpenVINO", id="other"
        ),
        pytest.param(
            an_artefact(output_shapes={"x": []}),
            "it takes output 'x' for a number: its file gives no axes",
            id="an output without a rank",
        ),
        pytest.param(
            an_artefact(output_shapes={"x": [4, 2]}),
            "it wants the first axis of output 'x' open, got 4",
            id="an output that closes the batch",
        ),
        pytest.param(
            an_artefact(file="weights.pt"), "loads model.onnx, the artefact holds", id="no file"
        ),
        pytest.param(
            an_artefact("pytorch", "weights.pt"), "loads model.pt, the artefact", id="weights alone"
        ),
        pytest.param(an_artefact("pytorch", "model.pt2"), "called NAME__0", id="names of its own"),
        pytest.param(
            an_artefact("pytorch", "model.pt2", names="INPUT__0", precision="fp16"),
            "a package of fp16 its inputs as they come",
            id="inputs that must be narrowed",
        ),
    ],
)
def test_what_cannot_be_told_as_it_was_proved_runs_in_python(artefact: Artefact, why: str) -> None:
    choice = chosen(artefact)

    assert choice.native is None
    assert why in choice.why


def test_an_engine_is_run_by_the_tensorrt_backend_with_cuda_graphs_if_asked() -> None:
    native = chosen(an_artefact("tensorrt", "model.plan")).native

    assert native is not None
    assert (native.platform, native.file) == ("tensorrt_plan", "model.plan")
    assert native.on_gpu
    assert native.cuda_graphs
    assert native.arguments == ()


def test_a_server_is_told_to_run_an_engines_own_code() -> None:
    native = chosen(an_artefact("tensorrt", "model.plan", host_code=True)).native

    assert native is not None
    assert native.arguments == ("--backend-config=tensorrt,version-compatible=true",)


def test_a_server_that_cannot_run_an_engine_is_to_be_mended() -> None:
    with pytest.raises(TrialFailure, match="needs Triton's tensorrt backend") as failed:
        chosen(an_artefact("tensorrt", "model.plan"), frozenset({"python"}))

    assert failed.value.outcome is OutcomeKind.MISCONFIGURED
    assert failed.value.cause is Cause.MISSING_DEPENDENCY


@pytest.mark.parametrize(
    ("file", "platform"), [("model.pt2", "torch_aoti"), ("model.pt", "pytorch_libtorch")]
)
def test_a_torch_file_whose_names_fit_is_run_natively(file: str, platform: str) -> None:
    native = chosen(an_artefact("pytorch", file, names="INPUT__0", device="cuda")).native

    assert native is not None
    assert (native.platform, native.file, native.on_gpu) == (platform, file, True)


@pytest.mark.parametrize(
    ("artefact", "expected"),
    [
        (an_artefact("tensorrt", "model.plan"), True),
        (an_artefact(), False),
        (an_artefact(providers=[CUDA]), True),
        (an_artefact("pytorch", "weights.pt"), False),
        (an_artefact("pytorch", "weights.pt", device="cuda"), True),
    ],
    ids=["an engine", "ONNX on the CPU", "ONNX on CUDA", "torch", "torch on CUDA"],
)
def test_an_artefact_runs_where_it_was_built_to_run(artefact: Artefact, *, expected: bool) -> None:
    assert expected is runs_on_gpu(artefact)
