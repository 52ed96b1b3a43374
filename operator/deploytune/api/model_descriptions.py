"""What a model takes and gives, as read from its file: the scaffold and the file checks need it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorDescription:
    """One input or output without its batch axis; None stands for an axis that is left open."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    @property
    def has_open_axes(self) -> bool:
        """Whether requests may differ in shape."""
        return None in self.shape


@dataclass(frozen=True)
class ModelDescription:
    """A model's inputs and outputs; `fixed_batch` is the batch it fixes, None if any will do."""

    source: str
    inputs: tuple[TensorDescription, ...]
    outputs: tuple[TensorDescription, ...]
    fixed_batch: int | None = None
