from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from trial_builders import a_request

from deploytune.contract.errors import MachineError
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.serving import Serving
from deploytune_trial.triton.configuration import ModelEntry, build_configuration
from deploytune_trial.triton.native import NativeBackend
from deploytune_trial.triton.repository import (
    check_place,
    keep_repository,
    server_arguments,
    serving_instructions,
    working_directory,
    write_repository,
)

IMAGE = Tensor("image", "float32", (1, 8, 8))
LABEL = Tensor("label", "int64", ())


def an_entry(
    *inputs: Tensor,
    batched: bool = True,
    serving: Serving | None = None,
    native: NativeBackend | None = None,
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


def test_a_repository_has_the_model_its_files_its_settings_and_its_code(tmp_path: Path) -> None:
    write_repository(tmp_path / "repository", an_entry(), an_artefact(tmp_path))

    model = tmp_path / "repository" / "net"
    assert (model / "config.pbtxt").read_text() == build_configuration(an_entry())
    assert (model / "1" / "model.onnx").read_bytes() == b"the model"
    assert (model / "1" / "model.py").exists()
    assert json.loads((model / "1" / "settings.json").read_text())["backend"] == "onnxruntime"


def test_the_native_backend_gets_no_python_code(tmp_path: Path) -> None:
    native = NativeBackend("onnxruntime", "onnxruntime_onnx", "model.onnx", on_gpu=False)
    entry = an_entry(native=native)
    write_repository(tmp_path / "repository", entry, an_artefact(tmp_path))

    files = [path.name for path in (tmp_path / "repository" / "net" / "1").iterdir()]
    assert files == ["model.onnx"]


def test_a_repository_tells_the_arguments_that_its_server_needs(tmp_path: Path) -> None:
    argument = "--backend-config=tensorrt,version-compatible=true"
    native = NativeBackend("tensorrt", "tensorrt_plan", "model.plan", True, arguments=(argument,))
    entry = an_entry(native=native)
    write_repository(tmp_path / "engine", entry, an_artefact(tmp_path))
    write_repository(tmp_path / "any", an_entry(), an_artefact(tmp_path))

    assert server_arguments(tmp_path / "engine") == [argument]
    assert server_arguments(tmp_path / "any") == []
    text = serving_instructions(a_request(), entry, "2.51.0")
    assert f"tritonserver --model-repository . {argument}\n" in text


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


def test_a_copy_that_was_interrupted_is_no_hindrance_and_goes(tmp_path: Path) -> None:
    write_repository(tmp_path / "repository", an_entry(), an_artefact(tmp_path))
    for interruption in (f".kept.coming-{os.getpid()}", ".kept.keeping-abc"):
        (tmp_path / interruption / "net").mkdir(parents=True)

    keep_repository(tmp_path / "repository", tmp_path / "kept", "# again")

    assert {"README.md", "net"} == {path.name for path in (tmp_path / "kept").iterdir()}
    assert not (tmp_path / ".kept.keeping-abc").exists()


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


def test_paths_of_a_native_backend_begin_at_the_repository_and_python_models_where_they_are(
    tmp_path: Path,
) -> None:
    native = NativeBackend("onnxruntime", "onnxruntime_onnx", "model.onnx", on_gpu=False)
    write_repository(tmp_path / "native", an_entry(native=native), an_artefact(tmp_path))
    write_repository(tmp_path / "python", an_entry(), an_artefact(tmp_path))

    assert working_directory(tmp_path / "native") == tmp_path / "native"
    assert working_directory(tmp_path / "python") is None
