from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto
from onnx_builders import (
    FEATURES,
    a_model_request,
    a_model_with_an_open_batch,
    a_model_without_a_rank,
    a_sum_of_two,
    an_embedding,
    an_mlp,
    samples_file,
    saved,
    without_weights,
)

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.build.building import Artefact, build
from deploytune_trial.build.graphs.conversions import Conversion, convert
from deploytune_trial.build.onnx import builder
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.loading import load_model
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.triton.served_model.onnx_runner import ProviderNotLoadedError, Runner

CALIBRATION_SAMPLES = 24


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a build writes."""
    made = tmp_path / "build"
    made.mkdir()
    return made


def built(
    model: ModelProto,
    folder: Path,
    parameters: dict[str, Any] | None = None,
    **workload: Any,
) -> Artefact:
    request = a_model_request(saved(model, folder.parent), parameters, **workload)
    return build(request, load_model(request), folder)


def failure(
    model: ModelProto, folder: Path, parameters: dict[str, Any], **workload: Any
) -> TrialFailure:
    with pytest.raises(TrialFailure) as raised:
        built(model, folder, parameters, **workload)
    return raised.value


def calibration_data(folder: Path, samples: int = CALIBRATION_SAMPLES) -> str:
    # Cubed, so that a few values are far out and the methods differ in what they make of them.
    values = np.random.default_rng(1).standard_normal((samples, FEATURES)) ** 3
    return samples_file(folder.parent, x=values.astype(np.float32))


def written(artefact: Artefact) -> ModelProto:
    return onnx.load(artefact.files["model.onnx"])


def weight_types(model: ModelProto) -> set[int]:
    return {tensor.data_type for tensor in model.graph.initializer}


def drift(artefact: Artefact, original: Artefact) -> float:
    samples = synthetic_samples(artefact.interface.inputs, 16)
    answers = [
        Runner(each.files["model.onnx"].parent, each.settings).run(samples)["scores"]
        for each in (artefact, original)
    ]
    return float(np.abs(answers[0] - answers[1]).max() / np.abs(answers[1]).max())


@pytest.mark.parametrize(
    ("model", "shape"),
    [(an_mlp(), [-1, 4]), (a_model_without_a_rank(), []), (a_model_with_an_open_batch(2), [-1, 2])],
    ids=["an open batch", "no rank", "an open batch of a fixed one"],
)
def test_an_artefact_says_which_shapes_its_file_declares(
    folder: Path, model: ModelProto, shape: list[int]
) -> None:
    (declared,) = built(model, folder, request_batch=2).settings["output_shapes"].values()
    assert declared == shape


def test_fp32_is_the_model_itself(folder: Path) -> None:
    artefact = built(an_mlp(), folder)
    assert artefact.backend == "onnxruntime"
    assert written(artefact) == an_mlp()
    assert artefact.size_bytes == (folder / "model.onnx").stat().st_size


def test_fp16_halves_the_weights_and_keeps_inputs_and_outputs(folder: Path) -> None:
    artefact = built(an_mlp(hidden=512), folder, {"precision": "fp16"})
    model = written(artefact)
    assert weight_types(model) == {onnx.TensorProto.FLOAT16}
    assert [onnx.TensorProto.FLOAT] * 2 == [
        value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)
    ]


@pytest.mark.parametrize("precision", ["fp16", "int8-dynamic", "int8-static"])
def test_a_smaller_precision_answers_nearly_the_same(folder: Path, precision: str) -> None:
    other = folder.parent / "original"
    other.mkdir()
    data = calibration_data(folder)
    small = built(an_mlp(), folder, {"precision": precision}, calibration_data=data)
    original = built(an_mlp(), other)
    assert 0 < drift(small, original) < 0.2


@pytest.mark.parametrize("method", ["MinMax", "Entropy", "Percentile"])
def test_static_quantisation_calibrates(folder: Path, method: str) -> None:
    parameters = {
        "precision": "int8-static",
        "calibrationMethod": method,
        "calibrationSamples": CALIBRATION_SAMPLES,
    }
    artefact = built(an_mlp(), folder, parameters, calibration_data=calibration_data(folder))
    operators = {node.op_type for node in written(artefact).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators


@pytest.mark.parametrize("precision", ["int8-static", "int8-dynamic"])
def test_every_channel_has_its_own_scale(folder: Path, precision: str) -> None:
    parameters = {"precision": precision, "quantizationGranularity": "PerChannel"}
    artefact = built(an_mlp(), folder, parameters, calibration_data=calibration_data(folder))
    scales = {
        tuple(tensor.dims)
        for tensor in written(artefact).graph.initializer
        if tensor.name.startswith("w") and tensor.name.endswith("_scale")
    }
    assert {(32,), (4,)} <= scales


def test_static_quantisation_takes_a_model_of_a_fixed_batch(folder: Path) -> None:
    data = calibration_data(folder, samples=10)
    parameters = {"precision": "int8-static"}
    artefact = built(an_mlp(4), folder, parameters, calibration_data=data, request_batch=4)
    assert not artefact.settings["batched"]


def test_bfloat16_is_unsupported_where_onnxruntime_has_no_kernel(folder: Path) -> None:
    failed = failure(an_mlp(), folder, {"precision": "bf16"})
    assert failed.outcome is OutcomeKind.CRASHED
    assert failed.cause is Cause.UNSUPPORTED
    assert failed.message.startswith("bf16 of net: ")
    assert "Could not find an implementation" in failed.message


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8-dynamic"])
def test_a_precision_that_changes_nothing_is_unsupported(folder: Path, precision: str) -> None:
    failed = failure(without_weights(), folder, {"precision": precision})
    assert failed.cause is Cause.UNSUPPORTED
    assert failed.message == f"the model has nothing that {precision} would change"


def test_static_quantisation_needs_calibration_data(folder: Path) -> None:
    failed = failure(an_mlp(), folder, {"precision": "int8-static"})
    assert failed.outcome is OutcomeKind.MISCONFIGURED
    assert failed.cause is Cause.BAD_WORKLOAD
    assert failed.message == "workload.calibrationData: must be given for precision int8-static"


def test_more_calibration_samples_than_there_are_are_refused(folder: Path) -> None:
    parameters = {"precision": "int8-static", "calibrationSamples": 25}
    failed = failure(an_mlp(), folder, parameters, calibration_data=calibration_data(folder))
    assert failed.cause is Cause.BAD_PARAMETER
    assert failed.message == (
        "parameter calibrationSamples: must be at most 24, the samples of "
        "workload.calibrationData, got 25"
    )


def test_fewer_calibration_samples_than_a_fixed_batch_are_refused(folder: Path) -> None:
    data = calibration_data(folder)
    parameters = {"precision": "int8-static", "calibrationSamples": 3}
    failed = failure(an_mlp(4), folder, parameters, calibration_data=data, request_batch=4)
    assert "calibrationSamples: must be at least 4" in failed.message


def test_calibration_data_must_suit_the_model(folder: Path) -> None:
    data = samples_file(folder.parent, y=np.zeros((3, FEATURES), np.float32))
    failed = failure(an_mlp(), folder, {"precision": "int8-static"}, calibration_data=data)
    assert failed.message.startswith("workload.calibrationData: must hold an array 'x'")


def test_calibration_data_of_unequal_counts_is_refused(folder: Path) -> None:
    arrays = {"left": np.zeros((3, 3), np.float32), "right": np.zeros((2, 3), np.float32)}
    data = samples_file(folder.parent, **arrays)
    failed = failure(a_sum_of_two(), folder, {"precision": "int8-static"}, calibration_data=data)
    assert failed.cause is Cause.BAD_WORKLOAD
    assert failed.message == (
        "workload.calibrationData: array 'right' must have one entry for each of the 3 samples of "
        "'left', got [2, 3]"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_calibration_data_without_a_range_is_refused(folder: Path, value: float) -> None:
    data = samples_file(folder.parent, x=np.full((4, FEATURES), value, np.float32))
    failed = failure(an_mlp(), folder, {"precision": "int8-static"}, calibration_data=data)
    assert failed.message == "workload.calibrationData: array 'x' must have no NaN or infinity"


def test_integer_inputs_pass_through_every_conversion(folder: Path) -> None:
    artefact = built(an_embedding(), folder, {"precision": "fp16"})
    assert weight_types(written(artefact)) == {onnx.TensorProto.FLOAT16}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"precision": "fp32"}, {"precision": "fp16"}, id="precision"),
        pytest.param({"graphOptimization": "Disabled"}, {"graphOptimization": "All"}, id="graph"),
        pytest.param({"intraOpThreads": 1}, {"intraOpThreads": 2}, id="threads"),
        pytest.param(
            {"precision": "int8-static", "calibrationSamples": 1},
            {"precision": "int8-static", "calibrationSamples": CALIBRATION_SAMPLES},
            id="samples",
        ),
        pytest.param(
            {"precision": "int8-static", "calibrationMethod": "MinMax"},
            {"precision": "int8-static", "calibrationMethod": "Entropy"},
            id="entropy",
        ),
        pytest.param(
            {"precision": "int8-static", "calibrationMethod": "MinMax"},
            {"precision": "int8-static", "calibrationMethod": "Percentile"},
            id="percentile",
        ),
        pytest.param(
            {"precision": "int8-static", "quantizationGranularity": "PerTensor"},
            {"precision": "int8-static", "quantizationGranularity": "PerChannel"},
            id="granularity",
        ),
    ],
)
def test_every_parameter_makes_another_artefact(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    made = []
    for name, parameters in (("first", first), ("second", second)):
        folder = tmp_path / name
        folder.mkdir()
        artefact = built(an_mlp(), folder, parameters, calibration_data=calibration_data(folder))
        made.append((dict(artefact.settings), artefact.files["model.onnx"].read_bytes()))
    assert made[0] != made[1]


@pytest.mark.parametrize("spins", [True, False])
def test_settings_reach_the_session(folder: Path, *, spins: bool) -> None:
    artefact = built(an_mlp(), folder, {"intraOpThreads": 3, "graphOptimization": "Disabled"})
    settings = {**artefact.settings, "allow_spinning": spins}
    options = Runner(folder, settings).session.get_session_options()
    assert options.intra_op_num_threads == 3
    assert options.graph_optimization_level.name == "ORT_DISABLE_ALL"
    expected = "1" if spins else "0"
    assert expected == options.get_session_config_entry("session.intra_op.allow_spinning")


def test_a_build_says_which_provider_ran_the_nodes(folder: Path) -> None:
    artefact = built(an_mlp(), folder, {"graphOptimization": "Disabled"})
    expected = {"provider": "CPUExecutionProvider", "nodes": 3, "nodesCpuShare": 1.0}
    assert expected == artefact.facts


def test_a_provider_that_is_not_loaded_is_no_silent_fallback(folder: Path) -> None:
    settings = {**built(an_mlp(), folder).settings, "providers": [["CUDAExecutionProvider", {}]]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match="CUDAExecutionProvider was asked for"):
            Runner(folder, settings)


@pytest.mark.parametrize(
    ("error", "lacking"),
    [
        (ProviderNotLoadedError("ONNX Runtime loaded CPUExecutionProvider"), "libcublas.so.13"),
        (RuntimeError("Please install TensorRT libraries"), "libnvinfer.so.10"),
    ],
    ids=["silently", "aloud"],
)
def test_a_provider_whose_library_lacks_another_is_misconfigured(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, lacking: str
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(builder, "check_provider", refuse_nothing)
    monkeypatch.setattr(builder, "Runner", refuse)
    monkeypatch.setattr(builder, "why_library_fails", lambda _: f"{lacking}: no such file")

    with pytest.raises(TrialFailure, match=f": {lacking}: no such file") as failure:
        built(an_mlp(), folder, {"executionProvider": "TensorRT"})
    assert failure.value.cause is Cause.MISSING_DEPENDENCY


@pytest.mark.parametrize(
    ("words", "outcome", "cause"),
    [
        (
            "CUDNN failure 1001: CUDNN_STATUS_NOT_INITIALIZED ; GPU=0",
            OutcomeKind.MISCONFIGURED,
            Cause.MISSING_DEPENDENCY,
        ),
        ("CUDA failure 2: out of memory ; GPU=0", OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY),
        ("Type Error: Type (tensor(bfloat16))", OutcomeKind.CRASHED, Cause.UNSUPPORTED),
    ],
    ids=["no start", "no memory", "no model"],
)
def test_a_device_that_does_not_start_is_not_the_configurations_fault(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    outcome: OutcomeKind,
    cause: Cause,
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError(words)

    monkeypatch.setattr(builder, "check_provider", refuse_nothing)
    monkeypatch.setattr(builder, "Runner", refuse)
    monkeypatch.setattr(builder, "why_library_fails", lambda _: None)

    with pytest.raises(TrialFailure) as failure:
        built(an_mlp(), folder, {"executionProvider": "CUDA"})
    assert (failure.value.outcome, failure.value.cause) == (outcome, cause)
    assert words in failure.value.message


def test_what_a_provider_says_of_its_options_is_the_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the value for the key should be 'True' or 'False'")

    monkeypatch.setattr(builder, "check_provider", refuse_nothing)
    monkeypatch.setattr(builder, "Runner", refuse)
    monkeypatch.setattr(builder, "why_library_fails", lambda _: None)

    with pytest.raises(TrialFailure, match="should be 'True' or 'False'") as failure:
        built(an_mlp(), folder, {"executionProvider": "TensorRT"})
    assert failure.value.outcome is OutcomeKind.CRASHED


def refuse_nothing(*_: Any) -> None:
    """Find every provider fit, in place of a look at this machine."""


def test_weights_beside_the_model_come_along(folder: Path) -> None:
    source = folder.parent / "outside.onnx"
    onnx.save(an_mlp(hidden=512), source, save_as_external_data=True, location="outside.bin")
    request = a_model_request(str(source))
    artefact = build(request, load_model(request), folder)
    assert list(artefact.files) == ["model.onnx"]
    assert weight_types(written(artefact)) == {onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8-dynamic"])
def test_weights_too_large_for_one_file_are_written_beside_it(folder: Path, precision: str) -> None:
    source = Path(saved(an_mlp(hidden=512), folder.parent))
    target = folder / "model.onnx"
    convert(Conversion(source, target, largest_inline_bytes=0), precision)
    assert {"model.onnx", "model.onnx.data"} <= {path.name for path in folder.iterdir()}
    # Opens only if what it names beside itself is there.
    onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
