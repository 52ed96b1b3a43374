"""Reads the names, types and shapes of an .npz file's arrays; the data stays on the disk."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploytune.contract.errors import InvalidTuningError

_SUFFIX = ".npy"


@dataclass(frozen=True)
class ArrayHeader:
    """What is known of an array without its data."""

    dtype: str
    shape: tuple[int, ...]
    is_number: bool


def read_headers(path: Path, field: str) -> Mapping[str, ArrayHeader]:
    """Return the header of every array by name; `field` is where a tuning names the file.

    Raises:
        InvalidTuningError: no file, or no .npz file of plain arrays.
    """
    if not path.is_file():
        raise InvalidTuningError(field, "must be an existing file", str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                name.removesuffix(_SUFFIX): _read_header(archive, name)
                for name in archive.namelist()
            }
    except OSError as error:
        raise InvalidTuningError(field, f"must be readable: {error.strerror}", str(path)) from error
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise InvalidTuningError(
            field, "must be an .npz file of plain arrays", str(path)
        ) from error


def _read_header(archive: zipfile.ZipFile, name: str) -> ArrayHeader:
    from numpy.lib import format as npy_format

    npy: Any = npy_format  # its functions carry no types
    with archive.open(name) as member:
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        reader = readers.get(npy.read_magic(member))
        if reader is None:
            raise ValueError(f"{name} has an unknown version")
        shape, _, dtype = reader(member)
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects")
    return ArrayHeader(dtype=str(dtype), shape=shape, is_number=dtype.kind in "biuf")
