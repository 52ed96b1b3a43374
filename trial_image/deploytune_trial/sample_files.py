"""Reads samples from an .npz file a few at a time, for the data may be larger than memory.

A file of at most `HELD_BYTES` is read whole. Of a larger one, arrays that are stored as they are
(`np.savez`) are read sample by sample from their places, in any order. Compressed ones
(`np.savez_compressed`) have no places: they come in the order of the file, and by number only the
leading samples can be had.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from deploytune_trial.evaluation_data import LABEL, ArrayHeader, check_samples, unreadable
from deploytune_trial.failures import bad_workload
from deploytune_trial.models.interface import Array, ModelInterface

HELD_BYTES = 64 * 2**20
"""Up to so many bytes of samples are held in memory."""

_ORDER_SEED = 20_260
_PIECE_BYTES = 2**20


@dataclass(frozen=True)
class Samples:
    """The inputs of some samples, and their labels where there are some."""

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

    def rows(self, rows: Array) -> Samples:
        """Return the samples of these numbers, in their order."""
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        return Samples(inputs, None if self.labels is None else self.labels[rows])


class SampleFile:
    """The samples of a file that suits a model; a context, whose file ends with it."""

    def __init__(
        self, path: str, field: str, interface: ModelInterface, held_bytes: int = HELD_BYTES
    ) -> None:
        """Check the file and open it; hold its samples if they are at most `held_bytes`.

        Raises:
            TrialFailure: as `check_samples`; or a large array lies column by column.
        """
        self._path, self._field = path, field
        self.headers = check_samples(path, field, interface)
        self._inputs = [tensor.name for tensor in interface.inputs]
        self.count = next(iter(self.headers.values())).shape[0]
        per_sample = sum(header.sample_bytes for header in self.headers.values())
        is_small = per_sample * self.count <= held_bytes
        self._held: Samples | None = None
        self._descriptor: int | None = None
        if not is_small:
            self._check_order()
        is_stored = all(header.place is not None for header in self.headers.values())
        if is_stored and not is_small:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.reachable = self.count
        else:
            self.reachable = self.count if is_small else max(1, held_bytes // per_sample)
        if is_small:
            self._held = self._read_whole()

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    @property
    def has_any_order(self) -> bool:
        """Whether the samples can be read in any order."""
        return self.reachable == self.count

    def rows(self, rows: Array) -> Samples:
        """Return the samples of these numbers, all below `reachable`.

        Raises:
            TrialFailure: the file cannot be read.
        """
        with self._reading():
            if self._held is None and self._descriptor is None:
                self._held = next(self._streamed(self.reachable))
            if self._held is not None:
                return self._held.rows(rows)
            return self._samples(
                {name: self._rows_of(header, rows) for name, header in self.headers.items()}
            )

    def leading(self, count: int) -> Samples:
        """Return the first `count` samples of the file.

        Raises:
            TrialFailure: the file cannot be read.
        """
        if count <= self.reachable:
            return self.rows(np.arange(count))
        with self._reading():
            return next(self._streamed(count))

    def shuffled(self, size: int) -> Iterator[Samples]:
        """Yield all samples, `size` at a time, in an order that is random and always the same.

        Compressed samples of a large file come in the file's order.
        """
        if not self.has_any_order:
            with self._reading():
                yield from self._streamed(size)
            return
        order = np.arange(self.count, dtype=np.uint32 if self.count < 2**32 else np.uint64)
        np.random.default_rng(_ORDER_SEED).shuffle(order)
        for start in range(0, self.count, size):
            yield self.rows(order[start : start + size])

    def _check_order(self) -> None:
        for name, header in self.headers.items():
            if header.is_column_major:
                rule = f"array {name!r} must lie row by row (np.ascontiguousarray) in a large file"
                raise bad_workload(self._field, rule)

    def _read_whole(self) -> Samples:
        with self._reading(), np.load(self._path, allow_pickle=False) as arrays:
            return self._samples({name: arrays[name] for name in self.headers})

    def _rows_of(self, header: ArrayHeader, rows: Array) -> Array:
        values = np.empty((len(rows), *header.shape[1:]), header.dtype)
        size = header.sample_bytes
        target: Any = values.reshape(-1).view(np.uint8)
        assert self._descriptor is not None
        assert header.place is not None
        for number, row in enumerate(rows.tolist()):
            part = target[number * size : (number + 1) * size]
            if os.preadv(self._descriptor, [part], header.place + row * size) != size:
                raise EOFError("the file is cut off")
        return values

    def _streamed(self, size: int) -> Iterator[Samples]:
        with ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(self._path))
            members = {}
            for name, header in self.headers.items():
                member = stack.enter_context(archive.open(f"{name}.npy"))
                member.seek(archive.getinfo(f"{name}.npy").file_size - header.held_bytes)
                members[name] = member
            for start in range(0, self.count, size):
                count = min(size, self.count - start)
                yield self._samples(
                    {
                        name: _read_some(members[name], header, count)
                        for name, header in self.headers.items()
                    }
                )

    def _samples(self, arrays: Mapping[str, Array]) -> Samples:
        return Samples({name: arrays[name] for name in self._inputs}, arrays.get(LABEL))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise unreadable(self._path, self._field, error) from error


def _read_some(member: IO[bytes], header: ArrayHeader, count: int) -> Array:
    values = np.empty((count, *header.shape[1:]), header.dtype)
    target: Any = memoryview(values.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    done = 0
    while done < len(target):
        read = member.readinto(target[done : done + _PIECE_BYTES])  # type: ignore[attr-defined]
        if not read:
            raise EOFError("the file is cut off")
        done += read
    return values
