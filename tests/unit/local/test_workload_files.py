from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_builders import Document, a_document, edited, parsed, without
from model_file_builders import an_input, some_data, some_labels, write_npz, write_onnx

from deploytune.contract.errors import InvalidTuningError
from deploytune.runtime.local.workload_files import check_workload_files, with_absolute_paths

EVALUATION = "data/evaluation.npz"
CALIBRATION = "data/calibration.npz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the document names."""
    write_onnx(tmp_path / "models" / "mlp.onnx")
    write_npz(tmp_path / EVALUATION, **some_data(label=some_labels()))
    return tmp_path


def refusal_of(folder: Path, document: Document | None = None) -> str:
    tuning = parsed(a_document() if document is None else document)
    with pytest.raises(InvalidTuningError) as caught:
        check_workload_files(tuning, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("spec.workload.")


def with_calibration(document: Document | None = None) -> Document:
    return edited("spec.workload.calibrationData", CALIBRATION, document)


def test_good_files_pass(folder: Path) -> None:
    write_npz(folder / CALIBRATION, **some_data(3))

    check_workload_files(parsed(with_calibration()), folder)


def test_relative_paths_are_meant_from_the_folder_of_the_tuning(folder: Path) -> None:
    workload = parsed(with_calibration()).spec.workload

    absolute = with_absolute_paths(workload, folder)

    assert absolute.models[0].source == str(folder / "models" / "mlp.onnx")
    assert absolute.evaluation_data == str(folder / EVALUATION)
    assert absolute.calibration_data == str(folder / CALIBRATION)
    assert with_absolute_paths(absolute, Path("/elsewhere")) == absolute


def test_a_python_source_is_no_path(tmp_path: Path) -> None:
    document = edited("spec.workload.models[0].source", "python:a.b:c")
    write_npz(tmp_path / EVALUATION, **some_data(label=some_labels()))

    check_workload_files(parsed(document), tmp_path)

    workload = with_absolute_paths(parsed(document).spec.workload, tmp_path)
    assert workload.models[0].source == "python:a.b:c"


def test_what_lies_at_a_url_is_left_to_the_trial(tmp_path: Path) -> None:
    document = edited("spec.workload.models[0].source", "s3://bucket/mlp.onnx")
    document = edited("spec.workload.evaluationData", "https://host/e.npz", document)
    document = edited("spec.workload.calibrationData", "https://host/c.npz", document)

    check_workload_files(parsed(document), tmp_path)

    workload = with_absolute_paths(parsed(document).spec.workload, tmp_path)
    assert workload == parsed(document).spec.workload


def test_a_malformed_python_source_is_refused(folder: Path) -> None:
    document = edited("spec.workload.models[0].source", "python:a.b")

    expected = "models[0].source: must be python:package.module:function, got 'python:a.b'"
    assert refusal_of(folder, document) == expected


def test_a_missing_model_is_refused(folder: Path) -> None:
    path = folder / "models" / "mlp.onnx"
    path.unlink()

    assert refusal_of(folder) == f"models[0].source: must be an existing file, got '{path}'"


def test_a_model_that_fixes_another_batch_is_refused(folder: Path) -> None:
    write_onnx(folder / "models" / "mlp.onnx", [an_input(axes=[8, 4])])

    assert refusal_of(folder) == "requestBatch: must be 8, which models[0] fixes, got 1"


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param(
            None,
            "inputs: must give the shape of 'image', of which models[0] leaves axes open, such as "
            "{name: image, shape: [128]}; the batch left out",
            id="no shape",
        ),
        pytest.param(
            [{"name": "image", "shape": [4, 4]}],
            "inputs[0].shape: must fit input 'image' of models[0], [any], got [4, 4]",
            id="too many axes",
        ),
        pytest.param(
            [{"name": "image", "shape": [4]}, {"name": "picture", "shape": [4]}],
            "inputs[1].name: must be an input of a model (image), got 'picture'",
            id="no such input",
        ),
    ],
)
def test_open_axes_need_a_shape_that_fits(
    folder: Path, inputs: list[Document] | None, expected: str
) -> None:
    write_onnx(folder / "models" / "mlp.onnx", [an_input(axes=["batch", "length"])])
    document = a_document() if inputs is None else edited("spec.workload.inputs", inputs)

    assert refusal_of(folder, document) == expected


def test_a_python_function_may_have_any_input(folder: Path) -> None:
    document = edited("spec.workload.models[1]", {"name": "net", "source": "python:a:b"})

    check_workload_files(
        parsed(edited("spec.workload.inputs", [{"name": "pixels", "shape": [4]}], document)), folder
    )


def test_a_given_shape_closes_the_axes_for_the_data(folder: Path) -> None:
    write_onnx(folder / "models" / "mlp.onnx", [an_input(axes=["batch", "length"])])

    check_workload_files(
        parsed(edited("spec.workload.inputs", [{"name": "image", "shape": [4]}])), folder
    )
    expected = "evaluationData: must hold 'image' as float32 [any, 5], got 'float32 [6, 4]'"
    document = edited("spec.workload.inputs", [{"name": "image", "shape": [5]}])
    assert refusal_of(folder, document) == expected


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        pytest.param(
            {"picture": np.zeros((6, 4), np.float32), "label": some_labels()},
            "must hold input 'image'; it holds picture, label",
            id="another input",
        ),
        pytest.param(
            {"image": np.zeros((6, 4)), "label": some_labels()},
            "must hold 'image' as float32 [any, 4], got 'float64 [6, 4]'",
            id="another type",
        ),
        pytest.param(
            {"image": np.zeros((6, 5), np.float32), "label": some_labels()},
            "must hold 'image' as float32 [any, 4], got 'float32 [6, 5]'",
            id="another shape",
        ),
        pytest.param(
            some_data(),
            "must hold the labels as 'label'; it holds image",
            id="no labels",
        ),
        pytest.param(
            some_data(label=np.array(list("abcdef"))),
            "must hold 'label' as numbers, got '<U1 [6]'",
            id="labels in words",
        ),
        pytest.param(
            some_data(label=some_labels(5)),
            "must hold the same samples in every array, got {'image': 6, 'label': 5}",
            id="fewer labels than samples",
        ),
        pytest.param(
            some_data(0, label=some_labels(0)),
            "must hold the same samples in every array, got {'image': 0, 'label': 0}",
            id="no samples",
        ),
        pytest.param(
            some_data(label=some_labels(), note=np.array(3)),
            "must hold the same samples in every array, got {'image': 6, 'label': 6, 'note': None}",
            id="an array without samples",
        ),
    ],
)
def test_evaluation_data_must_fit_the_model(
    folder: Path, arrays: dict[str, Any], expected: str
) -> None:
    write_npz(folder / EVALUATION, **arrays)

    assert refusal_of(folder) == f"evaluationData: {expected}"


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(np.zeros(6, np.float32), id="values"),
        pytest.param(np.zeros((6, 10), np.int64), id="several for each sample"),
    ],
)
def test_labels_may_be_of_any_kind(folder: Path, labels: np.ndarray[Any, Any]) -> None:
    """What they are is seen when the model's output is known, in the trial."""
    write_npz(folder / EVALUATION, **some_data(label=labels))

    check_workload_files(parsed(a_document()), folder)


def test_labels_may_be_absent_when_accuracy_is_not_asked(folder: Path) -> None:
    write_npz(folder / EVALUATION, **some_data())

    check_workload_files(parsed(without("spec.constraints[1]")), folder)


def test_data_may_be_absent() -> None:
    document = edited("spec.workload.models[0].source", "python:a:b")

    check_workload_files(parsed(without("spec.workload.evaluationData", document)), Path("/no"))


def test_missing_data_is_refused(folder: Path) -> None:
    expected = f"calibrationData: must be an existing file, got '{folder / CALIBRATION}'"
    assert refusal_of(folder, with_calibration()) == expected


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no zip", id="no zip"),
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x05\x06" + b"\x00" * 10, id="a broken zip"),
    ],
)
def test_a_file_that_is_no_npz_is_refused(folder: Path, content: bytes) -> None:
    path = folder / EVALUATION
    path.write_bytes(content)

    expected = f"evaluationData: must be an .npz file of plain arrays, got '{path}'"
    assert refusal_of(folder) == expected


def test_pickled_objects_are_refused(folder: Path) -> None:
    path = write_npz(folder / EVALUATION, image=np.array([{}, {}], dtype=object))

    expected = f"evaluationData: must be an .npz file of plain arrays, got '{path}'"
    assert refusal_of(folder) == expected


def test_an_archive_of_other_files_is_refused(folder: Path) -> None:
    path = folder / EVALUATION
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("image.npy", b"\x93NUMPY\x09\x00")

    assert refusal_of(folder).startswith("evaluationData: must be an .npz file of plain arrays")


def test_one_file_is_not_evaluation_and_calibration(folder: Path) -> None:
    document = edited("spec.workload.calibrationData", f"./{EVALUATION}")

    expected = "calibrationData: must be another file than evaluationData"
    assert refusal_of(folder, document) == expected


def test_only_headers_are_read(folder: Path) -> None:
    """The data of a large array may even be cut off: nobody looks at it before a trial does."""
    path = write_npz(folder / EVALUATION, **some_data(label=some_labels()))
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content[:128])

    check_workload_files(parsed(a_document()), folder)


def test_every_model_must_be_able_to_take_the_data(folder: Path) -> None:
    write_onnx(folder / "other.onnx", [an_input("pixels")])
    document = edited("spec.workload.models[1]", {"name": "other", "source": "other.onnx"})

    expected = "evaluationData: must hold input 'pixels'; it holds image, label"
    assert refusal_of(folder, document) == expected


def test_more_calibration_samples_than_the_data_holds_are_refused(folder: Path) -> None:
    write_npz(folder / CALIBRATION, **some_data(3))
    parameter = {"name": "calibrationSamples", "type": "Categorical", "values": [2, 4]}
    document = with_calibration(edited("spec.searchSpace.parameters[4]", parameter))
    expected = (
        "spec.searchSpace.parameters[4]: must be at most 3, the samples that calibrationData "
        "holds, got 4"
    )
    assert expected == refusal_of(folder, document)
