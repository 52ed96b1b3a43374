from __future__ import annotations

import json
from pathlib import Path

import pytest
from trial_builders import a_request

from deploytune.contract.errors import MachineError
from deploytune.contract.outcomes import Cause
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.serving import Serving
from deploytune_trial.triton.configuration import ModelEntry, NativeOnnx, build_configuration
from deploytune_trial.triton.repository import (
    check_place,
    keep_repository,
    native_onnx,
    serving_instructions,
    write_repository,
)

IMAGE = Tensor("image", "float32", (1, 8, 8))
TOKENS = Tensor("tokens", "int64", (5,))
LABEL = Tensor("label", "int64", ())


def an_entry(
    *inputs: Tensor,
    batched: bool = True,
    serving: Serving | None = None,
    native: NativeOnnx | None = None,
) -> ModelEntry:
    interface = ModelInterface(inputs or (IMAGE,), (LABEL,), batched=batched)
    max_batch_size = 8 if batched else 0
    return ModelEntry(
        name="net",
        interface=interface,
        serving=serving or Serving(2, max_batch_size, 100, 1, allow_spinning=False),
        request_batch=4,
        native=native,
    )


def an_artefact(folder: Path, **changes: object) -> Artefact:
    model = folder / "built.onnx"
    model.write_bytes(b"the model")
    values = {
        "backend": "onnxruntime",
        "files": {"model.onnx": model},
        "settings": {"backend": "onnxruntime", "intra_op_threads": 1},
        "interface": an_entry().interface,
        "size_bytes": 9,
        **changes,
    }
    return Artefact(**values)  # type: ignore[arg-type]


def test_the_configuration_holds_batching_and_instances() -> None:
    lines = build_configuration(an_entry()).splitlines()

    assert 'backend: "python"' in lines
    assert "max_batch_size: 8" in lines
    assert "instance_group [ { count: 2 kind: KIND_CPU } ]" in lines
    assert "dynamic_batching { max_queue_delay_microseconds: 100 }" in lines


def test_preferred_sizes_and_response_cache_stay_out() -> None:
    configuration = build_configuration(an_entry())

    assert "preferred_batch_size" not in configuration
    assert "response_cache" not in configuration


def test_every_batch_shape_is_warmed_up() -> None:
    configuration = build_configuration(an_entry())

    warm_ups = [line for line in configuration.splitlines() if line.startswith("model_warmup")]
    assert [f"batch_size: {size} " in line for size, line in zip((1, 4, 8), warm_ups, strict=True)]


def test_integers_are_warmed_up_with_zeros_because_they_may_be_indices() -> None:
    configuration = build_configuration(an_entry(IMAGE, TOKENS))

    assert "dims: [ 1, 8, 8 ] random_data: true" in configuration
    assert "dims: [ 5 ] zero_data: true" in configuration


def test_a_tensor_without_axes_is_reshaped() -> None:
    configuration = build_configuration(an_entry())

    assert (
        'name: "label" data_type: TYPE_INT64 dims: [ 1 ] reshape: { shape: [ ] }' in configuration
    )


def test_a_model_with_a_fixed_batch_has_that_axis_in_its_dims() -> None:
    configuration = build_configuration(an_entry(batched=False))

    assert "max_batch_size: 0" in configuration
    assert "dims: [ 4, 1, 8, 8 ]" in configuration
    assert 'name: "label" data_type: TYPE_INT64 dims: [ 4 ] }' in configuration
    assert "dynamic_batching" not in configuration


def test_a_type_that_triton_lacks_is_unsupported() -> None:
    with pytest.raises(TrialFailure, match="Triton has no complex64") as failed:
        build_configuration(an_entry(Tensor("wave", "complex64", (2,))))

    assert failed.value.cause is Cause.UNSUPPORTED


def test_the_native_backend_gets_threads_and_graph_level() -> None:
    configuration = build_configuration(an_entry(native=NativeOnnx("model.onnx", 1)))

    assert 'platform: "onnxruntime_onnx"' in configuration
    assert 'default_model_filename: "model.onnx"' in configuration
    assert '"intra_op_thread_count" value: { string_value: "1" }' in configuration
    assert "optimization { graph { level: 1 } }" in configuration
    assert "backend:" not in configuration


def test_the_native_backend_takes_onnx_files_at_levels_it_knows(tmp_path: Path) -> None:
    artefact = an_artefact(tmp_path)

    assert native_onnx(artefact, "All") == NativeOnnx("model.onnx", None)
    assert native_onnx(artefact, "Basic") == NativeOnnx("model.onnx", -1)
    assert native_onnx(artefact, "Disabled") is None
    assert native_onnx(an_artefact(tmp_path, backend="pytorch"), "All") is None


def test_a_repository_has_the_model_its_files_its_settings_and_its_code(tmp_path: Path) -> None:
    write_repository(tmp_path / "repository", an_entry(), an_artefact(tmp_path))

    model = tmp_path / "repository" / "net"
    assert (model / "config.pbtxt").read_text() == build_configuration(an_entry())
    assert (model / "1" / "model.onnx").read_bytes() == b"the model"
    assert (model / "1" / "model.py").exists()
    assert json.loads((model / "1" / "settings.json").read_text())["backend"] == "onnxruntime"


def test_the_native_backend_gets_no_python_code(tmp_path: Path) -> None:
    entry = an_entry(native=NativeOnnx("model.onnx", None))
    write_repository(tmp_path / "repository", entry, an_artefact(tmp_path))

    files = [path.name for path in (tmp_path / "repository" / "net" / "1").iterdir()]
    assert files == ["model.onnx"]


def test_a_kept_repository_is_a_copy_of_its_own(tmp_path: Path) -> None:
    write_repository(tmp_path / "repository", an_entry(), an_artefact(tmp_path))
    kept = tmp_path / "kept"

    keep_repository(tmp_path / "repository", kept, "# how to serve")
    (tmp_path / "repository" / "net" / "1" / "model.onnx").write_bytes(b"changed")

    assert (kept / "net" / "1" / "model.onnx").read_bytes() == b"the model"
    assert (kept / "README.md").read_text() == "# how to serve"
    assert {path.name for path in tmp_path.iterdir()} == {"built.onnx", "kept", "repository"}


def test_a_kept_repository_replaces_the_one_before(tmp_path: Path) -> None:
    write_repository(tmp_path / "repository", an_entry(), an_artefact(tmp_path))
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "stale").touch()

    keep_repository(tmp_path / "repository", kept, "# again")

    assert {path.name for path in kept.iterdir()} == {"README.md", "net"}


def test_a_place_that_cannot_be_made_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(MachineError, match="cannot be made"):
        check_place(tmp_path / "file" / "below" / "kept")


def test_the_instructions_name_the_parameters_and_both_ways_to_serve() -> None:
    request = a_request(parameters={"precision": "fp16"})

    text = serving_instructions(request, an_entry(), "2.51.0")

    assert "    precision: fp16" in text
    assert "tritonserver --model-repository ." in text
    assert "python -m deploytune_trial --serve ." in text
