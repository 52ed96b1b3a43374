"""What an .npz file of samples must be: one array per model input, labels under `label`.

The first axis of every array is the samples. Checking reads the arrays' headers only, so that a
large file is refused, or found in order, at once; `sample_files` reads the values.
"""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploytune_trial.failures import TrialFailure, bad_workload, first_line
from deploytune_trial.models.interface import ModelInterface

LABEL = "label"
EVALUATION_FIELD = "workload.evaluationData"
CALIBRATION_FIELD = "workload.calibrationData"

_SUFFIX = ".npy"
_HEADER_READERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_read_magic: Callable[..., tuple[int, int]] = np.lib.format.read_magic

_LABEL_KINDS = "biuf"
_LOCAL_HEADER_BYTES = 30
_NAME_LENGTHS = struct.Struct("<26xHH")


@dataclass(frozen=True)
class ArrayHeader:
    """What an array says of itself before its values, and where in the file those are.

    `place` is None where the values are compressed: they then have no place of their own.
    """

    dtype: str
    shape: tuple[int, ...]
    is_column_major: bool = False
    held_bytes: int = 0
    place: int | None = None

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return math.prod(self.shape[1:]) * np.dtype(self.dtype).itemsize

    @property
    def value_bytes(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def read_headers(path: str, field: str) -> dict[str, ArrayHeader]:
    """Return the headers of a file's arrays by name.

    Raises:
        TrialFailure: no such file, or not an .npz.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(_SUFFIX)]
            return {name.removesuffix(_SUFFIX): _read_header(archive, name) for name in members}
    except (OSError, ValueError, KeyError, EOFError, struct.error, zipfile.BadZipFile) as error:
        raise unreadable(path, field, error) from error


def check_samples(
    path: str, field: str, interface: ModelInterface, *, needs_labels: bool = False
) -> dict[str, ArrayHeader]:
    """Hold a file's arrays against a model's inputs; return the headers of those it uses.

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
    names = [*(tensor.name for tensor in interface.inputs), LABEL]
    used = {name: headers[name] for name in names if name in headers}
    _check_counts(field, used, interface.inputs[0].name)
    for name, header in used.items():
        _check_values(field, name, header)
    return used


def unreadable(path: str, field: str, error: Exception) -> TrialFailure:
    """Return the failure of a file that cannot be read."""
    if not Path(path).is_file():
        return bad_workload(field, "no such file", path)
    return bad_workload(field, f"must be an .npz file ({first_line(error)})", path)


def _check_counts(field: str, headers: Mapping[str, ArrayHeader], first: str) -> None:
    count = headers[first].shape[0]
    if count == 0:
        raise bad_workload(field, "must hold at least one sample")
    for name, header in headers.items():
        if header.shape[:1] != (count,):
            rule = f"have one entry for each of the {count} samples of {first!r}"
            raise _wrong_array(field, name, rule, [*header.shape])


def _check_values(field: str, name: str, header: ArrayHeader) -> None:
    if np.dtype(header.dtype).kind not in _LABEL_KINDS:
        raise _wrong_array(field, name, "hold numbers", header.dtype)
    if header.held_bytes != header.value_bytes:
        rule = f"hold the {header.value_bytes} bytes that its shape {[*header.shape]} needs"
        raise _wrong_array(field, name, rule, header.held_bytes)


def _read_header(archive: zipfile.ZipFile, member: str) -> ArrayHeader:
    with archive.open(member) as file:
        version = _read_magic(file)
        if version not in _HEADER_READERS:
            raise ValueError(f"array {member} has the unknown format {version}")
        shape, is_column_major, dtype = _HEADER_READERS[version](file)
        header_bytes = file.tell()
    info = archive.getinfo(member)
    begin = None if info.compress_type != zipfile.ZIP_STORED else _begin(archive, info)
    return ArrayHeader(
        dtype=str(dtype),
        shape=tuple(shape),
        is_column_major=is_column_major and len(shape) > 1,
        held_bytes=info.file_size - header_bytes,
        place=None if begin is None else begin + header_bytes,
    )


def _begin(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Return where a member's bytes begin: its own header may be longer than the directory says."""
    assert archive.filename is not None
    with Path(archive.filename).open("rb") as file:
        file.seek(info.header_offset)
        name, extra = _NAME_LENGTHS.unpack(file.read(_LOCAL_HEADER_BYTES))
    return info.header_offset + _LOCAL_HEADER_BYTES + int(name) + int(extra)


def _wrong_array(field: str, name: str, rule: str, value: Any) -> TrialFailure:
    return bad_workload(field, f"array {name!r} must {rule}", value)
