"""Samples are the same ones however their file holds them, and reading holds only a few."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploytune_trial.evaluation_data import EVALUATION_FIELD
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.sample_files import SampleFile, Samples

COUNT = 100
INTERFACE = ModelInterface((Tensor("x", "float32", (3, 2)),), (), batched=True)
WAYS = {
    "held in memory": (np.savez, 2**20),
    "stored and large": (np.savez, 256),
    "compressed and large": (np.savez_compressed, 256),
}


def arrays(count: int = COUNT) -> dict[str, np.ndarray[Any, Any]]:
    numbers = np.arange(count * 6, dtype=np.float32).reshape(count, 3, 2)
    return {"unused": np.zeros(7), "x": numbers, "label": np.arange(count)}


def opened(folder: Path, way: str, **changes: np.ndarray[Any, Any]) -> SampleFile:
    save, held_bytes = WAYS[way]
    path = folder / "data.npz"
    save(path, **{**arrays(), **changes})
    return SampleFile(str(path), EVALUATION_FIELD, INTERFACE, held_bytes)


def labels_of(parts: list[Samples]) -> list[int]:
    return [int(label) for part in parts if part.labels is not None for label in part.labels]


def assert_belong_together(samples: Samples) -> None:
    assert samples.labels is not None
    assert np.array_equal(samples.inputs["x"], arrays()["x"][samples.labels])


@pytest.mark.parametrize("way", WAYS)
def test_every_sample_comes_once_with_its_label(tmp_path: Path, way: str) -> None:
    with opened(tmp_path, way) as file:
        parts = list(file.shuffled(32))
    assert [32, 32, 32, 4] == [part.count for part in parts]
    assert sorted(labels_of(parts)) == list(range(COUNT))
    for part in parts:
        assert_belong_together(part)


@pytest.mark.parametrize("way", ["held in memory", "stored and large"])
def test_the_order_is_random_and_always_the_same(tmp_path: Path, way: str) -> None:
    with opened(tmp_path, way) as file:
        assert file.has_any_order
        first, second = (labels_of(list(file.shuffled(32))) for _ in range(2))
    assert first == second
    assert abs(np.corrcoef(first, range(COUNT))[0, 1]) < 0.3


def test_compressed_samples_of_a_large_file_keep_their_order(tmp_path: Path) -> None:
    with opened(tmp_path, "compressed and large") as file:
        assert not file.has_any_order
        assert labels_of(list(file.shuffled(32))) == list(range(COUNT))


@pytest.mark.parametrize("way", WAYS)
def test_samples_can_be_had_by_number(tmp_path: Path, way: str) -> None:
    with opened(tmp_path, way) as file:
        rows = np.array([3, 1, 3, min(99, file.reachable - 1)])
        samples = file.rows(rows)
    assert samples.labels is not None
    assert samples.labels.tolist() == rows.tolist()
    assert_belong_together(samples)


@pytest.mark.parametrize("way", WAYS)
def test_the_leading_samples_are_those_of_the_file(tmp_path: Path, way: str) -> None:
    with opened(tmp_path, way) as file:
        samples = file.leading(50)
    assert labels_of([samples]) == list(range(50))
    assert_belong_together(samples)


@pytest.mark.parametrize("way", ["stored and large", "compressed and large"])
def test_a_large_file_is_not_read_into_memory(tmp_path: Path, way: str) -> None:
    """17 MB of samples, of which a million bytes at a time are held."""
    save, _ = WAYS[way]
    path = tmp_path / "data.npz"
    save(path, x=np.zeros((700_000, 3, 2), np.float32))
    tracemalloc.start()
    with SampleFile(str(path), EVALUATION_FIELD, INTERFACE, 2**20) as file:
        taken = 0
        for part in file.shuffled(40_000):
            taken += part.count
            if taken > 100_000:
                break
        order_bytes = 4 * file.count if file.has_any_order else 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - order_bytes < 6 * 2**20


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"label": np.array(["a"] * COUNT)},
            "array 'label' must hold numbers, got '<U1'",
            id="labels in words",
        ),
        pytest.param(
            {"label": np.array([{}] * COUNT)},
            "array 'label' must hold numbers, got 'object'",
            id="pickled labels",
        ),
        pytest.param(
            {"label": np.arange(COUNT - 1)},
            f"array 'label' must have one entry for each of the {COUNT} samples of 'x', got [99]",
            id="a label too few",
        ),
    ],
)
def test_labels_that_cannot_be_used_are_refused(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(TrialFailure) as raised:
        opened(tmp_path, "held in memory", **changes)
    assert raised.value.message == f"{EVALUATION_FIELD}: {expected}"


def test_columns_are_refused_in_a_large_file_and_read_in_a_small_one(tmp_path: Path) -> None:
    columns = np.asfortranarray(arrays()["x"])
    with opened(tmp_path, "held in memory", x=columns) as file:
        assert_belong_together(file.leading(COUNT))
    with pytest.raises(TrialFailure, match="array 'x' must lie row by row"):
        opened(tmp_path, "stored and large", x=columns)


def test_an_array_that_promises_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, **arrays())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content[:-8] if name == "x.npy" else content)
    with pytest.raises(TrialFailure, match=r"array 'x' must hold the 2400 bytes .*, got 2392"):
        SampleFile(str(path), EVALUATION_FIELD, INTERFACE)


def test_a_compressed_array_that_is_broken_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.random.default_rng(1).random((COUNT, 3, 2)).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[500:900] = bytes(400)
    path.write_bytes(content)
    for held_bytes in (2**20, 256):
        with (
            pytest.raises(TrialFailure, match=r"must be an \.npz file"),
            SampleFile(str(path), EVALUATION_FIELD, INTERFACE, held_bytes) as file,
        ):
            list(file.shuffled(32))
