"""Samples in .npz files: one array per model input under its name, labels under `label`.

The first axis of every array is the samples. Checking reads the arrays' headers only, so that a
large file is refused, or found in order, at once.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploytune_trial.failures import TrialFailure, bad_workload, first_line
from deploytune_trial.models.interface import Array, ModelInterface

LABEL = "label"
EVALUATION_FIELD = "workload.evaluationData"
CALIBRATION_FIELD = "workload.calibrationData"

_SUFFIX = ".npy"
_HEADER_READERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_read_magic: Callable[..., tuple[int, int]] = np.lib.format.read_magic


@dataclass(frozen=True)
class ArrayHeader:
    """What an array says of itself before its values."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Samples:
    """The inputs of all samples, and their labels where there are some."""

    inputs: Mapping[str, Array]
    labels: Array | None = None

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(next(iter(self.inputs.values())))

    def slice(self, start: int, stop: int) -> Samples:
        """Return the samples from `start` up to `stop`."""
        inputs = {name: values[start:stop] for name, values in self.inputs.items()}
        return Samples(inputs, None if self.labels is None else self.labels[start:stop])


def read_headers(path: str, field: str) -> dict[str, ArrayHeader]:
    """Return the headers of a file's arrays by name.

    Raises:
        TrialFailure: no such file, or not an .npz.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(_SUFFIX)]
            return {name.removesuffix(_SUFFIX): _read_header(archive, name) for name in members}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, field, error) from error


def check_samples(
    path: str, field: str, interface: ModelInterface, *, needs_labels: bool = False
) -> int:
    """Hold a file's arrays against a model's inputs; return how many samples it has.

    Raises:
        TrialFailure: Misconfigured, naming the field, the array and the rule it breaks.
    """
    headers = read_headers(path, field)
    for tensor in interface.inputs:
        header = headers.get(tensor.name)
        if header is None:
            raise bad_workload(field, f"must hold an array {tensor.name!r}", sorted(headers))
        if header.dtype != tensor.dtype:
            raise _wrong_array(field, tensor.name, f"be {tensor.dtype}", header.dtype)
        if header.shape[1:] != tensor.shape or not header.shape:
            wanted = ["samples", *tensor.shape]
            raise _wrong_array(field, tensor.name, f"have the shape {wanted}", [*header.shape])
    if needs_labels and LABEL not in headers:
        raise bad_workload(field, f"must hold the labels as array {LABEL!r}", sorted(headers))
    return _check_counts(field, headers, [tensor.name for tensor in interface.inputs])


def read_samples(path: str, field: str, interface: ModelInterface) -> Samples:
    """Read the samples of a file that suits a model.

    Raises:
        TrialFailure: as `check_samples`.
    """
    check_samples(path, field, interface)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            inputs = {tensor.name: arrays[tensor.name] for tensor in interface.inputs}
            return Samples(inputs, arrays.get(LABEL))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _unreadable(path, field, error) from error


def _check_counts(field: str, headers: Mapping[str, ArrayHeader], inputs: list[str]) -> int:
    count = headers[inputs[0]].shape[0]
    if count == 0:
        raise bad_workload(field, "must hold at least one sample")
    for name in (*inputs, LABEL):
        header = headers.get(name)
        if header is not None and header.shape[:1] != (count,):
            rule = f"have one entry for each of the {count} samples of {inputs[0]!r}"
            raise _wrong_array(field, name, rule, [*header.shape])
    return count


def _read_header(archive: zipfile.ZipFile, member: str) -> ArrayHeader:
    with archive.open(member) as file:
        version = _read_magic(file)
        if version not in _HEADER_READERS:
            raise ValueError(f"array {member} has the unknown format {version}")
        shape, _, dtype = _HEADER_READERS[version](file)
    return ArrayHeader(str(dtype), tuple(shape))


def _wrong_array(field: str, name: str, rule: str, value: Any) -> TrialFailure:
    return bad_workload(field, f"array {name!r} must {rule}", value)


def _unreadable(path: str, field: str, error: Exception) -> TrialFailure:
    if not Path(path).is_file():
        return bad_workload(field, "no such file", path)
    return bad_workload(field, f"must be an .npz file ({first_line(error)})", path)
